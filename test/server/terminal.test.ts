/** A server at a terminal: colours, the banner, Ctrl-C. script(1) makes real terminals. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Config } from '../../server/config/config.ts'
import { banner, hasColours } from '../../server/terminal.ts'
import { freePort, RunningServer, until } from '../support/servers/running-server.ts'
import { WireClient } from '../support/servers/wire-client.ts'

const MAIN = fileURLToPath(new URL('../../program/main.js', import.meta.url))
const ESCAPE = '\u001b['
const START_MS = 60_000
const directory = mkdtempSync(join(tmpdir(), 'haypile-terminal-'))
const running = new Set<ChildProcess>()
test.after(() => {
  for (const child of running) child.kill('SIGKILL')
  rmSync(directory, { recursive: true, force: true })
})

function bannerOf(pairs: Readonly<Record<string, string>>, port = 6380, tlsPort = 0): string {
  const config = new Config()
  config.load(Object.entries({ dir: '/data', ...pairs }))
  return banner(config, { version: '1.2.3', port, tlsPort, keys: 3 }, 'plain')
}

test('a terminal gets colours unless NO_COLOR is set or it is dumb', () => {
  assert.is(hasColours({ isTTY: true }, {}), true)
  assert.is(hasColours({ isTTY: true }, { NO_COLOR: '' }), true)
  assert.is(hasColours({ isTTY: true }, { NO_COLOR: '1' }), false)
  assert.is(hasColours({ isTTY: true }, { TERM: 'dumb' }), false)
  assert.is(hasColours({ isTTY: false }, {}), false)
  assert.is(hasColours({}, {}), false)
})

test('the banner says how to connect and how to stop', () => {
  assert.is(
    bannerOf({}),
    '\nhaypile 1.2.3 serves 3 keys in /data\n  connect   redis-cli -p 6380\n  stop      Ctrl-C, or redis-cli -p 6380 shutdown\n\n',
  )
  const client = (pairs: Readonly<Record<string, string>>, port?: number, tlsPort?: number) =>
    /connect {3}(.*)/.exec(bannerOf(pairs, port, tlsPort))?.[1]
  assert.is(client({ requirepass: 'x' }), 'redis-cli -p 6380 --askpass')
  assert.is(client({ bind: '10.0.0.5 ::1' }), 'redis-cli -h 10.0.0.5 -p 6380')
  assert.is(client({ bind: '-::*' }), 'redis-cli -h ::1 -p 6380')
  assert.is(client({ bind: '10.0.0.5 -127.0.0.1' }), 'redis-cli -p 6380')
  assert.is(client({}, 0, 6390), 'redis-cli --tls -p 6390')
  assert.is(client({ unixsocket: '/run/h.sock' }, 0), 'redis-cli -s /run/h.sock')
  assert.is(client({}, 0), undefined)
})

/**
 * Returns what a server prints on a terminal from its start until `end` has ended it, and its
 * status.
 */
async function seen(
  environment: Readonly<Record<string, string>>,
  flags: readonly string[],
  end: 'Ctrl-C' | 'SHUTDOWN',
): Promise<{ text: string; status: number }> {
  const { NO_COLOR, ...others } = process.env
  const port = await freePort()
  const words = [process.execPath, MAIN, '--port', String(port), '--dir', mkdtempSync(join(directory, 'data-')), ...flags]
  const child = spawn('script', ['-qec', `exec ${words.map((word) => `'${word}'`).join(' ')}`, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...others, TERM: 'xterm', ...environment },
  })
  running.add(child)
  let text = ''
  child.stdout.on('data', (data: Buffer) => {
    text += data
  })
  const ended = new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? -1)))
  if (end === 'Ctrl-C') {
    await until('the banner', () => /stop {6}[^\n]*\n/.test(text), START_MS)
    child.stdin.write('\u0003')
  } else {
    await until('the server to be ready', () => text.includes('haypile ready'), START_MS)
    const client = await WireClient.connect({ port })
    await client.call('SHUTDOWN').catch(() => {})
  }
  const status = await ended
  running.delete(child)
  return { text, status }
}

if (!existsSync('/usr/bin/script')) console.log('SKIPPED terminals: script is not installed (Debian: bsdutils)')
else {
  test('a terminal shows the banner with colours, and Ctrl-C stops the server', async () => {
    const { text, status } = await seen({}, [], 'Ctrl-C')
    assert.is(status, 0, text)
    assert.match(text, /connect {3}.*redis-cli -p \d+/)
    assert.match(text, /stop {6}.*Ctrl-C/)
    assert.ok(text.includes(`${ESCAPE}32m`) && text.includes(`${ESCAPE}1m`), text)
    assert.match(text, /haypile closed/)
  })

  test('with NO_COLOR a terminal shows the banner without colours', async () => {
    const { text, status } = await seen({ NO_COLOR: '1' }, [], 'Ctrl-C')
    assert.is(status, 0, text)
    assert.match(text, /connect {3}redis-cli -p \d+/)
    assert.not(text.includes(ESCAPE), JSON.stringify(text))
  })

  test('a terminal with logformat json shows nothing but JSON', async () => {
    const { text } = await seen({}, ['--logformat', 'json'], 'SHUTDOWN')
    for (const line of text.split('\n').filter((one) => one.includes('{'))) JSON.parse(line.slice(line.indexOf('{')))
    assert.not.match(text, /connect/)
    assert.not(text.includes(ESCAPE), JSON.stringify(text))
  })
}

test('output that is no terminal has neither banner nor colours', async () => {
  for (const logformat of ['auto', 'pretty']) {
    const server = await RunningServer.start({ flags: { logformat } })
    await server.stop()
    assert.match(server.log, /haypile ready/)
    assert.not.match(server.log, /connect {3}/)
    assert.not(server.log.includes(ESCAPE), JSON.stringify(server.log))
  }
})

test.run()

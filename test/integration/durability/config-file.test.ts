/** The server started on a configuration file, and CONFIG REWRITE. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort, RunningServer, runProgram } from '../../support/servers/running-server.ts'
import { WireError } from '../../support/servers/wire-client.ts'

const directory = mkdtempSync(join(tmpdir(), 'haypile-config-'))
const path = join(directory, 'haypile.conf')
test.after(() => rmSync(directory, { recursive: true }))

async function startOn(text: string): Promise<RunningServer> {
  writeFileSync(path, text)
  return RunningServer.start({ words: [path] })
}

test("one file may use Redis's and Pika's syntax", async () => {
  const server = await startOn('# a comment\nmaxclients 123\n\ntimeout : 77\nexpire-logs-days : 3\nappendfsync "always"\n')
  assert.equal(await server.call('CONFIG', 'GET', 'maxclients'), ['maxclients', '123'])
  assert.equal(await server.call('CONFIG', 'GET', 'timeout'), ['timeout', '77'])
  assert.equal(await server.call('CONFIG', 'GET', 'binlog-retention-seconds'), ['binlog-retention-seconds', String(3 * 86_400)])
  assert.equal(await server.call('CONFIG', 'GET', 'appendfsync'), ['appendfsync', 'always'])
  await server.stop()
})

test('CONFIG REWRITE keeps the file, changes the changed keys, and the next start reads them', async () => {
  const server = await startOn('# mine\nmaxclients 123\ntimeout : 77\n')
  assert.is(await server.call('CONFIG', 'SET', 'timeout', '88', 'slowlog-max-len', '7'), 'OK')
  assert.is(await server.call('CONFIG', 'REWRITE'), 'OK')
  const text = readFileSync(path, 'utf8')
  assert.match(text, /^# mine\nmaxclients 123\ntimeout:? *88\n/)
  assert.match(text, /^slowlog-max-len 7$/m)
  await server.restart()
  assert.equal(await server.call('CONFIG', 'GET', 'slowlog-max-len'), ['slowlog-max-len', '7'])
  assert.equal(await server.call('CONFIG', 'GET', 'timeout'), ['timeout', '88'])
  await server.stop()
})

test('CONFIG REWRITE without a file is refused', async () => {
  const server = await RunningServer.start()
  assert.equal(await server.call('CONFIG', 'REWRITE'), new WireError('ERR The server is running without a config file'))
  await server.stop()
})

test('mistakes in the file are printed one per line with their places, and the exit status is 2', async () => {
  writeFileSync(path, 'timeout 5\nmaxcleints 3\nport x\n')
  const { status, output } = await runProgram([path, '--port', String(await freePort()), '--dir', directory])
  assert.is(status, 2)
  assert.equal(output.trim().split('\n'), [
    `haypile: ${path}:2: unknown configuration key 'maxcleints', did you mean 'maxclients'?`,
    `haypile: ${path}:3: port "x": argument couldn't be parsed into an integer`,
  ])
  const missing = await runProgram([join(directory, 'none.conf')])
  assert.is(missing.status, 2)
  assert.match(missing.output, /none\.conf/)
})

test.run()

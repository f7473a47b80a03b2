/**
 * HAProxy with the configuration in docs/high-availability.md finds the master, and finds the next
 * one after a failover.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { assertEqual, fieldOf, follow, inStep, startReplica, stopAll } from '../../support/servers/replicated-servers.ts'
import { freePort, RunningServer, until } from '../../support/servers/running-server.ts'
import { WireClient, WireError, type WireReply } from '../../support/servers/wire-client.ts'
import { haveTools } from '../tools.ts'

/**
 * This many connections in a row must reach the same server: more than there are servers to take
 * turns.
 */
const IN_ROW = 10

const PAGE = fileURLToPath(new URL('../../../../docs/high-availability.md', import.meta.url))

/** Returns the page's configuration with other addresses. */
function configuration(port: number, servers: readonly RunningServer[], changes: readonly (readonly [string, string])[]): string {
  let text = /```haproxy\n(.*?)```/s.exec(readFileSync(PAGE, 'utf8'))?.[1] ?? ''
  const put = (from: string, to: string) => {
    assert.ok(text.includes(from), `${from} is in the page`)
    text = text.replace(from, to)
  }
  put('127.0.0.1:6379', `127.0.0.1:${port}`)
  for (const [i, server] of servers.entries()) put(`10.0.0.1${i + 1}:6379`, `127.0.0.1:${server.port}`)
  for (const [from, to] of changes) put(from, to)
  return text
}

class HaProxy {
  readonly port: number
  private readonly directory: string
  private readonly child: ChildProcess
  private readonly ended: Promise<unknown>
  private output = ''

  private constructor(port: number, text: string) {
    this.port = port
    this.directory = mkdtempSync(join(tmpdir(), 'haypile-haproxy-'))
    const file = join(this.directory, 'haproxy.cfg')
    writeFileSync(file, text)
    this.child = spawn('haproxy', ['-db', '-f', file], { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (data: Buffer) => {
        this.output += data
      })
    }
    this.ended = new Promise((resolve) => this.child.on('close', resolve))
    process.on('exit', () => this.child.kill('SIGKILL'))
  }

  static async start(servers: readonly RunningServer[], changes: readonly (readonly [string, string])[] = []): Promise<HaProxy> {
    const port = await freePort()
    return new HaProxy(port, configuration(port, servers, changes))
  }

  /** Sends one command on a connection of its own. Returns null if that is closed. */
  async call(...words: readonly (string | number)[]): Promise<WireReply> {
    try {
      const client = await WireClient.connect({ port: this.port })
      try {
        return await client.call(...words)
      } finally {
        await client.close()
      }
    } catch {
      return null
    }
  }

  /**
   * Waits until clients reach this server only. HAProxy takes every server for healthy until its
   * checks have run.
   */
  async leadsTo(server: RunningServer): Promise<void> {
    let run = 0
    let inRow = 0
    try {
      await until('the proxy to have found the master', async () => {
        const key = `asked for by ${server.port}`
        const isThere = (await this.call('SET', key, ++run)) === 'OK' && (await server.call('GET', key)) === String(run)
        inRow = isThere ? inRow + 1 : 0
        return inRow === IN_ROW
      })
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.output}`)
    }
  }

  async stop(): Promise<void> {
    this.child.kill('SIGTERM')
    await this.ended
    rmSync(this.directory, { recursive: true, force: true })
  }
}

if (haveTools('HAProxy', 'haproxy')) {
  test('HAProxy leads clients to the master, also after FAILOVER and after a master died', async () => {
    const one = await RunningServer.start()
    const [two, three] = [await startReplica(one.port), await startReplica(one.port)]
    await inStep(one, two, three)
    const proxy = await HaProxy.start([one, two, three])
    await proxy.leadsTo(one)
    const client = await WireClient.connect({ port: proxy.port })
    assert.equal(await client.pipeline([['SET', 'a', '1'], ['WAIT', 2, 5000]]), ['OK', 2]) // biome-ignore format: one line

    assert.is(await one.call('FAILOVER', 'TO', '127.0.0.1', two.port), 'OK')
    await client.closed // it was sent to a node that is no longer a master
    await follow(three, two)
    await proxy.leadsTo(two)
    assert.is(await proxy.call('INCR', 'a'), 2)
    await assertEqual(two, one, three)

    await two.kill9()
    assert.is(await three.call('REPLICAOF', 'NO', 'ONE'), 'OK')
    await follow(one, three)
    await proxy.leadsTo(three)
    assert.is(await proxy.call('INCR', 'a'), 3)

    await two.launch() // takes itself for a master, and has no replicas
    assert.is(await fieldOf(two, 'role'), 'master')
    for (let i = 0; i < 20; i++) assert.is(await proxy.call('INCR', 'b'), i + 1)
    assert.is(await two.call('EXISTS', 'b'), 0)
    await follow(two, three)
    await assertEqual(three, one, two)
    await proxy.stop()
    await stopAll(one, two, three)
  })

  test('HAProxy authenticates, and can check the role alone', async () => {
    const master = await RunningServer.start({ flags: { requirepass: 'secret' }, password: 'secret' })
    const proxy = await HaProxy.start(
      [master, master, master],
      [
        ['tcp-check connect', 'tcp-check connect\n  tcp-check send AUTH\\ secret\\r\\n\n  tcp-check expect string +OK'],
        ['rstring role:master\\r\\nconnected_slaves:[1-9]', 'string role:master'],
      ],
    )
    await until('the proxy to have found the master', async () => (await proxy.call('AUTH', 'secret')) === 'OK')
    assert.equal(await proxy.call('SET', 'a', '1'), new WireError('NOAUTH Authentication required.'))
    await proxy.stop()
    await stopAll(master)
  })
}

test.run()

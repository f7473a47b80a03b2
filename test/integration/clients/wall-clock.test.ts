/**
 * The wall clock is set forwards and back by a day. Timeouts and displayed durations go on as if
 * nothing had happened.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../../base/clock.ts'
import { type NodeWithClients, withNode } from '../../support/harness/in-process-node.ts'
import { until } from '../../support/servers/running-server.ts'
import { type WireClient, WireError, type WireReply } from '../../support/servers/wire-client.ts'

const DAY_MS = 86_400_000
/** Longer than a test takes, and far less than the wall clock is moved by. */
const HOUR_SECONDS = 3600

class MovedClock {
  movedMs = 0
  wallMs = () => systemClock.wallMs() + this.movedMs
  monotonicMs = () => systemClock.monotonicMs()
}

async function field(client: WireClient, section: string, name: string): Promise<string> {
  const text = (await client.call('INFO', section)) as string
  return new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(text)?.[1] ?? ''
}

const number = async (client: WireClient, section: string, name: string) => Number(await field(client, section, name))

async function denied(client: WireClient): Promise<void> {
  assert.instance(await client.call('AUTH', 'nobody', 'x'), WireError)
}

/** Returns a reply. Fails if it takes longer than `until` allows. */
async function answer(what: string, call: Promise<WireReply>): Promise<WireReply | undefined> {
  let reply: WireReply | undefined
  void call.then((value) => {
    reply = value
  })
  await until(what, () => reply !== undefined)
  return reply
}

const isShort = (seconds: number) => seconds >= 0 && seconds < HOUR_SECONDS

/** Runs the server's periodic work a few times. */
async function ticks({ client }: NodeWithClients): Promise<void> {
  const cycles = () => number(client, 'stats', 'eventloop_cycles')
  const from = await cycles()
  const uptime = await number(client, 'server', 'uptime_in_seconds')
  await until('the next second', async () => (await number(client, 'server', 'uptime_in_seconds')) > uptime)
  await until('turns', async () => (await cycles()) > from + 3)
}

for (const [way, byMs] of [
  ['forwards', DAY_MS],
  ['back', -DAY_MS],
] as const) {
  test(`a wall clock set ${way} by a day changes no duration`, async () => {
    const clock = new MovedClock()
    const settings = { timeout: String(HOUR_SECONDS), 'latency-monitor-threshold': '1', 'slowlog-log-slower-than': '0' }
    await withNode(
      settings,
      async (world) => {
        const { client, other } = world
        await client.call('SET', 'key', 'value')
        await client.call('DEBUG', 'SLEEP', '0.01') // a sample of the latency of commands
        await denied(other)
        clock.movedMs = byMs
        await ticks(world)
        assert.ok(isShort(await number(client, 'server', 'uptime_in_seconds')), 'uptime')
        const lines = ((await client.call('CLIENT', 'LIST')) as string).trim().split('\n')
        assert.is(lines.length, 2, 'no client was idle for the timeout')
        for (const line of lines) {
          for (const name of ['age', 'idle'])
            assert.ok(isShort(Number(new RegExp(` ${name}=(\\S+)`).exec(line)?.[1])), `${name} in ${line}`)
        }
        assert.ok(isShort((await client.call('OBJECT', 'IDLETIME', 'key')) as number), 'idle time')
        assert.match((await client.call('DEBUG', 'OBJECT', 'key')) as string, / lru_seconds_idle:\d{1,3}$/)
        const [entry] = (await client.call('ACL', 'LOG')) as string[][]
        assert.ok(isShort(Number(entry?.[(entry.indexOf('age-seconds') as number) + 1])), 'age of a denial')
        await denied(other)
        const [again] = (await client.call('ACL', 'LOG')) as (string | number)[][]
        assert.is(again?.[(again.indexOf('count') as number) + 1], 2, 'the same within a minute')
        assert.match((await client.call('LATENCY', 'GRAPH', 'command')) as string, /\n +\n[\dsm \n]+$/)
        for (const slow of (await client.call('SLOWLOG', 'GET', '-1')) as [number, number, number][])
          assert.ok(isShort(slow[2] / 1e6), 'slow')
      },
      clock,
    )
  })

  test(`a wall clock set ${way} by a day neither ends nor prolongs waits`, async () => {
    const clock = new MovedClock()
    await withNode(
      {},
      async (world) => {
        const { client, other } = world
        await client.call('CLIENT', 'PAUSE', String(HOUR_SECONDS * 1000), 'WRITE')
        const held = other.call('SET', 'held', '1')
        await until('the write to be held', async () => (await number(client, 'clients', 'held_clients')) === 1)
        clock.movedMs = byMs
        await ticks(world)
        assert.is(await number(client, 'clients', 'held_clients'), 1)
        await client.call('CLIENT', 'UNPAUSE')
        assert.is(await answer('the write', held), 'OK')
        clock.movedMs = 0
        await client.call('CLIENT', 'PAUSE', '300', 'WRITE')
        clock.movedMs = byMs
        assert.is(await answer('the end of the pause', other.call('SET', 'held', '2')), 'OK')
        clock.movedMs = 0
        const popped = other.call('BLPOP', 'list', String(HOUR_SECONDS))
        await until('the client to be blocked', async () => (await number(client, 'clients', 'blocked_clients')) === 1)
        clock.movedMs = byMs
        await ticks(world)
        assert.is(await number(client, 'clients', 'blocked_clients'), 1)
        await client.call('RPUSH', 'list', 'a')
        assert.equal(await answer('an element', popped), ['list', 'a'])
        clock.movedMs = 0
        const missed = other.call('BLPOP', 'list', '0.3')
        await until('the client to be blocked', async () => (await number(client, 'clients', 'blocked_clients')) === 1)
        clock.movedMs = byMs
        assert.is(await answer('the time-out', missed), null)
        const end = world.node.parts.storage.binlog.end.offset
        await until('the sync of each second', () => world.node.parts.storage.binlog.synced >= end)
      },
      clock,
    )
  })

  test(`a wall clock set ${way} by a day changes nothing between a master and its replica`, async () => {
    const clock = new MovedClock()
    await withNode(
      {},
      (master) =>
        withNode(
          { replicaof: `127.0.0.1 ${master.node.port}` },
          async (replica) => {
            const isUp = async () => (await field(replica.client, 'replication', 'master_link_status')) === 'up'
            await until('the link', isUp)
            const syncs = await number(master.client, 'stats', 'sync_partial_ok')
            clock.movedMs = byMs
            await Promise.all([ticks(master), ticks(replica)])
            await until('the link', isUp)
            assert.is(await number(master.client, 'stats', 'sync_partial_ok'), syncs, 'the link was not lost')
            assert.ok(isShort(await number(replica.client, 'replication', 'master_last_io_seconds_ago')), 'silence')
            assert.match(await field(master.client, 'replication', 'slave0'), /,lag=\d{1,3}(,|$)/)
            assert.match((await replica.client.call('CLIENT', 'LIST', 'TYPE', 'MASTER')) as string, / age=\d{1,3} idle=\d{1,3} /)
            await master.client.call('SET', 'key', '1')
            assert.is(await master.client.call('WAIT', '1', String(HOUR_SECONDS * 1000)), 1)
            await replica.client.call('REPLICAOF', 'NO', 'ONE')
            clock.movedMs = 0
            await until('the replica to be absent', async () => (await field(master.client, 'replication', 'offline_slave0')) !== '')
            clock.movedMs = byMs
            assert.match(await field(master.client, 'replication', 'offline_slave0'), /,gone=\d{1,3}(,|$)/)
          },
          clock,
        ),
      clock,
    )
  })
}

test.run()

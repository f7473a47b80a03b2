/**
 * Commands of a real server see the same time as in Redis, also after a restart and on a replica.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CLOCK_CASES, poppedOfExpired, repliesOf } from '../../support/cases/clock-cases.ts'
import { type NodeWithClients, stallBinlog, withNode } from '../../support/harness/in-process-node.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { WireError } from '../../support/servers/wire-client.ts'

const FLAGS = { 'enable-debug-command': 'yes' }

/** The clock of each group that is appended from now on, with how many commands it has. */
function groupClocks({ node }: NodeWithClients): { clockMs: number; commands: number }[] {
  const { binlog } = node.parts.storage
  const append = binlog.append.bind(binlog)
  const clocks: { clockMs: number; commands: number }[] = []
  binlog.append = (group, clockMs) => {
    clocks.push({ clockMs, commands: group.commands })
    append(group, clockMs)
  }
  return clocks
}

for (const { name, requests, replies } of CLOCK_CASES) {
  test(name, async () => {
    const server = await RunningServer.start({ flags: FLAGS })
    const got = await repliesOf(server.port, requests)
    assert.equal(
      got.map((reply, i) => (replies[i] === undefined ? undefined : reply)),
      replies,
    )
    await server.stop()
  })
}

test('a blocked client is not given an element whose list expired within the transaction that pushed it', async () => {
  const server = await RunningServer.start({ flags: FLAGS })
  assert.is(await poppedOfExpired(server.port), null)
  await server.stop()
})

test('deadlines set around a slow command are equal after kill -9 and on a replica', async () => {
  const master = await RunningServer.start({ flags: FLAGS })
  const replica = await RunningServer.start({ flags: { ...FLAGS, replicaof: `127.0.0.1 ${master.port}` } })
  const client = await master.connect()
  const keys = ['a', 'b', 'c', 'd']
  await client.pipeline([
    ['SET', 'a', '1', 'EX', 1000],
    ['DEBUG', 'SLEEP', '0.1'],
    ['SET', 'b', '1', 'EX', 1000],
    ['MULTI'],
    ['SET', 'c', '1', 'EX', 1000],
    ['DEBUG', 'SLEEP', '0.1'],
    ['SET', 'd', '1', 'EX', 1000],
    ['EXEC'],
  ])
  const deadlines = (server: RunningServer) => Promise.all(keys.map((key) => server.call('PEXPIRETIME', key).then(Number)))
  const [a, b, c, d] = await deadlines(master)
  assert.ok((b as number) - (a as number) >= 100, `${b} - ${a}`)
  assert.is(c, d, 'a transaction has one reading')
  await until('the replica to have them', async () => JSON.stringify(await deadlines(replica)) === JSON.stringify([a, b, c, d]))
  await client.close()
  await master.restart('SIGKILL')
  assert.equal(await deadlines(master), [a, b, c, d])
  await replica.stop()
  await master.stop()
})

test('each clock reading within a turn has its own group with its commands', () =>
  withNode(FLAGS, async (world) => {
    const { client, node } = world
    const clocks = groupClocks(world)
    const readings: number[] = []
    const { keyspace } = node.parts.storage
    await client.pipeline([
      ['SET', 'a', '1', 'PX', 1_000_000],
      ['DEBUG', 'SLEEP', '0.05'],
      ['SET', 'b', '1', 'PX', 1_000_000],
      ['DEBUG', 'SLEEP', '0.05'],
      ['GET', 'b'],
    ])
    for (const key of ['a', 'b']) readings.push((keyspace.database(0).lookup(key)?.expireAtMs ?? 0) - 1_000_000)
    assert.equal(
      clocks,
      readings.map((clockMs) => ({ clockMs, commands: 1 })),
    )
  }))

test('if a group cannot be written within a turn, the next write of the same packet is refused', () =>
  withNode(FLAGS, async (world) => {
    const { client, node } = world
    const writes = stallBinlog(node)
    const replies = client.pipeline([
      ['SET', 'a', '1'],
      ['DEBUG', 'SLEEP', '0.05'],
      ['SET', 'b', '1'],
    ])
    await until('the stall', () => node.parts.storage.stalled !== null)
    writes()
    const [first, second, third] = await replies
    assert.equal([first, second], ['OK', 'OK'])
    assert.ok(third instanceof WireError && third.text.startsWith('MISCONF '), String(third))
    assert.equal(await client.call('MGET', 'a', 'b'), ['1', null])
  }))

test('a transaction keeps its clock reading while its script is suspended, also in its group', () =>
  withNode({ ...FLAGS, 'busy-reply-threshold': '10' }, async (world) => {
    const { client, node } = world
    const clocks = groupClocks(world)
    await client.pipeline([
      ['MULTI'],
      ['SET', 'a', '1', 'PX', 1_000_000],
      ['EVAL', 'local from = os.clock() while os.clock() - from < 0.2 do end', 0],
      ['SET', 'b', '1', 'PX', 1_000_000],
      ['EXEC'],
    ])
    const [a, b] = ['a', 'b'].map((key) => (node.parts.storage.keyspace.database(0).lookup(key)?.expireAtMs ?? 0) - 1_000_000)
    assert.is(a, b)
    assert.equal(
      clocks.map(({ clockMs }) => clockMs),
      [a],
    )
    await client.call('SET', 'c', '1', 'PX', 1_000_000)
    const c = (node.parts.storage.keyspace.database(0).lookup('c')?.expireAtMs ?? 0) - 1_000_000
    assert.ok(c - (a as number) >= 200, `${c} - ${a}`)
  }))

test.run()

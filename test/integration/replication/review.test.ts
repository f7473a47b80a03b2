/** Unexpected acts of replicas, clients and operators, against real servers. */
import * as net from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FORMAT_VERSION, metaReply } from '../../../replication/protocol/messages.ts'
import { anyId, HandReplica } from '../../support/servers/hand-replica.ts'
import {
  assertEqual,
  assertSameBinlog,
  binlogOf,
  fieldOf,
  inStep,
  linked,
  offsetOf,
  startReplica,
  stopAll,
} from '../../support/servers/replicated-servers.ts'
import { freePort, pause, RunningServer, until } from '../../support/servers/running-server.ts'
import { WireError, type WireReply } from '../../support/servers/wire-client.ts'

const DEBUG = { 'enable-debug-command': 'yes' }

const master = await RunningServer.start({ flags: { ...DEBUG, loglevel: 'debug' } })
test.after(() => stopAll(master))

const textOf = (reply: WireReply) => (reply instanceof WireError ? reply.text : reply)
const configured = async (server: RunningServer, name: string) => ((await server.call('CONFIG', 'GET', name)) as readonly string[])[1]

/** Returns a replica driven by hand that follows from the beginning of the binlog. */
async function handReplica(server: RunningServer) {
  const link = await new HandReplica(await freePort()).attach(server.port)
  await link.follow()
  await link.received(await offsetOf(server))
  return link
}

test('DEBUG POPULATE on a replica is refused as a write', async () => {
  const replica = await startReplica(master.port, { flags: DEBUG })
  await master.call('SET', 'here', '1')
  await inStep(master, replica)
  assert.match(String(textOf(await replica.call('DEBUG', 'POPULATE', '10'))), /^READONLY /)
  await assertEqual(master, replica)
  await stopAll(replica)
})

test('a client whose METASYNC was refused is not a replica', async () => {
  const client = await master.connect()
  assert.match(String(textOf(await client.call('METASYNC', '', 1, 'x'.repeat(40), 1, 1))), /^ERR invalid run id/)
  assert.match(String(textOf(await client.call('TRYSYNC', 1, '1'.repeat(40), 0, '00000000'))), /^BADSESSION METASYNC has to come first/)
  assert.match(String(await client.call('CLIENT', 'INFO')), / flags=N /)
  await client.close()
})

test("a pause holds a replica's reads and writes, but not its replication messages", async () => {
  const link = await new HandReplica(await freePort()).attach(master.port)
  await master.call('CLIENT', 'PAUSE', 1000, 'ALL')
  assert.is((await link.trySync()).type, 'continue')
  const reply = link.call('SET', 'paused', 1)
  assert.is(await Promise.race([reply, pause(100)]), undefined)
  assert.is(await reply, 'OK')
  await link.close()
})

test('a held write is not logged as part of the command that ends the pause', async () => {
  const replica = await startReplica(master.port, { flags: DEBUG })
  await inStep(master, replica)
  const [writer, other] = [await master.connect(), await master.connect()]
  for (const [begin, end] of [
    [
      ['CLIENT', 'PAUSE', '100000', 'WRITE'],
      ['CLIENT', 'UNPAUSE'],
    ],
    [
      ['FAILOVER', 'TIMEOUT', '100000'],
      ['FAILOVER', 'ABORT'],
    ],
  ] as const) {
    // biome-ignore format: one line
    const frozen = begin[0] === 'FAILOVER' ? process.kill(replica.pid, 'SIGSTOP') : false
    assert.is(await other.call('SET', 'before', '1'), 'OK')
    assert.is(await other.call(...begin), 'OK')
    const held = writer.call('INCR', 'held')
    await until('the write to be held', async () => (await fieldOf(master, 'held_clients', 'clients')) === '1')
    assert.is(await other.call(...end), 'OK')
    assert.is(typeof (await held), 'number')
    if (frozen) process.kill(replica.pid, 'SIGCONT')
  }
  await assertEqual(master, replica)
  const log = binlogOf(master).bytes.latin1Slice().toUpperCase()
  assert.not.match(log, /UNPAUSE|FAILOVER|ABORT/)
  await Promise.all([writer.close(), other.close()])
  await stopAll(replica)
})

test('an ACK beyond what was sent does not count', async () => {
  const link = await handReplica(master)
  const client = await master.connect()
  link.ack(Number.MAX_SAFE_INTEGER - 1)
  const replies = await client.pipeline([['SET', 'claimed', '1'], ['WAIT', '1', '100']]) // biome-ignore format: one line
  assert.equal(replies, ['OK', 0])
  await client.close()
  await link.close()
})

test('min-replicas-to-write and replica-serve-stale-data apply from the next command of a pipeline', async () => {
  const server = await RunningServer.start()
  const client = await server.connect()
  const replies = await client.pipeline([
    ['CONFIG', 'SET', 'min-replicas-to-write', '1'],
    ['SET', 'a', '1'],
    ['CONFIG', 'SET', 'min-replicas-to-write', '0'],
    ['SET', 'a', '1'],
    ['SLAVEOF', '127.0.0.1', '1'],
    ['GET', 'a'],
    ['CONFIG', 'SET', 'replica-serve-stale-data', 'no'],
    ['GET', 'a'],
    ['CONFIG', 'SET', 'replica-serve-stale-data', 'yes'],
    ['GET', 'a'],
  ])
  assert.equal(
    replies.map((reply) => String(textOf(reply)).split(' ')[0]),
    ['OK', 'NOREPLICAS', 'OK', 'OK', 'OK', '1', 'OK', 'MASTERDOWN', 'OK', '1'],
  )
  await client.close()
  await stopAll(server)
})

test('ROLE of an unlinked replica has offset -1, as in Redis', async () => {
  const server = await startReplica(1)
  assert.equal(((await server.call('ROLE')) as readonly WireReply[]).slice(0, 3), ['slave', '127.0.0.1', 1])
  assert.is(((await server.call('ROLE')) as readonly WireReply[])[4], -1)
  await stopAll(server)
})

test('after FAILOVER CONFIG shows the new master on the old one, and none on the new one', async () => {
  const first = await RunningServer.start({ flags: DEBUG })
  const second = await startReplica(first.port, { flags: DEBUG })
  await inStep(first, second)
  assert.is(await first.call('FAILOVER'), 'OK')
  await linked(first)
  assert.is(await configured(first, 'replicaof'), `127.0.0.1 ${second.port}`)
  assert.is(await configured(second, 'replicaof'), '')
  assertSameBinlog(first, second)
  await stopAll(first, second)
})

test('WAIT of a client that stops sending is answered with the current count', async () => {
  const client = await master.connect()
  client.raw('SET a 1\r\nWAIT 5 0\r\n')
  assert.is(await client.reply(), 'OK')
  await until('the client to wait', async () => (await fieldOf(master, 'blocked_clients', 'clients')) === '1')
  client.socket.end()
  assert.is(await client.reply(), 0)
  await client.closed
  assert.is(await fieldOf(master, 'blocked_clients', 'clients'), '0')
})

test('WAIT counts from the last write even if the log grew within the turn', async () => {
  const link = await handReplica(master)
  link.ack()
  const client = await master.connect()
  const commands = [['SET', 'one', '1'], ['FAILOVER'], ['FAILOVER', 'ABORT'], ['SET', 'two', '2'], ['WAIT', '1', '500']] // biome-ignore format: one line
  const start = link.position.offset
  const replies = client.pipeline(commands)
  await until('the first group', () => link.position.offset > start)
  link.ack(start + 1) // part of the way, past where the first group begins
  assert.equal(await replies, ['OK', 'OK', 'OK', 'OK', 0])
  await client.close()
  await link.close()
})

test('DBSYNC with a very long position causes no internal error', async () => {
  const link = await new HandReplica(await freePort()).attach(master.port)
  assert.match(String(textOf(await link.call('DBSYNC', link.session, '?', 'ab'.repeat(40_000_000)))), /^(WAIT|SNAPSHOT)/)
  await link.close()
})

test('SHUTDOWN waits for replicas to get the writes of its own turn', async () => {
  const server = await RunningServer.start({ flags: { 'shutdown-timeout': 5 } })
  const link = await handReplica(server)
  link.ack()
  const client = await server.connect()
  void client.pipeline([['SET', 'last', '1'], ['SHUTDOWN']]).catch(() => {}) // biome-ignore format: one line
  await until('the shutdown to wait', () => server.log.includes('shutdown waits for replicas'))
  link.ack()
  await client.closed
  await stopAll(server)
})

test('SHUTDOWN NOW ends the waiting of an earlier SHUTDOWN', async () => {
  const server = await RunningServer.start({ flags: { 'shutdown-timeout': 60 } })
  const link = await handReplica(server)
  await server.call('SET', 'last', '1')
  const client = await server.connect()
  client.raw('SHUTDOWN\r\n')
  await until('the shutdown to wait', () => server.log.includes('shutdown waits for replicas'))
  const other = await server.connect()
  other.raw('SHUTDOWN NOW\r\n')
  await other.closed
  await link.close()
  await stopAll(server)
})

/** Returns a replica that is asked to take over and does not say whether it has. */
async function silentTarget(server: RunningServer) {
  let isAsked = false
  const sockets: net.Socket[] = []
  const listener = net.createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('data', (data: Buffer) => {
      const text = data.latin1Slice()
      if (text.includes('TRYSYNC')) isAsked = true
      if (!text.includes('METASYNC')) return
      const meta = {
        session: 1,
        replicationId: anyId(),
        past: [],
        runId: replica.runId,
        version: FORMAT_VERSION,
        databases: 16,
        binlogStart: 0,
        binlogEnd: 0,
      }
      const words = metaReply({ ...meta, chain: [meta.runId] })
      socket.write(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`)
    })
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const replica = new HandReplica((listener.address() as net.AddressInfo).port)
  const link = await replica.attach(server.port)
  await link.follow()
  await link.received(await offsetOf(server))
  link.ack()
  const close = async () => {
    for (const socket of sockets) socket.destroy()
    listener.close()
    await link.close()
  }
  return { link, isAsked: () => isAsked, close }
}

test('FAILOVER ABORT is refused once the replica was asked to take over; SLAVEOF NO ONE takes the role back', async () => {
  const server = await RunningServer.start()
  const target = await silentTarget(server)
  assert.is(await server.call('FAILOVER'), 'OK')
  await until('the replica to be asked', target.isAsked)
  assert.match(String(textOf(await server.call('FAILOVER', 'ABORT'))), /^ERR the replica may have taken over by now/)
  assert.match(String(textOf(await server.call('SLAVEOF', '127.0.0.1', '1'))), /^ERR REPLICAOF not allowed while failing over/)
  assert.match(String(textOf(await server.call('SET', 'a', '1'))), /^READONLY/)
  assert.is(await server.call('SLAVEOF', 'NO', 'ONE'), 'OK')
  assert.is(await server.call('SET', 'a', '1'), 'OK')
  assert.is(await fieldOf(server, 'master_failover_state'), 'no-failover')
  await target.close()
  await stopAll(server)
})

test.run()

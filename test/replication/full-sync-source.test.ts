import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ChunkRecord, readChunk } from '../../replication/chunks.ts'
import { readSnapshotHead, type SnapshotHead } from '../../replication/messages.ts'
import { nextTurn, until } from '../support/engine.ts'
import { type FakeConnection, id, MasterBench, refusal } from '../support/master-bench.ts'

const MEBIBYTE = 2 ** 20

/** What a replica has received of a full sync. */
interface Received {
  readonly heads: readonly SnapshotHead[]
  readonly records: readonly ChunkRecord[]
  readonly sequences: readonly number[]
  readonly total: number | null
  readonly waits: number
  readonly errors: readonly string[]
}

function parse(bytes: Buffer): Received {
  const heads: SnapshotHead[] = []
  const records: ChunkRecord[] = []
  const sequences: number[] = []
  const errors: string[] = []
  let total: number | null = null
  let waits = 0
  let at = 0
  const line = () => {
    const end = bytes.indexOf('\r\n', at)
    const text = bytes.latin1Slice(at, end)
    at = end + 2
    return text
  }
  const bulk = (head: string) => {
    const content = bytes.subarray(at, at + Number(head.slice(1)))
    assert.is(bytes.latin1Slice(at + content.length, at + content.length + 2), '\r\n')
    at += content.length + 2
    return content
  }
  while (at < bytes.length) {
    const head = line()
    if (head === '+WAIT') waits++
    else if (head.startsWith('-')) errors.push(head)
    else if (head.startsWith('*'))
      heads.push(readSnapshotHead(Array.from({ length: Number(head.slice(1)) }, () => bulk(line()).latin1Slice())))
    else {
      const chunk = readChunk(bulk(head))
      records.push(...chunk.records)
      sequences.push(chunk.sequence)
      if (chunk.kind === 'end') total = chunk.total
    }
  }
  return { heads, records, sequences, total, waits, errors }
}

const keysOf = ({ records }: Received) => records.map(([key]) => key.toString('hex'))

/** A replica that has asked for a full sync in a turn that is over. */
function ask(bench: MasterBench, number = 1, snapshot: string | null = null, after: string | null = null, attempt = 1): FakeConnection {
  const connection = bench.connect()
  const { session } = bench.metaSync(connection, { port: 7000 + number, runId: id(number), attempt })
  bench.master.dbSync(connection, { session, snapshot, after })
  bench.turn()
  return connection
}

/** The snapshot that is waited for is made. */
async function checkpoint(bench: MasterBench): Promise<void> {
  await bench.engine.checkpoint()
  await bench.engine.settle()
}

async function filled(options: Parameters<typeof MasterBench.open>[0] = {}, keys = 500, size = 1000): Promise<MasterBench> {
  const bench = await MasterBench.open(options)
  bench.turn(() => {
    for (let i = 0; i < keys; i++) bench.engine.run('SET', `key${i}`, String(i % 10).repeat(size))
  })
  return bench
}

test('a full sync is the head, all records in order in numbered chunks, and their number', async () => {
  const bench = await filled()
  const { storage, disk } = bench.engine
  const connection = ask(bench)
  assert.is(bench.master.attached()[0]?.state, 'wait_bgsave')
  assert.is(connection.sent.length, 0)
  await checkpoint(bench)
  const received = parse(connection.take())
  const [head] = received.heads
  assert.is(received.heads.length, 1)
  assert.equal([head?.offset, head?.crc], [storage.binlog.end.offset, storage.binlog.end.crc])
  assert.equal([head?.records, head?.replicationId, head?.past], [500, storage.identity.replicationId, []])
  assert.ok((head?.bytes ?? 0) > 500_000)
  assert.is(received.total, disk.records.count)
  assert.is(received.records.length, disk.records.count)
  assert.equal(
    received.sequences,
    received.sequences.map((_, i) => i),
  )
  assert.ok(received.sequences.length > 4)
  assert.equal(keysOf(received), [...keysOf(received)].sort())
  for (const [key, value] of received.records) assert.ok(disk.records.getSync(key)?.equals(value))
  assert.equal(received.errors, [])
  await bench.close()
})

test('after a full sync the same session goes on from the snapshot, and the binlog from there is pinned until it does', async () => {
  const bench = await filled({ binlog: { fileSizeBytes: 1000 } })
  const connection = ask(bench)
  await checkpoint(bench)
  const [head] = parse(connection.take()).heads as [SnapshotHead]
  for (let i = 0; i < 10; i++) {
    bench.write('SET', 'key', 'x'.repeat(1000))
    await bench.engine.settle()
  }
  await bench.engine.checkpoint()
  bench.pass(59_000)
  bench.ack(connection, 0)
  bench.pass(59_000)
  await bench.engine.checkpoint()
  assert.is(bench.master.pinned, head.offset)
  assert.is(bench.trySync(connection, 1, head).type, 'continue')
  bench.master.binlogSync(connection, 1, head.offset)
  bench.turnsWhileAwake()
  assert.ok(connection.take().equals(bench.binlog(head.offset)))
  assert.is(bench.master.attached()[0]?.state, 'online')
  await bench.close()
})

test('replicas that ask together share one snapshot, and so does one that comes while it is not too old', async () => {
  const bench = await filled()
  const together = [1, 2, 3].map((number) => ask(bench, number))
  await checkpoint(bench)
  bench.write('SET', 'later', '1')
  const late = ask(bench, 4)
  await bench.engine.settle()
  const ids = [...together, late].map((connection) => parse(connection.take()).heads[0]?.id)
  assert.is(new Set(ids).size, 1)
  assert.is(bench.engine.storage.checkpointer.completed, 1)
  assert.is(bench.master.fullSyncs, 4)
  await bench.close()
})

test('a snapshot that the binlog has left far behind is not joined', async () => {
  const bench = await filled({}, 10)
  const first = ask(bench)
  await checkpoint(bench)
  for (let i = 0; i < 7; i++) bench.write('SET', 'key', 'x'.repeat(10 * MEBIBYTE))
  const second = ask(bench, 2)
  await checkpoint(bench)
  const [one, other] = [first, second].map((connection) => parse(connection.take()).heads[0] as SnapshotHead)
  assert.is.not(one?.id, other?.id)
  assert.ok((other as SnapshotHead).offset > (one as SnapshotHead).offset)
  await bench.close()
})

test('a transfer that was cut goes on behind the last record that arrived, on another connection', async () => {
  const bench = await filled({}, 3000)
  const cut = ask(bench)
  cut.isTaking = false
  await checkpoint(bench)
  await until(() => cut.unsentBytes > MEBIBYTE, 'the socket is full')
  await bench.engine.settle()
  const before = parse(cut.take())
  assert.is(before.total, null)
  bench.lose(cut)
  const head = before.heads[0] as SnapshotHead
  bench.write('SET', 'key1', 'changed meanwhile')
  const again = ask(bench, 1, head.id, keysOf(before).at(-1), 2)
  await bench.engine.settle()
  const after = parse(again.take())
  assert.equal(after.heads, [head])
  assert.is(after.total, after.records.length)
  assert.is(after.sequences[0], 0)
  const all = [...keysOf(before), ...keysOf(after)]
  assert.is(all.length, new Set(all).size)
  assert.equal(all, [...all].sort())
  const complete = ask(bench, 2)
  await bench.engine.settle()
  assert.equal(all, keysOf(parse(complete.take())))
  await bench.close()
})

test('with a snapshot that is not held any more it starts over with a new one', async () => {
  const bench = await filled({}, 50)
  const first = ask(bench)
  await checkpoint(bench)
  const before = parse(first.take())
  bench.lose(first)
  bench.pass(60_000)
  const again = ask(bench, 1, before.heads[0]?.id, keysOf(before).at(-1), 2)
  await checkpoint(bench)
  const after = parse(again.take())
  assert.is.not(after.heads[0]?.id, before.heads[0]?.id)
  assert.equal(keysOf(after), keysOf(before))
  await bench.close()
})

test('a snapshot is held and pins the binlog for a minute after its last use, not longer', async () => {
  const bench = await filled({}, 50)
  const { offset } = bench.engine.storage.binlog.end
  const connection = ask(bench)
  assert.is(bench.master.pinned, offset, 'while it is being made, too')
  bench.lose(connection)
  await checkpoint(bench)
  bench.write('SET', 'key', '1')
  bench.pass(59_900)
  assert.is(bench.master.pinned, offset)
  bench.pass(100)
  assert.is(bench.master.pinned, Number.POSITIVE_INFINITY)
  await bench.close()
})

test('reading stops where the socket is full, and goes on as it drains', async () => {
  const bench = await filled({}, 6000)
  const connection = ask(bench)
  connection.isTaking = false
  await checkpoint(bench)
  await until(() => connection.unsentBytes > MEBIBYTE, 'the socket is full')
  for (let i = 0; i < 50; i++) await nextTurn()
  const { unsentBytes } = connection
  assert.ok(unsentBytes < 3 * MEBIBYTE, String(unsentBytes))
  const [view] = bench.master.attached()
  assert.is(view?.state, 'send_bulk')
  assert.ok((view?.fullSync?.sentBytes ?? 0) > 900_000 && (view?.fullSync?.totalBytes ?? 0) > 5_000_000)
  const parts: Buffer[] = []
  for (let i = 0; i < 100; i++) {
    parts.push(connection.take())
    bench.master.drained(connection)
    await bench.engine.settle()
  }
  const received = parse(Buffer.concat(parts))
  assert.is(received.total, bench.engine.disk.records.count)
  await bench.close()
})

test('dbsync-rate-limit holds for all transfers together, and each gets its part', async () => {
  const rate = MEBIBYTE / 2
  const bench = await filled({ settings: { fullSyncBytesPerSecond: rate } }, 20_000, 100)
  const connections = [1, 2, 3].map((number) => ask(bench, number))
  await checkpoint(bench)
  const sentAfter: number[] = []
  for (let tick = 0; tick < 50; tick++) {
    bench.pass(100)
    await bench.engine.settle()
    sentAfter.push(connections.reduce((sum, { sent }) => sum + Buffer.concat(sent).length, 0))
  }
  const perSecond = ((sentAfter[49] as number) - (sentAfter[9] as number)) / 4
  assert.ok(perSecond > 0.85 * rate && perSecond < 1.15 * rate, String(perSecond))
  const sizes = connections.map(({ sent }) => Buffer.concat(sent).length)
  assert.ok(Math.max(...sizes) < 2 * Math.min(...sizes), String(sizes))
  bench.settings.fullSyncBytesPerSecond = 0
  bench.pass(100)
  await bench.engine.settle()
  for (const connection of connections) assert.is(parse(connection.take()).total, bench.engine.disk.records.count)
  await bench.close()
})

test('while there is nothing to send the replica is told to wait, and is not taken for a silent one', async () => {
  const bench = await filled({ settings: { pingPeriodMs: 1000, timeoutMs: 3000 } }, 10)
  const connection = ask(bench)
  bench.pass(10_100)
  assert.is(connection.isClosed, false)
  await checkpoint(bench)
  const received = parse(connection.take())
  assert.is(received.waits, 10)
  assert.is(received.total, bench.engine.disk.records.count)
  await bench.close()
})

test('a replica that takes nothing for repl-timeout is closed, and its transfer ends', async () => {
  const bench = await filled({ settings: { timeoutMs: 3000 } }, 3000)
  const connection = ask(bench)
  connection.isTaking = false
  await checkpoint(bench)
  bench.pass(2900)
  assert.is(connection.isClosed, false)
  bench.pass(300)
  assert.is(connection.isClosed, true)
  bench.pass(60_000)
  assert.is(bench.master.pinned, Number.POSITIVE_INFINITY)
  await bench.close()
})

test('a replica that vanishes while the snapshot is made leaves it to the next one', async () => {
  const bench = await filled({}, 50)
  bench.lose(ask(bench))
  await checkpoint(bench)
  const next = ask(bench, 1, null, null, 2)
  await bench.engine.settle()
  assert.is(parse(next.take()).total, bench.engine.disk.records.count)
  assert.is(bench.engine.storage.checkpointer.completed, 1)
  await bench.close()
})

test('a replica that comes on another connection gets its transfer there, and none on the old one', async () => {
  const bench = await filled({}, 3000)
  const old = ask(bench)
  old.isTaking = false
  await checkpoint(bench)
  const fresh = ask(bench, 1, null, null, 2)
  await bench.engine.settle()
  const { length } = old.sent
  old.unsentBytes = 0
  bench.master.drained(old)
  await bench.engine.settle()
  assert.is(old.sent.length, length)
  assert.is(parse(fresh.take()).total, bench.engine.disk.records.count)
  await bench.close()
})

test('where LevelDB was opened anew under a snapshot, the replica is told and the next try gets another one', async () => {
  const bench = await filled({}, 3000)
  const connection = ask(bench)
  connection.isTaking = false
  await checkpoint(bench)
  const first = parse(connection.take()).heads[0] as SnapshotHead
  await bench.engine.disk.records.reopen()
  bench.master.drained(connection)
  await bench.engine.settle()
  assert.match(parse(connection.take()).errors.join(), /^-ERR the snapshot could not be read/)
  assert.is(bench.master.attached()[0]?.state, 'handshake')
  assert.is(bench.master.pinned, Number.POSITIVE_INFINITY)
  connection.isTaking = true
  bench.write('SET', 'key', '1')
  bench.master.dbSync(connection, { session: 1, snapshot: first.id, after: '00' })
  bench.turn()
  await checkpoint(bench)
  const received = parse(connection.take())
  assert.is.not(received.heads[0]?.id, first.id)
  assert.is(received.total, bench.engine.disk.records.count)
  await bench.close()
})

test('where no snapshot can be made the replica is told why', async () => {
  const bench = await filled({}, 50)
  const connection = ask(bench)
  bench.engine.disk.records.failWrites()
  await bench.engine.checkpoint().catch(() => {})
  await bench.engine.settle()
  assert.match(parse(connection.take()).errors.join(), /^-ERR no snapshot of the data could be made: .*No space left/)
  assert.is(bench.levels('warn').length, 1)
  assert.is(bench.master.pinned, Number.POSITIVE_INFINITY)
  await bench.close()
})

test('when the data is replaced all snapshots are void: who was being sent one has to begin anew', async () => {
  const bench = await filled({}, 3000)
  const connection = ask(bench)
  connection.isTaking = false
  await checkpoint(bench)
  const waiting = ask(bench, 2)
  connection.take()
  bench.master.dropSessions('a full sync has replaced the data')
  for (const each of [connection, waiting]) {
    assert.equal(parse(each.take()).errors.slice(-1), ['-BADSESSION a full sync has replaced the data'])
  }
  assert.is(bench.master.pinned, Number.POSITIVE_INFINITY)
  await bench.engine.settle()
  assert.match(
    refusal(() => bench.master.dbSync(connection, { session: 1, snapshot: null, after: null })),
    /^BADSESSION/,
  )
  await bench.close()
})

test('a connection carries one transfer at a time and nothing else meanwhile', async () => {
  const bench = await filled({}, 50)
  const connection = ask(bench)
  for (const busy of [
    () => bench.master.dbSync(connection, { session: 1, snapshot: null, after: null }),
    () => bench.trySync(connection, 1, bench.engine.storage.binlog.end),
    () => bench.metaSync(connection, { attempt: 2 }),
  ]) {
    assert.is(refusal(busy), 'ERR this connection carries a full sync')
  }
  await checkpoint(bench)
  assert.is(bench.trySync(connection, 1, bench.engine.storage.binlog.end).type, 'continue')
  await bench.close()
})

test('a full sync keeps its binlog past replica-lag-limit, but not from a disk that is full', async () => {
  const bench = await filled({ settings: { lagLimitBytes: MEBIBYTE } }, 3000)
  const connection = ask(bench)
  connection.isTaking = false
  await checkpoint(bench)
  const { offset } = parse(connection.take()).heads[0] as SnapshotHead
  bench.write('SET', 'key', 'x'.repeat(2 * MEBIBYTE))
  bench.pass(1000)
  assert.is(bench.master.pinned, offset)
  Object.defineProperty(bench.engine.storage, 'diskLow', { get: () => true })
  bench.pass(100)
  assert.match(parse(connection.take()).errors.join(), /^-ERR the disk is full/)
  assert.is(bench.master.pinned, Number.POSITIVE_INFINITY)
  await bench.close()
})

test('closing ends what is being read and waits for it, not for a snapshot that is still to be made', async () => {
  const bench = await filled({}, 3000)
  const connection = ask(bench)
  connection.isTaking = false
  await checkpoint(bench)
  bench.write('SET', 'key', 'x'.repeat(65 * MEBIBYTE))
  ask(bench, 2)
  await bench.master.close()
  await bench.master.close()
  connection.isTaking = true
  const { length } = connection.sent
  connection.unsentBytes = 0
  bench.master.drained(connection)
  bench.master.closed(connection)
  await bench.engine.settle()
  assert.is(connection.sent.length, length)
  await bench.engine.storage.close('nosave')
})

test.run()

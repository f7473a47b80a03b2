/** The master of Redis replicas, on a simulated disk: handshake, RDB, stream, limits. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { readRdb } from '../../../rdb/reader.ts'
import { newHandshake, type RedisHandshake } from '../../../replication/protocol/psync.ts'
import { until } from '../../support/harness/engine.ts'
import { ask, checkpoint, filled, parse } from '../../support/replication/full-sync-bench.ts'
import { encoded } from '../../support/replication/groups.ts'
import { type FakeConnection, id, MasterBench, refusal } from '../../support/replication/master-bench.ts'

const SECOND = 1000
const MEBIBYTE = 2 ** 20
/** A head, and the group of one PING. */
const PULSE_BYTES = 124 + 14

const MODERN: Partial<RedisHandshake> = { port: 7001, canReadMark: true, canChangeId: true }

function psync(bench: MasterBench, offset = -2, options: Partial<RedisHandshake> = MODERN, replicationId?: string): FakeConnection {
  const connection = bench.connect()
  const own = bench.engine.storage.identity.replicationId
  const request = { replicationId: replicationId ?? (offset < 0 ? '?' : own), offset }
  bench.master.redis.psync(connection, { ...newHandshake(), ...options }, request)
  bench.turn()
  return connection
}

/** Waits until everything of an RDB is sent, and returns what has been received. */
async function received(bench: MasterBench, connection: FakeConnection, isComplete: (text: string) => boolean): Promise<string> {
  await checkpoint(bench)
  let text = ''
  await until(() => {
    text += connection.takeText()
    return isComplete(text)
  }, 'the RDB')
  return text
}

const MARKED = /^(\n*)\+FULLRESYNC ([0-9a-f]{40}) (\d+)\r\n\$EOF:([0-9a-f]{40})\r\n/

/** Returns the RDB between its marks, and checks the line before it. */
async function marked(bench: MasterBench, connection: FakeConnection): Promise<Buffer> {
  const text = await received(bench, connection, (all) => {
    const mark = MARKED.exec(all)?.[4]
    return mark !== undefined && all.length > 100 && all.endsWith(mark)
  })
  const [head = '', , replicationId, offset] = MARKED.exec(text) ?? []
  const { identity, binlog } = bench.engine.storage
  assert.equal([replicationId, Number(offset)], [identity.replicationId, binlog.end.offset])
  return Buffer.from(text.slice(head.length, -40), 'latin1')
}

async function keysOf(rdb: Buffer): Promise<Bytes[]> {
  const keys: Bytes[] = []
  for await (const part of readRdb([rdb])) if (part.kind === 'key') keys.push(part.key)
  return keys
}

const ack = (bench: MasterBench, connection: FakeConnection, applied: number) =>
  bench.master.ack(connection, { applied, synced: 0, asked: null })

/** A replica that has everything, and has acknowledged it. */
function online(bench: MasterBench, options: Partial<RedisHandshake> = MODERN): FakeConnection {
  const connection = psync(bench, bench.engine.storage.binlog.end.offset, options)
  ack(bench, connection, bench.engine.storage.binlog.end.offset)
  connection.take()
  return connection
}

/** The length of a group of one command. */
const encodedGroup = (...words: readonly Bytes[]) => 124 + encoded(words).length

const stateOf = (bench: MasterBench) => bench.master.replicas.attached().map(({ state }) => state)
const endOf = ({ engine }: MasterBench) => engine.storage.binlog.end.offset

test('a replica without data gets an RDB between marks, and the stream after its first ACK', async () => {
  const bench = await filled()
  const connection = psync(bench)
  assert.equal(stateOf(bench), ['wait_bgsave'])
  assert.is(connection.takeText(), '')
  const rdb = await marked(bench, connection)
  assert.is((await keysOf(rdb)).length, 500)
  const offset = endOf(bench)
  bench.write('SET', 'after', '1')
  assert.is(connection.takeText(), '', 'the stream would be read as a part of the RDB')
  assert.equal(stateOf(bench), ['online'])
  ack(bench, connection, 0)
  bench.turn()
  assert.ok(connection.take().equals(bench.binlog(offset)))
  assert.is(bench.master.replicas.ackedCount(offset, 'applied'), 0)
  ack(bench, connection, endOf(bench))
  assert.is(bench.master.replicas.ackedCount(offset, 'applied'), 1)
  assert.is(bench.master.redis.fullSyncs, 1)
  await bench.close()
})

for (const [title, options, settings] of [
  ['a replica that cannot find a mark gets the length first, and the stream at once', {}, {}],
  ['repl-diskless-sync no sends the length first', MODERN, { isDisklessSync: false }],
] as const) {
  test(title, async () => {
    const bench = await filled({ settings })
    const connection = psync(bench, -2, options)
    const isComplete = (text: string) => {
      const match = /\r\n\$(\d+)\r\n/.exec(text)
      return match !== null && text.length === match.index + match[0].length + Number(match[1])
    }
    const text = await received(bench, connection, isComplete)
    const start = text.indexOf('REDIS0010')
    assert.is((await keysOf(Buffer.from(text.slice(start), 'latin1'))).length, 500)
    const offset = endOf(bench)
    bench.write('SET', 'after', '1')
    assert.ok(connection.take().equals(bench.binlog(offset)))
    await bench.close()
  })
}

test('a Redis replica and a haypile replica share a snapshot', async () => {
  const bench = await filled()
  const own = ask(bench)
  const redis = psync(bench)
  const rdb = await marked(bench, redis)
  assert.is((await keysOf(rdb)).length, 500)
  const [head] = parse(own.take()).heads
  assert.is(head?.offset, endOf(bench))
  assert.is(bench.logged.filter(({ text }) => text === 'snapshot for full syncs').length, 1)
  await bench.close()
})

for (const [title, handshake] of [
  ['SYNC', {}],
  ['a request for an RDB alone', { ...MODERN, isRdbOnly: true }],
] as const) {
  test(`the RDB of ${title} has every write before it, though an older snapshot is at hand`, async () => {
    const bench = await filled()
    await marked(bench, psync(bench))
    bench.write('SET', 'late', '1')
    const connection = title === 'SYNC' ? bench.connect() : psync(bench, -2, handshake)
    if (title === 'SYNC') {
      bench.master.redis.psync(connection, newHandshake(), null)
      bench.turn()
    }
    const text = await received(bench, connection, (all) => /\$\d+\r\n|\$EOF/.test(all) && all.includes('late'))
    assert.match(text, /late/)
    await bench.close()
  })
}

test('a replica continues after any command of a group, with the id of this node', async () => {
  const bench = await MasterBench.open()
  const commands = [
    ['SET', 'a', '1'],
    ['SET', 'b', '2'],
    ['RPUSH', 'c', '3', '4'],
  ]
  bench.turn(() => {
    for (const words of commands) bench.engine.run(...words)
  })
  const { replicationId } = bench.engine.storage.identity
  let offset = endOf(bench)
  for (const words of [...commands].reverse()) {
    for (const [options, greeting] of [
      [MODERN, `+CONTINUE ${replicationId}\r\n`],
      [{}, '+CONTINUE\r\n'],
    ] as const) {
      const bytes = psync(bench, offset, options).take()
      assert.is(bytes.latin1Slice(0, greeting.length), greeting)
      assert.ok(bytes.subarray(greeting.length).equals(bench.binlog(offset)))
    }
    offset -= encoded(words).length
  }
  assert.is(bench.master.redis.partialSyncs, 6)
  await bench.close()
})

test('a replica waits for its snapshot with a newline each second', async () => {
  const bench = await filled()
  const connection = psync(bench)
  bench.advance(5 * SECOND)
  assert.match(connection.takeText(), /^\n{4,6}$/)
  await bench.close()
})

test('a replica that does not read stops its transfer, and no other', async () => {
  const bench = await filled({ settings: { mustCompressRdb: false } }, 4000, 2000)
  const slow = psync(bench)
  slow.isTaking = false
  const fast = psync(bench)
  const rdb = await marked(bench, fast)
  assert.ok(rdb.length > 6 * MEBIBYTE)
  assert.ok(slow.unsentBytes > 0 && slow.unsentBytes < 1.5 * MEBIBYTE, String(slow.unsentBytes))
  slow.isTaking = true
  await until(() => {
    slow.take()
    bench.master.drained(slow)
    return bench.logged.filter(({ text }) => text === 'a full sync has been sent to a Redis replica').length === 2
  }, 'the slow transfer')
  await bench.close()
})

test('a stream stops while a megabyte is unsent', async () => {
  const bench = await MasterBench.open()
  const connection = online(bench)
  connection.isTaking = false
  for (let i = 0; i < 100; i++) bench.write('SET', 'key', 'x'.repeat(100_000))
  assert.ok(connection.unsentBytes < 2 * MEBIBYTE, String(connection.unsentBytes))
  connection.isTaking = true
  const bytes = [connection.take()]
  await until(() => {
    bench.master.drained(connection)
    bench.runWhileAwake()
    bytes.push(connection.take())
    return bytes.at(-1)?.length === 0
  }, 'the rest of the stream')
  assert.ok(Buffer.concat(bytes).equals(bench.binlog(0)))
  await bench.close()
})

test('an idle master appends a pulse each period, and sends newlines while its role may be taken', async () => {
  const bench = await MasterBench.open()
  bench.write('SET', 'a', '1')
  const connection = online(bench)
  const before = endOf(bench)
  bench.mayPulse = false
  for (let i = 0; i < 3; i++) bench.advance(10.1 * SECOND)
  bench.turn()
  assert.is(endOf(bench), before)
  assert.is(connection.take().toString(), '\n\n\n')
  bench.mayPulse = true
  for (let count = 1; count <= 3; count++) {
    connection.receivedBytes++
    bench.advance(11 * SECOND)
    bench.runWhileAwake()
    assert.is(endOf(bench), before + count * PULSE_BYTES)
    const bytes = connection.take()
    assert.is(bytes.length, count === 1 ? PULSE_BYTES - 3 : PULSE_BYTES, 'the first one makes up for the newlines')
    assert.ok(bytes.includes('REPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n'))
  }
  await bench.close()
})

test('askForAcks appends one pulse for all replicas that lack something', async () => {
  const bench = await MasterBench.open()
  online(bench, { ...MODERN, port: 7002 })
  const connection = online(bench)
  bench.write('SET', 'a', '1')
  const before = endOf(bench)
  for (let i = 0; i < 3; i++) bench.master.askForAcks()
  bench.runWhileAwake()
  assert.is(endOf(bench), before + PULSE_BYTES)
  bench.master.askForAcks()
  bench.runWhileAwake()
  assert.is(endOf(bench), before + PULSE_BYTES, 'a pulse is on its way')
  assert.is(connection.take().length, endOf(bench) - before + encodedGroup('SET', 'a', '1'))
  await bench.close()
})

test('a node that is a replica sends newlines, which the next group makes up for', async () => {
  const bench = await MasterBench.open()
  bench.write('SET', 'a', '1')
  bench.engine.storage.becomeReplica({ host: 'master', port: 1, failover: false })
  bench.isLinked = true
  const connection = online(bench)
  let newlines = 0
  for (let i = 0; i < 100 && !connection.isClosed; i++) {
    connection.receivedBytes++
    bench.advance(10.1 * SECOND)
    newlines += connection.take().length
  }
  assert.is(newlines, 67)
  assert.ok(connection.isClosed)
  assert.is(bench.master.replicas.attached().length, 0)
  await bench.close()
})

test('a replica that is silent, or too far behind, is closed', async () => {
  const bench = await MasterBench.open({ settings: { lagLimitBytes: MEBIBYTE } })
  bench.mayPulse = false
  const silent = online(bench)
  bench.advance(59 * SECOND)
  assert.not.ok(silent.isClosed)
  silent.receivedBytes++
  bench.advance(59 * SECOND)
  assert.not.ok(silent.isClosed)
  bench.advance(2 * SECOND)
  assert.ok(silent.isClosed)
  const laggard = online(bench)
  const from = endOf(bench)
  for (let i = 0; i < 9; i++) bench.write('SET', 'key', 'x'.repeat(100_000))
  bench.advance(100)
  assert.equal([laggard.isClosed, bench.master.replicas.pinned], [false, from])
  for (let i = 0; i < 3; i++) bench.write('SET', 'key', 'x'.repeat(100_000))
  bench.advance(100)
  assert.ok(laggard.isClosed)
  assert.match(bench.textsAt('warn').join(), /a Redis replica is cut off .* more than replica-lag-limit/)
  assert.is(bench.master.replicas.pinned, Number.POSITIVE_INFINITY)
  await bench.close()
})

test('min-replicas-to-write counts a replica by its last ACK', async () => {
  const bench = await MasterBench.open({ settings: { minReplicas: 1, minReplicasMaxLagMs: 10 * SECOND } })
  bench.mayPulse = false
  const { replicas } = bench.master
  assert.equal([replicas.goodCount(), replicas.writableUntilMs], [0, Number.NEGATIVE_INFINITY])
  const connection = online(bench)
  assert.equal([replicas.goodCount(), replicas.writableUntilMs], [1, bench.clock.monotonicMs() + 10 * SECOND])
  bench.advance(11 * SECOND)
  assert.is(replicas.goodCount(), 0)
  ack(bench, connection, endOf(bench))
  assert.is(replicas.goodCount(), 1)
  await bench.close()
})

test('a replica that requests no stream is closed after the RDB', async () => {
  const bench = await filled()
  const connection = psync(bench, -2, { ...MODERN, isRdbOnly: true, content: { hasKeys: false, hasLibraries: true } })
  assert.equal(await keysOf(await marked(bench, connection)), [])
  bench.advance(100)
  assert.ok(connection.isClosed)
  await bench.close()
})

test('deadlines of fields end the stream with psync-compatibility refuse, and a full sync with them, too', async () => {
  const bench = await filled({}, 10)
  bench.write('HSET', 'h', 'a', '1')
  const connection = online(bench)
  const from = endOf(bench)
  bench.write('HPEXPIREAT', 'h', '4000000000000', 'FIELDS', '1', 'a')
  assert.is(connection.take().length, endOf(bench) - from)
  const refusing = online(bench)
  bench.settings.psyncCompatibility = 'refuse'
  const before = endOf(bench)
  bench.write('HPEXPIREAT', 'h', '4000000000001', 'FIELDS', '1', 'a')
  assert.ok(refusing.isClosed)
  assert.match(bench.textsAt('warn').join(), /has HPEXPIREAT, which Redis 7.0 lacks/)
  const again = psync(bench, before)
  assert.equal(stateOf(bench), ['wait_bgsave'], 'the stream would meet it again')
  await checkpoint(bench)
  await until(() => again.isClosed, 'the full sync to be refused')
  const warnings = bench.textsAt('warn').length
  const oneMore = psync(bench)
  await until(() => oneMore.isClosed, 'another refusal')
  assert.is(bench.textsAt('warn').length, warnings, 'the same reason is not repeated at once')
  bench.settings.psyncCompatibility = 'translate'
  const translated = psync(bench)
  assert.is((await keysOf(await marked(bench, translated))).length, 11)
  bench.advance(100)
  assert.match(bench.textsAt('warn').join(), /a Redis replica has no deadlines of fields/)
  await bench.close()
})

test('an offset inside a command ends in a full sync for its replica, and for no other', async () => {
  const bench = await filled({}, 10)
  const from = endOf(bench)
  bench.write('SET', 'k', 'value')
  const wrong = psync(bench, endOf(bench) - 5)
  assert.ok(wrong.isClosed)
  assert.match(bench.textsAt('warn').join(), /no command begins at offset \d+ of the binlog/)
  const other = psync(bench, from, { ...MODERN, port: 7002 })
  assert.equal(stateOf(bench), ['online'])
  bench.disconnect(other)
  psync(bench, endOf(bench) - 5)
  assert.equal(stateOf(bench), ['wait_bgsave'])
  await bench.close()
})

test('a change of history closes Redis replicas', async () => {
  const bench = await MasterBench.open()
  const connections = [online(bench), psync(bench, -2, { ...MODERN, port: 7002 })]
  bench.master.dropSessions('the history has changed', 'keep')
  assert.equal(
    connections.map(({ isClosed }) => isClosed),
    [true, true],
  )
  assert.is(bench.engine.storage.binlog.follower, null)
  await bench.close()
})

test('a node that is a replica without a link refuses PSYNC and SYNC', async () => {
  const bench = await MasterBench.open()
  bench.engine.storage.becomeReplica({ host: 'master', port: 1, failover: false })
  for (const request of [null, { replicationId: id(1), offset: 0 }]) {
    const refused = refusal(() => bench.master.redis.psync(bench.connect(), newHandshake(), request))
    assert.is(refused, "NOMASTERLINK Can't SYNC while not connected with my master")
  }
  assert.is(bench.master.replicas.attached().length, 0)
  await bench.close()
})

test.run()

/** Partial or full sync: histories, offsets and the reason for a full sync. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decideTrySync, historyOf, type NodeHistory } from '../../../replication/master/history.ts'
import type { TrySyncReply } from '../../../replication/protocol/messages.ts'
import { namedHistories } from '../../../replication/replica/requests.ts'
import { fromSeed } from '../../support/generators/seed.ts'
import { Disk, Engine } from '../../support/harness/engine.ts'
import { id, refusal } from '../../support/replication/master-bench.ts'

const CURRENT = id(1)
const PAST = id(2)
const OLDER = id(3)

/** A history whose groups begin every ten bytes. The CRC at an offset is the offset. */
const base: NodeHistory = {
  replicationId: CURRENT,
  past: [
    { id: PAST, until: 80 },
    { id: OLDER, until: 60 },
  ],
  start: 40,
  end: 100,
  positionAt: (offset) => (offset % 10 === 0 && offset >= 40 && offset <= 100 ? { offset, crc: offset } : null),
  role: 'master',
  isLinked: false,
}

function ask(ids: string[], offset: number, changes: Partial<NodeHistory> = {}, crc = offset): TrySyncReply {
  return decideTrySync({ ...base, ...changes }, { session: 1, replicationIds: ids, offset, crc, isFailover: false })
}

const reasonOf = (reply: TrySyncReply) => (reply.type === 'full-sync' ? reply.reason : `continue at ${reply.offset}`)

test('a replica continues where history and content agree, including both ends of the binlog', () => {
  for (const offset of [40, 70, 100]) assert.is(reasonOf(ask([CURRENT], offset)), `continue at ${offset}`)
  assert.equal(ask([CURRENT], 70), { type: 'continue', replicationId: CURRENT, offset: 70, past: base.past })
})

test('a past history is accepted up to the offset where it ended', () => {
  assert.is(reasonOf(ask([PAST], 80)), 'continue at 80')
  assert.is(reasonOf(ask([PAST], 90)), 'diverged')
  assert.is(reasonOf(ask([OLDER], 60)), 'continue at 60')
  assert.is(reasonOf(ask([OLDER], 70)), 'diverged')
  assert.match((ask([PAST], 90) as { text: string }).text, /left history [0-9a-f]+ at offset 80, the replica continues it to 90/)
})

test('any history that the replica names may match', () => {
  assert.is(reasonOf(ask([id(9), PAST], 70)), 'continue at 70')
  assert.is(reasonOf(ask([id(9), id(8), CURRENT], 90)), 'continue at 90')
})

test('a position that cannot be continued is a full sync with its reason', () => {
  assert.is(reasonOf(ask([id(9)], 0)), 'new')
  assert.is(reasonOf(ask([id(9)], 50)), 'unknown')
  assert.is(reasonOf(ask([CURRENT], 110)), 'ahead')
  assert.is(reasonOf(ask([PAST], 110)), 'ahead')
  assert.is(reasonOf(ask([CURRENT], 30)), 'purged')
  assert.is(reasonOf(ask([CURRENT], 75)), 'diverged')
  assert.is(reasonOf(ask([CURRENT], 70, {}, 71)), 'diverged')
})

test('a replica that left a history of this node names the offset, which becomes the reason', () => {
  const { replicationIds, left = [] } = namedHistories({ replicationId: id(9), past: [{ id: id(8), until: 90 }, { id: PAST, until: 70 }] }, 90, ['left']) // biome-ignore format: short
  assert.equal([replicationIds, left], [[id(9), id(8)], [{ id: PAST, until: 70 }]]) // biome-ignore format: short
  const request = { session: 1, replicationIds, offset: 90, crc: 90, isFailover: false }
  const text = `the replica left history ${PAST} at offset 70 and continues to 90 under another id`
  assert.equal(decideTrySync(base, { ...request, left }), { type: 'full-sync', reason: 'diverged', text })
  const unknown = { type: 'full-sync', reason: 'unknown', text: 'none of its histories is known here' }
  assert.equal(decideTrySync(base, { ...request, left: [{ id: id(7), until: 70 }] }), unknown)
  assert.equal(decideTrySync(base, request), unknown)
})

test('a replica refuses a sub-replica that is ahead of it with BEHIND instead of a full sync', () => {
  const behind = refusal(() => ask([CURRENT], 110, { role: 'replica', isLinked: true }))
  assert.is(behind, 'BEHIND this node is a replica itself and has only reached offset 100')
  assert.match(
    refusal(() => ask([CURRENT], 110, { role: 'replica' })),
    /^BEHIND/,
  )
  assert.is(reasonOf(ask([PAST], 90, { role: 'replica', isLinked: true })), 'diverged', 'waiting does not help')
})

test('a replica without a master link lets sub-replicas continue, and refuses them a full sync', () => {
  assert.is(reasonOf(ask([CURRENT], 70, { role: 'replica' })), 'continue at 70')
  for (const [ids, offset] of [
    [[id(9)], 0],
    [[id(9)], 50],
    [[CURRENT], 30],
    [[CURRENT], 75],
  ] as const) {
    assert.match(
      refusal(() => ask([...ids], offset, { role: 'replica' })),
      /^NOMASTERLINK a full sync is needed/,
    )
  }
  assert.is(reasonOf(ask([CURRENT], 30, { role: 'replica', isLinked: true })), 'purged')
})

/**
 * Returns the logs of two nodes with one replication id: equal up to a point, then forked, then
 * with equal commands again.
 */
async function forked() {
  const fork = async (word: string) => {
    const engine = await Engine.open(new Disk(), { random: fromSeed(7).random })
    engine.write('SET', 'common', '1')
    const before = engine.storage.binlog.end
    engine.write('SET', 'key', word)
    const after = engine.storage.binlog.end
    engine.write('SET', 'last', 'same')
    return { engine, before, after, end: engine.storage.binlog.end }
  }
  return [await fork('aaaa'), await fork('bbbb')] as const
}

test('two forked logs of equal length and last command under one id are told apart by content', async () => {
  const [here, there] = await forked()
  assert.is(here.engine.storage.identity.replicationId, there.engine.storage.identity.replicationId)
  assert.is(here.end.offset, there.end.offset)
  const lastBody = ({ engine, after, end }: typeof here) => {
    const feed = engine.storage.openTailReader(after.offset)
    const group = feed.read(2 ** 20, end.offset) as Buffer
    feed.close()
    return group.subarray(124).latin1Slice()
  }
  assert.is(lastBody(here), lastBody(there))
  const history = historyOf(here.engine.storage, false)
  const request = (position: { offset: number; crc: number }) => ({
    session: 1,
    replicationIds: [here.engine.storage.identity.replicationId],
    isFailover: false,
    ...position,
  })
  const reply = decideTrySync(history, request(there.end))
  assert.is(reasonOf(reply), 'diverged')
  assert.match((reply as { text: string }).text, /CRC [0-9a-f]{8} here and [0-9a-f]{8} on the replica/)
  assert.is(reasonOf(decideTrySync(history, request(there.after))), 'diverged')
  assert.is(reasonOf(decideTrySync(history, request(there.before))), `continue at ${there.before.offset}`)
  assert.is(reasonOf(decideTrySync(history, request(here.end))), `continue at ${here.end.offset}`)
})

test('an unreadable binlog refuses TRYSYNC and is not taken for another history', async () => {
  const [{ engine, after, end }] = await forked()
  const { files } = engine.disk
  const open = files.openSync.bind(files)
  files.openSync = (path, mode) => {
    if (mode === 'read') throw new Error('EMFILE: too many open files')
    return open(path, mode)
  }
  const request = { session: 1, replicationIds: [engine.storage.identity.replicationId], isFailover: false }
  const history = historyOf(engine.storage, false)
  assert.is(
    refusal(() => decideTrySync(history, { ...request, ...after })),
    'ERR the binlog cannot be read: Error: EMFILE: too many open files',
  )
  assert.is(reasonOf(decideTrySync(history, { ...request, ...end })), `continue at ${end.offset}`)
})

test.run()

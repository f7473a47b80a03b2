/** Messages between nodes: round trips, and malformed ones that are refused. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  binlogSyncWords,
  dbSyncWords,
  type LinkReply,
  type MetaSyncReply,
  metaReply,
  metaSyncWords,
  Refusal,
  readBinlogSync,
  readDbSync,
  readMeta,
  readMetaSync,
  readSnapshotHead,
  readTrySync,
  readTrySyncReply,
  snapshotHeadWords,
  trySyncReplyWords,
  trySyncWords,
} from '../../../replication/protocol/messages.ts'

const A = 'a'.repeat(40)
const B = 'b'.repeat(40)
const past = [{ id: B, until: 17 }]

/** Returns a reply as redis-parser does: bulk strings are Buffers. */
const parsed = (words: readonly string[]): LinkReply => words.map((word) => Buffer.from(word, 'latin1'))

test('every message survives a round trip', () => {
  for (const isFailover of [false, true]) {
    const metaSync = { ip: isFailover ? '' : '10.0.0.1', port: 6379, runId: A, attempt: 3, version: 1, isFailover }
    assert.equal(readMetaSync(metaSyncWords(metaSync)), metaSync)
    const trySync = { session: 5, replicationIds: isFailover ? [A] : [A, B], offset: 9, crc: 0xab, isFailover }
    assert.equal(readTrySync(trySyncWords(trySync)), trySync)
    assert.equal(readTrySync(trySyncWords({ ...trySync, left: past })), { ...trySync, left: past })
  }
  for (const dbSync of [
    { session: 1, snapshot: null, after: null },
    { session: 1, snapshot: 'f00', after: '6b00ff' },
  ]) {
    assert.equal(readDbSync(dbSyncWords(dbSync)), dbSync)
  }
  assert.equal(readBinlogSync(binlogSyncWords(4, 900)), { session: 4, offset: 900 })
})

test('every reply survives a round trip', () => {
  const meta: MetaSyncReply = {
    session: 7,
    replicationId: A,
    past,
    runId: B,
    version: 1,
    databases: 16,
    binlogStart: 0,
    binlogEnd: 99,
    chain: [B, A],
  }
  assert.equal(readMeta(parsed(metaReply(meta))), meta)
  assert.equal(readMeta(parsed(metaReply({ ...meta, past: [] }))), { ...meta, past: [] })
  assert.equal(readMeta(parsed(metaReply({ ...meta, accepts: ['left'] }))), { ...meta, accepts: ['left'] })
  const head = { id: 'abc', offset: 5, crc: 1, records: 10, bytes: 1000, replicationId: A, past }
  assert.equal(readSnapshotHead(parsed(snapshotHeadWords(head))), head)
  const goOn = { type: 'continue', replicationId: A, offset: 5, past } as const
  assert.equal(readTrySyncReply(parsed(trySyncReplyWords(goOn))), goOn)
  const full = { type: 'full-sync', reason: 'purged', text: 'gone since Monday' } as const
  assert.equal(readTrySyncReply(parsed(trySyncReplyWords(full))), full)
})

test('malformed messages are refused', () => {
  const bad: (() => unknown)[] = [
    () => readMetaSync(['METASYNC', 'a b', '1', A, '1', '1']),
    () => readMetaSync(['METASYNC', '', '0', A, '1', '1']),
    () => readMetaSync(['METASYNC', '', '1', A, '9007199254740992', '1']),
    () => readMetaSync(['METASYNC', '', '1', A, '9999999999999999', '1']),
    () => readMetaSync(['METASYNC', '', '65536', A, '1', '1']),
    () => readMetaSync(['METASYNC', '', '1', 'nobody', '1', '1']),
    () => readMetaSync(['METASYNC', '', '1', A, '-1', '1']),
    () => readMetaSync(['METASYNC', '', '1', A, '01', '1']),
    () => readMetaSync(['METASYNC', '', '1', A, '1', '1', 'FAILUP']),
    () => readTrySync(['TRYSYNC', '1', A, '5', 'crc']),
    () => readTrySync(['TRYSYNC', '1', A, '5', '000000ab', 'x']),
    () => readDbSync(['DBSYNC', '1', '../x', '-']),
    () => readDbSync(['DBSYNC', '1', '?', 'abc']),
    () => readBinlogSync(['BINLOGSYNC', '1', '99999999999999999']),
    () => readMeta(parsed(['session', '1'])),
    () => readTrySyncReply(parsed(['FULLSYNC', 'because', ''])),
    () => readTrySyncReply('CONTINUE'),
  ]
  for (const read of bad) assert.throws(read, (error: unknown) => error instanceof Refusal && error.code === 'ERR')
})

test("a later version's reply with additional names is read", () => {
  const meta = metaReply({
    session: 1,
    replicationId: A,
    past: [],
    runId: B,
    version: 2,
    databases: 16,
    binlogStart: 0,
    binlogEnd: 0,
    chain: [B],
  })
  assert.is(readMeta(parsed(['colour', 'green', ...meta])).version, 2)
})

test.run()

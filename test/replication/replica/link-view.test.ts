/** The link as INFO shows it: the offsets by which replicas of one master are compared. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { linkView } from '../../../replication/replica/link-view.ts'
import type { LinkStatus } from '../../../replication/replica/machine-types.ts'

const STATUS: LinkStatus = {
  state: 'connect',
  isStreaming: false,
  master: { host: 'upstream', port: 6380, failover: false },
  chain: [],
  attempts: 1,
  fullSync: null,
  fullSyncs: 0,
  partialSyncs: 1,
  reason: 'refused',
  reasonSinceMs: 0,
  retryAtMs: 0,
  downSinceMs: 0,
  lastIoMs: 0,
}
const PROGRESS = { bytes: 1, totalBytes: 2, records: 1, bytesPerSecond: 1, etaSeconds: 1 }
const BINLOG = { applied: 5000, read: 5100 }
const REDIS = { phase: 'handshake', replicationId: 'a'.repeat(40), applied: 70, read: 80, failures: 0 } as const
const NO_REDIS = { view: null, progress: null, isFullSyncNeeded: false }

const offsets = ({ applied, read }: { readonly applied: number; readonly read: number }) => [applied, read]

test('the offsets are those of the binlog, or of the stream of a Redis', () => {
  assert.equal(offsets(linkView(STATUS, null, BINLOG, null)), [5000, 5100])
  assert.equal(offsets(linkView(STATUS, null, BINLOG, NO_REDIS)), [5000, 5100])
  assert.equal(offsets(linkView(STATUS, null, BINLOG, { ...NO_REDIS, view: REDIS })), [70, 80])
})

test('a node whose data is of another history shows 0, with and without a connection', () => {
  for (const state of ['db_sync', 'connect'] as const) {
    assert.equal(offsets(linkView({ ...STATUS, state, fullSync: 'needed' }, null, BINLOG, null)), [0, 0])
  }
  assert.equal(offsets(linkView(STATUS, PROGRESS, BINLOG, null)), [0, 0], 'a copy of an earlier process waits to be resumed')
  assert.equal(offsets(linkView(STATUS, null, BINLOG, { ...NO_REDIS, view: REDIS, isFullSyncNeeded: true })), [0, 0])
  assert.equal(offsets(linkView({ ...STATUS, fullSync: 'installed' }, null, BINLOG, null)), [5000, 5100])
})

test.run()

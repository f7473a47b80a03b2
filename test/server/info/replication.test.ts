/** The replication section of INFO in every role and state. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ReplicaView } from '../../../replication/master/replica-view.ts'
import type { LinkView } from '../../../replication/replica/link-view.ts'
import { infoText } from '../../../server/info/info.ts'
import { infoSource, NOW_MS, type SomeParts } from '../../support/harness/info-source.ts'

const LINK: LinkView = {
  masterHost: '10.0.0.1',
  masterPort: 6380,
  state: 'binlog_sync',
  isUp: true,
  attempts: 1,
  lastIoMs: NOW_MS - 2500,
  downSinceMs: null,
  applied: 5000,
  read: 5000,
  fullSync: null,
  fullSyncs: 1,
  partialSyncs: 2,
  reason: null,
  reasonSinceMs: null,
  nextTryMs: null,
  redis: null,
}

const NO_PROGRESS = { bytes: 0, totalBytes: 0, records: 0, bytesPerSecond: 0, etaSeconds: null }

const REPLICA: ReplicaView = {
  ip: '10.0.0.2',
  port: 6381,
  runId: '',
  address: '',
  state: 'online',
  applied: 4990,
  synced: 4000,
  lagBytes: 10,
  lagSeconds: 1,
  fullSync: null,
  goneMs: null,
}

function lines(changes: SomeParts): string[] {
  return infoText(infoSource(changes), ['replication']).split('\r\n').slice(1, -1)
}

const replicaOf = (view: LinkView, master: NonNullable<SomeParts['replication']>['master'] = {}) =>
  lines({ storage: { role: 'replica' }, replication: { isReplica: true, link: { view }, master } })
const asReplica = (changes: Partial<LinkView> = {}) => replicaOf({ ...LINK, ...changes })
const valueIn = (all: readonly string[], name: string) => all.find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1)
const valuesIn = (all: readonly string[], ...names: string[]) => names.map((name) => valueIn(all, name))

const A = 'a'.repeat(40)
const B = 'b'.repeat(40)

test("a master without replicas shows the fields of Redis 7.2 in order, then Pika's", () => {
  assert.equal(lines({}), [
    'role:master',
    'connected_slaves:0',
    'master_failover_state:no-failover',
    `master_replid:${A}`,
    `master_replid2:${B}`,
    'master_repl_offset:5000',
    'second_repl_offset:3001',
    'repl_backlog_active:1',
    'repl_backlog_size:1073741824',
    'repl_backlog_first_byte_offset:1001',
    'repl_backlog_histlen:4000',
    `ReplicationID:${A}`,
    'slave_repl_offset:5000',
    'is_eligible_for_master_election:true',
    'pika_db0:binlog_offset=0 5000,safety_purge=none',
  ])
})

test("a replica in step shows the fields of Redis 7.2 in order, then Pika's, then those of its link", () => {
  assert.equal(asReplica(), [
    'role:slave',
    'master_host:10.0.0.1',
    'master_port:6380',
    'master_link_status:up',
    'master_last_io_seconds_ago:2',
    'master_sync_in_progress:0',
    'slave_read_repl_offset:5000',
    'slave_repl_offset:5000',
    'slave_priority:100',
    'slave_read_only:1',
    'replica_announced:1',
    'connected_slaves:0',
    'master_failover_state:no-failover',
    `master_replid:${A}`,
    `master_replid2:${B}`,
    'master_repl_offset:5000',
    'second_repl_offset:3001',
    'repl_backlog_active:1',
    'repl_backlog_size:1073741824',
    'repl_backlog_first_byte_offset:1001',
    'repl_backlog_histlen:4000',
    `ReplicationID:${A}`,
    'repl_connect_status:connected',
    'is_eligible_for_master_election:true',
    'pika_db0:binlog_offset=0 5000,safety_purge=none',
    'repl_state:BINLOG_SYNC',
    'repl_last_error:',
    'repl_last_error_seconds_ago:-1',
    'repl_full_syncs:1',
    'repl_partial_syncs:2',
  ])
})

test('a broken link shows since when and why', () => {
  const all = asReplica({
    state: 'connect',
    lastIoMs: null,
    downSinceMs: NOW_MS - 61_000,
    reason: 'connect ECONNREFUSED\r\nrole:master',
    reasonSinceMs: NOW_MS - 900,
    nextTryMs: NOW_MS + 2900,
  })
  assert.equal(valuesIn(all, 'master_link_status', 'master_last_io_seconds_ago', 'master_link_down_since_seconds'), ['down', '-1', '61'])
  assert.equal(valuesIn(all, 'repl_state', 'repl_last_error', 'repl_last_error_seconds_ago', 'repl_next_try_seconds'), [
    'CONNECT',
    'connect ECONNREFUSED__role:master',
    '0',
    '2',
  ])
  assert.is(valueIn(asReplica({ state: 'connect' }), 'master_link_down_since_seconds'), '-1')
  assert.is(all.indexOf('master_link_down_since_seconds:61'), all.indexOf('slave_priority:100') - 1)
})

test('a full sync shows its received bytes, the rest and the estimated time', () => {
  const fullSync = { ...NO_PROGRESS, bytes: 250, totalBytes: 1000, bytesPerSecond: 100 }
  const all = asReplica({ state: 'db_sync', applied: 0, read: 0, downSinceMs: NOW_MS - 5000, lastIoMs: NOW_MS - 3000, fullSync })
  assert.equal(all.slice(3, 15), [
    'master_link_status:down',
    'master_last_io_seconds_ago:-1',
    'master_sync_in_progress:1',
    'slave_read_repl_offset:0',
    'slave_repl_offset:0',
    'master_sync_total_bytes:1000',
    'master_sync_read_bytes:250',
    'master_sync_left_bytes:750',
    'master_sync_perc:25.00',
    'master_sync_last_io_seconds_ago:3',
    'master_link_down_since_seconds:5',
    'slave_priority:100',
  ])
  assert.equal(
    all.filter((line) => line.startsWith('repl_full_sync_')),
    [
      'repl_full_sync_percent:25.00',
      'repl_full_sync_bytes:250',
      'repl_full_sync_bytes_total:1000',
      'repl_full_sync_bytes_per_second:100',
      'repl_full_sync_eta_seconds:8',
    ],
  )
})

test('progress is at most 100 %, and without a rate there is no estimated time', () => {
  const progress = (fullSync: LinkView['fullSync']) =>
    valuesIn(asReplica({ state: 'db_sync', fullSync }), 'master_sync_left_bytes', 'repl_full_sync_percent', 'repl_full_sync_eta_seconds')
  assert.equal(progress({ ...NO_PROGRESS, bytes: 1200, totalBytes: 1000, bytesPerSecond: 5 }), ['0', '100.00', '0'])
  assert.equal(progress(NO_PROGRESS), ['0', '0.00', '-1'])
})

test("repl_connect_status has Pika's word for each state", () => {
  const word = (changes: Partial<LinkView>) => valueIn(asReplica(changes), 'repl_connect_status')
  assert.is(word({ state: 'connect' }), 'no_connect')
  assert.is(word({ state: 'connect', reason: 'x' }), 'error')
  assert.is(word({ state: 'auth' }), 'connecting')
  assert.is(word({ state: 'meta_sync' }), 'connecting')
  assert.is(word({ state: 'try_sync' }), 'try_to_incr_sync')
  assert.is(word({ state: 'db_sync' }), 'try_to_full_sync')
  assert.is(word({ state: 'db_sync', fullSync: NO_PROGRESS }), 'syncing_full')
  assert.is(word({ state: 'binlog_sync' }), 'connected')
})

test("replicas have Redis's lines followed by fields of our own", () => {
  const attached = () => [REPLICA, { ...REPLICA, ip: 'fe80::1', port: 1, state: 'send_bulk' as const, applied: 0, synced: 0 }]
  const all = lines({ replication: { minReplicas: 1, master: { replicas: { attached, goodCount: () => 1 } } } })
  assert.equal(all.slice(0, 6), [
    'role:master',
    'connected_slaves:2',
    'min_slaves_good_slaves:1',
    'slave0:ip=10.0.0.2,port=6381,state=online,offset=4990,lag=1,lag_bytes=10,synced=4000',
    'slave1:ip=fe80::1,port=1,state=send_bulk,offset=0,lag=0,lag_bytes=5000,synced=0',
    'master_failover_state:no-failover',
  ])
})

test('a replica shows its own replicas', () => {
  const all = replicaOf(LINK, { replicas: { attached: () => [REPLICA] } })
  assert.equal(valuesIn(all, 'role', 'connected_slaves'), ['slave', '1'])
})

test('detached replicas and conflicting processes come last', () => {
  const all = lines({
    replication: {
      master: {
        replicas: {
          absent: () => [{ ...REPLICA, ip: '10.0.0.3', port: 7, applied: 100, synced: 90, goneMs: 12_345 }],
          conflicts: () => [
            {
              ip: '10.0.0.4',
              port: 8,
              holderRunId: A,
              holderAddress: '10.0.0.4:5001',
              refusedRunId: B,
              refusedAddress: '[::1]:5002',
              refusedMs: 1000,
            },
          ],
          attached: () => [
            {
              ...REPLICA,
              ip: '10.0.0.5',
              port: 9,
              fullSync: { reason: 'purged', isResumed: true, sentBytes: 250, totalBytes: 1000 },
            },
            { ...REPLICA, ip: '10.0.0.6', port: 9, fullSync: { reason: 'new', isResumed: false, sentBytes: 0, totalBytes: 0 } },
          ],
          pin: { offset: 100, by: 'full sync of 10.0.0.5:9' },
        },
      },
    },
  })
  assert.equal(all.slice(-6), [
    'offline_slave0:ip=10.0.0.3,port=7,offset=100,lag_bytes=4900,synced=90,gone=12',
    `repl_conflict0:ip=10.0.0.4,port=8,run_id=${A},addr=10.0.0.4:5001,refused_run_id=${B},refused_addr=[::1]:5002,refused=1`,
    'repl_full_sync_to0:ip=10.0.0.5,port=9,reason=purged,resumed=1,bytes=250,bytes_total=1000,percent=25.00',
    'repl_full_sync_to1:ip=10.0.0.6,port=9,reason=new,resumed=0,bytes=0,bytes_total=0,percent=0.00',
    'repl_pinned_offset:100',
    'repl_pinned_by:full sync of 10.0.0.5:9',
  ])
})

test('line breaks in an announced address are replaced', () => {
  const [, , line] = lines({ replication: { master: { replicas: { attached: () => [{ ...REPLICA, ip: 'a,b=c\r\nd' }] } } } })
  assert.match(line as string, /^slave0:ip=a_b_c__d,port=6381,/)
})

test('the purgeable segment is shown by name, and an absent history by zeros', () => {
  const all = lines({ storage: { identity: { past: [], fullSync: 'generation-000002' }, checkpointer: { landedOffset: 4200 } } })
  assert.ok(all.includes('pika_db0:binlog_offset=0 5000,safety_purge=00000000000000004096.log'))
  assert.equal(valuesIn(all, 'master_replid2', 'second_repl_offset', 'is_eligible_for_master_election'), ['0'.repeat(40), '-1', 'false'])
})

test.run()

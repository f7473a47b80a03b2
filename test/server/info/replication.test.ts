/** The replication section of INFO in every role and state. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { LinkFigures, ReplicaFigures, ReplicationFigures } from '../../../server/info/figures.ts'
import { infoText } from '../../../server/info/info.ts'
import { infoFigures } from '../../support/harness/info-figures.ts'

const LINK: LinkFigures = {
  host: '10.0.0.1',
  port: 6380,
  state: 'BINLOG_SYNC',
  silentMs: 2500,
  downMs: null,
  receivedOffset: 5000,
  appliedOffset: 5000,
  fullSync: null,
  fullSyncs: 1,
  partialSyncs: 2,
  lastError: null,
  lastErrorMs: null,
  nextTryMs: null,
}

const REPLICA: ReplicaFigures = { ip: '10.0.0.2', port: 6381, state: 'online', appliedOffset: 4990, syncedOffset: 4000, silentMs: 1999 }

function lines(changes: Partial<ReplicationFigures>): string[] {
  const figures = infoFigures()
  const text = infoText({ ...figures, replication: { ...figures.replication, ...changes } }, ['replication'])
  return text.split('\r\n').slice(1, -1)
}

const asReplica = (changes: Partial<LinkFigures> = {}) => lines({ role: 'replica', link: { ...LINK, ...changes } })
const valueIn = (all: readonly string[], name: string) => all.find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1)
const valuesIn = (all: readonly string[], ...names: string[]) => names.map((name) => valueIn(all, name))

const A = 'a'.repeat(40)
const B = 'b'.repeat(40)

test('a master without replicas: the fields of Redis 7.2 in its order, then those of Pika', () => {
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

test('a replica in step: the fields of Redis 7.2 in its order, then those of Pika, then what the link is doing', () => {
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

test('a link that is down says since when and why', () => {
  const all = asReplica({
    state: 'CONNECT',
    silentMs: null,
    downMs: 61_000,
    lastError: 'connect ECONNREFUSED\r\nrole:master',
    lastErrorMs: 900,
    nextTryMs: 2900,
  })
  assert.equal(valuesIn(all, 'master_link_status', 'master_last_io_seconds_ago', 'master_link_down_since_seconds'), ['down', '-1', '61'])
  assert.equal(valuesIn(all, 'repl_state', 'repl_last_error', 'repl_last_error_seconds_ago', 'repl_next_try_seconds'), [
    'CONNECT',
    'connect ECONNREFUSED__role:master',
    '0',
    '2',
  ])
  assert.is(valueIn(asReplica({ state: 'CONNECT' }), 'master_link_down_since_seconds'), '-1')
  assert.is(all.indexOf('master_link_down_since_seconds:61'), all.indexOf('slave_priority:100') - 1)
})

test('a full sync shows what has come in, what is left and how long that may take', () => {
  const fullSync = { bytes: 250, totalBytes: 1000, bytesPerSecond: 100, silentMs: 3000 }
  const all = asReplica({ state: 'DB_SYNC', downMs: 5000, fullSync })
  assert.equal(all.slice(3, 15), [
    'master_link_status:down',
    'master_last_io_seconds_ago:-1',
    'master_sync_in_progress:1',
    'slave_read_repl_offset:5000',
    'slave_repl_offset:5000',
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

test('an estimate that was too low makes no more than a hundred per cent, and without a rate there is no end in sight', () => {
  const progress = (fullSync: LinkFigures['fullSync']) =>
    valuesIn(asReplica({ state: 'DB_SYNC', fullSync }), 'master_sync_left_bytes', 'repl_full_sync_percent', 'repl_full_sync_eta_seconds')
  assert.equal(progress({ bytes: 1200, totalBytes: 1000, bytesPerSecond: 5, silentMs: 0 }), ['0', '100.00', '0'])
  assert.equal(progress({ bytes: 0, totalBytes: 0, bytesPerSecond: 0, silentMs: 0 }), ['0', '0.00', '-1'])
})

test("Pika's word for each state", () => {
  const word = (changes: Partial<LinkFigures>) => valueIn(asReplica(changes), 'repl_connect_status')
  assert.is(word({ state: 'CONNECT' }), 'no_connect')
  assert.is(word({ state: 'CONNECT', lastError: 'x' }), 'error')
  assert.is(word({ state: 'AUTH' }), 'connecting')
  assert.is(word({ state: 'META_SYNC' }), 'connecting')
  assert.is(word({ state: 'TRY_SYNC' }), 'try_to_incr_sync')
  assert.is(word({ state: 'DB_SYNC' }), 'try_to_full_sync')
  assert.is(word({ state: 'DB_SYNC', fullSync: { bytes: 0, totalBytes: 0, bytesPerSecond: 0, silentMs: 0 } }), 'syncing_full')
  assert.is(word({ state: 'BINLOG_SYNC' }), 'connected')
})

test('replicas have lines as in Redis, and what Redis does not tell behind that', () => {
  const all = lines({
    replicas: [REPLICA, { ...REPLICA, ip: 'fe80::1', port: 1, state: 'send_bulk', appliedOffset: 0, syncedOffset: 0 }],
    goodReplicas: 1,
  })
  assert.equal(all.slice(0, 6), [
    'role:master',
    'connected_slaves:2',
    'min_slaves_good_slaves:1',
    'slave0:ip=10.0.0.2,port=6381,state=online,offset=4990,lag=1,lag_bytes=10,synced=4000',
    'slave1:ip=fe80::1,port=1,state=send_bulk,offset=0,lag=0,lag_bytes=5000,synced=0',
    'master_failover_state:no-failover',
  ])
})

test('a replica may have replicas', () => {
  const all = lines({ role: 'replica', link: LINK, replicas: [REPLICA] })
  assert.equal(valuesIn(all, 'role', 'connected_slaves'), ['slave', '1'])
})

test('replicas that have left and processes that announce one address come last', () => {
  const all = lines({
    absent: [{ ip: '10.0.0.3', port: 7, appliedOffset: 100, syncedOffset: 90, goneMs: 12_345 }],
    conflicts: [
      { ip: '10.0.0.4', port: 8, runId: A, address: '10.0.0.4:5001', refusedRunId: B, refusedAddress: '[::1]:5002', refusedMs: 1000 },
    ],
    given: [
      { ip: '10.0.0.5', port: 9, reason: 'purged', isResumed: true, sentBytes: 250, totalBytes: 1000 },
      { ip: '10.0.0.6', port: 9, reason: 'new', isResumed: false, sentBytes: 0, totalBytes: 0 },
    ],
    pin: { offset: 100, by: 'full sync of 10.0.0.5:9' },
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

test('an announced address breaks no line', () => {
  const [, , line] = lines({ replicas: [{ ...REPLICA, ip: 'a,b=c\r\nd' }] })
  assert.match(line as string, /^slave0:ip=a_b_c__d,port=6381,/)
})

test('a segment up to which the binlog may go is called by its name, and an id that is none by zeros', () => {
  const all = lines({ purgeableTo: 4096, previousId: '', switchOffset: -1, isElectable: false })
  assert.ok(all.includes('pika_db0:binlog_offset=0 5000,safety_purge=00000000000000004096.log'))
  assert.equal(valuesIn(all, 'master_replid2', 'second_repl_offset', 'is_eligible_for_master_election'), ['0'.repeat(40), '-1', 'false'])
})

test.run()

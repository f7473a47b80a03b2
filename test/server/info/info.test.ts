/** INFO: sections, order and names of fields. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { REDIS_COMPATIBLE_VERSION } from '../../../commands/contract/version.ts'
import { humanBytes } from '../../../server/info/fields.ts'
import { infoText } from '../../../server/info/info.ts'
import { infoSource, type SomeParts } from '../../support/harness/info-source.ts'

const titles = (text: string) => [...text.matchAll(/^# (\w+)\r$/gm)].map((match) => match[1])

/**
 * Returns a section's fields by name, without Pika's lines of its database. Throws for a line that
 * is no field.
 */
function parse(text: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const line of text.split('\r\n')) {
    if (line === '' || line.startsWith('# ') || line.startsWith('db0:binlog_offset=')) continue
    const [, name, value] = /^([\w.|-]+):(.*)$/.exec(line) as RegExpExecArray
    assert.not.ok(found.has(name as string), `${name} is repeated`)
    found.set(name as string, value as string)
  }
  return found
}

const info = (sections: string[], changes: SomeParts = {}) => infoText(infoSource(changes), sections)

const DEFAULT = [
  'Server',
  'Clients',
  'Memory',
  'Persistence',
  'Stats',
  'Replication',
  'CPU',
  'Modules',
  'Errorstats',
  'Cluster',
  'Keyspace',
  'Binlog',
  'Storage',
]

test('INFO without sections shows the default ones in order, and all of them for all and everything', () => {
  assert.equal(titles(info([])), DEFAULT)
  assert.equal(titles(info(['default'])), DEFAULT)
  const all = [...DEFAULT]
  all.splice(8, 1, 'Commandstats', 'Errorstats', 'Latencystats')
  assert.equal(titles(info(['all'])), all)
  assert.equal(titles(info(['everything'])), all)
  assert.equal(titles(info(['default', 'commandstats'])), [...DEFAULT.slice(0, 8), 'Commandstats', ...DEFAULT.slice(8)])
})

test('sections keep their own order, appear once, and unknown ones are empty', () => {
  assert.equal(titles(info(['keyspace', 'cpu', 'cpu'])), ['CPU', 'Keyspace'])
  assert.is(info(['nonesuch']), '')
  assert.is(info(['cluster', 'nonesuch']), '# Cluster\r\ncluster_enabled:0\r\n')
  assert.is(info(['modules', 'cluster']), '# Modules\r\n\r\n# Cluster\r\ncluster_enabled:0\r\n')
})

test('every INFO line is a field with a value, and no name repeats', () => {
  const found = parse(info(['everything']))
  assert.ok(found.size > 150)
  for (const [name, value] of found) assert.not.match(value, /undefined|NaN|null|\[object/, name)
})

test('INFO names the compatible Redis version and the haypile version', () => {
  const found = parse(info(['server']))
  assert.is(found.get('redis_version'), REDIS_COMPATIBLE_VERSION)
  assert.is(found.get('haypile_version'), '1.2.3')
  assert.is(found.get('server_time_usec'), '1700000000123000')
  assert.is(found.get('uptime_in_seconds'), '90061')
  assert.is(found.get('uptime_in_days'), '1')
})

test('commands, errors, latencies and databases have lines as in Redis', () => {
  const text = info(['all'])
  assert.match(text, 'cmdstat_config|get:calls=2,usec=7,usec_per_call=3.25,rejected_calls=1,failed_calls=0\r\n')
  assert.match(text, 'cmdstat_get:calls=0,usec=0,usec_per_call=0.00,rejected_calls=3,failed_calls=0\r\n')
  assert.match(text, 'errorstat_ERR:count=4\r\n')
  assert.match(text, 'latency_percentiles_usec_get:p50=1.003,p99.9=12.500\r\n')
  assert.is(info(['keyspace']), '# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=0\r\n')
})

test('INFO replaces line breaks in names that clients make up', () => {
  assert.is(
    info(['errorstats'], { statistics: { errors: () => new Map([['A:B#\r\nC', 1]]) } }),
    '# Errorstats\r\nerrorstat_A_B___C:count=1\r\n',
  )
})

test('the stats section counts syncs and replication bytes', () => {
  const found = parse(info(['stats']))
  assert.equal([found.get('sync_full'), found.get('sync_partial_ok'), found.get('sync_partial_err')], ['2', '3', '1'])
  assert.equal([found.get('total_net_repl_input_bytes'), found.get('total_net_repl_output_bytes')], ['400', '500'])
  assert.equal([found.get('instantaneous_input_repl_kbps'), found.get('instantaneous_output_repl_kbps')], ['1.00', '0.25'])
})

test('the binlog is shown as the replication backlog and the AOF', () => {
  const found = parse(info(['replication', 'persistence']))
  assert.is(found.get('role'), 'master')
  assert.is(found.get('master_repl_offset'), '5000')
  assert.is(found.get('repl_backlog_first_byte_offset'), '1001')
  assert.is(found.get('repl_backlog_histlen'), '4000')
  assert.is(found.get('second_repl_offset'), '3001')
  assert.is(found.get('aof_current_size'), '4000')
  assert.is(parse(info(['replication'], { storage: { identity: { past: [] } } })).get('second_repl_offset'), '-1')
})

test('a checkpoint is shown as a background save and a rewrite, with the result of the last one', () => {
  const quiet = parse(info(['persistence']))
  assert.is(quiet.get('rdb_bgsave_in_progress'), '0')
  assert.is(quiet.get('rdb_last_bgsave_status'), 'ok')
  assert.is(quiet.get('rdb_last_bgsave_time_sec'), '-1')
  const busy = parse(
    info(['persistence'], {
      storage: { stalled: 'EIO', checkpointer: { isRunning: true, lastError: 'EIO', completed: 1, lastDurationMs: 2500 } },
    }),
  )
  assert.is(busy.get('rdb_bgsave_in_progress'), '1')
  assert.is(busy.get('aof_rewrite_in_progress'), '1')
  assert.is(busy.get('rdb_last_bgsave_status'), 'err')
  assert.is(busy.get('rdb_last_bgsave_time_sec'), '2')
  assert.is(busy.get('aof_last_write_status'), 'err')
})

test('clients that a pause holds count as blocked clients, as in Redis', () => {
  const found = parse(info(['clients'], { blockedClients: { count: 2 }, gates: { heldCount: 3 } }))
  assert.is(found.get('blocked_clients'), '5')
  assert.is(found.get('held_clients'), '3')
})

test('gate_reasons lists the reasons that hold or refuse requests', () => {
  const clients = (names: string[]) => parse(info(['clients'], { gates: { presentNames: () => names } }))
  assert.is(clients([]).get('gate_reasons'), '')
  assert.is(clients(['read-only', 'paused']).get('gate_reasons'), 'read-only,paused')
})

test('binlog_stall_reason says why the binlog cannot be written', () => {
  const found = parse(info(['binlog'], { storage: { stalled: 'ENOSPC: no space left' } }))
  assert.is(found.get('binlog_status'), 'stalled')
  assert.is(found.get('binlog_stall_reason'), 'ENOSPC_ no space left')
})

test("human-readable sizes have Redis's units", () => {
  assert.equal([0, 1023, 1024, 1536, 965_896, 25_276_502_016].map(humanBytes), ['0B', '1023B', '1.00K', '1.50K', '943.26K', '23.54G'])
})

test.run()

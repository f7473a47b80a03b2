/**
 * The text of INFO: Redis 7.2's sections and field names, then our own sections `# Binlog` and `#
 * Storage`. Fields of Redis without a subject here (forks, jemalloc, cluster links) are left out,
 * except those that tools are known to read.
 */
import type { Bytes } from '../../base/bytes.ts'
import { type Fields, fields, safe } from './fields.ts'
import type { InfoFigures } from './figures.ts'
import { memoryFields } from './memory.ts'
import { replicationFields } from './replication.ts'
import { clientFields, cpuFields, serverFields, statsFields } from './server.ts'
import { binlogFields, persistenceFields, storageFields } from './storage.ts'

interface Section {
  readonly name: Bytes
  readonly title: string
  /** Shown by INFO without arguments. */
  readonly isDefault: boolean
  readonly fields: (figures: InfoFigures) => Fields
}

const section = (name: Bytes, title: string, write: Section['fields']): Section => ({ name, title, isDefault: true, fields: write })
const onRequest = (name: Bytes, title: string, write: Section['fields']): Section => ({ name, title, isDefault: false, fields: write })

/** The order in which sections are shown, independent of the request's order. */
const SECTIONS: readonly Section[] = [
  section('server', 'Server', serverFields),
  section('clients', 'Clients', clientFields),
  section('memory', 'Memory', memoryFields),
  section('persistence', 'Persistence', persistenceFields),
  section('stats', 'Stats', statsFields),
  section('replication', 'Replication', replicationFields),
  section('cpu', 'CPU', cpuFields),
  section('modules', 'Modules', () => []),
  onRequest('commandstats', 'Commandstats', commandFields),
  section('errorstats', 'Errorstats', errorFields),
  onRequest('latencystats', 'Latencystats', latencyFields),
  section('cluster', 'Cluster', () => [['cluster_enabled', 0]]),
  section('keyspace', 'Keyspace', keyspaceFields),
  section('binlog', 'Binlog', binlogFields),
  section('storage', 'Storage', storageFields),
]

/**
 * Returns the text of INFO. `sections` are lower-case names, `default`, `all` or `everything`; none
 * means the default ones. Unknown names show nothing.
 */
export function infoText(figures: InfoFigures, sections: readonly Bytes[]): Bytes {
  const wanted = new Set(sections)
  const all = wanted.has('all') || wanted.has('everything')
  const defaults = sections.length === 0 || wanted.has('default')
  const isShown = ({ name, isDefault }: Section) => all || (defaults && isDefault) || wanted.has(name)
  return SECTIONS.filter(isShown)
    .map((shown) => `# ${shown.title}\r\n${fields(shown.fields(figures))}`)
    .join('\r\n')
}

function commandFields({ commands }: InfoFigures): Fields {
  return [...commands].map(([name, { calls, micros, rejected, failed }]) => {
    const mean = calls === 0 ? 0 : micros / calls
    const counters = `calls=${calls},usec=${Math.round(micros)},usec_per_call=${mean.toFixed(2)}`
    return [`cmdstat_${safe(name)}`, `${counters},rejected_calls=${rejected},failed_calls=${failed}`]
  })
}

function errorFields({ errors }: InfoFigures): Fields {
  return [...errors].map(([code, count]) => [`errorstat_${safe(code)}`, `count=${count}`])
}

function latencyFields({ latencies }: InfoFigures): Fields {
  return [...latencies].map(([name, percentiles]) => [
    `latency_percentiles_usec_${safe(name)}`,
    percentiles.map(([percent, micros]) => `p${percent}=${micros.toFixed(3)}`).join(','),
  ])
}

function keyspaceFields({ keyspace }: InfoFigures): Fields {
  return keyspace
    .filter(({ keys }) => keys > 0)
    .map(({ index, keys, volatile }) => [`db${index}`, `keys=${keys},expires=${volatile},avg_ttl=0`])
}

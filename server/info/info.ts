/**
 * The text of INFO: Redis 7.2's sections and field names, then our own sections `# Binlog` and `#
 * Storage`. Fields of Redis without a subject here (forks, jemalloc, cluster links) are left out,
 * except those that tools are known to read.
 */
import type { Bytes } from '../../base/bytes.ts'
import { clusterRows } from './cluster.ts'
import { commandLines, errorLines, latencyLines } from './commands.ts'
import { linesOf, type Rows } from './fields.ts'
import { memoryRows } from './memory.ts'
import { replicationRows } from './replication.ts'
import { clientRows, cpuRows, serverRows } from './server.ts'
import type { InfoSource } from './source.ts'
import { statsRows } from './stats.ts'
import { binlogRows, keyspaceLines, persistenceRows, storageRows } from './storage.ts'

interface Section {
  readonly name: Bytes
  readonly title: string
  /** Shown by INFO without arguments. */
  readonly isDefault: boolean
  readonly lines: (source: InfoSource) => Bytes
}

const section = (name: Bytes, title: string, rows: Rows): Section => ({ name, title, isDefault: true, lines: linesOf(rows) })
const onRequest = (name: Bytes, title: string, rows: Rows): Section => ({ name, title, isDefault: false, lines: linesOf(rows) })

/** The order in which sections are shown, independent of the request's order. */
const SECTIONS: readonly Section[] = [
  section('server', 'Server', serverRows),
  section('clients', 'Clients', clientRows),
  section('memory', 'Memory', memoryRows),
  section('persistence', 'Persistence', persistenceRows),
  section('stats', 'Stats', statsRows),
  section('replication', 'Replication', replicationRows),
  section('cpu', 'CPU', cpuRows),
  section('modules', 'Modules', []),
  onRequest('commandstats', 'Commandstats', [commandLines]),
  section('errorstats', 'Errorstats', [errorLines]),
  onRequest('latencystats', 'Latencystats', [latencyLines]),
  section('cluster', 'Cluster', clusterRows),
  section('keyspace', 'Keyspace', [keyspaceLines]),
  section('binlog', 'Binlog', binlogRows),
  section('storage', 'Storage', storageRows),
]

/**
 * Returns the text of INFO. `sections` are lower-case names, `default`, `all` or `everything`; none
 * means the default ones. Unknown names show nothing.
 */
export function infoText(source: InfoSource, sections: readonly Bytes[]): Bytes {
  const wanted = new Set(sections)
  const all = wanted.has('all') || wanted.has('everything')
  const defaults = sections.length === 0 || wanted.has('default')
  const isShown = ({ name, isDefault }: Section) => all || (defaults && isDefault) || wanted.has(name)
  return SECTIONS.filter(isShown)
    .map(({ title, lines }) => `# ${title}\r\n${lines(source)}`)
    .join('\r\n')
}

/**
 * Configuration keys of Redis that are accepted so that existing files and clients work; nothing
 * here depends on them. A key whose missing effect an operator would notice logs a warning at the
 * start. A key that promises security or a role which the server does not provide accepts only its
 * neutral value.
 */
import type { Bytes } from '../../../base/bytes.ts'
import type { ConfigKey, KeyOfRow } from '../key.ts'
import { choice, flag, integer, type Kind, MAX_INT32, MAX_INT64, MAX_UINT32, memory, none, only, text } from '../kinds.ts'
import { memoryOrPercent, oomScores, savePoints } from '../kinds-special.ts'

export type CompatibilityRow = readonly [
  name: Bytes,
  kind: Kind,
  initial: Bytes,
  alias?: Bytes | null,
  changes?: 'at-start' | null,
  warning?: string,
]

const whole = integer(0, MAX_INT32)
const long = integer(0, MAX_INT64)

type InertKey<R extends CompatibilityRow> = R extends CompatibilityRow ? KeyOfRow<R, R[3]> : never

export function inert<const R extends CompatibilityRow>(help: string, rows: readonly R[]): readonly InertKey<R>[] {
  const keys = rows.map(([name, kind, initial, alias, changes, warning]) => ({
    name,
    section: 'compatibility',
    kind,
    default: initial,
    changes: changes ?? 'any-time',
    ...(alias ? { aliases: [alias] } : {}),
    ...(warning === undefined ? {} : { warning }),
    inert: true,
    help,
  }))
  return keys as unknown as readonly InertKey<R>[]
}

/** Keys that CONFIG GET shows only by their own names. */
export function hidden<K extends ConfigKey>(keys: readonly K[]): readonly K[] {
  return keys.map((key) => ({ ...key, hidden: true }))
}

/** Rows of keys that must stay empty. */
function empty<const N extends Bytes>(why: string, ...names: readonly N[]) {
  return names.map((name) => [name, only('', why), ''] as const)
}

const encodings = inert('pages of lists are never compressed here', [['list-compress-depth', whole, '0']])

const memoryKeys = inert('data is on disk and never evicted: cache-memory bounds what is held in memory', [
  ['maxmemory', memory(0), '0', null, null, 'nothing is evicted from the data; cache-memory bounds what is held in memory'],
  ['maxmemory-samples', integer(1, 64), '5'],
  ['maxmemory-eviction-tenacity', integer(0, 100), '10'],
  ['maxmemory-clients', memoryOrPercent, '0'],
  ['lazyfree-lazy-eviction', flag, 'no'],
  ['lazyfree-lazy-expire', flag, 'no'],
  ['lazyfree-lazy-server-del', flag, 'no'],
  ['lazyfree-lazy-user-del', flag, 'no'],
  ['lazyfree-lazy-user-flush', flag, 'no'],
  ['activedefrag', flag, 'no'],
  ['active-defrag-cycle-min', integer(1, 99), '1'],
  ['active-defrag-cycle-max', integer(1, 99), '25'],
  ['active-defrag-threshold-lower', integer(0, 1000), '10'],
  ['active-defrag-threshold-upper', integer(0, 1000), '100'],
  ['active-defrag-ignore-bytes', memory(1), '100mb'],
  ['active-defrag-max-scan-fields', integer(1, MAX_INT64), '1000'],
  ['activerehashing', flag, 'yes'],
  ['jemalloc-bg-thread', flag, 'yes'],
  ['disable-thp', flag, 'yes', null, 'at-start'],
])

const PERSISTENCE = 'the binlog and LevelDB persist every write: see appendfsync'

const persistence = [
  ...inert(PERSISTENCE, [
    ['save', savePoints, ''],
    ['appendonly', flag, 'yes'],
    ['appendfilename', text, 'appendonly.aof', null, 'at-start'],
    ['appenddirname', text, 'appendonlydir', null, 'at-start'],
    ['dbfilename', text, 'dump.rdb'],
    ['no-appendfsync-on-rewrite', flag, 'no'],
    ['auto-aof-rewrite-percentage', whole, '100'],
    ['auto-aof-rewrite-min-size', memory(0), '64mb'],
    ['aof-load-truncated', flag, 'yes'],
    ['aof-use-rdb-preamble', flag, 'yes'],
    ['aof-timestamp-enabled', flag, 'no'],
    ['aof-rewrite-incremental-fsync', flag, 'yes'],
    ['aof-disable-auto-gc', flag, 'no'],
    ['rdb-save-incremental-fsync', flag, 'yes'],
    ['rdb-del-sync-files', flag, 'no'],
    ['rdbchecksum', flag, 'yes', null, 'at-start'],
  ]),
  ...hidden(
    inert(PERSISTENCE, [
      ['rdb-key-save-delay', integer(-(2 ** 31), MAX_INT32), '0'],
      ['key-load-delay', integer(-(2 ** 31), MAX_INT32), '0'],
    ]),
  ),
  ...inert('RESTORE checks every payload in full, whatever this key says', [
    ['sanitize-dump-payload', choice('no', 'yes', 'clients'), 'no'],
  ]),
  ...inert(PERSISTENCE, [['stop-writes-on-bgsave-error', flag, 'yes']]),
] as const

const replication = [
  ...inert('replicas continue from the binlog: see binlog-retention-bytes and binlog-retention-seconds', [
    ['repl-backlog-size', memory(1), '1mb'],
    ['repl-backlog-ttl', long, '3600'],
  ]),
  ...inert('a full sync is sent from a snapshot, without a dump on disk; the replica serves its old data until the new data is complete', [
    ['repl-diskless-sync-delay', whole, '5'],
    ['repl-diskless-sync-max-replicas', whole, '0'],
    ['repl-diskless-load', choice('disabled', 'on-empty-db', 'swapdb'), 'disabled'],
    ['replica-lazy-flush', flag, 'no', 'slave-lazy-flush'],
  ]),
  ...inert('a replica holds the data of its master, and acknowledges nothing that it could not write', [
    ['replica-ignore-maxmemory', flag, 'yes', 'slave-ignore-maxmemory'],
    ['replica-ignore-disk-write-errors', flag, 'no'],
    ['propagation-error-behavior', choice('ignore', 'panic', 'panic-on-replicas'), 'ignore'],
  ]),
  ...inert('the output of an event-loop turn is sent at once and together', [['repl-disable-tcp-nodelay', flag, 'no']]),
] as const satisfies readonly ConfigKey[]

const others = inert('accepted for files and clients that set it', [
  ['hz', whole, '10'],
  ['dynamic-hz', flag, 'yes'],
  ['active-expire-effort', integer(1, 10), '1'],
  ['enable-protected-configs', choice('no', 'yes', 'local'), 'no', null, 'at-start'],
  ['enable-module-command', choice('no', 'yes', 'local'), 'no', null, 'at-start'],
  ['io-threads-do-reads', flag, 'no', null, 'at-start'],
  ['always-show-logo', flag, 'no', null, 'at-start'],
  ['daemonize', flag, 'no', null, 'at-start', 'haypile stays in the foreground: run it under a service manager'],
  [
    'supervised',
    choice('upstart', 'systemd', 'auto', 'no'),
    'no',
    null,
    'at-start',
    'haypile does not notify a supervisor when it is ready: a systemd unit needs Type=exec, not Type=notify',
  ],
  ['syslog-enabled', flag, 'no', null, 'at-start', 'the log goes to logfile, or to standard output'],
  ['syslog-ident', text, 'redis', null, 'at-start'],
  ['syslog-facility', text, 'local0', null, 'at-start'],
  ['crash-log-enabled', flag, 'yes'],
  ['crash-memcheck-enabled', flag, 'yes'],
  ['use-exit-on-panic', flag, 'no'],
  ['ignore-warnings', text, ''],
  ['locale-collate', text, ''],
  ['socket-mark-id', integer(0, MAX_UINT32), '0', null, 'at-start'],
  ['oom-score-adj', choice('no', 'yes', 'relative', 'absolute'), 'no'],
  ['oom-score-adj-values', oomScores, '0 200 800'],
  ['server_cpulist', text, '', null, 'at-start'],
  ['bio_cpulist', text, '', null, 'at-start'],
  ['aof_rewrite_cpulist', text, '', null, 'at-start'],
  ['bgsave_cpulist', text, '', null, 'at-start'],
  ['tls-session-caching', flag, 'yes'],
  ['tls-session-cache-size', whole, '20480'],
  ['tls-session-cache-timeout', whole, '300'],
  ['tls-prefer-server-ciphers', flag, 'no'],
])

/** Keys without effect, since nodes of a cluster do not talk to each other; see cluster-enabled. */
const cluster = inert('belongs to the gossip of a Redis Cluster, which does not exist here', [
  ['cluster-config-file', text, 'nodes.conf', null, 'at-start'],
  ['cluster-port', integer(0, 65535), '0', null, 'at-start'],
  ['cluster-node-timeout', long, '15000'],
  ['cluster-replica-validity-factor', whole, '10', 'cluster-slave-validity-factor'],
  ['cluster-migration-barrier', whole, '1'],
  ['cluster-allow-replica-migration', flag, 'yes'],
  ['cluster-replica-no-failover', flag, 'no', 'cluster-slave-no-failover'],
  ['cluster-allow-reads-when-down', flag, 'no'],
  ['cluster-allow-pubsubshard-when-down', flag, 'yes'],
  ['cluster-link-sendbuf-limit', memory(0), '0'],
  ['cluster-announce-human-nodename', text, ''],
])

/** Keys of older Redis versions, which Redis ignores, too. */
const retired = hidden(
  inert('a key of older versions of Redis, which later ones ignore', [
    ['list-max-ziplist-entries', text, ''],
    ['list-max-ziplist-value', text, ''],
    ['lua-replicate-commands', text, ''],
  ]),
)

/** Directives of a file that are not keys of CONFIG. */
const refusedLines = hidden(
  inert('not accepted in a file: the feature does not exist here', [
    ['rename-command', none('commands cannot be renamed; restrict them with users (ACL)'), ''],
    ['loadmodule', none('there are no modules'), ''],
  ]),
).map((key) => ({ ...key, withheld: true as const }))

/**
 * Keys that accept only their neutral value: ignoring another one would promise what does not
 * exist.
 */
const refused = inert('only this value is accepted: the feature does not exist here', [
  ...empty(
    'not supported by this version',
    'bind-source-addr',
    'tls-ca-cert-dir',
    'tls-key-file-pass',
    'tls-client-cert-file',
    'tls-client-key-file',
    'tls-client-key-file-pass',
  ),
  ...empty(
    "not supported by this version: Node's defaults are used",
    'tls-dh-params-file',
    'tls-protocols',
    'tls-ciphers',
    'tls-ciphersuites',
  ),
])

export const compatibilityKeys = [
  ...encodings,
  ...memoryKeys,
  ...persistence,
  ...replication,
  ...others,
  ...cluster,
  ...retired,
  ...refused,
  ...refusedLines,
] as const satisfies readonly ConfigKey[]

/**
 * Configuration keys of Redis and Pika that are taken so that existing files and clients work, and on which nothing here depends. What
 * would promise security or a role that the server does not give takes only the value that asks for nothing.
 */
import type { Bytes } from '../storage/bytes.ts'
import type { ConfigKey } from './config-key.ts'
import { choice, flag, integer, type Kind, MAX_INT32, MAX_INT64, MAX_UINT32, memory, only, text } from './config-kinds.ts'
import { memoryOrPercent, oomScores, savePoints } from './config-kinds-special.ts'

type Row = readonly [name: Bytes, kind: Kind, initial: Bytes, alias?: Bytes | null, changes?: 'at start']

const whole = integer(0, MAX_INT32)
const long = integer(0, MAX_INT64)
const MEBIBYTE = 1024 * 1024

function inert(help: string, rows: readonly Row[]): ConfigKey[] {
  return rows.map(([name, kind, initial, alias, changes]) => ({
    name,
    section: 'compatibility',
    kind,
    default: initial,
    changes: changes ?? 'any time',
    ...(alias ? { aliases: [alias] } : {}),
    inert: true,
    help,
  }))
}

const encodings = inert('pages of lists are never compressed here', [['list-compress-depth', whole, '0']])

const memoryKeys = inert('data is on disk and never evicted: cache-memory bounds what is held in memory', [
  ['maxmemory', memory(0), '0'],
  [
    'maxmemory-policy',
    choice('volatile-lru', 'volatile-lfu', 'volatile-random', 'volatile-ttl', 'allkeys-lru', 'allkeys-lfu', 'allkeys-random', 'noeviction'),
    'noeviction',
  ],
  ['maxmemory-samples', integer(1, 64), '5'],
  ['maxmemory-eviction-tenacity', integer(0, 100), '10'],
  ['maxmemory-clients', memoryOrPercent, '0'],
  ['lfu-log-factor', whole, '10'],
  ['lfu-decay-time', whole, '1'],
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
  ['disable-thp', flag, 'yes', null, 'at start'],
])

const persistence = inert('the binlog and LevelDB persist every write: see appendfsync', [
  ['save', savePoints, ''],
  ['appendonly', flag, 'yes'],
  ['appendfilename', text, 'appendonly.aof', null, 'at start'],
  ['appenddirname', text, 'appendonlydir', null, 'at start'],
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
  ['rdbcompression', flag, 'yes'],
  ['rdbchecksum', flag, 'yes', null, 'at start'],
  ['rdb-key-save-delay', integer(-(2 ** 31), MAX_INT32), '0'],
  ['key-load-delay', integer(-(2 ** 31), MAX_INT32), '0'],
  ['sanitize-dump-payload', choice('no', 'yes', 'clients'), 'no'],
  ['stop-writes-on-bgsave-error', flag, 'yes'],
]).map((key): ConfigKey => (key.name === 'key-load-delay' || key.name === 'rdb-key-save-delay' ? { ...key, hidden: true } : key))

const replication: readonly ConfigKey[] = [
  ...inert('the binlog is what replicas go on from: see binlog-retention-bytes and binlog-retention-seconds', [
    ['repl-backlog-size', memory(1), '1mb'],
    ['repl-backlog-ttl', long, '3600'],
  ]),
  ...inert('a full sync is sent from a snapshot and dumps nothing to disk; the replica serves its old data until it is whole', [
    ['repl-diskless-sync', flag, 'yes'],
    ['repl-diskless-sync-delay', whole, '5'],
    ['repl-diskless-sync-max-replicas', whole, '0'],
    ['repl-diskless-load', choice('disabled', 'on-empty-db', 'swapdb'), 'disabled'],
    ['replica-lazy-flush', flag, 'no', 'slave-lazy-flush'],
  ]),
  ...inert('a replica holds what its master does, and what it cannot write it does not acknowledge', [
    ['replica-ignore-maxmemory', flag, 'yes', 'slave-ignore-maxmemory'],
    ['replica-ignore-disk-write-errors', flag, 'no'],
    ['propagation-error-behavior', choice('ignore', 'panic', 'panic-on-replicas'), 'ignore'],
  ]),
  ...inert('what a turn of the event loop has to send goes out at once and together', [['repl-disable-tcp-nodelay', flag, 'no']]),
]

const others = inert('taken for files and clients that set it', [
  ['hz', whole, '10'],
  ['dynamic-hz', flag, 'yes'],
  ['active-expire-effort', integer(1, 10), '1'],
  ['enable-protected-configs', choice('no', 'yes', 'local'), 'no', null, 'at start'],
  ['enable-module-command', choice('no', 'yes', 'local'), 'no', null, 'at start'],
  ['io-threads', integer(1, 128), '1', null, 'at start'],
  ['io-threads-do-reads', flag, 'no', null, 'at start'],
  ['always-show-logo', flag, 'no', null, 'at start'],
  ['supervised', choice('upstart', 'systemd', 'auto', 'no'), 'no', null, 'at start'],
  ['syslog-enabled', only('no', 'haypile does not log to syslog: see logfile'), 'no', null, 'at start'],
  ['syslog-ident', text, 'redis', null, 'at start'],
  ['syslog-facility', text, 'local0', null, 'at start'],
  ['crash-log-enabled', flag, 'yes'],
  ['crash-memcheck-enabled', flag, 'yes'],
  ['use-exit-on-panic', flag, 'no'],
  ['ignore-warnings', text, ''],
  ['locale-collate', text, ''],
  ['socket-mark-id', integer(0, MAX_UINT32), '0', null, 'at start'],
  ['oom-score-adj', choice('no', 'yes', 'relative', 'absolute'), 'no'],
  ['oom-score-adj-values', oomScores, '0 200 800'],
  ['server_cpulist', text, '', null, 'at start'],
  ['bio_cpulist', text, '', null, 'at start'],
  ['aof_rewrite_cpulist', text, '', null, 'at start'],
  ['bgsave_cpulist', text, '', null, 'at start'],
  ['tls-session-caching', flag, 'yes'],
  ['tls-session-cache-size', whole, '20480'],
  ['tls-session-cache-timeout', whole, '300'],
  ['tls-prefer-server-ciphers', flag, 'no'],
  ['tls-cluster', flag, 'no'],
])

/** What Pika's files hold and has no counterpart. Shown only when asked for. */
const pika = inert("Pika's, taken for files that set it", [
  ['thread-num', whole, '1'],
  ['thread-pool-size', whole, '12'],
  ['sync-thread-num', whole, '6'],
  ['log-path', text, './log/'],
  ['dump-path', text, './dump/'],
  ['dump-prefix', text, ''],
  ['dump-expire', whole, '0'],
  ['db-sync-path', text, './dbsync/'],
  ['db-sync-speed', integer(-1, MAX_INT32), '-1'],
  ['sync-binlog-thread-num', whole, '1'],
  ['rsync-timeout-ms', whole, '1000'],
  ['max-rsync-parallel-num', whole, '4'],
  ['server-id', whole, '1'],
  ['replication-id', text, ''],
  ['replication-num', only('0', 'this version has no quorum: see WAIT and min-replicas-to-write'), '0'],
  ['consensus-level', only('0', 'this version has no quorum: see WAIT and min-replicas-to-write'), '0'],
  ['root-connection-num', whole, '2'],
  ['slowlog-write-errorlog', flag, 'no'],
  ['sync-window-size', long, '9000'],
  ['default-slot-num', whole, '1024'],
  ['target-file-size-base', memory(0), '20mb'],
  ['arena-block-size', memory(0), '0'],
  ['block-size', memory(0), '4kb'],
  ['max-write-buffer-size', memory(0), String(10240 * MEBIBYTE)],
  ['max-write-buffer-num', whole, '2'],
  ['compression', text, 'snappy'],
  ['compact-cron', text, ''],
  ['compact-interval', text, ''],
  ['max-cache-statistic-keys', long, '0'],
  ['small-compaction-threshold', long, '5000'],
  ['max-background-flushes', whole, '1'],
  ['max-background-compactions', whole, '2'],
  ['max-cache-files', integer(-1, MAX_INT32), '5000'],
  ['max-bytes-for-level-multiplier', whole, '10'],
  ['network-interface', text, ''],
]).map((key): ConfigKey => ({ ...key, hidden: true }))

/** What is refused unless it asks for nothing: to pass over it would be to lie. */
const refused: readonly ConfigKey[] = inert('only this value: what it asks for does not exist here', [
  ['cluster-enabled', only('no', 'this version has no cluster mode'), 'no', null, 'at start'],
  ['write-binlog', only('yes', 'the binlog is what recovery reads'), 'yes', null, 'at start'],
  ['instance-mode', only('classic', 'this version has no sharding'), 'classic', null, 'at start'],
  ...[
    'bind-source-addr',
    'tls-ca-cert-dir',
    'tls-key-file-pass',
    'tls-client-cert-file',
    'tls-client-key-file',
    'tls-client-key-file-pass',
  ].map((name): Row => [name, only('', 'not supported by this version'), '', null, 'at start']),
  ...['tls-dh-params-file', 'tls-protocols', 'tls-ciphers', 'tls-ciphersuites'].map(
    (name): Row => [name, only('', "not supported by this version: Node's defaults are used"), '', null, 'at start'],
  ),
])

export const compatibilityKeys: readonly ConfigKey[] = [
  ...encodings,
  ...memoryKeys,
  ...persistence,
  ...replication,
  ...others,
  ...pika,
  ...refused,
]

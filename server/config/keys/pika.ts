/**
 * Configuration keys of Pika (3 and 4) without a counterpart, accepted so that Pika's files work.
 * CONFIG GET shows them only by name. A Pika key that means the same as a haypile key is an alias
 * of that key.
 */
import type { Bytes } from '../../../base/bytes.ts'
import { flag, integer, MAX_INT32, MAX_INT64, memory, only, text } from '../kinds.ts'
import { hidden, inert } from './compatibility.ts'

const whole = integer(-1, MAX_INT32)
const long = integer(0, MAX_INT64)
const MEBIBYTE = 1024 * 1024

/** Keys that accept any value. */
const texts = <const N extends Bytes>(...names: readonly N[]) => names.map((name) => [name, text, ''] as const)

const threads = inert("a setting of Pika's threads; haypile runs commands on one thread", [
  ['thread-num', whole, '1'],
  ['thread-pool-size', whole, '12'],
  ['sync-thread-num', whole, '6'],
  ['sync-binlog-thread-num', whole, '1'],
  ...texts('slow-cmd-pool', 'slow-cmd-thread-pool-size', 'slow-cmd-list', 'admin-thread-pool-size', 'admin-cmd-list', 'rtc-cache-read'),
])

const files = inert("a setting of Pika's files; haypile keeps its data in dir and its log in logfile, and writes no dumps", [
  ['log-path', text, './log/'],
  ['dump-path', text, './dump/'],
  ['dump-prefix', text, ''],
  ['dump-expire', whole, '0'],
  ['slowlog-write-errorlog', flag, 'no'],
  ...texts('log-retention-time'),
])

const replication = inert(
  "a setting of Pika's replication; haypile chooses its own ids, and a full sync needs no directory and no threads",
  [
    ['db-sync-path', text, './dbsync/'],
    ['db-sync-speed', whole, '-1'],
    ['rsync-timeout-ms', whole, '1000'],
    ['max-rsync-parallel-num', whole, '4'],
    ['server-id', whole, '1'],
    ['replication-id', text, ''],
    ['sync-window-size', long, '9000'],
    ...texts('run-id', 'master-run-id', 'internal-used-unfinished-full-sync', 'wash-data'),
  ],
)

const rocks = inert('a setting of RocksDB; haypile uses LevelDB: see level-block-cache and level-write-buffer', [
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
  ['max-cache-files', whole, '5000'],
  ['max-bytes-for-level-multiplier', whole, '10'],
  ...texts(
    'db-instance-num',
    'rocksdb-ttl-second',
    'rocksdb-periodic-second',
    'disable_auto_compactions',
    'max-subcompactions',
    'min-check-resume-ratio',
    'least-free-disk-resume-size',
    'manually-resume-interval',
    'small-compaction-duration-threshold',
    'min-write-buffer-number-to-merge',
    'max-total-wal-size',
    'level0-stop-writes-trigger',
    'level0-slowdown-writes-trigger',
    'level0-file-num-compaction-trigger',
    'enable-db-statistics',
    'db-statistics-level',
    'compression_per_level',
    'max-background-jobs',
    'delayed-write-rate',
    'max-compaction-bytes',
    'num-shard-bits',
    'share-block-cache',
    'enable-partitioned-index-filters',
    'cache-index-and-filter-blocks',
    'pin_l0_filter_and_index_blocks_in_cache',
    'optimize-filters-for-hits',
    'level-compaction-dynamic-level-bytes',
    'rate-limiter-mode',
    'rate-limiter-bandwidth',
    'rate-limiter-refill-period-us',
    'rate-limiter-fairness',
    'rate-limiter-auto-tuned',
    'enable-blob-files',
    'min-blob-size',
    'blob-file-size',
    'blob-compression-type',
    'enable-blob-garbage-collection',
    'blob-garbage-collection-age-cutoff',
    'blob_garbage_collection_force_threshold',
    'blob-cache',
    'blob-num-shard-bits',
  ),
])

const cache = inert('a setting of the Redis in which Pika caches; here cache-memory limits the data in memory', [
  ...texts(
    'cache-num',
    'cache-model',
    'cache-type',
    'zset-cache-field-num-per-key',
    'zset-cache-start-direction',
    'cache-maxmemory',
    'cache-maxmemory-policy',
    'cache-maxmemory-samples',
    'cache-lfu-decay-time',
  ),
])

const clients = inert("a setting of Pika's clients: see maxclients, client-output-buffer-limit, bind", [
  ['root-connection-num', whole, '2'],
  ['network-interface', text, ''],
  ...texts('max-client-response-size'),
])

const codis = inert('a setting of Codis, which is not supported: no slots can be migrated', [
  ['default-slot-num', whole, '1024'],
  ['slotmigrate', only('no', 'this version has no slots'), 'no'],
  ...texts('slotmigrate-thread-num', 'thread-migrate-keys-num'),
])

/**
 * Keys that accept only their neutral value: ignoring another one would promise what does not
 * exist.
 */
const refused = inert('only this value is accepted: the feature does not exist here', [
  ['write-binlog', only('yes', 'the binlog is what recovery reads'), 'yes'],
  ['instance-mode', only('classic', 'this version has no sharding'), 'classic'],
  ['replication-num', only('0', 'this version has no quorum: see WAIT and min-replicas-to-write'), '0'],
  ['consensus-level', only('0', 'this version has no quorum: see WAIT and min-replicas-to-write'), '0'],
])

export const pikaKeys = hidden([...threads, ...files, ...replication, ...rocks, ...cache, ...clients, ...codis, ...refused])

/** Configuration keys of the data. */
import type { ConfigKey } from './config-key.ts'
import { choice, directory, integer, MAX_INT32, memory, memoryText } from './config-kinds.ts'

const MEBIBYTE = 1024 * 1024
const LEAST_CACHE_BYTES = 16 * MEBIBYTE
const DAY_SECONDS = 24 * 60 * 60

export const storageKeys: readonly ConfigKey[] = [
  {
    name: 'dir',
    section: 'data',
    kind: directory,
    default: './data',
    changes: 'at start',
    aliases: [{ name: 'db-path', times: 1 }],
    help: 'directory of the data, made where it is missing',
  },
  {
    name: 'databases',
    section: 'data',
    kind: integer(1, MAX_INT32),
    default: '16',
    changes: 'at start',
    help: 'numbered databases to SELECT from',
  },
  {
    name: 'appendfsync',
    section: 'data',
    kind: choice('everysec', 'always', 'no'),
    default: 'everysec',
    changes: 'any time',
    help: 'when the binlog is forced to disk: always is before every reply, no leaves it to the system',
  },
  {
    name: 'binlog-file-size',
    section: 'data',
    kind: memory(MEBIBYTE, 1024 * MEBIBYTE),
    default: '64mb',
    changes: 'any time',
    help: 'begin a new binlog file at this size',
  },
  {
    name: 'binlog-retention-bytes',
    section: 'data',
    kind: memory(0),
    default: '1gb',
    changes: 'any time',
    aliases: [{ name: 'expire-logs-nums', times: 64 * MEBIBYTE }],
    help: 'remove old binlog files past this total; 0 keeps only what recovery needs (expire-logs-nums counts in 64 MiB)',
  },
  {
    name: 'binlog-retention-seconds',
    section: 'data',
    kind: integer(0, MAX_INT32),
    unit: 'seconds',
    default: String(7 * DAY_SECONDS),
    changes: 'any time',
    aliases: [{ name: 'expire-logs-days', times: DAY_SECONDS }],
    help: 'remove binlog files older than this; 0 for no limit of age (expire-logs-days counts in days)',
  },
  {
    name: 'checkpoint-binlog-bytes',
    section: 'data',
    kind: memory(MEBIBYTE, 16 * 1024 * MEBIBYTE),
    default: '64mb',
    changes: 'any time',
    help: 'bring LevelDB up to date after so much binlog; also about what a restart has to replay',
  },
  {
    name: 'checkpoint-seconds',
    section: 'data',
    kind: integer(1, MAX_INT32),
    unit: 'seconds',
    default: '300',
    changes: 'any time',
    help: 'and after this long, where anything changed',
  },
  {
    name: 'cache-memory',
    section: 'data',
    kind: memory(LEAST_CACHE_BYTES),
    default: ({ memoryBytes }) => memoryText(Math.max(LEAST_CACHE_BYTES, Math.floor(memoryBytes / 4 / MEBIBYTE) * MEBIBYTE)),
    changes: 'any time',
    help: 'keep so much of the data in memory; by default a quarter of what the machine has',
  },
  {
    name: 'dirty-limit',
    section: 'data',
    kind: memory(0),
    default: '0',
    changes: 'any time',
    help: 'stop reading from clients while more than this is not yet in LevelDB; 0 is automatic',
  },
  {
    name: 'level-block-cache',
    section: 'data',
    kind: memory(0),
    default: '32mb',
    changes: 'at start',
    aliases: [{ name: 'block-cache', times: 1 }],
    help: "LevelDB's cache of blocks",
  },
  {
    name: 'level-write-buffer',
    section: 'data',
    kind: memory(64 * 1024, 1024 * MEBIBYTE),
    default: '16mb',
    changes: 'at start',
    aliases: [{ name: 'write-buffer-size', times: 1 }],
    help: "LevelDB's table in memory",
  },
]

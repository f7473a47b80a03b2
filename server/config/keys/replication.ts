/** Configuration keys of replication. Redis's and Pika's older spellings are aliases. */
import type { ConfigKey } from '../key.ts'
import { choice, flag, integer, MAX_INT32, memory, only, text } from '../kinds.ts'
import { hostName, masterAddress } from '../kinds-special.ts'

const MEBIBYTE = 1024 * 1024

const link = [
  {
    name: 'replicaof',
    section: 'replication',
    kind: masterAddress,
    default: '',
    changes: 'at-start',
    aliases: ['slaveof'],
    help: 'the master to follow; a master set by SLAVEOF or FAILOVER is stored beside the data and takes precedence',
  },
  {
    name: 'masterauth',
    section: 'replication',
    kind: text,
    default: '',
    changes: 'any-time',
    secret: true,
    help: 'password of the master; empty for none',
  },
  {
    name: 'masteruser',
    section: 'replication',
    kind: text,
    default: '',
    changes: 'any-time',
    help: 'user for masterauth; empty for the default user',
  },
  {
    name: 'tls-replication',
    section: 'replication',
    kind: flag,
    default: 'no',
    changes: 'any-time',
    help: 'connect to the master by TLS, with tls-cert-file as certificate',
  },
  {
    name: 'repl-timeout',
    section: 'replication',
    kind: integer(1, MAX_INT32),
    unit: 'seconds',
    default: '60',
    changes: 'any-time',
    help: 'a master or replica that sends nothing for this time is considered gone',
  },
  {
    name: 'repl-ping-replica-period',
    section: 'replication',
    kind: integer(1, MAX_INT32),
    unit: 'seconds',
    default: '10',
    changes: 'any-time',
    aliases: ['repl-ping-slave-period'],
    help: 'seconds between heartbeats on an idle link; must be below repl-timeout',
  },
] as const satisfies readonly ConfigKey[]

const asReplica = [
  {
    name: 'replica-read-only',
    section: 'replication',
    kind: only('yes', 'a replica that accepts writes would have another binlog than its master, and could never continue from it'),
    default: 'yes',
    changes: 'any-time',
    aliases: ['slave-read-only'],
    help: 'replicas accept writes only from their master; other writes would make their binlog differ, and they could not continue from the master',
  },
  {
    name: 'replica-serve-stale-data',
    section: 'replication',
    kind: flag,
    default: 'yes',
    changes: 'any-time',
    aliases: ['slave-serve-stale-data'],
    help: 'without a link to the master, serve data that may be stale; the value no replies MASTERDOWN instead',
  },
  {
    name: 'replica-priority',
    section: 'replication',
    kind: integer(0, MAX_INT32),
    default: '100',
    changes: 'any-time',
    aliases: ['slave-priority'],
    help: 'for Sentinel: the replica with the lowest value is promoted first; 0 means never',
  },
  {
    name: 'replica-announced',
    section: 'replication',
    kind: flag,
    default: 'yes',
    changes: 'any-time',
    help: 'for Sentinel: whether it lists this replica to clients',
  },
  {
    name: 'replica-announce-ip',
    section: 'replication',
    kind: hostName,
    default: '',
    changes: 'any-time',
    aliases: ['slave-announce-ip'],
    help: 'address that the master shows for this replica; empty for the one it connects from',
  },
  {
    name: 'replica-announce-port',
    section: 'replication',
    kind: integer(0, 65535),
    default: '0',
    changes: 'any-time',
    aliases: ['slave-announce-port'],
    help: 'port that the master shows for this replica; 0 for the one it listens on',
  },
] as const satisfies readonly ConfigKey[]

const asMaster = [
  {
    name: 'repl-diskless-sync',
    section: 'replication',
    kind: flag,
    default: 'yes',
    changes: 'any-time',
    help: 'a Redis replica finds the end of a full sync by a mark; with no, the length comes first, and the data is read twice',
  },
  {
    name: 'psync-compatibility',
    section: 'replication',
    kind: choice('translate', 'refuse'),
    default: 'translate',
    changes: 'any-time',
    help: 'for Redis replicas, which have no deadlines of fields: leave the deadlines out and log how many; or refuse to replicate them',
  },
  {
    name: 'min-replicas-to-write',
    section: 'replication',
    kind: integer(0, MAX_INT32),
    default: '0',
    changes: 'any-time',
    aliases: ['min-slaves-to-write'],
    help: 'refuse writes with NOREPLICAS while fewer replicas are in step; 0 for no condition',
  },
  {
    name: 'min-replicas-max-lag',
    section: 'replication',
    kind: integer(0, MAX_INT32),
    unit: 'seconds',
    default: '10',
    changes: 'any-time',
    aliases: ['min-slaves-max-lag'],
    help: 'a replica is in step if it was heard from within this time; 0 for no condition',
  },
  {
    name: 'dbsync-rate-limit',
    section: 'replication',
    kind: memory(0),
    default: '0',
    changes: 'any-time',
    aliases: [{ name: 'throttle-bytes-per-second', times: 1 }],
    help: 'bytes a second that all full syncs together may send; 0 for no limit',
  },
  {
    name: 'replica-lag-limit',
    section: 'replication',
    kind: memory(MEBIBYTE),
    default: '2gb',
    changes: 'any-time',
    help: 'binlog kept for an attached replica; a replica that lags by more is detached and needs a full sync',
  },
  {
    name: 'replica-forget-after',
    section: 'replication',
    kind: integer(0, MAX_INT32),
    unit: 'seconds',
    default: '3600',
    changes: 'any-time',
    help: 'time for which INFO still shows a detached replica',
  },
] as const satisfies readonly ConfigKey[]

export const replicationKeys = [...link, ...asReplica, ...asMaster] as const

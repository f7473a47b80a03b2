/** Configuration keys of replication. Redis's and Pika's older spellings are aliases. */
import type { ConfigKey } from '../key.ts'
import { flag, integer, MAX_INT32, memory, only, text } from '../kinds.ts'
import { hostName, masterAddress } from '../kinds-special.ts'

const MEBIBYTE = 1024 * 1024

const link: readonly ConfigKey[] = [
  {
    name: 'replicaof',
    section: 'replication',
    kind: masterAddress,
    default: '',
    changes: 'at start',
    aliases: ['slaveof'],
    help: 'the master to follow, until SLAVEOF or FAILOVER says otherwise: what they say is kept beside the data, and counts from then on',
  },
  {
    name: 'masterauth',
    section: 'replication',
    kind: text,
    default: '',
    changes: 'any time',
    secret: true,
    help: 'password of the master; empty for none',
  },
  {
    name: 'masteruser',
    section: 'replication',
    kind: text,
    default: '',
    changes: 'any time',
    help: 'user that the password is of; empty for the default one',
  },
  {
    name: 'tls-replication',
    section: 'replication',
    kind: flag,
    default: 'no',
    changes: 'any time',
    help: 'speak TLS with the master, showing tls-cert-file',
  },
  {
    name: 'repl-timeout',
    section: 'replication',
    kind: integer(1, MAX_INT32),
    unit: 'seconds',
    default: '60',
    changes: 'any time',
    help: 'a master or replica that has been silent for so long is gone',
  },
  {
    name: 'repl-ping-replica-period',
    section: 'replication',
    kind: integer(1, MAX_INT32),
    unit: 'seconds',
    default: '10',
    changes: 'any time',
    aliases: ['repl-ping-slave-period'],
    help: 'an idle link carries a sign of life so often; to be less than repl-timeout',
  },
]

const asReplica: readonly ConfigKey[] = [
  {
    name: 'replica-read-only',
    section: 'replication',
    kind: only('yes', 'a replica that takes writes would have another binlog than its master, and could never go on from it'),
    default: 'yes',
    changes: 'any time',
    aliases: ['slave-read-only'],
    help: 'replicas take no writes but from their master: one that did would have another binlog than it, and could never go on from it',
  },
  {
    name: 'replica-serve-stale-data',
    section: 'replication',
    kind: flag,
    default: 'yes',
    changes: 'any time',
    aliases: ['slave-serve-stale-data'],
    help: 'serve what there is while the master is not reached; no answers MASTERDOWN',
  },
  {
    name: 'replica-priority',
    section: 'replication',
    kind: integer(0, MAX_INT32),
    default: '100',
    changes: 'any time',
    aliases: ['slave-priority'],
    help: 'for Sentinel: the lowest is promoted first; 0 is never promoted',
  },
  {
    name: 'replica-announced',
    section: 'replication',
    kind: flag,
    default: 'yes',
    changes: 'any time',
    help: 'for Sentinel: whether it tells clients of this replica',
  },
  {
    name: 'replica-announce-ip',
    section: 'replication',
    kind: hostName,
    default: '',
    changes: 'any time',
    aliases: ['slave-announce-ip'],
    help: 'address under which the master is to know this replica; empty for the one that it connects from',
  },
  {
    name: 'replica-announce-port',
    section: 'replication',
    kind: integer(0, 65535),
    default: '0',
    changes: 'any time',
    aliases: ['slave-announce-port'],
    help: 'port under which the master is to know this replica; 0 for the one that it listens on',
  },
]

const asMaster: readonly ConfigKey[] = [
  {
    name: 'min-replicas-to-write',
    section: 'replication',
    kind: integer(0, MAX_INT32),
    default: '0',
    changes: 'any time',
    aliases: ['min-slaves-to-write'],
    help: 'refuse writes with NOREPLICAS while fewer replicas are in step; 0 for no such condition',
  },
  {
    name: 'min-replicas-max-lag',
    section: 'replication',
    kind: integer(0, MAX_INT32),
    unit: 'seconds',
    default: '10',
    changes: 'any time',
    aliases: ['min-slaves-max-lag'],
    help: 'a replica is in step that was heard of within so long; 0 for no such condition',
  },
  {
    name: 'dbsync-rate-limit',
    section: 'replication',
    kind: memory(0),
    default: '0',
    changes: 'any time',
    aliases: [{ name: 'throttle-bytes-per-second', times: 1 }],
    help: 'bytes that all full syncs together send a second; 0 for as fast as it goes',
  },
  {
    name: 'replica-lag-limit',
    section: 'replication',
    kind: memory(MEBIBYTE),
    default: '2gb',
    changes: 'any time',
    help: 'binlog that is kept for an attached replica; one that is further behind is cut off, and will need a full sync',
  },
  {
    name: 'replica-forget-after',
    section: 'replication',
    kind: integer(0, MAX_INT32),
    unit: 'seconds',
    default: '3600',
    changes: 'any time',
    help: 'how long INFO still shows a replica that has left',
  },
]

export const replicationKeys: readonly ConfigKey[] = [...link, ...asReplica, ...asMaster]

/** Configuration keys of the cluster to which this node belongs, or that it says it is. */
import type { ConfigKey } from '../key.ts'
import { choice, flag, integer, text } from '../kinds.ts'

export const clusterKeys = [
  {
    name: 'cluster-enabled',
    section: 'cluster',
    kind: choice('no', 'yes', 'emulated'),
    default: 'no',
    changes: 'at-start',
    help: 'yes: a node of a cluster, which serves the slots of its map; emulated: the node says that it owns all slots, for clients that speak only to clusters',
  },
  {
    name: 'cluster-require-one-slot',
    section: 'cluster',
    kind: flag,
    default: 'no',
    changes: 'any-time',
    help: 'refuse commands, transactions and scripts with keys in several slots, as a Redis cluster does; only with cluster-enabled',
  },
  {
    name: 'cluster-require-full-coverage',
    section: 'cluster',
    kind: flag,
    default: 'yes',
    changes: 'any-time',
    help: 'a node of a cluster serves nothing while a slot has no owner in its map',
  },
  {
    name: 'cluster-announce-ip',
    section: 'cluster',
    kind: text,
    default: '',
    changes: 'any-time',
    help: 'the address that clients of the cluster are told; empty for the one that they have connected to',
  },
  {
    name: 'cluster-announce-hostname',
    section: 'cluster',
    kind: text,
    default: '',
    changes: 'any-time',
    help: 'the host name that clients of the cluster are told; empty for none',
  },
  {
    name: 'cluster-announce-port',
    section: 'cluster',
    kind: integer(0, 65535),
    default: '0',
    changes: 'any-time',
    help: 'the port that clients of the cluster are told; 0 for port',
  },
  {
    name: 'cluster-announce-tls-port',
    section: 'cluster',
    kind: integer(0, 65535),
    default: '0',
    changes: 'any-time',
    help: 'the TLS port that clients of the cluster are told; 0 for tls-port',
  },
  {
    name: 'cluster-announce-bus-port',
    section: 'cluster',
    kind: integer(0, 65535),
    default: '0',
    changes: 'any-time',
    help: 'the bus port that CLUSTER NODES shows; 0 for the port plus 10000. No bus listens there',
  },
  {
    name: 'cluster-preferred-endpoint-type',
    section: 'cluster',
    kind: choice('ip', 'hostname', 'unknown-endpoint'),
    default: 'ip',
    changes: 'any-time',
    help: 'the kind of address that CLUSTER SLOTS and CLUSTER SHARDS give first',
  },
] as const satisfies readonly ConfigKey[]

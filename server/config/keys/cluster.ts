/** Configuration keys of the cluster that this node says it is. */
import { lowerCase } from '../../../base/bytes.ts'
import type { ConfigKey } from '../key.ts'
import { ConfigRefused, choice, flag, integer, oneWord, requireChoice, text } from '../kinds.ts'

const NO_CLUSTER = 'this version has no cluster mode of several nodes; emulated makes one node say that it owns all slots'

const clusterMode = oneWord<'no' | 'emulated'>(
  'no, emulated',
  (word) => {
    if (lowerCase(word) === 'yes') throw new ConfigRefused(NO_CLUSTER)
    return requireChoice(lowerCase(word), ['no', 'emulated'])
  },
  (value) => value,
)

export const clusterKeys = [
  {
    name: 'cluster-enabled',
    section: 'cluster',
    kind: clusterMode,
    default: 'no',
    changes: 'at-start',
    help: 'emulated: the node says that it owns all slots, for clients that speak only to clusters',
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

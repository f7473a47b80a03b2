/** Configuration keys of a node's lease in etcd. */
import { errorText } from '../../../base/error-text.ts'
import { isClusterName } from '../../cluster-map/keys.ts'
import { EtcdError } from '../../etcd/etcd-error.ts'
import { endpointsOf } from '../../etcd/gateway.ts'
import type { ConfigKey } from '../key.ts'
import { ConfigRefused, choice, integer, oneWord } from '../kinds.ts'

const endpoints = oneWord<string>(
  'http://host:port, separated by commas',
  (word) => {
    try {
      if (word !== '') endpointsOf(word)
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error
      throw new ConfigRefused(errorText(error))
    }
    return word
  },
  (value) => value,
)

const clusterName = oneWord<string>(
  'a name of letters, digits, _, . and -',
  (word) => {
    if (word !== '' && !isClusterName(word)) throw new ConfigRefused('a name of a cluster has up to 64 letters, digits, _, . and -')
    return word
  },
  (value) => value,
)

export const clusterLeaseKeys = [
  {
    name: 'cluster-etcd',
    section: 'cluster',
    kind: endpoints,
    default: '',
    changes: 'at-start',
    help: 'the etcd in which the node has its lease and finds the map: http://host:port,...; empty for a node without a coordinator',
  },
  {
    name: 'cluster-name',
    section: 'cluster',
    kind: clusterName,
    default: 'haypile',
    changes: 'at-start',
    help: 'the name of the cluster in etcd',
  },
  {
    name: 'cluster-lease-ms',
    section: 'cluster',
    kind: integer(2000, 600_000),
    default: '5000',
    changes: 'at-start',
    help: 'the lease of a master in etcd: it refuses writes a tenth of this before another node may become the master',
  },
  {
    name: 'cluster-on-etcd-loss',
    section: 'cluster',
    kind: choice('readonly', 'continue'),
    default: 'readonly',
    changes: 'any-time',
    help: 'what a master does whose lease etcd does not renew: refuse writes, or go on at the risk of two masters',
  },
] as const satisfies readonly ConfigKey[]

/** `# Cluster`: the mode, and the lease of a node that has one. */
import { flag, group, type Rows } from './fields.ts'

export const clusterRows: Rows = [
  ['cluster_enabled', ({ cluster }) => (cluster.mode === 'disabled' ? 0 : 1)],
  group(
    ({ lease }) => lease,
    [
      // The role in the map, which may differ from that of replication for a moment.
      ['cluster_map_role', ({ mapRole }) => mapRole],
      ['cluster_lease_ms', ({ leaseMs }) => leaseMs],
      ['cluster_lease_left_ms', ({ leftMs }) => Math.floor(leftMs)],
      ['cluster_lease_valid', ({ leftMs }) => flag(leftMs > 0)],
      ['cluster_writes_refused', ({ isFenced }) => flag(isFenced)],
      ['cluster_writes_refused_reason', ({ refusal }) => refusal ?? ''],
      ['cluster_etcd_last_error', ({ lastError }) => lastError.replace(/[\r\n]/g, ' ')],
    ],
  ),
]

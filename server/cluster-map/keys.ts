/**
 * The keys of a cluster in etcd:
 *
 *   /haypile/NAME/map            the map, as JSON (`map.ts`)
 *   /haypile/NAME/nodes/ID       the lease of a node (`node-report.ts`)
 *   /haypile/NAME/coordinator    the coordinator that is elected
 */

/** The names of a cluster's keys. */
export interface ClusterKeys {
  /** All keys begin with it. */
  readonly prefix: string
  readonly map: string
  readonly nodes: string
  readonly coordinator: string
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/

export const isClusterName = (name: string) => NAME.test(name)

export function clusterKeys(name: string): ClusterKeys {
  const prefix = `/haypile/${name}/`
  return { prefix, map: `${prefix}map`, nodes: `${prefix}nodes/`, coordinator: `${prefix}coordinator` }
}

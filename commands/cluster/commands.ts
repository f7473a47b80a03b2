/** The commands of clusters: the family's door. */
export { clusterCommands } from './cluster.ts'

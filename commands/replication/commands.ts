/** The commands on replication: the family's door. */
import type { Command } from '../contract/command.ts'
import { failoverCommands } from './failover.ts'
import { redisReplicaRequests } from './redis-replicas.ts'
import { replicationMessages } from './replica-requests.ts'
import { replication } from './replication.ts'
import { waits } from './wait.ts'

export const replicationCommands: readonly Command[] = [
  ...replication,
  ...failoverCommands,
  ...waits,
  ...replicationMessages,
  ...redisReplicaRequests,
]

/**
 * The families of commands: all of them, and the collection families, which engines and simulated
 * nodes run in tests.
 */
import { aclCommands } from './acl/commands.ts'
import { clientCommands } from './clients/commands.ts'
import { clusterCommands } from './cluster/commands.ts'
import type { Command } from './contract/command.ts'
import { geoCommands } from './geo/commands.ts'
import { hashCommands } from './hashes/commands.ts'
import { hyperLogLogCommands } from './hyperloglogs/commands.ts'
import { introspectionCommands } from './introspection/commands.ts'
import { keyCommands } from './keys/commands.ts'
import { sorts } from './keys/sort.ts'
import { listCommands } from './lists/commands.ts'
import { pubSubCommands } from './pubsub/commands.ts'
import { replicationCommands } from './replication/commands.ts'
import { scriptingCommands } from './scripting/commands.ts'
import { serverCommands } from './server/commands.ts'
import { setCommands } from './sets/commands.ts'
import { sortedSetCommands } from './sorted-sets/commands.ts'
import { streamCommands } from './streams/commands.ts'
import { stringCommands } from './strings/commands.ts'
import { transactions } from './transactions/transactions.ts'
import { transferCommands } from './transfer/commands.ts'

export const collectionFamilies: readonly (readonly Command[])[] = [
  listCommands,
  hyperLogLogCommands,
  geoCommands,
  hashCommands,
  setCommands,
  sortedSetCommands,
  sorts,
  streamCommands,
]

export const families: readonly (readonly Command[])[] = [
  clientCommands,
  aclCommands,
  stringCommands,
  ...collectionFamilies.filter((family) => family !== sorts),
  keyCommands,
  transferCommands,
  transactions,
  pubSubCommands,
  scriptingCommands,
  serverCommands,
  clusterCommands,
  replicationCommands,
  introspectionCommands,
]

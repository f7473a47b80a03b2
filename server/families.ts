/** The command families of this server. */
import { aclCommands } from '../commands/acl.ts'
import { bitfields } from '../commands/bitfield.ts'
import { bitmaps } from '../commands/bitmaps.ts'
import { client } from '../commands/client.ts'
import { clusterCommands } from '../commands/cluster.ts'
import { collectionFamilies } from '../commands/collection-families.ts'
import type { Command } from '../commands/command.ts'
import { commandInfo } from '../commands/command-info.ts'
import { configCommands } from '../commands/config.ts'
import { connection } from '../commands/connection.ts'
import { databases } from '../commands/databases.ts'
import { debug } from '../commands/debug.ts'
import { expiry } from '../commands/expiry.ts'
import { failoverCommands } from '../commands/failover.ts'
import { functionCalls } from '../commands/fcall.ts'
import { functionCommands } from '../commands/functions.ts'
import { keys } from '../commands/keys.ts'
import { latencyCommands } from '../commands/latency.ts'
import { lcsCommands } from '../commands/lcs.ts'
import { memory } from '../commands/memory.ts'
import { moduleCommands } from '../commands/modules.ts'
import { objects } from '../commands/object.ts'
import { persistence } from '../commands/persistence.ts'
import { pikaScans } from '../commands/pika-scans.ts'
import { publishing } from '../commands/publishing.ts'
import { replication } from '../commands/replication.ts'
import { replicationMessages } from '../commands/replication-messages.ts'
import { scans } from '../commands/scan.ts'
import { scripts } from '../commands/scripts.ts'
import { server } from '../commands/server.ts'
import { slowlogCommands } from '../commands/slowlog.ts'
import { stringNumbers } from '../commands/string-numbers.ts'
import { stringRanges } from '../commands/string-ranges.ts'
import { strings } from '../commands/strings.ts'
import { subscriptions } from '../commands/subscriptions.ts'
import { transactions } from '../commands/transactions.ts'
import { waits } from '../commands/wait.ts'

export const families: readonly (readonly Command[])[] = [
  connection,
  aclCommands,
  strings,
  stringNumbers,
  stringRanges,
  lcsCommands,
  bitmaps,
  bitfields,
  ...collectionFamilies,
  keys,
  expiry,
  scans,
  pikaScans,
  objects,
  databases,
  transactions,
  subscriptions,
  publishing,
  functionCommands,
  functionCalls,
  scripts,
  server,
  persistence,
  replication,
  failoverCommands,
  waits,
  replicationMessages,
  client,
  configCommands,
  commandInfo,
  slowlogCommands,
  latencyCommands,
  clusterCommands,
  moduleCommands,
  memory,
  debug,
]

/** The command families of this server. */
import { aclCommands } from '../../commands/acl/commands.ts'
import { client } from '../../commands/clients/client.ts'
import { connection } from '../../commands/clients/connection.ts'
import { collectionFamilies } from '../../commands/collection-families.ts'
import type { Command } from '../../commands/core/command.ts'
import { commandInfo } from '../../commands/introspection/info.ts'
import { databases } from '../../commands/keys/databases.ts'
import { expiry } from '../../commands/keys/expiry.ts'
import { keys } from '../../commands/keys/keys.ts'
import { objects } from '../../commands/keys/object.ts'
import { pikaScans } from '../../commands/keys/pika-scans.ts'
import { scans } from '../../commands/keys/scan.ts'
import { publishing } from '../../commands/pubsub/publishing.ts'
import { subscriptions } from '../../commands/pubsub/subscriptions.ts'
import { failoverCommands } from '../../commands/replication/failover.ts'
import { replicationMessages } from '../../commands/replication/messages.ts'
import { replication } from '../../commands/replication/replication.ts'
import { waits } from '../../commands/replication/wait.ts'
import { functionCalls } from '../../commands/scripting/fcall.ts'
import { functionCommands } from '../../commands/scripting/functions.ts'
import { scripts } from '../../commands/scripting/scripts.ts'
import { clusterCommands } from '../../commands/server/cluster.ts'
import { configCommands } from '../../commands/server/config.ts'
import { debug } from '../../commands/server/debug.ts'
import { latencyCommands } from '../../commands/server/latency.ts'
import { memory } from '../../commands/server/memory.ts'
import { moduleCommands } from '../../commands/server/modules.ts'
import { persistence } from '../../commands/server/persistence.ts'
import { server } from '../../commands/server/server.ts'
import { slowlogCommands } from '../../commands/server/slowlog.ts'
import { bitfields } from '../../commands/strings/bitfield.ts'
import { bitmaps } from '../../commands/strings/bitmaps.ts'
import { lcsCommands } from '../../commands/strings/lcs.ts'
import { stringNumbers } from '../../commands/strings/numbers.ts'
import { stringRanges } from '../../commands/strings/ranges.ts'
import { strings } from '../../commands/strings/strings.ts'
import { transactions } from '../../commands/transactions/transactions.ts'

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

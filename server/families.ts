/** The command families of this server. */
import { bitfields } from '../commands/bitfield.ts'
import { bitmaps } from '../commands/bitmaps.ts'
import { blockingLists } from '../commands/blocking-lists.ts'
import { client } from '../commands/client.ts'
import type { Command } from '../commands/command.ts'
import { commandInfo } from '../commands/command-info.ts'
import { configCommands } from '../commands/config.ts'
import { connection } from '../commands/connection.ts'
import { databases } from '../commands/databases.ts'
import { debug } from '../commands/debug.ts'
import { expiry } from '../commands/expiry.ts'
import { failoverCommands } from '../commands/failover.ts'
import { geo } from '../commands/geo.ts'
import { geoQueries } from '../commands/geo-queries.ts'
import { hashExpiry } from '../commands/hash-expiry.ts'
import { hashNumbers } from '../commands/hash-numbers.ts'
import { hashReading } from '../commands/hash-reading.ts'
import { hashes } from '../commands/hashes.ts'
import { hyperLogLogs } from '../commands/hyperloglog.ts'
import { keys } from '../commands/keys.ts'
import { latencyCommands } from '../commands/latency.ts'
import { lcsCommands } from '../commands/lcs.ts'
import { listMoves } from '../commands/list-moves.ts'
import { listSearches } from '../commands/list-searches.ts'
import { lists } from '../commands/lists.ts'
import { memory } from '../commands/memory.ts'
import { objects } from '../commands/object.ts'
import { persistence } from '../commands/persistence.ts'
import { pikaScans } from '../commands/pika-scans.ts'
import { replication } from '../commands/replication.ts'
import { replicationMessages } from '../commands/replication-messages.ts'
import { scans } from '../commands/scan.ts'
import { server } from '../commands/server.ts'
import { setAlgebra } from '../commands/set-algebra.ts'
import { setRandoms } from '../commands/set-random.ts'
import { sets } from '../commands/sets.ts'
import { slowlogCommands } from '../commands/slowlog.ts'
import { sorts } from '../commands/sort.ts'
import { sortedSetAlgebra } from '../commands/sorted-set-algebra.ts'
import { sortedSetRandoms } from '../commands/sorted-set-random.ts'
import { sortedSetRanges } from '../commands/sorted-set-ranges.ts'
import { sortedSetRemoval } from '../commands/sorted-set-removal.ts'
import { sortedSets } from '../commands/sorted-sets.ts'
import { streamClaims } from '../commands/stream-claims.ts'
import { streamGroups } from '../commands/stream-groups.ts'
import { streamInfo } from '../commands/stream-info.ts'
import { streamReads } from '../commands/stream-reads.ts'
import { streams } from '../commands/streams.ts'
import { stringNumbers } from '../commands/string-numbers.ts'
import { stringRanges } from '../commands/string-ranges.ts'
import { strings } from '../commands/strings.ts'
import { waits } from '../commands/wait.ts'

export const families: readonly (readonly Command[])[] = [
  connection,
  strings,
  stringNumbers,
  stringRanges,
  lcsCommands,
  bitmaps,
  bitfields,
  lists,
  listSearches,
  listMoves,
  blockingLists,
  hyperLogLogs,
  geo,
  geoQueries,
  hashes,
  hashNumbers,
  hashReading,
  hashExpiry,
  sets,
  setRandoms,
  setAlgebra,
  sortedSets,
  sortedSetRanges,
  sortedSetRemoval,
  sortedSetRandoms,
  sortedSetAlgebra,
  sorts,
  streams,
  streamReads,
  streamGroups,
  streamClaims,
  streamInfo,
  keys,
  expiry,
  scans,
  pikaScans,
  objects,
  databases,
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
  memory,
  debug,
]

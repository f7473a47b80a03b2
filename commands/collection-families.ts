/** The families of commands on collections, HyperLogLogs among them: what a server has, and what engines and simulated nodes run in tests. */
import type { Command } from './core/command.ts'
import { geo } from './geo/geo.ts'
import { geoQueries } from './geo/queries.ts'
import { hashExpiry } from './hashes/expiry.ts'
import { hashes } from './hashes/hashes.ts'
import { hashNumbers } from './hashes/numbers.ts'
import { hashReading } from './hashes/reading.ts'
import { hyperLogLogs } from './hyperloglogs/hyperloglog.ts'
import { sorts } from './keys/sort.ts'
import { blockingLists } from './lists/blocking.ts'
import { lists } from './lists/lists.ts'
import { listMoves } from './lists/moves.ts'
import { listSearches } from './lists/searches.ts'
import { setAlgebra } from './sets/algebra.ts'
import { setRandoms } from './sets/random.ts'
import { sets } from './sets/sets.ts'
import { sortedSetAlgebra } from './sorted-sets/algebra.ts'
import { sortedSetRandoms } from './sorted-sets/random.ts'
import { sortedSetRanges } from './sorted-sets/ranges.ts'
import { sortedSetRemoval } from './sorted-sets/removal.ts'
import { sortedSets } from './sorted-sets/sorted-sets.ts'
import { streamClaims } from './streams/claims.ts'
import { streamGroups } from './streams/groups.ts'
import { streamInfo } from './streams/info.ts'
import { streamReads } from './streams/reads.ts'
import { streams } from './streams/streams.ts'

export const collectionFamilies: readonly (readonly Command[])[] = [
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
]

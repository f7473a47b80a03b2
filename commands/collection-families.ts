/** The families of commands on collections, HyperLogLogs among them: what a server has, and what engines and simulated nodes run in tests. */
import type { Command } from './core/command.ts'
import { geo } from './geo/geo.ts'
import { geoQueries } from './geo/geo-queries.ts'
import { hashExpiry } from './hashes/hash-expiry.ts'
import { hashNumbers } from './hashes/hash-numbers.ts'
import { hashReading } from './hashes/hash-reading.ts'
import { hashes } from './hashes/hashes.ts'
import { hyperLogLogs } from './hyperloglogs/hyperloglog.ts'
import { sorts } from './keys/sort.ts'
import { blockingLists } from './lists/blocking-lists.ts'
import { listMoves } from './lists/list-moves.ts'
import { listSearches } from './lists/list-searches.ts'
import { lists } from './lists/lists.ts'
import { setAlgebra } from './sets/set-algebra.ts'
import { setRandoms } from './sets/set-random.ts'
import { sets } from './sets/sets.ts'
import { sortedSetAlgebra } from './sorted-sets/sorted-set-algebra.ts'
import { sortedSetRandoms } from './sorted-sets/sorted-set-random.ts'
import { sortedSetRanges } from './sorted-sets/sorted-set-ranges.ts'
import { sortedSetRemoval } from './sorted-sets/sorted-set-removal.ts'
import { sortedSets } from './sorted-sets/sorted-sets.ts'
import { streamClaims } from './streams/stream-claims.ts'
import { streamGroups } from './streams/stream-groups.ts'
import { streamInfo } from './streams/stream-info.ts'
import { streamReads } from './streams/stream-reads.ts'
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

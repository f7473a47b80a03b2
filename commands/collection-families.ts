/** The families of commands on collections, HyperLogLogs among them: what a server has, and what engines and simulated nodes run in tests. */

import { blockingLists } from './blocking-lists.ts'
import type { Command } from './command.ts'
import { geo } from './geo.ts'
import { geoQueries } from './geo-queries.ts'
import { hashExpiry } from './hash-expiry.ts'
import { hashNumbers } from './hash-numbers.ts'
import { hashReading } from './hash-reading.ts'
import { hashes } from './hashes.ts'
import { hyperLogLogs } from './hyperloglog.ts'
import { listMoves } from './list-moves.ts'
import { listSearches } from './list-searches.ts'
import { lists } from './lists.ts'
import { setAlgebra } from './set-algebra.ts'
import { setRandoms } from './set-random.ts'
import { sets } from './sets.ts'
import { sorts } from './sort.ts'
import { sortedSetAlgebra } from './sorted-set-algebra.ts'
import { sortedSetRandoms } from './sorted-set-random.ts'
import { sortedSetRanges } from './sorted-set-ranges.ts'
import { sortedSetRemoval } from './sorted-set-removal.ts'
import { sortedSets } from './sorted-sets.ts'
import { streamClaims } from './stream-claims.ts'
import { streamGroups } from './stream-groups.ts'
import { streamInfo } from './stream-info.ts'
import { streamReads } from './stream-reads.ts'
import { streams } from './streams.ts'

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

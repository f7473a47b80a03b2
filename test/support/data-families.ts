/** The families of commands on data: what engines and simulated nodes run, which have no server around them. */
import { bitfields } from '../../commands/bitfield.ts'
import { bitmaps } from '../../commands/bitmaps.ts'
import { blockingLists } from '../../commands/blocking-lists.ts'
import type { Command } from '../../commands/command.ts'
import { databases } from '../../commands/databases.ts'
import { expiry } from '../../commands/expiry.ts'
import { geo } from '../../commands/geo.ts'
import { geoQueries } from '../../commands/geo-queries.ts'
import { hashExpiry } from '../../commands/hash-expiry.ts'
import { hashNumbers } from '../../commands/hash-numbers.ts'
import { hashReading } from '../../commands/hash-reading.ts'
import { hashes } from '../../commands/hashes.ts'
import { hyperLogLogs } from '../../commands/hyperloglog.ts'
import { keys } from '../../commands/keys.ts'
import { listMoves } from '../../commands/list-moves.ts'
import { listSearches } from '../../commands/list-searches.ts'
import { lists } from '../../commands/lists.ts'
import { setAlgebra } from '../../commands/set-algebra.ts'
import { setRandoms } from '../../commands/set-random.ts'
import { sets } from '../../commands/sets.ts'
import { sorts } from '../../commands/sort.ts'
import { sortedSetAlgebra } from '../../commands/sorted-set-algebra.ts'
import { sortedSetRandoms } from '../../commands/sorted-set-random.ts'
import { sortedSetRanges } from '../../commands/sorted-set-ranges.ts'
import { sortedSetRemoval } from '../../commands/sorted-set-removal.ts'
import { sortedSets } from '../../commands/sorted-sets.ts'
import { streamClaims } from '../../commands/stream-claims.ts'
import { streamGroups } from '../../commands/stream-groups.ts'
import { streamInfo } from '../../commands/stream-info.ts'
import { streamReads } from '../../commands/stream-reads.ts'
import { streams } from '../../commands/streams.ts'
import { stringNumbers } from '../../commands/string-numbers.ts'
import { stringRanges } from '../../commands/string-ranges.ts'
import { strings } from '../../commands/strings.ts'

export const dataFamilies: readonly (readonly Command[])[] = [
  strings,
  stringNumbers,
  stringRanges,
  bitmaps,
  bitfields,
  hyperLogLogs,
  lists,
  listSearches,
  listMoves,
  blockingLists,
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
  databases,
]

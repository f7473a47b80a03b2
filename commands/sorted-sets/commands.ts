/** The commands on sorted sets: the family's door. */
import type { Command } from '../contract/command.ts'
import { sortedSetAlgebra } from './algebra.ts'
import { sortedSetRandoms } from './random.ts'
import { sortedSetRanges } from './ranges.ts'
import { sortedSetRemoval } from './removal.ts'
import { sortedSets } from './sorted-sets.ts'

export const sortedSetCommands: readonly Command[] = [
  ...sortedSets,
  ...sortedSetRanges,
  ...sortedSetRemoval,
  ...sortedSetRandoms,
  ...sortedSetAlgebra,
]

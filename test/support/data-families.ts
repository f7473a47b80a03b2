/** The families of commands on data, and those that make one unit of several: what engines and simulated nodes run, which have no server around them. */
import { bitfields } from '../../commands/bitfield.ts'
import { bitmaps } from '../../commands/bitmaps.ts'
import { collectionFamilies } from '../../commands/collection-families.ts'
import type { Command } from '../../commands/command.ts'
import { databases } from '../../commands/databases.ts'
import { expiry } from '../../commands/expiry.ts'
import { keys } from '../../commands/keys.ts'
import { stringNumbers } from '../../commands/string-numbers.ts'
import { stringRanges } from '../../commands/string-ranges.ts'
import { strings } from '../../commands/strings.ts'
import { transactions } from '../../commands/transactions.ts'

export const dataFamilies: readonly (readonly Command[])[] = [
  strings,
  stringNumbers,
  stringRanges,
  bitmaps,
  bitfields,
  ...collectionFamilies,
  keys,
  expiry,
  databases,
  transactions,
]

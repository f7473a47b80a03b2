/**
 * The families of commands on data, and those that combine commands into one unit. Engines and
 * simulated nodes run these, as they have no server around them.
 */
import type { Command } from '../../../commands/contract/command.ts'
import { collectionFamilies } from '../../../commands/families.ts'
import { databases } from '../../../commands/keys/databases.ts'
import { expiry } from '../../../commands/keys/expiry.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { bitfields } from '../../../commands/strings/bitfield.ts'
import { bitmaps } from '../../../commands/strings/bitmaps.ts'
import { stringNumbers } from '../../../commands/strings/numbers.ts'
import { stringRanges } from '../../../commands/strings/ranges.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { transactions } from '../../../commands/transactions/transactions.ts'
import { transferCommands } from '../../../commands/transfer/commands.ts'

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
  transferCommands,
  transactions,
]

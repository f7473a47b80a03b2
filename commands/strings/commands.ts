/** The commands on strings and bitmaps: the family's door. */
import type { Command } from '../contract/command.ts'
import { bitfields } from './bitfield.ts'
import { bitmaps } from './bitmaps.ts'
import { lcsCommands } from './lcs.ts'
import { stringNumbers } from './numbers.ts'
import { stringRanges } from './ranges.ts'
import { strings } from './strings.ts'

export const stringCommands: readonly Command[] = [...strings, ...stringNumbers, ...stringRanges, ...lcsCommands, ...bitmaps, ...bitfields]

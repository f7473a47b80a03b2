/** The commands on lists: the family's door. */
import type { Command } from '../contract/command.ts'
import { blockingLists } from './blocking.ts'
import { lists } from './lists.ts'
import { listMoves } from './moves.ts'
import { listSearches } from './searches.ts'

export const listCommands: readonly Command[] = [...lists, ...listSearches, ...listMoves, ...blockingLists]

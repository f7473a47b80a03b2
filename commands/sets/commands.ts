/** The commands on sets: the family's door. */
import type { Command } from '../contract/command.ts'
import { setAlgebra } from './algebra.ts'
import { setRandoms } from './random.ts'
import { sets } from './sets.ts'

export const setCommands: readonly Command[] = [...sets, ...setRandoms, ...setAlgebra]

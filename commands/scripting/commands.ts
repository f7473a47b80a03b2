/** The commands on scripts and functions: the family's door. */
import type { Command } from '../contract/command.ts'
import { functionCalls } from './fcall.ts'
import { functionCommands } from './functions.ts'
import { scripts } from './script-commands.ts'

export const scriptingCommands: readonly Command[] = [...functionCommands, ...functionCalls, ...scripts]

/** The commands on the commands themselves: the family's door. */
import type { Command } from '../contract/command.ts'
import { commandInfo } from './command-info.ts'

export const introspectionCommands: readonly Command[] = [...commandInfo]

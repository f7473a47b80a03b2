/** The commands that carry values between servers: the family's door. */
import type { Command } from '../contract/command.ts'
import { dumps } from './dump.ts'
import { migrates } from './migrate.ts'
import { restores } from './restore.ts'

export const transferCommands: readonly Command[] = [...dumps, ...restores, ...migrates]

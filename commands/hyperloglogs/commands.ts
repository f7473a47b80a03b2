/** The commands on HyperLogLogs: the family's door. */
import type { Command } from '../contract/command.ts'
import { hyperLogLogs } from './hyperloglog.ts'

export const hyperLogLogCommands: readonly Command[] = [...hyperLogLogs]

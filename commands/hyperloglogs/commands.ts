/** The commands on HyperLogLogs: the family's door. */
import type { Command } from '../core/command.ts'
import { hyperLogLogs } from './hyperloglog.ts'

export const hyperLogLogCommands: readonly Command[] = [...hyperLogLogs]

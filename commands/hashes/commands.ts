/** The commands on hashes: the family's door. */
import type { Command } from '../contract/command.ts'
import { hashExpiry } from './expiry.ts'
import { hashes } from './hashes.ts'
import { hashNumbers } from './numbers.ts'
import { hashReading } from './reading.ts'

export const hashCommands: readonly Command[] = [...hashes, ...hashNumbers, ...hashReading, ...hashExpiry]

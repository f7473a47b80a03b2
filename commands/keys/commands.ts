/** The commands on keys of any type: the family's door. */
import type { Command } from '../contract/command.ts'
import { databases } from './databases.ts'
import { expiry } from './expiry.ts'
import { keys } from './keys.ts'
import { objects } from './object.ts'
import { pikaScans } from './pika-scans.ts'
import { scans } from './scan.ts'
import { sorts } from './sort.ts'

export const keyCommands: readonly Command[] = [...keys, ...expiry, ...scans, ...pikaScans, ...objects, ...databases, ...sorts]

/** The commands on streams: the family's door. */
import type { Command } from '../contract/command.ts'
import { streamClaims } from './claims.ts'
import { streamGroups } from './groups.ts'
import { streamInfo } from './info.ts'
import { streamReads } from './reads.ts'
import { streams } from './streams.ts'

export const streamCommands: readonly Command[] = [...streams, ...streamReads, ...streamGroups, ...streamClaims, ...streamInfo]

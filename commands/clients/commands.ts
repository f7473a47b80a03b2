/** The commands on connections and clients: the family's door. */
import type { Command } from '../contract/command.ts'
import { client } from './client.ts'
import { connection } from './connection.ts'

export const clientCommands: readonly Command[] = [...connection, ...client]

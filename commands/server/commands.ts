/** The commands on the server itself: the family's door. */
import type { Command } from '../contract/command.ts'
import { configCommands } from './config.ts'
import { debug } from './debug.ts'
import { latencyCommands } from './latency.ts'
import { memory } from './memory.ts'
import { moduleCommands } from './modules.ts'
import { persistence } from './persistence.ts'
import { server } from './server.ts'
import { slowlogCommands } from './slowlog.ts'

export const serverCommands: readonly Command[] = [
  ...server,
  ...persistence,
  ...configCommands,
  ...slowlogCommands,
  ...latencyCommands,
  ...moduleCommands,
  ...memory,
  ...debug,
]

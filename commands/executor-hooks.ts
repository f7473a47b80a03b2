/** What the executor tells the server around it. */
import type { Bytes } from '../storage/bytes.ts'
import type { Command } from './command.ts'
import type { Client } from './executor.ts'
import type { CommandCounters, CommandRuntime } from './runtimes.ts'

export interface ExecutorHooks {
  /** Counters of a command, made once. */
  counters(command: Command): CommandCounters
  /** After each command, with its duration in microseconds. */
  ran(runtime: CommandRuntime, client: Client, args: readonly Bytes[], micros: number): void
  /** A browser or the like has been made to speak to this port: its connection is to end before anything in the body is taken for a command. */
  attacked(client: Client): void
  /** An error reply of any kind. */
  failed(text: Bytes): void
  /** After each command while there are monitors, before it for scripts, as in Redis. */
  monitor(client: Client, args: readonly Bytes[]): void
  /** A command that its client had to wait for is done: the client may go on. Called between units. `hasWalked` where it has read in several
   *  steps, with units of others in between. */
  resumed(client: Client, hasWalked?: boolean): void
  /** Something that only a bug or damage can cause came out of a command. Where it had changed something, what is in memory cannot be
   *  trusted while what is in the binlog can: the process must end. */
  broken(error: unknown, changed: boolean): void
}

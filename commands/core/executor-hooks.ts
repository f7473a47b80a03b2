/** What the executor tells the server around it, asks it, and answers it. */
import type { Bytes } from '../../base/bytes.ts'
import type { OpenGroup } from '../../storage/binlog/open-group.ts'
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import type { Command } from './command.ts'
import type { Client } from './executor.ts'
import type { ServerPort } from './ports.ts'
import type { Stranger } from './refusals.ts'
import type { CommandCounters, CommandRuntime } from './runtimes.ts'

/** Says why a command cannot run now: a text to refuse it with, 'hold' to keep it for later, or null. */
export type Gate = (runtime: CommandRuntime, args: readonly Bytes[], client: Client) => Bytes | 'hold' | null

/** What came of a request. 'held': it has not run and must be offered again. 'waiting': it will be answered later, and `resumed` says when. */
export type Outcome = 'done' | 'held' | 'waiting'

export interface ExecutorOptions {
  readonly keyspace: Keyspace
  readonly group: OpenGroup
  readonly server: ServerPort
  readonly hooks: ExecutorHooks
  readonly monotonicMs: () => number
  /** Binlog offset at which the open group will begin. */
  readonly groupStart: () => number
}

export interface ExecutorHooks {
  /** Counters of a command, made once. */
  counters(command: Command): CommandCounters
  /** After each command, with its duration in microseconds. */
  ran(runtime: CommandRuntime, client: Client, args: readonly Bytes[], micros: number): void
  /** This port was taken for another kind of server's. The connection of HTTP is to end before anything in the body is taken for a command. */
  met(stranger: Stranger, client: Client): void
  /** An error reply of any kind. */
  failed(text: Bytes): void
  /** After each command while there are monitors, before it for scripts, as in Redis. */
  monitor(client: Client, args: readonly Bytes[]): void
  /** A command that its client had to wait for is done: the client may go on. Called between units. `hasWalked` where it has read in several
   *  steps, with units of others in between. */
  resumed(client: Client, hasWalked?: boolean): void
  /** Appends the open group and takes another reading of the clock. Called between units. */
  renewClock(): void
  /** Something that only a bug or damage can cause came out of a command. Where it had changed something, what is in memory cannot be
   *  trusted while what is in the binlog can: the process must end. */
  broken(error: unknown, changed: boolean): void
}

/** The executor's options, the results of its requests, and the server's hooks that it calls. */
import type { Bytes } from '../../base/bytes.ts'
import type { OpenGroup } from '../../storage/binlog/open-group.ts'
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import type { Command } from '../contract/command.ts'
import type { ServerPort } from '../contract/ports.ts'
import type { CommandCounters, CommandRuntime } from '../contract/runtimes.ts'
import type { Client } from '../contract/session.ts'
import type { RequestGates } from './gating.ts'

/**
 * The result of a request. 'held': the request has not run and must be offered again. 'waiting':
 * the reply comes later, and `onResume` announces it.
 */
export type Outcome = 'done' | 'held' | 'waiting'

export interface ExecutorOptions {
  readonly keyspace: Keyspace
  readonly group: OpenGroup
  readonly server: ServerPort
  readonly hooks: ExecutorHooks
  readonly gates: RequestGates
  readonly monotonicMs: () => number
  /** Returns the binlog offset at which the open group will begin. */
  readonly groupStart: () => number
}

/** The clients that MONITOR. */
export interface MonitorsPort {
  readonly count: number
  /** Called while any client monitors: after each command, but before a script, as in Redis. */
  show(client: Client, args: readonly Bytes[]): void
}

export interface ExecutorHooks {
  readonly monitors: MonitorsPort
  /** Creates the counters of a command; called once per command. */
  counters(command: Command): CommandCounters
  /** Called after each command, with its duration in microseconds. */
  onCommand(runtime: CommandRuntime, client: Client, args: readonly Bytes[], micros: number): void
  /**
   * Called when a client speaks HTTP. Its connection must end before its body can be read as
   * commands.
   */
  onHttp(client: Client): void
  /** Called for every error reply. */
  onErrorReply(text: Bytes): void
  /**
   * Called between units when a waiting command is done and its client may continue. `hasWalked` is
   * true if the command read in several steps, with other units in between.
   */
  onResume(client: Client, hasWalked?: boolean): void
  /**
   * Called when keys become ready that blocked clients await: possibly in the middle of a unit, or
   * outside of a turn.
   */
  onKeysReady(): void
  /** Called when the suspension of a unit begins and when it ends. */
  onSuspension(isSuspended: boolean): void
  /** Appends the open group and reads the clock again. Called between units. */
  renewClock(): void
  /**
   * Called when a command fails by a bug or by damage. If it had changed something, memory cannot
   * be trusted but the binlog can: the process must end.
   */
  onBug(error: unknown, hasChanged: boolean): void
}

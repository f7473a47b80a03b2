/**
 * The input of a run function besides its arguments. The executor has one Context and fills it in
 * before each command, so a run function must not keep it. A command that runs in steps gets a
 * Context of its own.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Database } from '../../storage/keyspace/database.ts'
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import type { BlockOptions } from './block-options.ts'
import type { ServerPort } from './ports.ts'
import { BLOCKED, type Reply } from './reply.ts'
import type { Session } from './session.ts'
import type { TrackingPort } from './tracking.ts'
import type { UnitsPort } from './transactions.ts'

/** Where effects are logged: the turn's group, or a unit of several commands. */
interface CommandLog {
  command(database: number, args: readonly Bytes[]): void
}

/** The input of a run function besides its arguments, filled in before each command. */
export class Context {
  declare session: Session
  /** The database that the session has selected. */
  declare db: Database
  /** Runs several commands as one unit. */
  declare units: UnitsPort
  declare tracking: TrackingPort
  /** The commands logged instead of the request, in order; null if the request itself is logged. */
  effects: Bytes[][] | null = null
  /** The command is logged even if it changed nothing. */
  isLogged = false
  /** The command comes from the log, so it is known to succeed. */
  isReplayed = false
  /** True if a client may be blocked. False in replay and inside a larger unit. */
  mayBlock = false
  /**
   * True if a reading command may change what it read, as PFCOUNT does. False on a replica and
   * while the log accepts no writes.
   */
  mayChange = true
  /** Why a command that answered BLOCKED waits, and for which keys. */
  waitsFor: BlockOptions | null = null

  readonly keyspace: Keyspace
  readonly server: ServerPort

  constructor(keyspace: Keyspace, server: ServerPort) {
    this.keyspace = keyspace
    this.server = server
  }

  /**
   * The unit's reading of the clock, ms since the epoch. Commands derive every stored time from it.
   */
  get nowMs(): number {
    return this.keyspace.nowMs
  }

  /** True if `effects` replaces the request in the log. The list may be empty, as for EXEC. */
  get hasEffects(): boolean {
    return this.effects !== null
  }

  /** Prepares the context for the next command. */
  prepare(session: Session, db: Database): void {
    this.session = session
    this.db = db
    this.effects = null
    this.isLogged = false
    this.keyspace.eviction.beginUnit()
  }

  /**
   * Counts one change of the running command. EXEC, EVAL and FCALL count nothing here, because
   * their parts have been counted.
   */
  countOnce(): void {
    if (this.effects === null || this.effects.length > 0) this.keyspace.countedChanges++
  }

  logEffects(log: CommandLog, database: number): void {
    for (const effect of this.effects ?? []) log.command(database, effect)
  }

  /**
   * Reports a keyspace event of the session's database. `eventClass` is one of the classes in
   * storage/keyspace/key-events.ts.
   */
  notify(eventClass: number, event: Bytes, key: Bytes): void {
    this.keyspace.event(eventClass, event, this.db.index, key)
  }

  /** Counts `count` changes of the running command in INFO instead of one. */
  countChanges(count: number): void {
    if (count > 1) this.keyspace.countedChanges += count - 1
  }

  /** Logs this command instead of the request; may be called more than once. */
  effect(...args: Bytes[]): void {
    this.effectList(args)
  }

  /**
   * Like `effect`, for argument lists too long to spread: a call with that many arguments may
   * overflow the stack.
   */
  effectList(words: Bytes[]): void {
    if (this.effects === null) this.effects = [words]
    else this.effects.push(words)
  }

  /**
   * Blocks the client of a command that found nothing. The command runs again when a key is ready.
   * If blocking is not allowed, returns the reply of a time-out.
   */
  block(options: BlockOptions): Reply {
    if (!this.mayBlock) return options.onTimeout
    this.waitsFor = options
    return BLOCKED
  }
}

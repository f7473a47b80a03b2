/**
 * What a run function is given besides its arguments. One Context lives as long as the executor and is filled in before each command,
 * so a synchronous run must not keep it; an asynchronous one gets a copy of its own.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Database } from '../../storage/keyspace/database.ts'
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import { BLOCKED, type BlockOptions } from '../blocking/blocking.ts'
import type { Tracking } from '../clients/tracking.ts'
import type { ServerPort } from './ports.ts'
import type { Reply } from './reply.ts'
import type { Session } from './session.ts'
import type { Units } from './units.ts'

/** The turn's group, or a unit of several commands. */
interface CommandLog {
  command(database: number, args: readonly Bytes[]): void
}

export class Context {
  declare session: Session
  /** The database that the session has selected. */
  declare db: Database
  /** How several commands are run as one. */
  declare units: Units
  declare tracking: Tracking
  /** What is logged instead of the request, in order; null where the request itself is. */
  effects: Bytes[][] | null = null
  /** The command is to be logged though it has changed nothing. */
  isLogged = false
  /** The command comes from the log: it is known to succeed. */
  isReplayed = false
  /** Whether a client may be blocked. Not so in replay, and where a command is part of a larger unit. */
  mayBlock = false
  /** Whether a command that reads may change what it read, as PFCOUNT does. Not so on a replica, nor while the log takes nothing. */
  mayChange = true
  /** What the command that has answered BLOCKED waits for. */
  waitsFor: BlockOptions | null = null

  readonly keyspace: Keyspace
  readonly server: ServerPort

  constructor(keyspace: Keyspace, server: ServerPort) {
    this.keyspace = keyspace
    this.server = server
  }

  /** The unit's reading of the clock, ms since the epoch: the only time a command may use for what it stores. */
  get now(): number {
    return this.keyspace.now
  }

  get hasEffects(): boolean {
    return this.effects !== null
  }

  /** A command is about to run. */
  begin(session: Session, db: Database): void {
    this.session = session
    this.db = db
    this.effects = null
    this.isLogged = false
    this.keyspace.eviction.beginUnit()
  }

  /** The command has changed something. What EXEC, EVAL and FCALL have changed was logged and counted with their parts. */
  countOnce(): void {
    if (this.effects === null || this.effects.length > 0) this.keyspace.countedChanges++
  }

  logEffects(log: CommandLog, database: number): void {
    for (const effect of this.effects ?? []) log.command(database, effect)
  }

  /** Reports a keyspace event of the session's database; `eventClass` is one of storage/keyspace/key-events.ts. */
  notify(eventClass: number, event: Bytes, key: Bytes): void {
    this.keyspace.event(eventClass, event, this.db.index, key)
  }

  /** How many changes INFO counts for the command that runs: one unless it says more here. */
  countChanges(count: number): void {
    if (count > 1) this.keyspace.countedChanges += count - 1
  }

  /** Logs this command instead of the request; may be called more than once. */
  effect(...args: Bytes[]): void {
    this.effectOf(args)
  }

  /** The same of words that may be many: so many arguments of a call as a request may have overflow the stack. */
  effectOf(words: Bytes[]): void {
    if (this.effects === null) this.effects = [words]
    else this.effects.push(words)
  }

  /** What a command returns that finds nothing and waits: its client is blocked until a key is ready, and then the command is run again.
   *  Where nothing may block it is the reply of a time-out. */
  block(options: BlockOptions): Reply {
    if (!this.mayBlock) return options.onTimeout
    this.waitsFor = options
    return BLOCKED
  }
}

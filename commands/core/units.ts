/**
 * Units of several commands as the executor runs them: one at a time, from `begin` to `end`, with others inside of it being part of it (a script
 * in an EXEC). While one is under way nothing blocks, and whatever is logged goes to it, deletions of what has expired included.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { OpenGroup } from '../../storage/binlog/open-group.ts'
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import type { QueuedRequest } from '../transactions/transaction.ts'
import { Watches } from '../transactions/watches.ts'
import type { Context } from './context.ts'
import { NoReply, type Reply } from './reply.ts'
import type { CommandRuntime } from './runtimes.ts'
import { Unit } from './unit.ts'

/** What a run function answers whose unit goes on in turns to come. */
export const SUSPENDED = new NoReply()

/** A unit is one piece of the binlog, which is read into memory as a whole. */
const MOST_BYTES = 2 ** 30

const TOO_MUCH = 'ERR a transaction or a script cannot write so much: the binlog has it in one piece'

/** Nothing more is to be logged of a command whose parts have been. */
const NOTHING: Bytes[][] = []

export class Units {
  readonly watches: Watches
  /** Runs a request that was queued, for the session whose command runs. */
  readonly runQueued: (request: QueuedRequest) => Reply
  /** Past so many bytes of what has been written nothing more is, in one unit. */
  mostBytes = MOST_BYTES
  /** The unit under way; null while there is none. */
  current: Unit | null = null
  /** The unit under way waits for a turn of its own: a script that takes long. Nothing else is run meanwhile that could see it. */
  isSuspended = false
  /** Told when that begins and ends. */
  onSuspension: (isSuspended: boolean) => void = () => {}
  /** What goes on with a suspended unit when the part that suspended it is done: its reply in, the whole's reply out, or SUSPENDED again. */
  continuation: ((reply: Reply) => Reply) | null = null
  /** One is enough: it is empty whenever another begins. */
  private readonly unit = new Unit()
  /** The reading of the clock that all parts of the unit under way share, ms since the epoch. */
  clockMs = 0
  private depth = 0
  private readonly keyspace: Keyspace
  private readonly group: OpenGroup
  private readonly context: Context

  constructor(options: { keyspace: Keyspace; group: OpenGroup; context: Context; runQueued: (request: QueuedRequest) => Reply }) {
    this.keyspace = options.keyspace
    this.group = options.group
    this.context = options.context
    this.runQueued = options.runQueued
    this.watches = new Watches(this.keyspace)
  }

  /** Runs something that runs several requests, as one unit. Where that answers SUSPENDED the unit stays open, until `partEnded`. */
  runTogether(run: () => Reply): Reply {
    const { context } = this
    const { session, db } = context
    let reply: Reply = null
    this.begin()
    try {
      reply = run()
      return reply
    } finally {
      if (reply === SUSPENDED) this.suspend()
      else this.end()
      context.session = session
      context.db = db
      context.effects = NOTHING
    }
  }

  /** What had suspended the unit is done: the reply of the whole, or SUSPENDED where it goes on. */
  partEnded(reply: Reply): Reply {
    this.end()
    const { continuation } = this
    this.continuation = null
    if (continuation === null) return reply
    const whole = continuation(reply)
    if (whole !== SUSPENDED) this.end()
    return whole
  }

  /** Why a part of the unit under way is not run: it would write still more; null where nothing stands in its way. */
  refusalOf({ isWrite }: CommandRuntime): Bytes | null {
    return isWrite && this.current !== null && this.current.bytes > this.mostBytes ? TOO_MUCH : null
  }

  begin(): void {
    if (this.depth++ > 0) return
    this.current = this.unit
    this.clockMs = this.keyspace.now
    this.keyspace.log = this.current
  }

  end(): void {
    if (--this.depth > 0) return
    this.settle()
    this.current = null
    this.keyspace.log = this.group
    if (!this.isSuspended) return
    this.isSuspended = false
    this.onSuspension(false)
  }

  private suspend(): void {
    this.keyspace.isUnitOpen = true
    if (this.isSuspended) return
    this.isSuspended = true
    this.onSuspension(true)
  }

  /** What the unit under way has done so far goes into the group: before this node gets another role, and its log another history. */
  settle(): void {
    this.current?.writeTo(this.group)
    this.keyspace.isUnitOpen = false
  }
}

/**
 * Runs units of several commands, one at a time, each from `begin` to `end`. A nested unit, such as
 * a script in an EXEC, belongs to the outer one. Meanwhile nothing blocks, and everything logged
 * goes to the unit, including deletions of expired keys and fields.
 */
import { assert } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { OpenGroup } from '../../storage/binlog/open-group.ts'
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import type { Context } from '../contract/context.ts'
import { type Reply, SUSPENDED } from '../contract/reply.ts'
import type { Request } from '../contract/request.ts'
import type { CommandRuntime } from '../contract/runtimes.ts'
import type { UnitsPort } from '../contract/transactions.ts'
import { Watches } from '../transactions/watches.ts'
import { Unit } from './unit.ts'

/** Recovery reads the group of a unit into memory whole, so a unit must be limited. */
const MAX_UNIT_BYTES = 2 ** 30

const UNIT_TOO_LARGE = 'ERR transaction or script exceeds the maximum size of one binlog group'

/** EXEC, EVAL and FCALL log nothing of their own: their parts were logged. */
const NO_EFFECTS: Bytes[][] = []

export interface UnitsOptions {
  readonly keyspace: Keyspace
  readonly group: OpenGroup
  readonly context: Context
  /** Runs a queued request for the session whose command runs. */
  readonly runQueued: (request: Request) => Reply
  /** Called when a suspension begins and when it ends. */
  readonly onSuspension: (isSuspended: boolean) => void
}

/** Runs one unit of several commands at a time. */
export class Units implements UnitsPort {
  readonly watches: Watches
  /** Runs a queued request for the session whose command runs. */
  readonly runQueued: (request: Request) => Reply
  /** A unit that has logged more than this refuses further writes. */
  maxLoggedBytes = MAX_UNIT_BYTES
  /** The current unit; null if there is none. */
  current: Unit | null = null
  /**
   * The current unit, a slow script, waits for a later turn. Meanwhile nothing runs that could see
   * its changes.
   */
  isSuspended = false
  /**
   * Continues a suspended unit. It takes the reply of the part that suspended it and returns the
   * whole reply, or SUSPENDED again.
   */
  continuation: ((reply: Reply) => Reply) | null = null
  /** One object serves every unit: it is empty whenever a unit begins. */
  private readonly unit = new Unit()
  /** The clock reading that all parts of the current unit share, ms since the epoch. */
  clockMs = 0
  /** The number of nested `begin` calls that `end` has not closed. */
  private depth = 0
  private readonly keyspace: Keyspace
  private readonly group: OpenGroup
  private readonly context: Context
  private readonly onSuspension: (isSuspended: boolean) => void

  constructor(options: UnitsOptions) {
    this.keyspace = options.keyspace
    this.group = options.group
    this.context = options.context
    this.runQueued = options.runQueued
    this.onSuspension = options.onSuspension
    this.watches = new Watches(this.keyspace)
  }

  /**
   * Runs several requests as one unit. If `run` answers SUSPENDED, the unit stays open until
   * `continueUnit`.
   */
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
      context.effects = NO_EFFECTS
    }
  }

  /**
   * Continues the unit after the part that suspended it. Returns the whole reply, or SUSPENDED if
   * another part suspends the unit.
   */
  continueUnit(reply: Reply): Reply {
    this.end() // `runTogether` left it open when the part suspended the unit
    const { continuation } = this
    this.continuation = null
    if (continuation === null) return reply
    const whole = continuation(reply)
    if (whole !== SUSPENDED) this.end()
    return whole
  }

  /** Returns the error for a write if the current unit has logged too much; null lets it run. */
  refusalOf({ isWrite }: CommandRuntime): Bytes | null {
    return isWrite && this.current !== null && this.current.bytes > this.maxLoggedBytes ? UNIT_TOO_LARGE : null
  }

  begin(): void {
    assert(this.depth >= 0 && this.depth > 0 === (this.current !== null), 'a unit is open exactly while the depth is above 0')
    if (this.depth++ > 0) return
    assert(this.unit.isEmpty && !this.keyspace.isUnitSuspended, 'a unit begins empty, and no other unit is open')
    this.current = this.unit
    this.clockMs = this.keyspace.nowMs
    this.keyspace.log = this.current
  }

  end(): void {
    assert(this.depth > 0 && this.current !== null, 'only a unit that has begun ends')
    if (--this.depth > 0) return
    this.writeToGroup()
    assert(this.unit.isEmpty, 'the effects of a unit are in the group when it ends')
    this.current = null
    this.keyspace.log = this.group
    if (!this.isSuspended) return
    this.isSuspended = false
    this.onSuspension(false)
  }

  private suspend(): void {
    assert(this.depth > 0, 'only a unit that has begun is suspended')
    this.keyspace.isUnitSuspended = true
    if (this.isSuspended) return
    this.isSuspended = true
    this.onSuspension(true)
  }

  /**
   * Writes the current unit's effects so far to the group, before this node changes its role and
   * its log's history.
   */
  writeToGroup(): void {
    this.current?.writeTo(this.group)
    this.keyspace.isUnitSuspended = false
  }
}

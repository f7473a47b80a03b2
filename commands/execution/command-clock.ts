/**
 * Times commands, and replaces a reading of the wall clock that has become old. The units of a turn
 * share one reading until one of them ends more than a millisecond after it.
 */
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import type { ExecutorHooks } from './executor-hooks.ts'

/** A clock reading that is older at the end of a unit is replaced before the next unit. */
const MAX_READING_MS = 1

/** Times commands by the monotonic clock. */
export class CommandClock {
  /** Start of the running or the next command, which is the end of the last one: monotonic, ms. */
  startMs = 0
  /** Start of a unit's next part: monotonic, ms. A caller that works between parts sets it. */
  partStartMs = 0
  readonly monotonicMs: () => number
  private readonly keyspace: Keyspace
  private readonly hooks: ExecutorHooks

  constructor(options: { keyspace: Keyspace; hooks: ExecutorHooks; monotonicMs: () => number }) {
    this.keyspace = options.keyspace
    this.hooks = options.hooks
    this.monotonicMs = options.monotonicMs
  }

  /** Ends the timing of a command. Returns its duration in microseconds. */
  measureCommand(): number {
    const endMs = this.monotonicMs()
    const micros = (endMs - this.startMs) * 1000
    this.startMs = endMs
    return micros
  }

  /** Ends the timing of a unit's part. Returns its duration in microseconds. */
  measurePart(): number {
    const endMs = this.monotonicMs()
    const micros = (endMs - this.partStartMs) * 1000
    this.partStartMs = endMs
    return micros
  }

  /**
   * Replaces the reading of the wall clock if it was old when the last unit ended (monotonic, ms).
   * REQUIRES: called between units.
   */
  renewIfOld(endMs: number): void {
    if (endMs - this.keyspace.readAtMs <= MAX_READING_MS) return
    this.hooks.renewClock()
    this.startMs = this.monotonicMs() // the time of the renewal counts for no command
  }
}

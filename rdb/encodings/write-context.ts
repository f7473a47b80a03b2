/** The input of the writers of values beside the value. */
import type { RdbOutput } from '../format/output.ts'

/** The limits of nodes, and of what is held before it is written. */
export interface PackingLimits {
  /** `list-max-listpack-size`: -1 to -5 stand for 4 to 64 KiB, a positive one counts elements. */
  readonly listNodeSize: number
  /** `stream-node-max-entries` and `stream-node-max-bytes`; 0: no limit. */
  readonly streamNodeEntries: number
  readonly streamNodeBytes: number
  /**
   * Values up to this size are held: lists and streams to be divided into nodes as Redis does,
   * others to be packed.
   */
  readonly heldBytes: number
}

/** The limits of Redis's defaults. */
export const DEFAULT_PACKING_LIMITS: PackingLimits = {
  listNodeSize: -2,
  streamNodeEntries: 100,
  streamNodeBytes: 4096,
  heldBytes: 256 * 1024,
}

/** The version that is written, and a count of the data that it cannot hold. */
export interface WriteContext {
  readonly out: RdbOutput
  readonly version: number
  readonly limits: PackingLimits
  /** The deadlines of fields that were left out. */
  lostDeadlineCount: number
}

/**
 * Limits on what an RDB may claim. Nothing is allocated by a claimed length or count. A string
 * waits until its bytes have arrived, and arrays grow with the elements decoded. The budget bounds
 * how long the reader waits and how much it holds.
 */
export interface Budget {
  /** The largest string, key or packed encoding, after decompression. */
  readonly maxStringBytes: number
  /** The most elements of one collection, nodes of a list, groups, consumers, pending entries. */
  readonly maxElementCount: number
  /**
   * True: duplicate members and pending entries without an owner are errors wherever they are. The
   * reader then remembers the members of the collection that it reads. False: only those within one
   * packed encoding are; who takes the elements sees the others. The pending entries of a stream's
   * group are remembered in both cases.
   */
  readonly mustBeUnique: boolean
}

export const DEFAULT_BUDGET: Budget = { maxStringBytes: 512 * 1024 * 1024, maxElementCount: 2 ** 32 - 1, mustBeUnique: true }

/**
 * The most elements of one packed encoding, which is decoded as a whole. Redis packs some hundred
 * elements by default; compressed bytes may claim a hundred million in a few megabytes.
 */
export const MAX_PACKED_COUNT = 4 * 1024 * 1024

/** The most bytes of a piece of a string, and about the most of a batch of elements. */
export const MAX_BATCH_BYTES = 64 * 1024
/** The most elements of a batch. */
export const MAX_BATCH_COUNT = 512

/**
 * Objects in memory as eviction and checkpoints see them: entries, nodes of trees, pages of ropes.
 */
import type { RecordSink } from '../records/record-store.ts'

/** An object that the clock hand of eviction visits: an entry or a page. */
export interface Resident {
  /** The generation of the last change; the object is clean when that generation has landed. */
  generation: number
  /** The index in the ring of its database; -1 if it is not in memory. */
  ringIndex: number
  /** True if it was used since the clock hand's last visit. */
  isReferenced: boolean
  /**
   * Removes the resident from memory; LevelDB still has it. One with resident pages below it stays,
   * marked as used. REQUIRES: the resident is clean.
   */
  evict(): void
  /**
   * Replaces an entry by a packed key. Returns false if the resident is not an entry or cannot be
   * packed, or if it was used since the last call. REQUIRES: the resident is clean.
   */
  pack(): boolean
}

/** An object that a checkpoint writes: an entry or a page. */
export interface DirtyRecord {
  generation: number
  /**
   * Writes the record into the batch of the checkpoint under way, and marks it as encoded.
   * REQUIRES: the record belongs to the frozen generation.
   */
  encode(batch: RecordSink): void
}

/** A leaf, or a page of a rope, that a command has read from disk. */
export interface ReadPage {
  readonly memoryBytes: number
  /** Evicts the page if it is clean and its tree's place does not lie in it. */
  evictIfClean(landedGeneration: number): void
}

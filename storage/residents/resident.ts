/**
 * Objects in memory as eviction and checkpoints see them: entries, nodes of trees, pages of ropes.
 */
import type { RecordSink } from '../records/record-store.ts'

/** An object that the clock hand of eviction visits: an entry or a page. */
export interface Resident {
  /** The generation of the last change; the object is clean when that generation has landed. */
  generation: number
  ringIndex: number
  isReferenced: boolean
  /** Removes a clean resident from memory. */
  evict(): void
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

/** A leaf, or a page of a rope. */
export interface ReadPage {
  /** Size in bytes of memory. */
  readonly memoryBytes: number
  /** Removes the page from memory if it is clean and no cursor stands in it. */
  leaveBehind(landedGeneration: number): void
}

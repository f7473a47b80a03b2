/**
 * The keys of one database that LevelDB does not have yet, for walks in key order (SCAN, KEYS). Creating a key costs an array push;
 * sorting is left to the walks, piece by piece: `settle` moves a bounded number of keys into ordered blocks.
 *
 * A key stays listed until the checkpoint that writes it has landed; one that was deleted meanwhile is found to be gone by the walk.
 */
import type { Bytes } from '../../base/bytes.ts'

const BLOCK_KEYS = 512

export class NewKeys {
  private pending: Bytes[] = []
  /** Blocks of ascending keys, ascending among themselves, none empty but the only one. */
  private blocks: Bytes[][] = [[]]

  add(key: Bytes): void {
    this.pending.push(key)
  }

  /** Keys that are not sorted in yet. */
  get pendingCount(): number {
    return this.pending.length
  }

  /** Sorts in up to `count` of the unsorted keys; whether all are sorted in now. */
  settle(count: number): boolean {
    for (let left = Math.min(count, this.pending.length); left > 0; left--) this.insert(this.pending.pop() as Bytes)
    return this.pending.length === 0
  }

  /** Up to `count` settled keys in order, the first of them not before `from`. */
  following(from: Bytes, count: number): Bytes[] {
    const result: Bytes[] = []
    let blockIndex = this.blockFor(from)
    let index = lowerBound(this.blocks[blockIndex] as Bytes[], from)
    while (blockIndex < this.blocks.length && result.length < count) {
      const block = this.blocks[blockIndex] as Bytes[]
      if (index < block.length) result.push(block[index++] as Bytes)
      else {
        blockIndex++
        index = 0
      }
    }
    return result
  }

  /** Up to `count` settled keys in descending order, the first of them before `before`; undefined: from the last on. */
  preceding(before: Bytes | undefined, count: number): Bytes[] {
    const result: Bytes[] = []
    let blockIndex = before === undefined ? this.blocks.length - 1 : this.blockFor(before)
    let block = this.blocks[blockIndex] as Bytes[]
    let index = before === undefined ? block.length : lowerBound(block, before)
    while (result.length < count) {
      if (index > 0) result.push(block[--index] as Bytes)
      else if (--blockIndex < 0) break
      else {
        block = this.blocks[blockIndex] as Bytes[]
        index = block.length
      }
    }
    return result
  }

  /** Takes over another one's keys: what was frozen comes back when its checkpoint fails. */
  absorb(other: NewKeys): void {
    for (const key of other.pending) this.pending.push(key)
    for (const block of other.blocks) for (const key of block) this.pending.push(key)
  }

  private insert(key: Bytes): void {
    const blockIndex = this.blockFor(key)
    const block = this.blocks[blockIndex] as Bytes[]
    const index = lowerBound(block, key)
    if (block[index] === key) return
    block.splice(index, 0, key)
    if (block.length >= 2 * BLOCK_KEYS) this.blocks.splice(blockIndex + 1, 0, block.splice(BLOCK_KEYS))
  }

  /** The last block whose first key is not after the key. */
  private blockFor(key: Bytes): number {
    let low = 0
    let high = this.blocks.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (((this.blocks[middle] as Bytes[])[0] as Bytes) <= key) low = middle
      else high = middle - 1
    }
    return low
  }
}

/** The first index whose key is not before this one. */
function lowerBound(keys: readonly Bytes[], key: Bytes): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] as Bytes) < key) low = middle + 1
    else high = middle
  }
  return low
}

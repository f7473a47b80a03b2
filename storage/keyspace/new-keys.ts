/**
 * The keys of one database that LevelDB does not have yet, for walks in key order (SCAN, KEYS).
 * Creating a key costs an array push. The walks sort, piece by piece: `sortPending` moves a bounded
 * number of keys into ordered blocks.
 *
 * A key stays listed until the checkpoint that writes it has landed. The walk finds out if the key
 * was deleted meanwhile.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'

const BLOCK_KEYS = 512

/** The keys of one database that LevelDB does not have yet. */
export class NewKeys {
  private pending: Bytes[] = []
  /** Blocks of ascending keys, in ascending order. Only a single block may be empty. */
  private blocks: Bytes[][] = [[]]

  add(key: Bytes): void {
    this.pending.push(key)
  }

  /** The number of keys that are not sorted yet. */
  get pendingCount(): number {
    return this.pending.length
  }

  /** Sorts up to `count` of the unsorted keys. Returns true if all are sorted now. */
  sortPending(count: number): boolean {
    for (let left = Math.min(count, this.pending.length); left > 0; left--) this.insert(must(this.pending.pop()))
    return this.pending.length === 0
  }

  /** Returns up to `count` sorted keys in order, from the first key not before `from`. */
  following(from: Bytes, count: number): Bytes[] {
    const result: Bytes[] = []
    let blockIndex = this.blockFor(from)
    let index = lowerBound(must(this.blocks[blockIndex]), from)
    while (blockIndex < this.blocks.length && result.length < count) {
      const block = must(this.blocks[blockIndex])
      if (index < block.length) result.push(must(block[index++]))
      else {
        blockIndex++
        index = 0
      }
    }
    return result
  }

  /**
   * Returns up to `count` sorted keys in descending order, all before `before`; undefined starts at
   * the last key.
   */
  preceding(before: Bytes | undefined, count: number): Bytes[] {
    const result: Bytes[] = []
    let blockIndex = before === undefined ? this.blocks.length - 1 : this.blockFor(before)
    let block = must(this.blocks[blockIndex])
    let index = before === undefined ? block.length : lowerBound(block, before)
    while (result.length < count) {
      if (index > 0) result.push(must(block[--index]))
      else if (--blockIndex < 0) break
      else {
        block = must(this.blocks[blockIndex])
        index = block.length
      }
    }
    return result
  }

  /** Takes over another list's keys: the frozen keys come back when their checkpoint fails. */
  absorb(other: NewKeys): void {
    for (const key of other.pending) this.pending.push(key)
    for (const block of other.blocks) for (const key of block) this.pending.push(key)
  }

  private insert(key: Bytes): void {
    const blockIndex = this.blockFor(key)
    const block = must(this.blocks[blockIndex])
    const index = lowerBound(block, key)
    if (block[index] === key) return
    block.splice(index, 0, key)
    if (block.length >= 2 * BLOCK_KEYS) this.blocks.splice(blockIndex + 1, 0, block.splice(BLOCK_KEYS))
  }

  /**
   * Returns the index of the last block whose first key is not after the key; 0 if there is none.
   */
  private blockFor(key: Bytes): number {
    let low = 0
    let high = this.blocks.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (must(must(this.blocks[middle])[0]) <= key) low = middle
      else high = middle - 1
    }
    return low
  }
}

/** Returns the first index whose key is not before this one. */
function lowerBound(keys: readonly Bytes[], key: Bytes): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (must(keys[middle]) < key) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * What two trees of one object both say, added up so that sums can be compared without either tree at hand: of a sorted set, its members with
 * their scores; of a hash, its fields that end with their deadlines. A sum is of 64 bits and does not depend on the order.
 */
import type { Bytes } from './bytes.ts'
import type { Findings } from './check-report.ts'
import { KIND_HASH, KIND_SORTED_SET } from './records.ts'
import { FieldValue, NO_VALUES, type TreeNode } from './tree/node.ts'
import { deadlineKey } from './values/hash.ts'
import { orderKey } from './values/score.ts'

/** Whether both trees of a kind say the same. */
export function pairTrees(kind: number): boolean {
  return kind === KIND_SORTED_SET || kind === KIND_HASH
}

export class PairSum {
  private count = 0
  private low = 0
  private high = 0

  /** What a leaf of either tree says. */
  addLeaf(kind: number, { keys, values, tree }: TreeNode): void {
    if (!pairTrees(kind)) return
    const isSecond = tree.layout.values === NO_VALUES
    for (const [index, key] of keys.entries()) {
      if (isSecond) this.addKey(key)
      else {
        const value = values[index]
        if (kind === KIND_SORTED_SET) this.addKey(orderKey(value as number, key))
        else if (value instanceof FieldValue) this.addKey(deadlineKey(value.expireAt, key))
      }
    }
  }

  add({ count, low, high }: PairSum): void {
    this.count += count
    this.low = (this.low + low) >>> 0
    this.high = (this.high + high) >>> 0
  }

  compare(other: PairSum, kind: number, place: string, findings: Findings): void {
    const [what, twins] =
      kind === KIND_HASH ? ['fields that end', 'deadlines of fields'] : ['members', 'members in the order of their scores']
    if (this.count !== other.count) findings.damage(place, `has ${this.count} ${what}, and ${other.count} ${twins}`)
    else if (this.low !== other.low || this.high !== other.high) findings.damage(place, `its ${what} are not its ${twins}`)
  }

  /** Of a key of the second tree, found there or made of what the first tree says. */
  private addKey(key: Bytes): void {
    let low = FIRST_LOW
    let high = FIRST_HIGH
    for (let i = 0; i < key.length; i++) {
      const byte = key.charCodeAt(i)
      low = mixLow(low, byte)
      high = mixHigh(high, byte)
    }
    this.count++
    this.low = (this.low + low) >>> 0
    this.high = (this.high + high) >>> 0
  }
}

const FIRST_LOW = 0x811c9dc5
const FIRST_HIGH = 0x9747b28c

/** FNV-1a. */
const mixLow = (hash: number, byte: number) => Math.imul(hash ^ byte, 0x01000193)

/** A step of Murmur's mixing. */
function mixHigh(hash: number, byte: number): number {
  const mixed = Math.imul(hash + byte, 0x5bd1e995)
  return mixed ^ (mixed >>> 15)
}

/**
 * What two trees of one object both say, added up so that sums can be compared without either tree at hand: of a sorted set, its members with
 * their scores; of a hash, its fields that end with their deadlines. A sum is of 64 bits and does not depend on the order.
 */
import type { Bytes } from './bytes.ts'
import type { Findings } from './check-report.ts'
import { KIND_HASH, KIND_SORTED_SET } from './records.ts'
import { FieldValue, NO_VALUES, type TreeNode, type TreeValue } from './tree/node.ts'

/** The number that goes before a key in the second tree: of eight bytes. */
const prefix = Buffer.alloc(8)

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
      else this.addPair(kind, key, values[index])
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

  private addKey(key: Bytes): void {
    this.count++
    this.mix(FIRST_LOW, FIRST_HIGH, key)
  }

  private addPair(kind: number, key: Bytes, value: TreeValue): void {
    if (kind === KIND_HASH) {
      if (!(value instanceof FieldValue)) return
      prefix.writeBigUInt64BE(BigInt(value.expireAt))
    } else writeScore(value as number)
    this.count++
    let low = FIRST_LOW
    let high = FIRST_HIGH
    for (const byte of prefix) {
      low = mixLow(low, byte)
      high = mixHigh(high, byte)
    }
    this.mix(low, high, key)
  }

  private mix(fromLow: number, fromHigh: number, key: Bytes): void {
    let low = fromLow
    let high = fromHigh
    for (let i = 0; i < key.length; i++) {
      const byte = key.charCodeAt(i)
      low = mixLow(low, byte)
      high = mixHigh(high, byte)
    }
    this.low = (this.low + low) >>> 0
    this.high = (this.high + high) >>> 0
  }
}

/** As the order tree has it: eight bytes that compare as the scores do. */
function writeScore(score: number): void {
  prefix.writeDoubleBE(score === 0 ? 0 : score)
  if (((prefix[0] as number) & 0x80) === 0) prefix[0] = (prefix[0] as number) | 0x80
  else for (const [index, byte] of prefix.entries()) prefix[index] = ~byte
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

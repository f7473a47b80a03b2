/**
 * Compares facts that an object stores twice, in two orders, without both sides in memory. Hashes
 * of the facts of one side are added to a sum of 64 bits, and those of the other side subtracted.
 * The sum of a sound object is zero.
 *
 *   sorted set   members with their scores; members in the order of their scores
 *   hash         fields with deadlines; deadlines of fields
 *   stream       within its groups' tree (values/streams/group-elements.ts): consumers by name,
 *                pending entries by id; both by consumer
 */
import type { Bytes } from '../../base/bytes.ts'
import { KIND_HASH, KIND_SORTED_SET, KIND_STREAM } from '../records/records.ts'
import { FieldValue, NO_VALUES, type TreeNode, type TreeValue } from '../tree/node.ts'
import { fieldDeadlineKey } from '../values/hash.ts'
import { orderKey } from '../values/score.ts'
import type { Findings } from './report.ts'

const NAMES: Readonly<Record<number, readonly [first: string, second: string]>> = {
  [KIND_SORTED_SET]: ['members', 'members in the order of their scores'],
  [KIND_HASH]: ['fields with a deadline', 'deadlines of fields'],
  [KIND_STREAM]: ['consumers and pending entries by name and id', 'consumers and pending entries by consumer'],
}

/** Bytes of a number in a stream's groups' tree. */
const NUMBER_BYTES = 4

/** A running comparison of facts that are stored twice; a sound object comes to zero. */
export class PairBalance {
  private firstCount = 0
  private secondCount = 0
  private low = 0
  private high = 0

  /**
   * Adds a leaf. REQUIRES: a stream's leaf is one of its groups' tree; the sum leaves out other
   * leaves.
   */
  addLeaf(kind: number, { keys, values, tree }: TreeNode): void {
    if (NAMES[kind] === undefined) return
    const isSecond = tree.layout.values === NO_VALUES
    for (const [index, key] of keys.entries()) {
      const value = values[index]
      if (kind === KIND_STREAM) this.addGroupRecord(key, value as Bytes)
      else if (isSecond) this.addSecond(key)
      else if (kind === KIND_SORTED_SET) this.addFirst(orderKey(value as number, key))
      else this.addField(key, value)
    }
  }

  add({ firstCount, secondCount, low, high }: PairBalance): void {
    this.firstCount += firstCount
    this.secondCount += secondCount
    this.low = (this.low + low) | 0
    this.high = (this.high + high) | 0
  }

  judge(kind: number, place: string, findings: Findings): void {
    const names = NAMES[kind]
    if (names === undefined) return
    if (this.firstCount !== this.secondCount)
      findings.damage(place, `has ${this.firstCount} ${names[0]}, and ${this.secondCount} ${names[1]}`)
    else if (this.low !== 0 || this.high !== 0) findings.damage(place, `its ${names[0]} and its ${names[1]} disagree`)
  }

  private addField(field: Bytes, value: TreeValue): void {
    if (value instanceof FieldValue) this.addFirst(fieldDeadlineKey(value.expireAtMs, field))
  }

  private addGroupRecord(key: Bytes, value: Bytes): void {
    const group = key.slice(1, 1 + NUMBER_BYTES)
    const rest = key.slice(1 + NUMBER_BYTES)
    switch (key[0]) {
      case 'b':
        this.addFirst(`c${group}${value.slice(0, NUMBER_BYTES)}${rest}`)
        break
      case 'c':
        this.addSecond(key + value)
        break
      case 'd':
        this.addFirst(`e${group}${value.slice(0, NUMBER_BYTES)}${rest}`)
        break
      case 'e':
        this.addSecond(key)
    }
  }

  private addFirst(fact: Bytes): void {
    this.firstCount++
    this.low = (this.low + lowHash(fact)) | 0
    this.high = (this.high + highHash(fact)) | 0
  }

  private addSecond(fact: Bytes): void {
    this.secondCount++
    this.low = (this.low - lowHash(fact)) | 0
    this.high = (this.high - highHash(fact)) | 0
  }
}

/** FNV-1a. */
function lowHash(bytes: Bytes): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes.charCodeAt(i), 0x01000193)
  return hash
}

/** Steps of Murmur's mixing. */
function highHash(bytes: Bytes): number {
  let hash = 0x9747b28c
  for (let i = 0; i < bytes.length; i++) {
    hash = Math.imul(hash + bytes.charCodeAt(i), 0x5bd1e995)
    hash ^= hash >>> 15
  }
  return hash
}

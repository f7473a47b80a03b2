/**
 * A sorted set: members with their scores, and members in the order of their scores; members of one
 * score are in byte order.
 *
 *   tree 0    member -> score
 *   tree 1    score(8) member -> nothing: score.ts
 *   encoding  Redis's encoding, listpack or skiplist; a skiplist stays one
 *
 * A rank is a rank in the second tree. Ranges of scores are ranges of ranks, found in O(log n).
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { KIND_SORTED_SET } from '../records/records.ts'
import { type Layout, NO_VALUES, SCORE_VALUES } from '../tree/node.ts'
import type { TreeObject } from '../tree/object.ts'
import type { Tree } from '../tree/tree.ts'
import type { Collection } from './collection.ts'
import { PackedCursor } from './packed-cursor.ts'
import { MAX_ELEMENT_HEAD_BYTES, packedEditor, packedSize } from './packed-editor.ts'
import { insertPacked, openOrder, removePacked, rescorePacked, takePacked } from './packed-sorted-set.ts'
import { detachedMemberOfKey, keyAfterScore, orderKey, scoreOfKey } from './score.ts'
import { MemberCursor, SortedSetCursor } from './sorted-set-cursors.ts'

/** The values of `TreeObject.encoding`. On disk: never renumber. */
const LISTPACK = 0
const SKIPLIST = 1

export interface ScoredMember {
  readonly member: Bytes
  readonly score: number
}

/**
 * The limits up to which Redis keeps a sorted set small: the configuration's keys of the same
 * names.
 */
export interface SortedSetLimits {
  number(name: 'zset-max-listpack-entries' | 'zset-max-listpack-value'): number
}

/** One end of a range of scores. */
export interface ScoreBound {
  readonly score: number
  readonly isExclusive: boolean
}

/** One end of a range of members in byte order. */
export type LexBound = 'least' | 'greatest' | { readonly member: Bytes; readonly isExclusive: boolean }

/** A sorted set. */
export class SortedSet implements Collection {
  static readonly kind = KIND_SORTED_SET
  static readonly layouts: readonly Layout[] = [
    { isKeyed: true, values: SCORE_VALUES },
    { isKeyed: true, values: NO_VALUES },
  ]
  static readonly firstUnpacked = SKIPLIST
  readonly object: TreeObject

  constructor(object: TreeObject, _header: Bytes) {
    this.object = object
  }

  get kind(): number {
    return KIND_SORTED_SET
  }

  /** The tree of the members. Makes a packed set inline. */
  get members(): Tree {
    return this.object.tree(0)
  }

  private get order(): Tree {
    return this.object.tree(1)
  }

  get size(): number {
    const { packed } = this.object
    return packed === null ? this.members.count : packedSize(packed)
  }

  get encodingName(): Bytes {
    return this.object.encoding === LISTPACK ? 'listpack' : 'skiplist'
  }

  /** Returns a member's score, or undefined if it does not exist. */
  score(member: Bytes): number | undefined {
    const { packed } = this.object
    if (packed !== null) return packedEditor.read(packed).score(member)
    const { members } = this
    return members.find(member) ? (members.value as number) : undefined
  }

  /**
   * Adds a member or changes its score. Returns true if it is new. REQUIRES: the score is not NaN.
   */
  add(member: Bytes, score: number, limits: SortedSetLimits): boolean {
    const before = this.score(member)
    if (before === undefined) this.insertFound(member, score, limits)
    else if (before !== score) this.rescoreFound(member, before, score)
    return before === undefined
  }

  /** Adds a member. REQUIRES: `score` has just not found it. */
  insertFound(member: Bytes, score: number, limits: SortedSetLimits): void {
    const { object } = this
    const { packed } = object
    const key = orderKey(score, member)
    if (packed !== null && object.mayGrow(member.length + key.length + 2 * MAX_ELEMENT_HEAD_BYTES))
      insertPacked(object, packed, member, score, key)
    else {
      const { members, order } = this
      if (packed !== null) members.find(member)
      members.insert(member, score === 0 ? 0 : score) // no -0
      order.find(key)
      order.insert(key)
    }
    if (object.encoding === LISTPACK && !this.fitsListpack(member.length, limits)) this.becomeSkiplist()
  }

  private becomeSkiplist(): void {
    if (this.object.packed !== null) this.object.unpack()
    this.object.encoding = SKIPLIST
  }

  /** Changes a member's score. REQUIRES: `score` has just found the member. */
  rescoreFound(member: Bytes, before: number, score: number): void {
    const { packed } = this.object
    if (packed !== null) {
      rescorePacked(this.object, packed, member, before, score)
      return
    }
    const { order } = this
    this.members.replace(score === 0 ? 0 : score)
    order.delete(orderKey(before, member))
    const key = orderKey(score, member)
    order.find(key)
    order.insert(key)
  }

  /** Removes a member. Returns false if it did not exist. The set may be empty afterwards. */
  remove(member: Bytes): boolean {
    const score = this.score(member)
    if (score === undefined) return false
    const { packed } = this.object
    if (packed !== null) {
      removePacked(this.object, packed, member, score)
      return true
    }
    this.members.remove()
    this.order.delete(orderKey(score, member))
    return true
  }

  /** Fills a new set. REQUIRES: the members are all different and in byte order. */
  load(members: readonly ScoredMember[], limits: SortedSetLimits): void {
    const keys: Bytes[] = []
    let longest = 0
    const { members: tree, order } = this
    for (const { member, score } of members) {
      tree.append(member, score === 0 ? 0 : score)
      keys.push(orderKey(score, member))
      if (member.length > longest) longest = member.length
    }
    keys.sort(inByteOrder)
    for (const key of keys) order.append(key)
    const { object } = this
    object.encoding = this.fitsListpack(longest, limits) ? LISTPACK : SKIPLIST
    if (object.encoding === LISTPACK && object.pages === null) object.packTrees()
  }

  /** Returns the rank of a member, from the least score, or -1 if it does not exist. */
  rank(member: Bytes): number {
    const score = this.score(member)
    return score === undefined ? -1 : this.rankOf(member, score)
  }

  /** Returns the rank of a member whose score is known. */
  rankOf(member: Bytes, score: number): number {
    const key = orderKey(score, member)
    const { packed } = this.object
    if (packed === null) return this.order.rankOf(key)
    openOrder(packed)
    return packedEditor.find(key) ? packedEditor.index : -1
  }

  /** Returns the rank of the first member of a range of scores whose lower end this is. */
  rankFrom({ score, isExclusive }: ScoreBound): number {
    return this.rankOfKey(isExclusive ? keyAfterScore(score) : orderKey(score, ''))
  }

  /** Returns the rank after the last member of a range of scores whose upper end this is. */
  rankTo({ score, isExclusive }: ScoreBound): number {
    return this.rankOfKey(isExclusive ? orderKey(score, '') : keyAfterScore(score))
  }

  /** Returns the number of keys before this one in the order of scores. */
  private rankOfKey(key: Bytes): number {
    const { packed } = this.object
    if (packed === null) return this.order.lowerBound(key)
    openOrder(packed)
    packedEditor.find(key)
    return packedEditor.index
  }

  /** Returns the rank in byte order of the first member of a range whose lower end this is. */
  lexFrom(bound: LexBound): number {
    if (typeof bound === 'string') return bound === 'least' ? 0 : this.size
    return this.lexRank(bound.member, bound.isExclusive)
  }

  /** Returns the rank in byte order after the last member of a range whose upper end this is. */
  lexTo(bound: LexBound): number {
    if (typeof bound === 'string') return bound === 'least' ? 0 : this.size
    return this.lexRank(bound.member, !bound.isExclusive)
  }

  /** Returns the rank in byte order of a member, or of the gap where it belongs. */
  private lexRank(member: Bytes, isAfter: boolean): number {
    const { packed } = this.object
    if (packed !== null) {
      packedEditor.open(packed)
      const isFound = packedEditor.find(member)
      return packedEditor.index + (isFound && isAfter ? 1 : 0)
    }
    const { members } = this
    const isFound = members.find(member)
    return members.rank + (isFound && isAfter ? 1 : 0)
  }

  /** Returns a cursor over the members in order, which starts with this rank. */
  cursor(rank: number, direction: 'forward' | 'backward' = 'forward'): SortedSetCursor {
    const { packed } = this.object
    if (packed === null) return new SortedSetCursor(this.order.cursor(rank, direction))
    return new SortedSetCursor(new PackedCursor(packedEditor.readSecond(packed).keys(), undefined, rank, direction))
  }

  /** Returns a cursor over the members in byte order, which starts with this rank in that order. */
  cursorByBytes(rank: number, direction: 'forward' | 'backward' = 'forward'): MemberCursor {
    const { packed } = this.object
    if (packed === null) return new MemberCursor(this.members.cursor(rank, direction))
    const elements = packedEditor.read(packed)
    return new MemberCursor(new PackedCursor(elements.keys(), elements.values(), rank, direction))
  }

  /** Returns the member of a rank in byte order. */
  memberByBytes(rank: number): ScoredMember {
    const { packed } = this.object
    if (packed !== null) {
      packedEditor.open(packed)
      packedEditor.seek(rank)
      return { member: packedEditor.key, score: packedEditor.score }
    }
    const { members } = this
    members.seek(rank)
    return { member: members.key, score: members.value as number }
  }

  /**
   * Returns the member of a rank by score if it lies in the first leaf, in memory; otherwise an
   * empty string. Changes nothing.
   */
  memberAtStart(rank: number): Bytes {
    if (this.object.packed !== null) return ''
    const leaf = this.order.firstLeafInMemory()
    return leaf === null || rank >= leaf.length ? '' : detachedMemberOfKey(must(leaf.keys[rank]))
  }

  /** Removes and returns the member of a rank by score. The set may be empty afterwards. */
  takeAt(rank: number): ScoredMember {
    const { packed } = this.object
    if (packed !== null) return takePacked(this.object, packed, rank)
    const { order } = this
    order.seek(rank)
    const { key } = order
    const member = detachedMemberOfKey(key)
    order.remove()
    this.members.delete(member)
    return { member, score: scoreOfKey(key) }
  }

  /**
   * Removes the members whose ranks by score go from `from` to before `to`. The set may be empty
   * afterwards.
   */
  removeRanks(from: number, to: number): void {
    if (from >= to) return
    if (this.object.packed !== null) {
      for (let left = to - from; left > 0; left--) this.takeAt(from)
      return
    }
    const { order, members } = this
    const cursor = order.cursor(from)
    for (let rank = from; rank < to && cursor.next(); rank++) members.delete(detachedMemberOfKey(cursor.key))
    order.removeRange(from, to)
  }

  /**
   * Removes members by their ranks in byte order, from `from` to before `to`. The set may be empty
   * afterwards.
   */
  removeByBytes(from: number, to: number): void {
    if (from >= to) return
    if (this.object.packed !== null) {
      for (let left = to - from; left > 0; left--) this.remove(this.memberByBytes(from).member)
      return
    }
    const { order, members } = this
    const cursor = members.cursor(from)
    for (let rank = from; rank < to && cursor.next(); rank++) order.delete(orderKey(cursor.value as number, cursor.key))
    members.removeRange(from, to)
  }

  private fitsListpack(longest: number, limits: SortedSetLimits): boolean {
    return this.size <= limits.number('zset-max-listpack-entries') && longest <= limits.number('zset-max-listpack-value')
  }
}

function inByteOrder(a: Bytes, b: Bytes): number {
  return a < b ? -1 : a > b ? 1 : 0
}

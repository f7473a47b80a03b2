/**
 * A sorted set: members with their scores, and members in the order of their scores, those of one score in byte order.
 *
 *   tree 0    member -> score
 *   tree 1    score(8) member -> nothing: score.ts
 *   encoding  whether Redis would call it a listpack or a skiplist; it never goes back
 *
 * A rank is a rank in the second tree. Ranges of scores are ranges of ranks, found in O(log n).
 */
import type { Bytes } from '../../base/bytes.ts'
import { KIND_SORTED_SET } from '../records/records.ts'
import type { TreeCursor } from '../tree/cursor.ts'
import { type Layout, NO_VALUES, SCORE_VALUES } from '../tree/node.ts'
import type { TreeObject } from '../tree/object.ts'
import type { Tree } from '../tree/tree.ts'
import type { Collection } from './collection.ts'
import { detachedMemberOfKey, keyAfterScore, memberOfKey, orderKey, scoreOfKey } from './score.ts'

/** What `TreeObject.encoding` is. On disk: never renumber. */
const LISTPACK = 0
const SKIPLIST = 1

export interface ScoredMember {
  readonly member: Bytes
  readonly score: number
}

/** Up to where Redis would keep a sorted set small: the configuration's keys of that name. */
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

export class SortedSet implements Collection {
  static readonly kind = KIND_SORTED_SET
  static readonly layouts: readonly Layout[] = [
    { isKeyed: true, values: SCORE_VALUES },
    { isKeyed: true, values: NO_VALUES },
  ]
  readonly kind = KIND_SORTED_SET
  readonly object: TreeObject
  readonly members: Tree
  private readonly order: Tree

  constructor(object: TreeObject, _header: Bytes) {
    this.object = object
    this.members = object.tree(0)
    this.order = object.tree(1)
  }

  get size(): number {
    return this.members.count
  }

  get encodingName(): Bytes {
    return this.object.encoding === LISTPACK ? 'listpack' : 'skiplist'
  }

  /** A member's score; undefined where there is no such member. */
  score(member: Bytes): number | undefined {
    const { members } = this
    return members.find(member) ? (members.value as number) : undefined
  }

  /** Adds a member or changes its score; whether it is new. A score is no NaN. */
  add(member: Bytes, score: number, limits: SortedSetLimits): boolean {
    const before = this.score(member)
    if (before === undefined) this.insertFound(member, score, limits)
    else if (before !== score) this.rescoreFound(member, before, score)
    return before === undefined
  }

  /** Adds a member that `score` has just looked for in vain. */
  insertFound(member: Bytes, score: number, limits: SortedSetLimits): void {
    const { order, object } = this
    this.members.insert(member, score === 0 ? 0 : score) // no -0
    const key = orderKey(score, member)
    order.find(key)
    order.insert(key)
    if (object.encoding === LISTPACK && !this.fitsListpack(member.length, limits)) object.encoding = SKIPLIST
  }

  /** Gives a member that `score` has just found another score. */
  rescoreFound(member: Bytes, before: number, score: number): void {
    const { order } = this
    this.members.replace(score === 0 ? 0 : score)
    order.delete(orderKey(before, member))
    const key = orderKey(score, member)
    order.find(key)
    order.insert(key)
  }

  /** Whether there was such a member. The set may be empty now. */
  remove(member: Bytes): boolean {
    const score = this.score(member)
    if (score === undefined) return false
    this.members.remove()
    this.order.delete(orderKey(score, member))
    return true
  }

  /** Fills a new set. The members are all different and come in byte order. */
  load(members: readonly ScoredMember[], limits: SortedSetLimits): void {
    const keys: Bytes[] = []
    let longest = 0
    for (const { member, score } of members) {
      this.members.append(member, score === 0 ? 0 : score)
      keys.push(orderKey(score, member))
      if (member.length > longest) longest = member.length
    }
    keys.sort(inByteOrder)
    for (const key of keys) this.order.append(key)
    this.object.encoding = this.fitsListpack(longest, limits) ? LISTPACK : SKIPLIST
  }

  /** From the least score; -1 where there is no such member. */
  rank(member: Bytes): number {
    const score = this.score(member)
    return score === undefined ? -1 : this.order.rankOf(orderKey(score, member))
  }

  /** The rank of a member whose score is known. */
  rankOf(member: Bytes, score: number): number {
    return this.order.rankOf(orderKey(score, member))
  }

  /** The number of members below the range that begins here: the rank of its first. */
  rankFrom({ score, isExclusive }: ScoreBound): number {
    return this.order.lowerBound(isExclusive ? keyAfterScore(score) : orderKey(score, ''))
  }

  /** The number of members in or below the range that ends here: the rank after its last. */
  rankTo({ score, isExclusive }: ScoreBound): number {
    return this.order.lowerBound(isExclusive ? orderKey(score, '') : keyAfterScore(score))
  }

  /** The same in byte order, whatever the scores are. */
  lexFrom(bound: LexBound): number {
    if (typeof bound === 'string') return bound === 'least' ? 0 : this.size
    const { members } = this
    const isThere = members.find(bound.member)
    return members.rank + (isThere && bound.isExclusive ? 1 : 0)
  }

  lexTo(bound: LexBound): number {
    if (typeof bound === 'string') return bound === 'least' ? 0 : this.size
    const { members } = this
    const isThere = members.find(bound.member)
    return members.rank + (isThere && !bound.isExclusive ? 1 : 0)
  }

  /** Goes through the members in order, from this rank on, itself included. */
  cursor(rank: number, direction: 'forward' | 'backward' = 'forward'): SortedSetCursor {
    return new SortedSetCursor(this.order.cursor(rank, direction))
  }

  /** Goes through the members in byte order, from this rank in it on. */
  cursorByBytes(rank: number, direction: 'forward' | 'backward' = 'forward'): MemberCursor {
    return new MemberCursor(this.members.cursor(rank, direction))
  }

  /** The member of a rank in byte order. */
  at(rank: number): ScoredMember {
    const { members } = this
    members.seek(rank)
    return { member: members.key, score: members.value as number }
  }

  /** Takes out the member of a rank. The set may be empty now. */
  takeAt(rank: number): ScoredMember {
    const { order } = this
    order.seek(rank)
    const { key } = order
    const member = detachedMemberOfKey(key)
    order.remove()
    this.members.delete(member)
    return { member, score: scoreOfKey(key) }
  }

  /** Takes out the members of the ranks from `from` to before `to`. The set may be empty now. */
  removeRanks(from: number, to: number): void {
    const { order, members } = this
    if (from >= to) return
    const cursor = order.cursor(from)
    for (let rank = from; rank < to && cursor.next(); rank++) members.delete(detachedMemberOfKey(cursor.key))
    order.removeRange(from, to)
  }

  /** Takes out members by their ranks in byte order, from `from` to before `to`. The set may be empty now. */
  removeByBytes(from: number, to: number): void {
    const { order, members } = this
    if (from >= to) return
    const cursor = members.cursor(from)
    for (let rank = from; rank < to && cursor.next(); rank++) order.delete(orderKey(cursor.value as number, cursor.key))
    members.removeRange(from, to)
  }

  private fitsListpack(longest: number, limits: SortedSetLimits): boolean {
    return this.size <= limits.number('zset-max-listpack-entries') && longest <= limits.number('zset-max-listpack-value')
  }
}

/** Members in the order of their scores, or backwards. */
export class SortedSetCursor {
  private readonly keys: TreeCursor

  constructor(keys: TreeCursor) {
    this.keys = keys
  }

  next(): boolean {
    return this.keys.next()
  }

  /** For a reply: it shares memory with what the tree has. */
  get member(): Bytes {
    return memberOfKey(this.keys.key)
  }

  /** The member with memory of its own. */
  get detachedMember(): Bytes {
    return detachedMemberOfKey(this.keys.key)
  }

  get score(): number {
    return scoreOfKey(this.keys.key)
  }
}

/** Members in byte order, or backwards. */
export class MemberCursor {
  private readonly keys: TreeCursor

  constructor(keys: TreeCursor) {
    this.keys = keys
  }

  next(): boolean {
    return this.keys.next()
  }

  get member(): Bytes {
    return this.keys.key
  }

  get detachedMember(): Bytes {
    return this.keys.key
  }

  get score(): number {
    return this.keys.value as number
  }
}

function inByteOrder(a: Bytes, b: Bytes): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Consumers of a stream's groups, as commands see them; group-elements.ts has their format. */
import { must } from '../../../base/assert.ts'
import type { Bytes } from '../../../base/bytes.ts'
import {
  CONSUMER,
  countBetween,
  GroupRange,
  NAME,
  numberKey,
  OWNED,
  ownerKey,
  pendingKey,
  put,
  removeBetween,
  treeOf,
} from './group-elements.ts'
import type { ConsumerGroup } from './groups.ts'
import { MAX_UINT64, putUint64, ZERO_ID } from './id.ts'

const scratch = Buffer.alloc(20)

/** A consumer has few of its group's pending entries if its share is less than one in this many. */
const FEW = 16

/** A consumer, read from its element; `save` writes it back. */
export class Consumer {
  readonly group: ConsumerGroup
  readonly name: Bytes
  readonly number: number
  private storedSeenAtMs: number
  /** The time when it last received or claimed an entry, in ms since the epoch; -1 for never. */
  activeAtMs: number

  constructor(group: ConsumerGroup, name: Bytes, number: number, seenAtMs: number, activeAtMs: number) {
    this.group = group
    this.name = name
    this.number = number
    this.storedSeenAtMs = seenAtMs
    this.activeAtMs = activeAtMs
  }

  /** The time of its last request, in ms since the epoch. */
  get seenAtMs(): number {
    return this.group.stream.seen?.get(this.number) ?? this.storedSeenAtMs
  }

  /** Records a request of the consumer, which is no change of the stream. */
  see(nowMs: number): void {
    if (this.seenAtMs === nowMs) return
    const { stream } = this.group
    stream.seen ??= new Map()
    stream.seen.set(this.number, nowMs)
  }

  /** Records that the consumer has received or claimed an entry. */
  act(nowMs: number): void {
    this.group.stream.seen?.delete(this.number)
    if (this.storedSeenAtMs === nowMs && this.activeAtMs === nowMs) return
    this.storedSeenAtMs = nowMs
    this.activeAtMs = nowMs
    this.save()
  }

  save(): void {
    const { group } = this
    scratch.writeUInt32BE(this.number, 0)
    putUint64(scratch, 4, this.storedSeenAtMs)
    putUint64(scratch, 12, this.activeAtMs === -1 ? MAX_UINT64 : this.activeAtMs)
    const value = scratch.latin1Slice(0, 20)
    put(group.stream, numberKey(CONSUMER, group.number) + this.name, value)
  }

  get pendingCount(): number {
    const { group, number } = this
    return countBetween(group.stream, ownerKey(OWNED, group.number, number, ''), ownerKey(OWNED, group.number, number + 1, ''))
  }

  /** Returns its pending entries from this id on; their details are in the group's list. */
  pendingFrom(id: Bytes): GroupRange {
    const { group, number } = this
    const from = ownerKey(OWNED, group.number, number, id)
    return new GroupRange(group.stream, from, ownerKey(OWNED, group.number, number + 1, ''))
  }

  /** Deletes the consumer with its pending entries. */
  delete(): void {
    const { group, number } = this
    const { stream } = group
    const tree = treeOf(stream)
    if (this.pendingCount * FEW < group.pendingCount) this.removeOneByOne()
    else this.removeRuns()
    removeBetween(stream, ownerKey(OWNED, group.number, number, ''), ownerKey(OWNED, group.number, number + 1, ''))
    tree.delete(ownerKey(NAME, group.number, number, ''))
    tree.delete(numberKey(CONSUMER, group.number) + this.name)
    stream.seen?.delete(number)
  }

  /** Removes its pending entries from the group's list, one by one. */
  private removeOneByOne(): void {
    const { group } = this
    const tree = treeOf(group.stream)
    for (const owned = this.pendingFrom(''); owned.next(); ) tree.delete(pendingKey(group.number, owned.id))
  }

  /**
   * Removes its pending entries in one walk over the group's list, because consumers have runs of
   * entries.
   */
  private removeRuns(): void {
    const { group, number } = this
    const tree = treeOf(group.stream)
    const ends: number[] = [] // ranks at which runs of its own begin and end, in turn
    const range = group.pendingFrom(ZERO_ID)
    let rank = tree.lowerBound(pendingKey(group.number, ZERO_ID))
    for (; range.next(); rank++) if ((range.pending.consumer === number) !== (ends.length % 2 === 1)) ends.push(rank)
    if (ends.length % 2 === 1) ends.push(rank)
    for (let last = ends.length - 1; last > 0; last -= 2) tree.removeRange(must(ends[last - 1]), must(ends[last]))
  }
}

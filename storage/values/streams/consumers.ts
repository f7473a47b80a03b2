/** Consumers of a stream's groups, as commands see them; records.ts describes their records. */
import type { Bytes } from '../../../base/bytes.ts'
import type { Group } from './groups.ts'
import { MAX_UINT64, putUint64, ZERO_ID } from './id.ts'
import { CONSUMER, countBetween, GroupRange, NAME, numberKey, OWNED, ownerKey, pendingKey, put, removeBetween, treeOf } from './records.ts'

const scratch = Buffer.alloc(20)

/** A consumer has few of its group's pending entries if its share is less than one in this many. */
const FEW = 16

/** A consumer as its record has it. */
export class Consumer {
  readonly group: Group
  readonly name: Bytes
  readonly number: number
  private recordedSeenAt: number
  /** The time when it last received or claimed an entry, in ms since the epoch; -1 for never. */
  activeAt: number

  constructor(group: Group, name: Bytes, number: number, seenAt: number, activeAt: number) {
    this.group = group
    this.name = name
    this.number = number
    this.recordedSeenAt = seenAt
    this.activeAt = activeAt
  }

  /** The time of its last request, in ms since the epoch. */
  get seenAt(): number {
    return this.group.stream.seen?.get(this.number) ?? this.recordedSeenAt
  }

  /** Records a request of the consumer, which is no change of the stream. */
  see(now: number): void {
    if (this.seenAt === now) return
    const { stream } = this.group
    stream.seen ??= new Map()
    stream.seen.set(this.number, now)
  }

  /** Records that the consumer has received or claimed an entry. */
  act(now: number): void {
    this.group.stream.seen?.delete(this.number)
    if (this.recordedSeenAt === now && this.activeAt === now) return
    this.recordedSeenAt = now
    this.activeAt = now
    this.save()
  }

  save(): void {
    const { group } = this
    scratch.writeUInt32BE(this.number, 0)
    putUint64(scratch, 4, this.recordedSeenAt)
    putUint64(scratch, 12, this.activeAt === -1 ? MAX_UINT64 : this.activeAt)
    const record = scratch.latin1Slice(0, 20)
    put(group.stream, numberKey(CONSUMER, group.number) + this.name, record)
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
    if (this.pendingCount * FEW < group.pendingCount) this.forgetFew()
    else this.forgetMany()
    removeBetween(stream, ownerKey(OWNED, group.number, number, ''), ownerKey(OWNED, group.number, number + 1, ''))
    tree.delete(ownerKey(NAME, group.number, number, ''))
    tree.delete(numberKey(CONSUMER, group.number) + this.name)
    stream.seen?.delete(number)
  }

  /** Removes its pending entries from the group's list, one by one. */
  private forgetFew(): void {
    const { group } = this
    const tree = treeOf(group.stream)
    for (const owned = this.pendingFrom(''); owned.next(); ) tree.delete(pendingKey(group.number, owned.id))
  }

  /**
   * Removes its pending entries in one walk over the group's list, because consumers have runs of
   * entries.
   */
  private forgetMany(): void {
    const { group, number } = this
    const tree = treeOf(group.stream)
    const ends: number[] = [] // ranks at which runs of its own begin and end, in turn
    const range = group.pendingFrom(ZERO_ID)
    let rank = tree.lowerBound(pendingKey(group.number, ZERO_ID))
    for (; range.next(); rank++) if ((range.pending.consumer === number) !== (ends.length % 2 === 1)) ends.push(rank)
    if (ends.length % 2 === 1) ends.push(rank)
    for (let last = ends.length - 1; last > 0; last -= 2) tree.removeRange(ends[last - 1] as number, ends[last] as number)
  }
}

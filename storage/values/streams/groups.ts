/** Groups of a stream, as commands see them; group-elements.ts has their format. */
import type { Bytes } from '../../../base/bytes.ts'
import { Consumer } from './consumers.ts'
import {
  CONSUMER,
  countBetween,
  GROUP,
  GroupRange,
  ID_BYTES,
  NAME,
  numberKey,
  OWNED,
  ownerKey,
  PENDING,
  type Pending,
  pendingKey,
  pendingOf,
  pendingValue,
  put,
  removeBetween,
  treeOf,
} from './group-elements.ts'
import { increment, MAX_UINT64, plus, putUint64, type Uint64, uint32At, uint64At } from './id.ts'
import type { Stream } from './stream.ts'

const scratch = Buffer.alloc(28)

/** A group, read from its element; `save` writes it back. */
export class ConsumerGroup {
  readonly stream: Stream
  readonly name: Bytes
  readonly number: number
  lastId: Bytes
  /** The number of entries ever added up to lastId; -1 if unknown. */
  entriesRead: Uint64

  constructor(stream: Stream, name: Bytes, number: number, lastId: Bytes, entriesRead: Uint64) {
    this.stream = stream
    this.name = name
    this.number = number
    this.lastId = lastId
    this.entriesRead = entriesRead
  }

  save(): void {
    scratch.writeUInt32BE(this.number, 0)
    scratch.latin1Write(this.lastId, 4)
    putUint64(scratch, 20, this.entriesRead === -1 ? MAX_UINT64 : this.entriesRead)
    put(this.stream, GROUP + this.name, scratch.latin1Slice(0, 28))
  }

  /** Moves the group on to an entry that is being delivered. */
  advance(id: Bytes): void {
    const { stream } = this
    if (this.entriesRead !== -1 && !stream.hasTombstonesFrom(id)) this.entriesRead = increment(this.entriesRead)
    else if (stream.entriesAdded !== 0) this.entriesRead = stream.distanceOf(id)
    this.lastId = id
  }

  /** The number of entries that the group has still to read; null if unknown. */
  get lag(): Uint64 | null {
    const { stream } = this
    if (stream.entriesAdded === 0) return 0
    const known = this.entriesRead !== -1 && !stream.hasTombstonesFrom(this.lastId)
    const read = known ? this.entriesRead : stream.distanceOf(this.lastId)
    return read === -1 ? null : plus(stream.entriesAdded, -read)
  }

  consumer(name: Bytes): Consumer | undefined {
    const value = treeOf(this.stream).get(numberKey(CONSUMER, this.number) + name)
    return value === undefined ? undefined : consumerOf(this, name, value as Bytes)
  }

  /** Creates a consumer. REQUIRES: it does not exist. */
  createConsumer(name: Bytes, nowMs: number): Consumer {
    const consumer = new Consumer(this, name, takeNumber(this.stream), nowMs, -1)
    consumer.save()
    treeOf(this.stream).set(ownerKey(NAME, this.number, consumer.number, ''), name)
    return consumer
  }

  get consumers(): Consumer[] {
    const found: Consumer[] = []
    const prefix = numberKey(CONSUMER, this.number)
    const cursor = new GroupRange(this.stream, prefix, numberKey(CONSUMER, this.number + 1))
    while (cursor.next()) found.push(consumerOf(this, cursor.key.slice(prefix.length), cursor.value))
    return found
  }

  get consumerCount(): number {
    return countBetween(this.stream, numberKey(CONSUMER, this.number), numberKey(CONSUMER, this.number + 1))
  }

  consumerName(number: number): Bytes {
    return treeOf(this.stream).get(ownerKey(NAME, this.number, number, '')) as Bytes
  }

  get pendingCount(): number {
    return countBetween(this.stream, numberKey(PENDING, this.number), numberKey(PENDING, this.number + 1))
  }

  /** The least and greatest pending id; null if there is none. */
  get pendingEnds(): readonly [first: Bytes, last: Bytes] | null {
    const tree = treeOf(this.stream)
    const from = tree.lowerBound(numberKey(PENDING, this.number))
    const to = tree.lowerBound(numberKey(PENDING, this.number + 1))
    return from === to ? null : [tree.keyAt(from).slice(-ID_BYTES), tree.keyAt(to - 1).slice(-ID_BYTES)]
  }

  pending(id: Bytes): Pending | undefined {
    const value = treeOf(this.stream).get(pendingKey(this.number, id))
    return value === undefined ? undefined : pendingOf(value as Bytes)
  }

  /** Returns the pending entries from this id on. */
  pendingFrom(id: Bytes): GroupRange {
    return new GroupRange(this.stream, pendingKey(this.number, id), numberKey(PENDING, this.number + 1))
  }

  /** Makes an entry pending for the consumer, and takes it from its former consumer. */
  assign(id: Bytes, consumer: Consumer, deliveredAtMs: number, deliveries: Uint64): void {
    const tree = treeOf(this.stream)
    const value = pendingValue(consumer.number, deliveredAtMs, deliveries)
    if (tree.find(pendingKey(this.number, id))) {
      const before = uint32At(tree.value as Bytes, 0)
      tree.replace(value)
      if (before === consumer.number) return
      tree.delete(ownerKey(OWNED, this.number, before, id))
    } else tree.insert(pendingKey(this.number, id), value)
    tree.set(ownerKey(OWNED, this.number, consumer.number, id), '')
  }

  /** Acknowledges an entry. Returns false if it was not pending. */
  acknowledge(id: Bytes): boolean {
    const tree = treeOf(this.stream)
    if (!tree.find(pendingKey(this.number, id))) return false
    const owner = uint32At(tree.value as Bytes, 0)
    tree.remove()
    tree.delete(ownerKey(OWNED, this.number, owner, id))
    return true
  }

  /** Deletes the group with all of its elements. */
  destroy(): void {
    const { stream, number } = this
    if (stream.seen !== null) for (const consumer of this.consumers) stream.seen.delete(consumer.number)
    for (const tag of [OWNED, PENDING, NAME, CONSUMER]) removeBetween(stream, numberKey(tag, number), numberKey(tag, number + 1))
    treeOf(stream).delete(GROUP + this.name)
  }
}

/** Returns a group by its name, or undefined. Creates no tree. */
export function findGroup(stream: Stream, name: Bytes): ConsumerGroup | undefined {
  const value = stream.object.trees[1]?.get(GROUP + name)
  return value === undefined ? undefined : groupOf(stream, name, value as Bytes)
}

/** Creates a group. REQUIRES: it does not exist. */
export function createGroup(stream: Stream, name: Bytes, lastId: Bytes, entriesRead: Uint64): ConsumerGroup {
  const group = new ConsumerGroup(stream, name, takeNumber(stream), lastId, entriesRead)
  group.save()
  return group
}

/** Returns the groups in the order of their names. */
export function groupsOf(stream: Stream): ConsumerGroup[] {
  const found: ConsumerGroup[] = []
  if (stream.object.trees[1] === undefined) return found
  for (const range = new GroupRange(stream, GROUP, CONSUMER); range.next(); ) found.push(groupOf(stream, range.key.slice(1), range.value))
  return found
}

export function groupCountOf(stream: Stream): number {
  return stream.object.trees[1] === undefined ? 0 : countBetween(stream, GROUP, CONSUMER)
}

function groupOf(stream: Stream, name: Bytes, value: Bytes): ConsumerGroup {
  const entriesRead = uint64At(value, 20)
  return new ConsumerGroup(stream, name, uint32At(value, 0), value.slice(4, 20), entriesRead === MAX_UINT64 ? -1 : entriesRead)
}

function consumerOf(group: ConsumerGroup, name: Bytes, value: Bytes): Consumer {
  const activeAt = uint64At(value, 12)
  return new Consumer(group, name, uint32At(value, 0), Number(uint64At(value, 4)), activeAt === MAX_UINT64 ? -1 : Number(activeAt))
}

function takeNumber(stream: Stream): number {
  stream.object.touch()
  return stream.nextNumber++
}

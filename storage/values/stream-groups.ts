/**
 * Groups of a stream, their consumers, and the entries delivered but not acknowledged, in the stream's second tree, so that any of them may
 * be as many as there is disk for. On disk: never renumber.
 *
 *   'a' name                      -> group      number(4) lastId(16) entriesRead(8)
 *   'b' group(4) name             -> consumer   number(4) seenAt(8) activeAt(8)
 *   'c' group(4) consumer(4)      -> the consumer's name
 *   'd' group(4) id(16)           -> pending    consumer(4) deliveredAt(8) deliveries(8)
 *   'e' group(4) consumer(4) id(16) -> nothing
 *
 * Big-endian throughout; entriesRead and activeAt are all ones where unknown or never. Groups and consumers are known by numbers of the
 * stream. Invariant: 'b' and 'c', and 'd' and 'e', go in pairs.
 */
import { type Bytes, detached } from '../bytes.ts'
import type { TreeCursor } from '../tree/cursor.ts'
import type { Tree } from '../tree/tree.ts'
import type { Stream } from './stream.ts'
import { MAX_UINT64, plus, putUint64, type Uint64, uint32At, uint64At } from './stream-id.ts'

const GROUP = 'a'
const CONSUMER = 'b'
const NAME = 'c'
const PENDING = 'd'
const OWNED = 'e'

const PENDING_KEY_BYTES = 21
const OWNED_KEY_BYTES = 25
const ID_BYTES = 16
const ID_IN_PENDING = 5
const ID_IN_OWNED = 9

const scratch = Buffer.alloc(28)

/** A group as its record has it; `save` writes it back. */
export class Group {
  readonly stream: Stream
  readonly name: Bytes
  readonly number: number
  lastId: Bytes
  /** Entries up to lastId that have been added; -1 where that is not known. */
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

  /** Moves it on to an entry that is delivered now. */
  advance(id: Bytes): void {
    const { stream } = this
    if (this.entriesRead !== -1 && !stream.hasTombstonesFrom(id)) this.entriesRead = plus(this.entriesRead, 1)
    else if (stream.entriesAdded !== 0) this.entriesRead = stream.distanceOf(id)
    this.lastId = id
  }

  /** Entries that it has still to read; null where that is not known. */
  get lag(): Uint64 | null {
    const { stream } = this
    if (stream.entriesAdded === 0) return 0
    const known = this.entriesRead !== -1 && !stream.hasTombstonesFrom(this.lastId)
    const read = known ? this.entriesRead : stream.distanceOf(this.lastId)
    return read === -1 ? null : plus(stream.entriesAdded, -read)
  }

  consumer(name: Bytes): Consumer | undefined {
    const record = treeOf(this.stream).get(numberKey(CONSUMER, this.number) + name)
    return record === undefined ? undefined : consumerOf(this, name, record as Bytes)
  }

  /** Makes a consumer that does not exist. */
  createConsumer(name: Bytes, now: number): Consumer {
    const consumer = new Consumer(this, name, takeNumber(this.stream), now, -1)
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

  /** Least and greatest id that is pending; null where none is. */
  get pendingEnds(): readonly [first: Bytes, last: Bytes] | null {
    const tree = treeOf(this.stream)
    const from = tree.lowerBound(numberKey(PENDING, this.number))
    const to = tree.lowerBound(numberKey(PENDING, this.number + 1))
    return from === to ? null : [tree.keyAt(from).slice(-ID_BYTES), tree.keyAt(to - 1).slice(-ID_BYTES)]
  }

  pending(id: Bytes): Pending | undefined {
    const record = treeOf(this.stream).get(pendingKey(this.number, id))
    return record === undefined ? undefined : pendingOf(record as Bytes)
  }

  /** What is pending from this id on. */
  pendingFrom(id: Bytes): GroupRange {
    return new GroupRange(this.stream, pendingKey(this.number, id), numberKey(PENDING, this.number + 1))
  }

  /** An entry is the consumer's now, whosever it was. */
  assign(id: Bytes, consumer: Consumer, deliveredAt: number, deliveries: Uint64): void {
    const tree = treeOf(this.stream)
    const record = pendingRecord(consumer.number, deliveredAt, deliveries)
    if (tree.find(pendingKey(this.number, id))) {
      const before = uint32At(tree.value as Bytes, 0)
      tree.replace(record)
      if (before === consumer.number) return
      tree.delete(ownerKey(OWNED, this.number, before, id))
    } else tree.insert(pendingKey(this.number, id), record)
    tree.set(ownerKey(OWNED, this.number, consumer.number, id), '')
  }

  /** Forgets that an entry is pending; whether it was. */
  acknowledge(id: Bytes): boolean {
    const tree = treeOf(this.stream)
    if (!tree.find(pendingKey(this.number, id))) return false
    const owner = uint32At(tree.value as Bytes, 0)
    tree.remove()
    tree.delete(ownerKey(OWNED, this.number, owner, id))
    return true
  }

  /** Deletes it with all that belongs to it. */
  destroy(): void {
    const { stream, number } = this
    if (stream.seen !== null) for (const consumer of this.consumers) stream.seen.delete(consumer.number)
    for (const tag of [OWNED, PENDING, NAME, CONSUMER]) removeBetween(stream, numberKey(tag, number), numberKey(tag, number + 1))
    treeOf(stream).delete(GROUP + this.name)
  }
}

/** A consumer as its record has it. */
export class Consumer {
  readonly group: Group
  readonly name: Bytes
  readonly number: number
  private recordedSeenAt: number
  /** When it last got or claimed something, in ms since the epoch; -1 for never. */
  activeAt: number

  constructor(group: Group, name: Bytes, number: number, seenAt: number, activeAt: number) {
    this.group = group
    this.name = name
    this.number = number
    this.recordedSeenAt = seenAt
    this.activeAt = activeAt
  }

  /** When it last asked for something, in ms since the epoch. */
  get seenAt(): number {
    return this.group.stream.seen?.get(this.number) ?? this.recordedSeenAt
  }

  /** It has asked for something: no change of the stream. */
  see(now: number): void {
    if (this.seenAt === now) return
    const { stream } = this.group
    stream.seen ??= new Map()
    stream.seen.set(this.number, now)
  }

  /** It has got or claimed something. */
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

  /** What it has pending from this id on; without details: those are the group's. */
  pendingFrom(id: Bytes): GroupRange {
    const { group, number } = this
    const from = ownerKey(OWNED, group.number, number, id)
    return new GroupRange(group.stream, from, ownerKey(OWNED, group.number, number + 1, ''))
  }

  /** Deletes it with what it has pending. */
  delete(): void {
    const { group, number } = this
    const { stream } = group
    const tree = treeOf(stream)
    for (const owned = this.pendingFrom(''); owned.next(); ) tree.delete(pendingKey(group.number, owned.id))
    removeBetween(stream, ownerKey(OWNED, group.number, number, ''), ownerKey(OWNED, group.number, number + 1, ''))
    tree.delete(ownerKey(NAME, group.number, number, ''))
    tree.delete(numberKey(CONSUMER, group.number) + this.name)
    stream.seen?.delete(number)
  }
}

/** An entry that has been delivered and not acknowledged. */
export class Pending {
  /** The number of its consumer. */
  readonly consumer: number
  /** In ms since the epoch. */
  readonly deliveredAt: number
  readonly deliveries: Uint64

  constructor(consumer: number, deliveredAt: number, deliveries: Uint64) {
    this.consumer = consumer
    this.deliveredAt = deliveredAt
    this.deliveries = deliveries
  }
}

/** Elements of the groups' tree between two keys; goes on when others come or go meanwhile. */
export class GroupRange {
  private readonly cursor: TreeCursor
  private readonly end: Bytes

  constructor(stream: Stream, from: Bytes, end: Bytes) {
    const tree = treeOf(stream)
    this.cursor = tree.cursor(tree.lowerBound(from))
    this.end = end
  }

  next(): boolean {
    return this.cursor.next() && this.cursor.key < this.end
  }

  get key(): Bytes {
    return this.cursor.key
  }

  get value(): Bytes {
    return this.cursor.value as Bytes
  }

  /** The id that a pending or owned one's key ends with. */
  get id(): Bytes {
    return this.key.slice(-ID_BYTES)
  }

  /** Of a range of the group's. */
  get pending(): Pending {
    return pendingOf(this.value)
  }
}

export function findGroup(stream: Stream, name: Bytes): Group | undefined {
  const record = stream.object.trees[1]?.get(GROUP + name)
  return record === undefined ? undefined : groupOf(stream, name, record as Bytes)
}

/** Makes a group that does not exist. */
export function createGroup(stream: Stream, name: Bytes, lastId: Bytes, entriesRead: Uint64): Group {
  const group = new Group(stream, name, takeNumber(stream), lastId, entriesRead)
  group.save()
  return group
}

/** In the order of their names. */
export function groupsOf(stream: Stream): Group[] {
  const found: Group[] = []
  if (stream.object.trees[1] === undefined) return found
  for (const range = new GroupRange(stream, GROUP, CONSUMER); range.next(); ) found.push(groupOf(stream, range.key.slice(1), range.value))
  return found
}

export function groupCountOf(stream: Stream): number {
  return stream.object.trees[1] === undefined ? 0 : countBetween(stream, GROUP, CONSUMER)
}

function groupOf(stream: Stream, name: Bytes, record: Bytes): Group {
  const entriesRead = uint64At(record, 20)
  return new Group(stream, name, uint32At(record, 0), record.slice(4, 20), entriesRead === MAX_UINT64 ? -1 : entriesRead)
}

function consumerOf(group: Group, name: Bytes, record: Bytes): Consumer {
  const activeAt = uint64At(record, 12)
  return new Consumer(group, name, uint32At(record, 0), Number(uint64At(record, 4)), activeAt === MAX_UINT64 ? -1 : Number(activeAt))
}

function pendingOf(record: Bytes): Pending {
  return new Pending(uint32At(record, 0), Number(uint64At(record, 4)), uint64At(record, 12))
}

function pendingRecord(consumer: number, deliveredAt: number, deliveries: Uint64): Bytes {
  scratch.writeUInt32BE(consumer, 0)
  putUint64(scratch, 4, deliveredAt)
  putUint64(scratch, 12, deliveries)
  return scratch.latin1Slice(0, 20)
}

function takeNumber(stream: Stream): number {
  stream.object.touch()
  return stream.nextNumber++
}

function treeOf(stream: Stream): Tree {
  return stream.object.tree(1)
}

/** Sets a record whose key has been put together. */
function put(stream: Stream, key: Bytes, record: Bytes): void {
  const tree = treeOf(stream)
  if (tree.find(key)) tree.replace(record)
  else tree.insert(detached(key), record)
}

function countBetween(stream: Stream, from: Bytes, to: Bytes): number {
  const tree = treeOf(stream)
  return tree.lowerBound(to) - tree.lowerBound(from)
}

function removeBetween(stream: Stream, from: Bytes, to: Bytes): void {
  const tree = treeOf(stream)
  tree.removeRange(tree.lowerBound(from), tree.lowerBound(to))
}

function numberKey(tag: Bytes, number: number): Bytes {
  scratch.latin1Write(tag, 0)
  scratch.writeUInt32BE(number, 1)
  return scratch.latin1Slice(0, 5)
}

function pendingKey(group: number, id: Bytes): Bytes {
  scratch.latin1Write(PENDING, 0)
  scratch.writeUInt32BE(group, 1)
  scratch.latin1Write(id, ID_IN_PENDING)
  return scratch.latin1Slice(0, PENDING_KEY_BYTES)
}

/** Without an id: what the keys of this consumer begin with. */
function ownerKey(tag: Bytes, group: number, consumer: number, id: Bytes): Bytes {
  scratch.latin1Write(tag, 0)
  scratch.writeUInt32BE(group, 1)
  scratch.writeUInt32BE(consumer, 5)
  scratch.latin1Write(id, ID_IN_OWNED)
  return scratch.latin1Slice(0, id === '' ? ID_IN_OWNED : OWNED_KEY_BYTES)
}

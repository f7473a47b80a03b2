/**
 * The elements of a stream's second tree: its groups, their consumers, and the entries delivered
 * but not acknowledged. Disk space is their only limit. On disk: never renumber.
 *
 *   'a' name                        -> group      number(4) lastId(16) entriesRead(8)
 *   'b' group(4) name               -> consumer   number(4) seenAtMs(8) activeAtMs(8)
 *   'c' group(4) consumer(4)        -> the consumer's name
 *   'd' group(4) id(16)             -> pending    consumer(4) deliveredAtMs(8) deliveries(8)
 *   'e' group(4) consumer(4) id(16) -> nothing
 *
 * All integers are big-endian; entriesRead and activeAtMs are all ones if unknown or never. Groups
 * and consumers are identified by numbers of the stream. Invariant: 'b' and 'c', and 'd' and 'e',
 * come in pairs.
 */
import { type Bytes, detached } from '../../../base/bytes.ts'
import type { TreeCursor } from '../../tree/cursor.ts'
import type { Tree } from '../../tree/tree.ts'
import { putUint64, type Uint64, uint32At, uint64At } from './id.ts'
import type { Stream } from './stream.ts'

export const GROUP = 'a'
export const CONSUMER = 'b'
export const NAME = 'c'
export const PENDING = 'd'
export const OWNED = 'e'

export const ID_BYTES = 16
const PENDING_KEY_BYTES = 21
const OWNED_KEY_BYTES = 25
const ID_IN_PENDING = 5
const ID_IN_OWNED = 9

const scratch = Buffer.alloc(25)

/** An entry that has been delivered and not acknowledged. */
export class Pending {
  /** The number of its consumer. */
  readonly consumer: number
  /** The time of delivery in ms since the epoch. */
  readonly deliveredAtMs: number
  readonly deliveries: Uint64

  constructor(consumer: number, deliveredAtMs: number, deliveries: Uint64) {
    this.consumer = consumer
    this.deliveredAtMs = deliveredAtMs
    this.deliveries = deliveries
  }
}

/**
 * The elements of the groups' tree between two keys. The range continues when elements come or go.
 */
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

  /** The id at the end of a pending or owned entry's key. */
  get id(): Bytes {
    return this.key.slice(-ID_BYTES)
  }

  /** The pending entry. REQUIRES: the range covers a group's pending entries. */
  get pending(): Pending {
    return pendingOf(this.value)
  }
}

/** Decodes the value of a pending entry. */
export function pendingOf(value: Bytes): Pending {
  return new Pending(uint32At(value, 0), Number(uint64At(value, 4)), uint64At(value, 12))
}

/** Encodes the value of a pending entry. */
export function pendingValue(consumer: number, deliveredAtMs: number, deliveries: Uint64): Bytes {
  scratch.writeUInt32BE(consumer, 0)
  putUint64(scratch, 4, deliveredAtMs)
  putUint64(scratch, 12, deliveries)
  return scratch.latin1Slice(0, 20)
}

/** Returns the tree of a stream's groups; creates it if it does not exist. */
export function treeOf(stream: Stream): Tree {
  return stream.object.tree(1)
}

/** Sets an element. The key may be a concatenation. */
export function put(stream: Stream, key: Bytes, value: Bytes): void {
  const tree = treeOf(stream)
  if (tree.find(key)) tree.replace(value)
  else tree.insert(detached(key), value)
}

/** Returns the number of elements from one key to before another. */
export function countBetween(stream: Stream, from: Bytes, to: Bytes): number {
  const tree = treeOf(stream)
  return tree.lowerBound(to) - tree.lowerBound(from)
}

/** Removes the elements from one key to before another. */
export function removeBetween(stream: Stream, from: Bytes, to: Bytes): void {
  const tree = treeOf(stream)
  tree.removeRange(tree.lowerBound(from), tree.lowerBound(to))
}

/** Returns a tag and a group's number, the prefix of that group's keys with this tag. */
export function numberKey(tag: Bytes, number: number): Bytes {
  scratch.latin1Write(tag, 0)
  scratch.writeUInt32BE(number, 1)
  return scratch.latin1Slice(0, 5)
}

/** Returns the key of a group's pending entry. */
export function pendingKey(group: number, id: Bytes): Bytes {
  scratch.latin1Write(PENDING, 0)
  scratch.writeUInt32BE(group, 1)
  scratch.latin1Write(id, ID_IN_PENDING)
  return scratch.latin1Slice(0, PENDING_KEY_BYTES)
}

/** Returns a consumer's key for an id; without an id, the prefix of all its keys. */
export function ownerKey(tag: Bytes, group: number, consumer: number, id: Bytes): Bytes {
  scratch.latin1Write(tag, 0)
  scratch.writeUInt32BE(group, 1)
  scratch.writeUInt32BE(consumer, 5)
  scratch.latin1Write(id, ID_IN_OWNED)
  return scratch.latin1Slice(0, id === '' ? ID_IN_OWNED : OWNED_KEY_BYTES)
}

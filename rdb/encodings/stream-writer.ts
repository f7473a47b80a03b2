/** Writes streams; encodings/streams.ts and encodings/stream-nodes.ts have the grammar. */
import { assert, at } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { RdbStreamEntry, RdbStreamId } from '../elements.ts'
import { STREAM_SAME_FIELDS, VERSION_REDIS_7_0 } from '../format/codes.ts'
import { ELEMENT_INPUT_BYTES, type RdbOutput } from '../format/output.ts'
import type { RdbConsumer, RdbGroup, RdbStreamValue } from '../values.ts'
import { ListpackWriter } from './listpack.ts'
import { numbersOf } from './stream-ids.ts'
import type { PackingLimits, WriteContext } from './write-context.ts'

/** The entries and about the bytes of a node of a stream that is not held. */
const MAX_NODE_ENTRIES = 100
const AIM_NODE_BYTES = 64 * 1024
/** The limit of bytes of a node where none is configured. */
const MAX_NODE_BYTES = 2 ** 30
/** About the bytes of an entry beside its fields and values. */
const HELD_ENTRY_BYTES = 32
const UNKNOWN = (1n << 64n) - 1n
const NEVER_MS = -1

/** Writes a stream after its type. Yields full chunks. */
export function* writeStream({ out, version, limits }: WriteContext, value: RdbStreamValue): Generator<Buffer> {
  const rest = value.entries[Symbol.iterator]()
  const held: RdbStreamEntry[] = []
  let sizeBytes = 0
  let isWhole = false
  while (sizeBytes <= limits.heldBytes) {
    const next = rest.next()
    isWhole = next.done === true
    if (next.done === true) break
    held.push(next.value)
    let entryBytes = HELD_ENTRY_BYTES
    for (const text of next.value.fields) entryBytes += text.length
    sizeBytes += entryBytes
    out.countInput(entryBytes + ELEMENT_INPUT_BYTES)
    if (out.isFull) yield out.take()
  }
  if (isWhole) yield* writeHeld(out, limits, value.count, held)
  else yield* writeMany(out, value.count, held, rest)
  out.writeLength(value.count)
  writeId(out, value.lastId)
  writeId(out, value.firstId)
  writeId(out, value.maxDeletedId)
  out.unsigned(value.entriesAdded)
  out.writeLength(value.groups.length)
  for (const group of value.groups) yield* writeGroup(out, version, group)
}

/** Writes the nodes of a stream as they are when its entries were added one by one. */
function* writeHeld(out: RdbOutput, limits: PackingLimits, count: number, entries: readonly RdbStreamEntry[]): Generator<Buffer> {
  assert(entries.length === count, 'a stream has its stated number of entries')
  const nodes: (readonly RdbStreamEntry[])[] = []
  const maxEntries = limits.streamNodeEntries === 0 ? Number.POSITIVE_INFINITY : limits.streamNodeEntries
  const maxBytes = Math.min(limits.streamNodeBytes || MAX_NODE_BYTES, MAX_NODE_BYTES)
  let start = 0
  for (const [index, entry] of entries.entries()) {
    const inNode = index - start
    const addedBytes = entry.fields.reduce((sum, text) => sum + text.length, 0)
    if (inNode > 0 && (inNode >= maxEntries || packing.sizeWith(inNode) + addedBytes >= maxBytes)) {
      nodes.push(entries.slice(start, index))
      out.countInput(inNode * ELEMENT_INPUT_BYTES + packing.sizeWith(inNode))
      start = index
      // Not within a node: other streams use the same packing.
      if (out.isFull) yield out.take()
    }
    if (start === index) packing.beginNode(entry)
    packing.add(entry)
  }
  if (entries.length > 0) nodes.push(entries.slice(start))
  out.writeLength(nodes.length)
  for (const node of nodes) {
    writeNode(out, node)
    if (out.isFull) yield out.take()
  }
}

/**
 * Writes the nodes of a stream that is not held. Their number comes first, so all nodes but the
 * last have the same number of entries. The first entries decide how many that are.
 */
function* writeMany(out: RdbOutput, count: number, first: readonly RdbStreamEntry[], rest: Iterator<RdbStreamEntry>): Generator<Buffer> {
  let perNode = 0
  for (let sizeBytes = 0; perNode < Math.min(MAX_NODE_ENTRIES, first.length) && sizeBytes < AIM_NODE_BYTES; perNode++) {
    for (const text of at(first, perNode).fields) sizeBytes += text.length
  }
  out.writeLength(Math.ceil(count / perNode))
  let written = 0
  let node: RdbStreamEntry[] = []
  const take = function* (entry: RdbStreamEntry): Generator<Buffer> {
    node.push(entry)
    if (node.length < perNode) return
    written += node.length
    writeNode(out, node)
    node = []
    if (out.isFull) yield out.take()
  }
  for (const entry of first) yield* take(entry)
  for (let next = rest.next(); next.done !== true; next = rest.next()) yield* take(next.value)
  if (node.length > 0) writeNode(out, node)
  assert(written + node.length === count, 'a stream has its stated number of entries')
}

/** A node's listpack that is being filled. */
class NodePacking {
  private readonly listpack = new ListpackWriter()
  private masterFields: readonly Bytes[] = []
  private nodeMs = 0n
  private nodeSequence = 0n

  /** Begins a node. Its first entry is the master entry, and `add` adds it, too. */
  beginNode({ id, fields }: RdbStreamEntry, count = 0): void {
    const { listpack } = this
    this.masterFields = fields.filter((_, index) => index % 2 === 0)
    const [ms, sequence] = numbersOf(id)
    this.nodeMs = ms
    this.nodeSequence = sequence
    listpack.reset()
    listpack.addInteger(BigInt(count))
    listpack.addInteger(0n)
    listpack.addInteger(BigInt(this.masterFields.length))
    for (const field of this.masterFields) listpack.add(field)
    listpack.addInteger(0n)
  }

  add({ id, fields }: RdbStreamEntry): void {
    const { listpack, masterFields } = this
    const [ms, sequence] = numbersOf(id)
    const isSame = fields.length === masterFields.length * 2 && masterFields.every((field, index) => fields[index * 2] === field)
    listpack.addInteger(isSame ? BigInt(STREAM_SAME_FIELDS) : 0n)
    listpack.addInteger(BigInt.asIntN(64, ms - this.nodeMs))
    listpack.addInteger(BigInt.asIntN(64, sequence - this.nodeSequence))
    if (!isSame) listpack.addInteger(BigInt(fields.length / 2))
    for (const [index, text] of fields.entries()) if (!isSame || index % 2 === 1) listpack.add(text)
    listpack.addInteger(BigInt(isSame ? 3 + masterFields.length : 4 + fields.length))
  }

  /** Returns the size of the listpack, begun with the count 0, once it says this count. */
  sizeWith(count: number): number {
    return this.listpack.sizeBytes + (count < 128 ? 0 : count < 4096 ? 1 : 2)
  }

  finished(): Buffer {
    return this.listpack.finished()
  }
}

const packing = new NodePacking()

function writeNode(out: RdbOutput, entries: readonly RdbStreamEntry[]): void {
  const master = at(entries, 0)
  packing.beginNode(master, entries.length)
  for (const entry of entries) packing.add(entry)
  out.countInput(entries.length * ELEMENT_INPUT_BYTES)
  out.string(master.id)
  out.packed(packing.finished())
}

function* writeGroup(out: RdbOutput, version: number, group: RdbGroup): Generator<Buffer> {
  out.string(group.name)
  writeId(out, group.lastId)
  out.unsigned(group.entriesRead ?? UNKNOWN)
  out.writeLength(group.pendingCount)
  let count = 0
  for (const { id, deliveredAtMs, deliveryCount } of group.pending) {
    out.countInput(ELEMENT_INPUT_BYTES)
    out.raw(id)
    out.milliseconds(deliveredAtMs)
    out.writeLength(deliveryCount)
    count++
    if (out.isFull) yield out.take()
  }
  assert(count === group.pendingCount, 'a group has its stated number of pending entries')
  out.writeLength(group.consumers.length)
  for (const consumer of group.consumers) yield* writeConsumer(out, version, consumer)
}

function* writeConsumer(out: RdbOutput, version: number, consumer: RdbConsumer): Generator<Buffer> {
  out.string(consumer.name)
  out.milliseconds(consumer.seenAtMs)
  if (version > VERSION_REDIS_7_0) out.milliseconds(consumer.activeAtMs ?? NEVER_MS)
  out.writeLength(consumer.pendingCount)
  let count = 0
  for (const id of consumer.pendingIds) {
    out.countInput(ELEMENT_INPUT_BYTES)
    out.raw(id)
    count++
    if (out.isFull) yield out.take()
  }
  assert(count === consumer.pendingCount, 'a consumer has its stated number of pending entries')
}

function writeId(out: RdbOutput, id: RdbStreamId): void {
  const [ms, sequence] = numbersOf(id)
  out.unsigned(ms)
  out.unsigned(sequence)
}

/** Writes streams; encodings/streams.ts and encodings/stream-nodes.ts have the grammar. */
import { assert } from '../../base/assert.ts'
import type { RdbStreamEntry, RdbStreamId } from '../elements.ts'
import { STREAM_SAME_FIELDS, VERSION_REDIS_7_0 } from '../format/codes.ts'
import type { RdbOutput } from '../format/output.ts'
import type { RdbConsumer, RdbGroup, RdbStreamValue } from '../values.ts'
import { ListpackWriter } from './listpack.ts'
import { numbersOf } from './stream-ids.ts'

/** The number of entries of a node, `stream-node-max-entries`, while its entries are small. */
const MAX_NODE_ENTRIES = 100
/** The size of a node that the number of entries per node aims at. */
const AIM_NODE_BYTES = 64 * 1024
const UNKNOWN = (1n << 64n) - 1n
const NEVER_MS = -1

const listpack = new ListpackWriter()

/** Writes a stream after its type. Yields full chunks. */
export function* writeStream(out: RdbOutput, version: number, value: RdbStreamValue): Generator<Buffer> {
  yield* writeNodes(out, value)
  out.writeLength(value.count)
  writeId(out, value.lastId)
  writeId(out, value.firstId)
  writeId(out, value.maxDeletedId)
  out.unsigned(value.entriesAdded)
  out.writeLength(value.groups.length)
  for (const group of value.groups) yield* writeGroup(out, version, group)
}

/**
 * The number of nodes comes first, so all nodes but the last have the same number of entries. The
 * first entries decide how many that are.
 */
function* writeNodes(out: RdbOutput, { entries, count }: RdbStreamValue): Generator<Buffer> {
  const rest = entries[Symbol.iterator]()
  const first: RdbStreamEntry[] = []
  let sizeBytes = 0
  while (first.length < MAX_NODE_ENTRIES && sizeBytes < AIM_NODE_BYTES) {
    const next = rest.next()
    if (next.done === true) break
    first.push(next.value)
    for (const text of next.value.fields) sizeBytes += text.length
  }
  const perNode = Math.max(1, first.length)
  out.writeLength(Math.ceil(count / perNode))
  let written = first.length
  for (let node = first; node.length > 0; ) {
    writeNode(out, node)
    if (out.isFull) yield out.take()
    node = []
    for (let next = rest.next(); next.done !== true; next = rest.next()) {
      node.push(next.value)
      if (node.length === perNode) break
    }
    written += node.length
  }
  assert(written === count, 'a stream has its stated number of entries')
}

function writeNode(out: RdbOutput, entries: readonly RdbStreamEntry[]): void {
  const [master] = entries as readonly [RdbStreamEntry]
  const masterFields = master.fields.filter((_, index) => index % 2 === 0)
  const [nodeMs, nodeSequence] = numbersOf(master.id)
  listpack.reset()
  listpack.addInteger(BigInt(entries.length))
  listpack.addInteger(0n)
  listpack.addInteger(BigInt(masterFields.length))
  for (const field of masterFields) listpack.add(field)
  listpack.addInteger(0n)
  for (const { id, fields } of entries) {
    const [ms, sequence] = numbersOf(id)
    const isSame = fields.length === masterFields.length * 2 && masterFields.every((field, index) => fields[index * 2] === field)
    listpack.addInteger(isSame ? BigInt(STREAM_SAME_FIELDS) : 0n)
    listpack.addInteger(BigInt.asIntN(64, ms - nodeMs))
    listpack.addInteger(BigInt.asIntN(64, sequence - nodeSequence))
    if (!isSame) listpack.addInteger(BigInt(fields.length / 2))
    for (const [index, text] of fields.entries()) if (!isSame || index % 2 === 1) listpack.add(text)
    listpack.addInteger(BigInt(isSame ? 3 + masterFields.length : 4 + fields.length))
  }
  out.string(master.id)
  out.packed(listpack.finished())
}

function* writeGroup(out: RdbOutput, version: number, group: RdbGroup): Generator<Buffer> {
  out.string(group.name)
  writeId(out, group.lastId)
  out.unsigned(group.entriesRead ?? UNKNOWN)
  out.writeLength(group.pendingCount)
  let count = 0
  for (const { id, deliveredAtMs, deliveryCount } of group.pending) {
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

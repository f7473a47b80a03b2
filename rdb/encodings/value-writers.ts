/**
 * Writes values in the encodings that Redis chooses by default for their size. Small values are
 * packed; larger ones are written element by element. A small list is a quicklist 2; a large one is
 * written element by element, since the number of nodes would have to come first.
 */
import { assert, at } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import * as codes from '../format/codes.ts'
import { ELEMENT_INPUT_BYTES, type RdbOutput } from '../format/output.ts'
import type { RdbHashValue, RdbListValue, RdbSetValue, RdbSortedSetValue, RdbStringValue, RdbValue } from '../values.ts'
import { writeIntset } from './intset.ts'
import { integerOf, ListpackWriter } from './listpack.ts'
import { scoreText } from './score-text.ts'
import { writeStream } from './stream-writer.ts'
import type { WriteContext } from './write-context.ts'

/**
 * The limits of Redis's defaults: `hash-max-listpack-entries`, `-value`, `set-max-intset-entries`.
 */
const MAX_PACKED_COUNT = 128
const MAX_PACKED_HASH_COUNT = 512
const MAX_PACKED_ELEMENT_BYTES = 64
const MAX_INTSET_COUNT = 512
/** About the bytes of an element in a listpack beside its content. */
const HELD_ELEMENT_BYTES = 11

const listpack = new ListpackWriter()

/**
 * Writes the type, the output of `between`, and the value. Yields full chunks.
 */
export function* writeValue(context: WriteContext, value: RdbValue, between: (type: number) => void): Generator<Buffer> {
  switch (value.type) {
    case 'string':
      return yield* writeString(context.out, value, between)
    case 'list':
      return yield* writeList(context, value, between)
    case 'set':
      return yield* writeSet(context, value, between)
    case 'sorted-set':
      return yield* writeSortedSet(context, value, between)
    case 'hash':
      return yield* writeHash(context, value, between)
    default:
      between(context.version > codes.VERSION_REDIS_7_0 ? codes.TYPE_STREAM_LISTPACKS_3 : codes.TYPE_STREAM_LISTPACKS_2)
      return yield* writeStream(context, value)
  }
}

type Between = (type: number) => void

function* writeString(out: RdbOutput, value: RdbStringValue, between: Between): Generator<Buffer> {
  between(codes.TYPE_STRING)
  const pieces = value.pieces[Symbol.iterator]()
  let piece = pieces.next()
  if (piece.done === true || piece.value.length === value.sizeBytes) {
    assert(piece.done !== true || value.sizeBytes === 0, 'the pieces of a string have its length')
    out.string(piece.done === true ? '' : piece.value)
    return
  }
  out.writeLength(value.sizeBytes)
  let left = value.sizeBytes
  for (; piece.done !== true; piece = pieces.next()) {
    left -= piece.value.length
    out.raw(piece.value)
    if (out.isFull) yield out.take()
  }
  assert(left === 0, 'the pieces of a string have its length')
}

/** Elements that were taken from an iterator for as long as they were few and small. */
interface Held<T> {
  readonly held: readonly T[]
  /** The elements after them. */
  readonly rest: Iterator<T>
  readonly isWhole: boolean
}

/** Takes elements while they fit. Yields a chunk where it has taken many. */
function* hold<T>(
  out: RdbOutput,
  elements: Iterable<T>,
  sizeOf: (element: T) => number,
  fits: (element: T, count: number, sizeBytes: number) => boolean,
): Generator<Buffer, Held<T>> {
  const rest = elements[Symbol.iterator]()
  const held: T[] = []
  let sizeBytes = 0
  for (let next = rest.next(); next.done !== true; next = rest.next()) {
    const contentBytes = sizeOf(next.value)
    held.push(next.value)
    sizeBytes += contentBytes + HELD_ELEMENT_BYTES
    if (!fits(next.value, held.length, sizeBytes)) return { held, rest, isWhole: false }
    out.countInput(contentBytes + ELEMENT_INPUT_BYTES)
    if (out.isFull) yield out.take()
  }
  return { held, rest, isWhole: true }
}

/** Writes the count and the elements, held and not. */
function* writeAll<T>(out: RdbOutput, count: number, { held, rest }: Held<T>, write: (element: T) => void): Generator<Buffer> {
  out.writeLength(count)
  let written = held.length
  for (const element of held) {
    if (out.isFull) yield out.take()
    out.countInput(ELEMENT_INPUT_BYTES)
    write(element)
  }
  for (let next = rest.next(); next.done !== true; next = rest.next()) {
    if (out.isFull) yield out.take()
    out.countInput(ELEMENT_INPUT_BYTES)
    write(next.value)
    written++
  }
  assert(written === count, 'a collection has its stated number of elements')
}

function* writeList({ out, limits }: WriteContext, value: RdbListValue, between: Between): Generator<Buffer> {
  const fits = (_element: Bytes, _count: number, sizeBytes: number) => sizeBytes <= limits.heldBytes
  const held = yield* hold(out, value.elements, (element) => element.length, fits)
  if (!held.isWhole) {
    between(codes.TYPE_LIST)
    yield* writeAll(out, value.count, held, (element) => out.string(element))
    return
  }
  assert(held.held.length === value.count, 'a collection has its stated number of elements')
  between(codes.TYPE_LIST_QUICKLIST_2)
  const nodes = yield* listNodes(out, held.held, limits.listNodeSize)
  out.writeLength(nodes.length)
  for (const node of nodes) {
    out.writeLength(codes.NODE_PACKED)
    out.packed(node)
    if (out.isFull) yield out.take()
  }
}

/** About the bytes that Redis expects an element to take beside its content. */
const EXPECTED_ELEMENT_BYTES = 8
/** The limit of bytes of a node whose elements are counted. */
const COUNTED_NODE_BYTES = 8192
const KIBIBYTE = 1024

/**
 * Returns the listpacks of a list that was filled at its end. Yields a chunk after many elements,
 * but not within a node: other values use the same listpack.
 */
function* listNodes(out: RdbOutput, elements: readonly Bytes[], nodeSize: number): Generator<Buffer, Buffer[]> {
  const isCounted = nodeSize >= 0
  const maxBytes = isCounted ? COUNTED_NODE_BYTES : KIBIBYTE << Math.min(1 - nodeSize, 6)
  const nodes: Buffer[] = []
  for (let start = 0; start < elements.length; ) {
    let end = start
    listpack.reset()
    do listpack.add(at(elements, end++))
    while (end < elements.length && !isFull(at(elements, end), end - start))
    const node = Buffer.from(listpack.finished())
    nodes.push(node)
    out.countInput(node.length + (end - start) * ELEMENT_INPUT_BYTES)
    start = end
    if (out.isFull) yield out.take()
  }
  return nodes

  function isFull(next: Bytes, count: number): boolean {
    return listpack.sizeBytes + next.length + EXPECTED_ELEMENT_BYTES > maxBytes || (isCounted && count >= nodeSize)
  }
}

function packedOf(elements: readonly Bytes[]): Buffer {
  listpack.reset()
  for (const element of elements) listpack.add(element)
  return listpack.finished()
}

function* writeSet({ out, version, limits }: WriteContext, value: RdbSetValue, between: Between): Generator<Buffer> {
  const mayBeListpack = version > codes.VERSION_REDIS_7_0 && value.isPacked !== false
  const mayBeIntset = value.isPacked !== false
  const integers: bigint[] = []
  const fits = (member: Bytes, count: number, sizeBytes: number) => {
    if (sizeBytes > limits.heldBytes) return false
    const integer = mayBeIntset && integers.length === count - 1 ? integerOf(member) : null
    if (integer !== null) integers.push(integer)
    if (integers.length === count) return value.isPacked === true || count <= MAX_INTSET_COUNT
    return mayBeListpack && count <= MAX_PACKED_COUNT && member.length <= MAX_PACKED_ELEMENT_BYTES
  }
  const held = yield* hold(out, value.members, (member) => member.length, fits)
  const isInteger = mayBeIntset && held.isWhole && integers.length === held.held.length
  if (!isInteger && !(held.isWhole && mayBeListpack)) {
    between(codes.TYPE_SET)
    yield* writeAll(out, value.count, held, (member) => out.string(member))
    return
  }
  assert(held.held.length === value.count, 'a collection has its stated number of elements')
  between(isInteger ? codes.TYPE_SET_INTSET : codes.TYPE_SET_LISTPACK)
  out.packed(isInteger ? writeIntset(integers) : packedOf(held.held))
}

function* writeSortedSet({ out, limits }: WriteContext, value: RdbSortedSetValue, between: Between): Generator<Buffer> {
  const { isPacked } = value
  const isSmall = (member: Bytes, count: number) => count <= MAX_PACKED_COUNT && member.length <= MAX_PACKED_ELEMENT_BYTES
  const fits = ([member]: readonly [Bytes, number], count: number, sizeBytes: number) =>
    sizeBytes <= limits.heldBytes && (isPacked ?? isSmall(member, count))
  const held = yield* hold(out, value.members, ([member]) => member.length, fits)
  if (!held.isWhole) {
    between(codes.TYPE_ZSET_2)
    yield* writeAll(out, value.count, held, ([member, score]) => {
      out.string(member)
      out.double(score)
    })
    return
  }
  assert(held.held.length === value.count, 'a collection has its stated number of elements')
  between(codes.TYPE_ZSET_LISTPACK)
  out.packed(packedOf(held.held.flatMap(([member, score]) => [member, scoreText(score)])))
}

type HashField = readonly [field: Bytes, content: Bytes, deadlineMs: number | null]

function* writeHash(context: WriteContext, value: RdbHashValue, between: Between): Generator<Buffer> {
  const { out } = context
  const { minDeadlineMs, isPacked } = value
  const isSmall = (field: Bytes, content: Bytes, count: number) =>
    count <= MAX_PACKED_HASH_COUNT && Math.max(field.length, content.length) <= MAX_PACKED_ELEMENT_BYTES
  const fits = ([field, content]: HashField, count: number, sizeBytes: number) =>
    sizeBytes <= context.limits.heldBytes && (isPacked ?? isSmall(field, content, count))
  const held = yield* hold(out, value.fields, ([field, content]) => field.length + content.length, fits)
  if (minDeadlineMs !== null && context.version >= codes.VERSION_FIELD_DEADLINES) {
    between(codes.TYPE_HASH_METADATA)
    out.milliseconds(minDeadlineMs)
    yield* writeAll(out, value.count, held, ([field, content, deadlineMs]) => {
      assert(deadlineMs === null || deadlineMs >= minDeadlineMs, 'no deadline of a hash is before its earliest one')
      out.writeLength(deadlineMs === null ? 0 : deadlineMs - minDeadlineMs + 1)
      out.string(field)
      out.string(content)
    })
    return
  }
  for (const [, , deadlineMs] of held.held) if (deadlineMs !== null) context.lostDeadlineCount++
  if (!held.isWhole) {
    between(codes.TYPE_HASH)
    let index = 0
    yield* writeAll(out, value.count, held, ([field, content, deadlineMs]) => {
      if (index++ >= held.held.length && deadlineMs !== null) context.lostDeadlineCount++
      out.string(field)
      out.string(content)
    })
    return
  }
  assert(held.held.length === value.count, 'a collection has its stated number of elements')
  between(codes.TYPE_HASH_LISTPACK)
  out.packed(packedOf(held.held.flatMap((entry) => [entry[0], entry[1]])))
}

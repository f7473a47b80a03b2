/**
 * The listpacks of streams. On disk, each item an element:
 *
 *   node     count deleted nfields field(nfields) 0 entry*          0 ends the master entry
 *   entry    flags ms sequence [nfields] (field value)* back        ms, sequence: less those of
 *            | flags ms sequence value(nfields) back                the node; the second form has
 *                                                                   the fields of the master entry
 *   flags    1: deleted; 2: the second form
 *   back     the number of elements of the entry before it
 */
import type { Bytes } from '../../base/bytes.ts'
import type { RdbStreamEntry, RdbStreamId } from '../elements.ts'
import { STREAM_DELETED, STREAM_SAME_FIELDS } from '../format/codes.ts'
import type { Packed } from '../format/packed.ts'
import { integerOf, readListpack } from './listpack.ts'
import { numbersOf, streamId } from './stream-ids.ts'

/** Elements of a node, one after the other. */
class NodeElements {
  private readonly packed: Packed
  private readonly elements: readonly Bytes[]
  private index = 0

  constructor(packed: Packed) {
    this.packed = packed
    this.elements = readListpack(packed)
  }

  get isDone(): boolean {
    return this.index === this.elements.length
  }

  get place(): number {
    return this.index
  }

  damaged(text: string): Error {
    return this.packed.damaged(0, `${text}, at element ${this.index} of the listpack`)
  }

  element(): Bytes {
    const element = this.elements[this.index]
    if (element === undefined) throw this.damaged('a node of a stream ends within an entry')
    this.index++
    return element
  }

  integer(): bigint {
    const value = integerOf(this.element())
    if (value === null) throw this.damaged('a node of a stream has text in place of a number')
    return value
  }

  /** Returns a number of elements, at most those that are left. */
  count(): number {
    const value = this.integer()
    if (value < 0n || value > BigInt(this.elements.length)) throw this.damaged('a node of a stream has a wrong count')
    return Number(value)
  }
}

/** Returns the entries that are not deleted. `afterId` is the last one before the node. */
export function readStreamNode(nodeId: RdbStreamId, packed: Packed, afterId: RdbStreamId): RdbStreamEntry[] {
  const items = new NodeElements(packed)
  const count = items.count()
  const deletedCount = items.count()
  const masterFields = Array.from({ length: items.count() }, () => items.element())
  if (items.integer() !== 0n) throw items.damaged('the master entry of a stream node has no end marker')
  const [nodeMs, nodeSequence] = numbersOf(nodeId)
  const entries: RdbStreamEntry[] = []
  let deleted = 0
  let previous = afterId
  if (nodeId <= afterId) throw items.damaged('the nodes of a stream do not ascend')
  while (!items.isDone) {
    const start = items.place
    const flags = items.count()
    const id = streamId(BigInt.asUintN(64, nodeMs + items.integer()), BigInt.asUintN(64, nodeSequence + items.integer()))
    if (id <= previous) throw items.damaged('the ids of a stream do not ascend')
    if (id < nodeId) throw items.damaged('an entry of a stream comes before its node')
    previous = id
    const fields = readFields(items, flags, masterFields)
    const size = items.place - start
    if (items.count() !== size) throw items.damaged('an entry of a stream has a wrong length')
    if ((flags & STREAM_DELETED) === 0) entries.push({ id, fields })
    else deleted++
  }
  if (entries.length !== count || deleted !== deletedCount) throw items.damaged('the counts in a stream node are wrong')
  if (count + deleted === 0) throw items.damaged('a node of a stream is empty')
  return entries
}

function readFields(items: NodeElements, flags: number, masterFields: readonly Bytes[]): Bytes[] {
  if (flags > (STREAM_DELETED | STREAM_SAME_FIELDS)) throw items.damaged('an entry of a stream has unknown flags')
  if ((flags & STREAM_SAME_FIELDS) !== 0) return masterFields.flatMap((field) => [field, items.element()])
  return Array.from({ length: items.count() * 2 }, () => items.element())
}

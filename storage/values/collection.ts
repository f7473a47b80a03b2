/**
 * Values that are trees: the parts common to all their types, and their root records. On disk:
 * never renumber.
 *
 *   payload of kinds 3 to 7 (hash, list, set, sorted set, stream):
 *     form(1) encoding(1) [objectId(8) nextPage(4) where form is 1]
 *     headerLength(varint) header trees(1) tree*
 *   tree of form 0, inline:   page (tree/page-codec.ts), always of level 0
 *   tree of form 1, in pages: rootPage(4) count(varint)
 *
 *   header   the type's data beside its trees, described at its class
 *   trees    the number that follow: a second one that has never held an element is left out
 */
import { assert, at, must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import {
  DamageError,
  FLAGS_AT,
  FORM_AT,
  FORM_PAGES,
  HEADER_INLINE_AT,
  KIND_HASH,
  KIND_LIST,
  KIND_SET,
  KIND_SORTED_SET,
  KIND_STREAM,
  KIND_STRING,
  OBJECT_ID_AT,
  type Root,
  rootIn,
  writeCollectionRoot,
} from '../records/records.ts'
import type { Layout } from '../tree/node.ts'
import { TreeObject } from '../tree/object.ts'
import type { OwnerDatabase } from '../tree/owner.ts'
import { PageReader, PageWriter } from '../tree/page-codec.ts'
import { Pages } from '../tree/pages.ts'
import type { Tree } from '../tree/tree.ts'
import { Hash } from './hash.ts'
import { List } from './list.ts'
import { isWholePacked } from './packed-elements.ts'
import { SetValue } from './set.ts'
import { SortedSet } from './sorted-set.ts'
import { Stream } from './streams/stream.ts'

/** The members common to all collections. */
export interface Collection {
  readonly kind: number
  readonly object: TreeObject
  /** The number of elements, as HLEN, LLEN ... count them. */
  readonly size: number
  /** The encoding that OBJECT ENCODING reports. */
  readonly encodingName: Bytes
  /** Returns the data that the root record holds beside the trees. */
  encodeHeader?(): Bytes
}

/** The class of one type of collections. */
export interface CollectionClass<T extends Collection> {
  readonly kind: number
  readonly layouts: readonly Layout[]
  /** The least encoding that is never packed; 0 for a type that is never packed. */
  readonly firstUnpacked: number
  new (object: TreeObject, header: Bytes): T
}

const INLINE = 0
const IN_PAGES = 1
const ENCODING_AT = 1
/** The offset of the trees in the payload of an inline collection without a header. */
const PACKED_AT = HEADER_INLINE_AT + 1
/** The offsets of a root's payload: without a deadline and with one. */
const AFTER_HEAD = 3
const AFTER_DEADLINE = 11

function classOf(kind: number): CollectionClass<Collection> {
  switch (kind) {
    case KIND_HASH:
      return Hash
    case KIND_LIST:
      return List
    case KIND_SET:
      return SetValue
    case KIND_SORTED_SET:
      return SortedSet
    case KIND_STREAM:
      return Stream
  }
  throw new DamageError(`root record: unknown kind ${kind}`)
}

/** Returns a value that no key owns yet. */
export function newCollection<T extends Collection>(db: OwnerDatabase, type: CollectionClass<T>): T {
  return new type(new TreeObject(db, type.layouts, emptyOf(type)), '')
}

const empty = new Map<number, Bytes>()

/** Returns the number of trees that a packed collection has. */
function packedTrees(kind: number): number {
  return kind === KIND_SORTED_SET ? 2 : 1
}

/** Returns the packed form of an empty collection; null if the type is never packed. */
function emptyOf({ kind, layouts, firstUnpacked }: CollectionClass<Collection>): Bytes | null {
  if (firstUnpacked === 0) return null
  const found = empty.get(kind)
  if (found !== undefined) return found
  const trees = packedTrees(kind)
  writer.reset()
  writer.byte(trees)
  for (const { isKeyed, values } of layouts.slice(0, trees)) {
    writer.byte(0)
    writer.byte((isKeyed ? 1 : 0) | (values << 1))
    writer.varint(0)
  }
  const made = writer.content.latin1Slice()
  empty.set(kind, made)
  return made
}

/** Packs a collection that has been filled. REQUIRES: no caller holds a tree. */
export function packIfSmall(value: Collection): void {
  const { object } = value
  if (object.packed !== null || object.pages !== null || (value.encodeHeader?.() ?? '') !== '') return
  if (object.encoding < classOf(value.kind).firstUnpacked) object.packTrees()
}

/** Returns a copy that no key owns yet. */
export function copyCollection(value: Collection, db: OwnerDatabase): Collection {
  const copy = value.object.copyFor(db)
  return new (classOf(value.kind))(copy, value.encodeHeader?.() ?? '')
}

/** Decodes a root record whose CRC has been checked since it was read. */
export function readCheckedRoot(record: Buffer): Root {
  return rootIn(record, record[FLAGS_AT] === 0 ? AFTER_HEAD : AFTER_DEADLINE)
}

/**
 * True if a root holds its whole value, and reading the value changes nothing: no pages, no fields
 * with deadlines, no stream.
 */
export function isReadWhole({ kind, payload }: Root): boolean {
  if (kind === KIND_STRING) return true
  return kind >= KIND_HASH && kind <= KIND_SORTED_SET && payload[FORM_AT] !== FORM_PAGES && payload[HEADER_INLINE_AT] === 0
}

const writer = new PageWriter()

/** Returns the value of a collection's root record, in a scratch buffer. */
export function collectionRoot(value: Collection, expireAtMs: number): Buffer {
  const { object } = value
  const { pages } = object
  writer.reset()
  writer.byte(pages === null ? INLINE : IN_PAGES)
  writer.byte(object.encoding)
  if (pages !== null) {
    writer.uint64(pages.objectId)
    writer.uint32(pages.nextNumber)
  }
  writer.bytes(value.encodeHeader?.() ?? '')
  if (pages === null) object.writeInline(writer)
  else writeTreesInPages(object.trees, pages)
  return writeCollectionRoot(value.kind, writer.content, expireAtMs)
}

function writeTreesInPages(trees: readonly (Tree | undefined)[], pages: Pages): void {
  let count = trees.length
  while (count > 1 && trees[count - 1] === undefined) count--
  writer.byte(count)
  for (let index = 0; index < count; index++) {
    const tree = at(trees, index)
    const { root } = tree
    const number = typeof root === 'number' ? root : root.number
    assert(number > 0 && number < pages.nextNumber, 'the root of a tree is a page of its object')
    assert(typeof root === 'number' || root.total === tree.count, 'the counts of a root add up to that of its tree')
    writer.uint32(number)
    writer.varint(tree.count)
  }
}

/** Returns the value that a root record holds. Throws DamageError. */
export function readCollection(db: OwnerDatabase, root: Root): Collection {
  const type = classOf(root.kind)
  const { payload } = root
  if (mayBePacked(type, payload)) return readPacked(db, type, payload)
  const reader = new PageReader(payload)
  const object = new TreeObject(db, type.layouts, null)
  const form = reader.byte()
  if (form !== INLINE && form !== IN_PAGES) throw new DamageError('root record: a collection of an unknown form')
  object.encoding = reader.byte()
  if (form === IN_PAGES) {
    if (reader.position !== OBJECT_ID_AT) throw new DamageError('root record: bad head')
    object.pages = new Pages(db, reader.uint64(), reader.uint32(), true)
  }
  const header = reader.bytes()
  const count = reader.byte()
  if (count > type.layouts.length) throw new DamageError('root record: more trees than its type has')
  for (let index = 0; index < count; index++) {
    if (form === INLINE) object.readInline(reader, index)
    else object.setTree(index, reader.uint32(), reader.varint())
  }
  if (reader.left > 0) throw new DamageError('root record: bytes after its end')
  return new type(object, header)
}

/** True if a root holds a whole collection of an encoding that stays packed. */
function mayBePacked({ layouts, firstUnpacked, kind }: CollectionClass<Collection>, payload: Buffer): boolean {
  if (payload[FORM_AT] !== INLINE || payload[HEADER_INLINE_AT] !== 0 || must(payload[ENCODING_AT]) >= firstUnpacked) return false
  return isWholePacked(payload, PACKED_AT, layouts, packedTrees(kind))
}

/** Returns a collection without decoding its elements. */
function readPacked(db: OwnerDatabase, type: CollectionClass<Collection>, payload: Buffer): Collection {
  const object = new TreeObject(db, type.layouts, payload.latin1Slice(PACKED_AT))
  object.encoding = must(payload[ENCODING_AT])
  return new type(object, '')
}

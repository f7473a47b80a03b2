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
import { assert, at } from '../../base/assert.ts'
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
import { decodeNode, encodePage, PageReader, PageWriter } from '../tree/page-codec.ts'
import { Pages } from '../tree/pages.ts'
import type { Tree } from '../tree/tree.ts'
import { Hash } from './hash.ts'
import { List } from './list.ts'
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
  new (object: TreeObject, header: Bytes): T
}

const INLINE = 0
const IN_PAGES = 1
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
  return new type(new TreeObject(db, type.layouts), '')
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
  const { pages, trees } = object
  writer.reset()
  writer.byte(pages === null ? INLINE : IN_PAGES)
  writer.byte(object.encoding)
  if (pages !== null) {
    writer.uint64(pages.objectId)
    writer.uint32(pages.nextNumber)
  }
  writer.bytes(value.encodeHeader?.() ?? '')
  let count = trees.length
  while (count > 1 && trees[count - 1] === undefined) count--
  writer.byte(count)
  for (let index = 0; index < count; index++) encodeTree(at(trees, index), pages)
  return writeCollectionRoot(value.kind, writer.content, expireAtMs)
}

function encodeTree(tree: Tree, pages: Pages | null): void {
  const { root } = tree
  if (pages === null) {
    assert(typeof root !== 'number' && root.level === 0, 'an inline tree is a leaf')
    assert(tree.count === root.length, 'an inline leaf holds all elements of its tree')
    encodePage(writer, root)
    return
  }
  const number = typeof root === 'number' ? root : root.number
  assert(number > 0 && number < pages.nextNumber, 'the root of a tree is a page of its object')
  assert(typeof root === 'number' || root.total === tree.count, 'the counts of a root add up to that of its tree')
  writer.uint32(number)
  writer.varint(tree.count)
}

/** Returns the value that a root record holds. Throws DamageError. */
export function readCollection(db: OwnerDatabase, root: Root): Collection {
  const type = classOf(root.kind)
  const reader = new PageReader(root.payload)
  const object = new TreeObject(db, type.layouts)
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
  for (let index = 0; index < count; index++) readTree(reader, object, index)
  if (reader.left > 0) throw new DamageError('root record: bytes after its end')
  return new type(object, header)
}

function readTree(reader: PageReader, object: TreeObject, index: number): void {
  const { pages } = object
  object.pages = null // prevents `tree` from making a page
  const tree = object.tree(index)
  object.pages = pages
  if (pages === null) {
    const root = decodeNode(reader, tree)
    if (root.level !== 0) throw new DamageError('root record: an inline tree has more than one leaf')
    tree.root = root
    tree.count = root.length
  } else {
    tree.root = reader.uint32()
    tree.count = reader.varint()
  }
}

import type { Bytes } from '../../../base/bytes.ts'
import type { Database } from '../../../storage/keyspace/database.ts'
import { Keyspace } from '../../../storage/keyspace/keyspace.ts'
import { objectIdOf, pageKey, pageRange, pageValue, readPage, readRecordKey, readRoot, rootKey } from '../../../storage/records/records.ts'
import type { Layout, TreeNode } from '../../../storage/tree/node.ts'
import { decodePage, pageContent } from '../../../storage/tree/page-codec.ts'
import { Tree } from '../../../storage/tree/tree.ts'
import { type Collection, collectionRoot, newCollection, readCollection } from '../../../storage/values/collection.ts'
import { Hash } from '../../../storage/values/hash.ts'
import { List } from '../../../storage/values/list.ts'
import { SetValue } from '../../../storage/values/set.ts'
import { SortedSet } from '../../../storage/values/sorted-set.ts'
import type { Consumer } from '../../../storage/values/streams/consumers.ts'
import { createGroup } from '../../../storage/values/streams/groups.ts'
import { idOf } from '../../../storage/values/streams/id.ts'
import { packEntry } from '../../../storage/values/streams/packed-entry.ts'
import { Stream } from '../../../storage/values/streams/stream.ts'
import { MemoryRecords } from '../disks/memory-records.ts'
import { CheckWorld, landCheckpoint } from './check-world.ts'

export const DB_ID = 1
export const FAR = 2_000_000_000_000
const TINY = { inlineBytes: 60, pageBytes: 100, pageElements: 5 }
export const name = (number: number) => `m${String(number).padStart(4, '0')}`

/** Encodes a score. REQUIRES: it is not negative. */
function scoreKey(score: number, member: Bytes): Bytes {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(score)
  bytes[0] = (bytes[0] as number) | 0x80
  return bytes.latin1Slice() + member
}

export function deadlineFieldKey(expireAtMs: number, field: Bytes): Bytes {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(expireAtMs))
  return bytes.latin1Slice() + field
}

function fillSortedSet(db: Database, key: Bytes, count: number): void {
  const value = newCollection(db, SortedSet)
  for (let i = 0; i < count; i++) {
    value.object.tree(0).set(name(i), i % 7)
    value.object.tree(1).set(scoreKey(i % 7, name(i)))
  }
  db.set(key, value)
}

/** A stream with half of its entries delivered to one of two consumers. */
export function streamOf(db: Database, count: number): Stream {
  const value = newCollection(db, Stream)
  for (let i = 0; i < count; i++) value.append(idOf(i + 1, 0), packEntry(['field', `value ${i}`], 0) as Bytes)
  const group = createGroup(value, 'group', idOf(count, 0), count)
  const consumers = [group.createConsumer('alice', FAR), group.createConsumer('bob', FAR)]
  for (let i = 0; i < count; i += 2) group.assign(idOf(i + 1, 0), consumers[i % 4 === 0 ? 0 : 1] as Consumer, FAR, 1)
  return value
}

/** Creates one collection of every kind, in pages and inline. */
function fill(db: Database): void {
  for (const [suffix, count] of [
    ['', 300],
    [':small', 2],
  ] as const) {
    fillSortedSet(db, `zset${suffix}`, count)
    const set = newCollection(db, SetValue)
    for (let i = 0; i < count; i++) set.object.tree(0).append(name(i))
    db.set(`set${suffix}`, set)
    const hash = newCollection(db, Hash)
    for (let i = 0; i < count; i++) hash.update(name(i), `value ${i}`)
    db.set(`hash${suffix}`, hash)
    for (let i = 0; i < count; i += 2) hash.setDeadline(name(i), FAR + i)
    db.set(`stream${suffix}`, streamOf(db, count))
    const list = newCollection(db, List)
    for (let i = 0; i < count; i++) list.object.tree(0).append('', `element ${i}`)
    db.set(`list${suffix}`, list)
  }
}

/** A data directory with these collections. */
export async function filledWithCollections(): Promise<CheckWorld> {
  const world = new CheckWorld()
  const storage = await world.open()
  storage.keyspace.pageLimits = TINY
  storage.beginTurn()
  fill(storage.keyspace.database(0))
  storage.group.command(0, ['FILL'])
  storage.commit()
  await landCheckpoint(storage)
  await storage.close('nosave')
  return world
}

/** An empty database. */
export function scratch(): Database {
  return new Keyspace(new MemoryRecords(), 1, { deleted() {}, fieldsDeleted() {} }).database(0)
}

/** The decoded records of one collection, for damaging them. */
export class OpenedCollection {
  readonly value: Collection
  readonly objectId: number
  readonly pages = new Map<number, TreeNode>()
  private readonly key: Bytes
  private readonly world: CheckWorld

  private constructor(world: CheckWorld, key: Bytes, root: Buffer) {
    this.world = world
    this.key = key
    this.value = readCollection(scratch(), readRoot(root))
    this.objectId = objectIdOf(readRoot(root))
  }

  static async of(world: CheckWorld, key: Bytes): Promise<OpenedCollection> {
    const store = await world.store()
    const opened = new OpenedCollection(world, key, store.getSync(rootKey(DB_ID, key)) as Buffer)
    const iterator = store.iterate(pageRange(opened.objectId))
    for (const [recordKey, record] of await iterator.next(10_000)) {
      const { pageNumber } = readRecordKey(recordKey) as { pageNumber: number }
      opened.pages.set(pageNumber, opened.decode(readPage(record)))
    }
    await iterator.close()
    await store.close()
    return opened
  }

  private decode(content: Buffer): TreeNode {
    const { object } = this.value
    const layout = object.layouts.find(({ isKeyed, values }) => ((isKeyed ? 1 : 0) | (values << 1)) === content[1]) as Layout
    return decodePage(new Tree(object, layout), content)
  }

  root(index = 0): TreeNode {
    return this.page(this.value.object.trees[index]?.root as number)
  }

  page(number: number): TreeNode {
    return this.pages.get(number) as TreeNode
  }

  numberOf(node: TreeNode): number {
    for (const [number, page] of this.pages) if (page === node) return number
    throw new Error('no page of this object')
  }

  /** A child of a page. */
  child(node: TreeNode, slot: number): TreeNode {
    return this.page(node.children[slot] as number)
  }

  /** The leftmost or rightmost leaf below a page. */
  leaf(node: TreeNode, slot: 0 | -1 = 0): TreeNode {
    return node.level === 0 ? node : this.leaf(this.page(node.children.at(slot) as number), slot)
  }

  async put(number: number, node: TreeNode): Promise<void> {
    await this.world.tamper((batch) => batch.put(Buffer.from(pageKey(this.objectId, number)), Buffer.from(pageValue(pageContent(node)))))
  }

  async save(node: TreeNode): Promise<void> {
    await this.put(this.numberOf(node), node)
  }

  async saveRoot(): Promise<void> {
    await this.world.tamper((batch) => batch.put(rootKey(DB_ID, this.key), Buffer.from(collectionRoot(this.value, 0))))
  }

  async remove(number: number): Promise<void> {
    await this.world.tamper((batch) => batch.remove(Buffer.from(pageKey(this.objectId, number))))
  }
}

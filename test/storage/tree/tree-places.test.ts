/** Cursors in a tree whose nodes change and leave memory. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { Checkpoint } from '../../../storage/checkpoint/checkpoint.ts'
import { Sweeper } from '../../../storage/checkpoint/sweeper.ts'
import { Keyspace } from '../../../storage/keyspace/keyspace.ts'
import { decodeMeta } from '../../../storage/records/meta.ts'
import { META_KEY, pageRange, readRecordKey } from '../../../storage/records/records.ts'
import type { TreeNode, TreeValue } from '../../../storage/tree/node.ts'
import type { Tree } from '../../../storage/tree/tree.ts'
import { type Collection, type CollectionClass, newCollection } from '../../../storage/values/collection.ts'
import { Hash } from '../../../storage/values/hash.ts'
import { List } from '../../../storage/values/list.ts'
import { SetValue } from '../../../storage/values/set.ts'
import { SortedSet } from '../../../storage/values/sorted-set.ts'
import { idOf, ZERO_ID } from '../../../storage/values/streams/id.ts'
import { Stream } from '../../../storage/values/streams/stream.ts'
import { MemoryRecords } from '../../support/disks/memory-records.ts'
import { checkTree } from '../../support/harness/tree-check.ts'

const POSITION = { offset: 0, crc: 0 }
const silent = { debug() {}, info() {}, warn() {}, error() {} }

function opened(records: MemoryRecords): Keyspace {
  const keyspace = new Keyspace(records, 2, { deleted() {}, fieldsDeleted() {} })
  keyspace.pageLimits = { inlineBytes: 60, pageBytes: 100, pageElements: 5 }
  const meta = records.getSync(META_KEY)
  if (meta !== undefined) keyspace.restore(decodeMeta(meta))
  return keyspace
}

const nameOf = (index: number): Bytes => `m${String(index).padStart(4, '0')}`

function made<T extends Collection>(keyspace: Keyspace, type: CollectionClass<T>, count: number): T {
  const value = newCollection(keyspace.database(0), type)
  keyspace.database(0).create('k', value)
  const tree = value.object.tree(0)
  for (let i = 0; i < count; i++) tree.append(tree.layout.isKeyed ? nameOf(i) : '', element(type))
  return value
}

/** Returns a random value for an element of such a tree. */
function element(type: CollectionClass<Collection>): TreeValue {
  return type === SortedSet ? 1.5 : type === SetValue ? undefined : 'v'
}

function kept<T extends Collection>(keyspace: Keyspace): T {
  return keyspace.database(0).find('k')?.value as T
}

async function land(keyspace: Keyspace): Promise<Checkpoint> {
  const checkpoint = new Checkpoint(keyspace, POSITION)
  checkpoint.encodeSome(Number.POSITIVE_INFINITY)
  await checkpoint.write()
  return checkpoint
}

/** Evicts everything clean. The value is read again with its key. */
function evictAll(keyspace: Keyspace): void {
  for (const { residents } of keyspace.databases) {
    for (let round = 0; round < 20; round++) residents.advanceHand(10_000, keyspace.landedGeneration, Number.POSITIVE_INFINITY)
  }
}

/** Returns a set of `count` members of which nothing is in memory. */
async function coldSet(count: number): Promise<{ keyspace: Keyspace; tree: Tree }> {
  const keyspace = opened(new MemoryRecords())
  made(keyspace, SetValue, count)
  await land(keyspace)
  evictAll(keyspace)
  assert.is(keyspace.database(0).residentEntries, 0)
  return { keyspace, tree: kept<SetValue>(keyspace).members }
}

for (const [name, isReadAgain] of [
  ['', false],
  [' and that was read again', true],
] as const) {
  test(`a cursor continues from a leaf that another cursor has evicted${name}`, async () => {
    const { tree } = await coldSet(100)
    const first = tree.cursor(0)
    assert.ok(first.next())
    const second = tree.cursor(0)
    assert.ok(second.next())
    for (let i = 1; i < 10; i++) assert.ok(first.next()) // the leaf was read for it, and goes
    if (isReadAgain) assert.ok(tree.has(nameOf(0)))
    const found = [second.key]
    while (second.next()) found.push(second.key)
    assert.equal(found, Array.from({ length: 100 }, (_, index) => nameOf(index))) // biome-ignore format: one line
    checkTree(tree)
  })
}

function nodesIn(keyspace: Keyspace): TreeNode[] {
  const { residents } = keyspace.database(0)
  const all = Array.from({ length: residents.length }, (_, index) => residents.at(index) as unknown as TreeNode)
  return all.filter((resident) => 'level' in resident)
}

for (const type of [SetValue, List] as const) {
  for (const direction of ['forward', 'backward'] as const) {
    test(`a cursor continues when all nodes have been evicted: ${type.name}, ${direction}`, async () => {
      const keyspace = opened(new MemoryRecords())
      made<Collection>(keyspace, type, 100)
      await land(keyspace)
      evictAll(keyspace)
      const tree = kept<Collection>(keyspace).object.tree(0)
      const cursor = tree.cursor(direction === 'forward' ? 0 : 99, direction)
      let found = 0
      for (; cursor.next(); found++) {
        if (type === SetValue) assert.is(cursor.key, nameOf(direction === 'forward' ? found : 99 - found))
        if (found % 4 === 0) evictAll(keyspace)
        for (const node of nodesIn(keyspace))
          assert.ok(node.parent === null || node.parent.ringIndex >= 0, 'a node in memory has an evicted parent')
      }
      assert.is(found, 100)
      checkTree(tree)
    })
  }
}

test('reading a position whose leaf was evicted throws', async () => {
  const { tree } = await coldSet(100)
  const cursor = tree.cursor(0)
  assert.is(tree.key, nameOf(0))
  for (let i = 0; i < 10; i++) assert.ok(cursor.next())
  assert.throws(() => tree.key, /no place/)
})

test('a walk over leaves on disk leaves at most one of them in memory', async () => {
  const { keyspace, tree } = await coldSet(1000)
  const before = keyspace.database(0).residents.bytes
  for (const cursor = tree.cursor(0); cursor.next(); );
  let leaves = 0
  const { residents } = keyspace.database(0)
  for (let i = 0; i < residents.length; i++) if ((residents.at(i) as unknown as TreeNode).level === 0) leaves++
  assert.ok(leaves <= 1, `${leaves} leaves are in memory`)
  assert.ok(residents.bytes > before)
})

test('a leaf that was read for a cursor stays in memory once it has changed', async () => {
  const keyspace = opened(new MemoryRecords())
  made(keyspace, Stream, 100)
  await land(keyspace)
  evictAll(keyspace)
  const tree = kept<Stream>(keyspace).entries
  const cursor = tree.cursor(0)
  assert.ok(cursor.next())
  tree.set(nameOf(0), 'w') // of the same length: the cursor continues at its position
  while (cursor.next());
  assert.is(tree.get(nameOf(0)), 'w')
  const elements = checkTree(tree)
  await land(keyspace)
  evictAll(keyspace)
  assert.equal(checkTree(kept<Stream>(keyspace).entries), elements)
})

test('a cursor continues past a removed range in both directions', () => {
  for (const [direction, expected] of [
    ['forward', nameOf(60)],
    ['backward', nameOf(9)],
  ] as const) {
    const { members: tree } = made(opened(new MemoryRecords()), SetValue, 100)
    const cursor = tree.cursor(30, direction)
    assert.ok(cursor.next())
    tree.removeRange(10, 60)
    assert.ok(cursor.next())
    assert.is(cursor.key, expected)
    checkTree(tree)
  }
})

test('elements on either side of a removed range merge, into the root record if they are few', () => {
  const small = made(opened(new MemoryRecords()), SetValue, 500)
  small.members.removeRange(1, 499)
  assert.ok(small.object.pages === null)
  assert.equal(
    checkTree(small.members).map(([key]) => key),
    [nameOf(0), nameOf(499)],
  )
})

test('pages merge as elements are deleted one by one', () => {
  const { members: tree } = made(opened(new MemoryRecords()), SetValue, 1000)
  const before = countNodes(tree.rootNode())
  for (let i = 0; i < 1000; i++) if (i % 10 !== 0) tree.delete(nameOf(i))
  checkTree(tree)
  const after = countNodes(tree.rootNode())
  assert.ok(after * 3 < before, `${before} pages before, ${after} after`)
})

function countNodes(node: TreeNode): number {
  let count = 1
  for (const child of node.children) if (typeof child !== 'number') count += countNodes(child)
  return count
}

test('a frozen page stays unchanged when its object moves into the root record and changes there', async () => {
  const records = new MemoryRecords()
  const keyspace = opened(records)
  const { object, entries } = made(keyspace, Stream, 2)
  const others = object.tree(1)
  for (let i = 0; i < 20; i++) others.append(nameOf(i), 'v')
  const frozen = [checkTree(entries), checkTree(others)]
  const running = new Checkpoint(keyspace, POSITION)
  others.removeRange(0, 20)
  assert.ok(object.pages === null)
  entries.set(nameOf(0), 'w')
  entries.delete(nameOf(1))
  running.encodeSome(Number.POSITIVE_INFINITY)
  await running.write()
  const landed = kept<Stream>(opened(records)).object
  assert.equal([checkTree(landed.tree(0)), checkTree(landed.tree(1))], frozen)
})

test("a stream's header is frozen with its entries", async () => {
  const records = new MemoryRecords()
  const keyspace = opened(records)
  const stream = newCollection(keyspace.database(0), Stream)
  const entry = keyspace.database(0).create('k', stream)
  const [first, second] = [idOf(1, 0), idOf(2, 0)]
  stream.append(first, 'v')
  const running = new Checkpoint(keyspace, POSITION)
  stream.delete(first)
  stream.append(second, 'v')
  running.encodeSome(Number.POSITIVE_INFINITY)
  await running.write()
  const landed = kept<Stream>(opened(records))
  assert.equal([landed.lastId, landed.maxDeletedId, landed.entriesAdded, landed.size], [first, ZERO_ID, 1, 1])
  keyspace.database(0).remove(entry)
  assert.ok(stream.object.entry === null, 'a value that is no key’s has no entry')
})

test('deleting a field with a deadline succeeds though it moves the hash into its root record', () => {
  const keyspace = opened(new MemoryRecords())
  keyspace.pageLimits = { inlineBytes: 60, pageBytes: 100, pageElements: 50 }
  const hash = newCollection(keyspace.database(0), Hash)
  keyspace.database(0).create('k', hash)
  for (const field of 'abcdefghijk') hash.set(field, 'v')
  hash.set('z', 'v')
  hash.setDeadline('z', 1000)
  for (const field of 'defghijk') hash.delete(field)
  assert.ok(hash.object.pages !== null)
  assert.ok(hash.delete('z'))
  assert.ok(hash.object.pages === null)
  assert.equal(checkTree(hash.fields).map(([field]) => field), ['a', 'b', 'c']) // biome-ignore format: one line
  assert.equal(checkTree(hash.object.tree(1)), [])
  assert.is(hash.nextDeadlineMs, 0)
})

for (const type of [Stream, List, SortedSet] as const) {
  test(`pages are renumbered under a new object id before their numbers run out: ${type.name}`, async () => {
    const records = new MemoryRecords()
    let keyspace = opened(records)
    const filled = made<Collection>(keyspace, type, 200)
    const old = filled.object.pages?.objectId as number
    await land(keyspace)
    evictAll(keyspace)
    const value = kept<Collection>(keyspace)
    const tree = value.object.tree(0)
    const isKeyed = tree.layout.isKeyed
    tree.seek(3)
    tree.remove()
    const frozen = checkTree(tree)
    const running = new Checkpoint(keyspace, POSITION)
    running.encodeSome(2)
    const pages = value.object.pages as { nextNumber: number }
    pages.nextNumber = 2 ** 32 - 2 ** 15
    if (isKeyed) tree.find(`${nameOf(99)}+`)
    else tree.seek(100)
    tree.insert(isKeyed ? `${nameOf(99)}+` : '', element(type))
    assert.is.not(value.object.pages?.objectId, old)
    assert.ok((value.object.pages?.nextNumber as number) < 1000)
    const elements = checkTree(tree)
    assert.is(elements.length, 200)
    // Frozen pages land unchanged.
    running.encodeSome(Number.POSITIVE_INFINITY)
    await running.write()
    const before = opened(records)
    assert.equal(checkTree(kept<Collection>(before).object.tree(0)), frozen)
    await land(keyspace)
    keyspace = opened(records)
    assert.equal(checkTree(kept<Collection>(keyspace).object.tree(0)), elements)
    const sweeper = new Sweeper(keyspace, silent as never)
    await sweeper.start()
    await sweeper.idle()
    const left = await records.iterate(pageRange(old)).next(1)
    assert.equal(
      left.map(([key]) => readRecordKey(key)),
      [],
    )
    assert.equal(checkTree(kept<Collection>(keyspace).object.tree(0)), elements)
  })
}

test.run()

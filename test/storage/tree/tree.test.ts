/** The counted B+tree against a sorted array. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { Checkpoint } from '../../../storage/checkpoint/checkpoint.ts'
import { Keyspace } from '../../../storage/keyspace/keyspace.ts'
import { decodeMeta } from '../../../storage/records/meta.ts'
import { META_KEY } from '../../../storage/records/records.ts'
import type { TreeNode, TreeValue } from '../../../storage/tree/node.ts'
import { DEFAULT_PAGE_LIMITS, type Tree } from '../../../storage/tree/tree.ts'
import { type Collection, type CollectionClass, newCollection } from '../../../storage/values/collection.ts'
import { List } from '../../../storage/values/list.ts'
import { SetValue } from '../../../storage/values/set.ts'
import { Stream } from '../../../storage/values/streams/stream.ts'
import { MemoryRecords } from '../../support/disks/memory-records.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { checkTree } from '../../support/harness/tree-check.ts'

const POSITION = { offset: 0, crc: 0 }
const { HAYPILE_ROUNDS: rounds = '6' } = process.env
const ROUNDS = Number(rounds)
const TINY = { inlineBytes: 60, pageBytes: 100, pageElements: 5 }

function made(records = new MemoryRecords()) {
  const keyspace = new Keyspace(records, 2, { deleted() {}, fieldsDeleted() {} })
  keyspace.pageLimits = TINY
  const meta = records.getSync(META_KEY)
  if (meta !== undefined) keyspace.restore(decodeMeta(meta))
  return keyspace
}

/** Asserts that the accounted memory is the memory in use. */
function checkAccounts(keyspace: Keyspace): void {
  for (const db of keyspace.databases) {
    let bytes = 0
    for (let i = 0; i < db.residents.length; i++) {
      const resident = db.residents.at(i) as unknown as { memoryBytes?: number; sizeBytes?: number; ringIndex: number }
      assert.is(resident.ringIndex, i)
      bytes += resident.memoryBytes ?? (resident.sizeBytes as number)
    }
    assert.is(db.residents.bytes, bytes, 'resident bytes')
  }
}

function evict(keyspace: Keyspace, steps: number): void {
  for (const db of keyspace.databases) db.residents.advanceHand(steps, keyspace.landedGeneration, Number.POSITIVE_INFINITY)
}

const text = ({ integer }: Seeded, longest: number) =>
  String.fromCharCode(...Array.from({ length: integer(longest) }, () => 97 + integer(4)))

test('setting a member of a set again changes nothing', () => {
  const keyspace = made()
  const set = newCollection(keyspace.database(0), SetValue)
  const tree = set.object.tree(0)
  assert.ok(tree.set('a'))
  assert.not.ok(tree.set('a'))
  const list = newCollection(keyspace.database(0), List)
  assert.equal((tree.root as TreeNode).values, [])
  assert.equal((list.object.tree(0).root as TreeNode).children, [])
})

type Twin = [Bytes, TreeValue][]

interface Act {
  readonly tree: Tree
  readonly twin: Twin
  readonly seed: Seeded
}

function placeIn(twin: Twin, key: Bytes): number {
  let index = 0
  while (index < twin.length && (twin[index] as [Bytes, TreeValue])[0] < key) index++
  return index
}

/** Makes one random change, by key, to a tree and its twin. */
function actByKey({ tree, twin, seed }: Act): void {
  const { integer, random } = seed
  const known = twin.length > 0 && random() < 0.5
  const key = known ? (twin[integer(twin.length)] as [Bytes, TreeValue])[0] : text(seed, random() < 0.02 ? 150 : 8)
  const index = placeIn(twin, key)
  const isFound = twin[index]?.[0] === key
  const act = integer(100)
  if (act < 60) {
    const value = text(seed, random() < 0.05 ? 300 : 12)
    assert.is(tree.set(key, value), !isFound)
    if (isFound) (twin[index] as [Bytes, TreeValue])[1] = value
    else twin.splice(index, 0, [key, value])
  } else if (act < 77) {
    assert.is(tree.delete(key), isFound)
    if (isFound) twin.splice(index, 1)
  } else if (act < 80) {
    assert.is(tree.get(key), isFound ? (twin[index] as [Bytes, TreeValue])[1] : undefined)
    assert.is(tree.rankOf(key), isFound ? index : -1)
    assert.is(tree.lowerBound(key), index)
  } else if (act < 85 && twin.length > 0) {
    const rank = integer(twin.length)
    assert.is(tree.keyAt(rank), (twin[rank] as [Bytes, TreeValue])[0])
    assert.is(tree.rank, rank)
  } else if (act < 86) removeSome(tree, twin, seed)
  else goThrough(tree, twin, seed)
}

function actByRank({ tree, twin, seed }: Act): void {
  const { integer, random, pick } = seed
  const act = integer(100)
  const place = pick([0, twin.length, integer(twin.length + 1)])
  if (act < 60) {
    const value = text(seed, random() < 0.05 ? 300 : 12)
    tree.seek(place)
    tree.insert('', value)
    twin.splice(place, 0, ['', value])
  } else if (act < 80 && place < twin.length) {
    tree.seek(place)
    assert.is(tree.value, (twin[place] as [Bytes, TreeValue])[1])
    if (random() < 0.3) {
      const value = text(seed, random() < 0.1 ? 300 : 12)
      tree.replace(value)
      ;(twin[place] as [Bytes, TreeValue])[1] = value
    } else {
      tree.remove()
      twin.splice(place, 1)
    }
  } else if (act < 82) removeSome(tree, twin, seed)
  else if (act > 90) goThrough(tree, twin, seed)
}

function removeSome(tree: Tree, twin: Twin, { integer, random }: Seeded): void {
  const from = integer(twin.length + 1)
  const to = from + (random() < 0.02 ? twin.length - from : integer(Math.min(30, twin.length - from + 1)))
  tree.removeRange(from, to)
  twin.splice(from, to - from)
}

function goThrough(tree: Tree, twin: Twin, { integer, random }: Seeded): void {
  const rank = integer(twin.length + 1)
  const forward = random() < 0.5
  const expected = forward ? twin.slice(rank) : twin.slice(0, rank + 1).reverse()
  const cursor = tree.cursor(rank, forward ? 'forward' : 'backward')
  const found: Twin = []
  const limit = integer(twin.length + 1)
  while (found.length < limit && cursor.next()) found.push([tree.layout.isKeyed ? cursor.key : '', cursor.value])
  assert.equal(found, expected.slice(0, limit))
}

for (const [name, type, act] of [
  ['by key', Stream, actByKey],
  ['by position', List, actByRank],
] as const) {
  test(`a tree ${name} equals a sorted array under random changes, checkpoints, evictions and restarts`, async () => {
    deepest = 0
    for (let round = 0; round < ROUNDS; round++) await world(seeded(`tree ${name}`), type, act)
    assert.ok(deepest >= 3, `deep trees have occurred, not only of level ${deepest}`)
  })
}

async function world(seed: Seeded, type: CollectionClass<Collection>, act: (act: Act) => void): Promise<void> {
  const { integer, random } = seed
  const records = new MemoryRecords()
  let keyspace = made(records)
  let twin: Twin = []
  let frozenTwin: Twin | null = null
  let running: Checkpoint | null = null
  const live = () => keyspace.database(0).find('k')?.value as Collection | undefined
  for (let step = 0; step < 1200; step++) {
    let value = live()
    if (value === undefined) {
      value = newCollection(keyspace.database(0), type)
      keyspace.database(0).create('k', value)
      twin = []
    }
    act({ tree: value.object.tree(0), twin, seed })
    if (twin.length === 0 || random() < 0.001) {
      keyspace.database(0).delete('k')
      twin = []
    }
    if (random() < 0.02) evict(keyspace, integer(200))
    if (running?.encodeSome(integer(4)) === true) {
      await running.write()
      running = null
      frozenTwin = null
    } else if (running === null && random() < 0.02) {
      running = new Checkpoint(keyspace, POSITION)
      frozenTwin = twin.map(([key, value]) => [key, value])
    } else if (running !== null && random() < 0.01) {
      running.abandon()
      running = null
    }
    if (random() < 0.05) check(keyspace, live(), twin)
    if (random() < 0.01 && running !== null && frozenTwin !== null) {
      // The frozen state lands, whatever has changed since the freeze.
      running.encodeSome(Number.POSITIVE_INFINITY)
      await running.write()
      running = null
      keyspace = made(records)
      twin = frozenTwin
      check(keyspace, live(), twin)
    }
  }
  check(keyspace, live(), twin)
}

let deepest = 0

function check(keyspace: Keyspace, value: Collection | undefined, twin: Twin): void {
  checkAccounts(keyspace)
  if (value === undefined) assert.is(twin.length, 0)
  else {
    const tree = value.object.tree(0)
    assert.equal(checkTree(tree), twin)
    deepest = Math.max(deepest, tree.rootNode().level)
  }
}

test('elements of any size can be stored', () => {
  const keyspace = made()
  const value = newCollection(keyspace.database(0), Stream)
  keyspace.database(0).create('k', value)
  const tree = value.object.tree(0)
  for (const length of [0, 1, 127, 128, 16_383, 16_384, 70_000]) tree.set(`k${length}`, 'x'.repeat(length))
  for (const length of [0, 1, 127, 128, 16_383, 16_384, 70_000]) assert.is((tree.get(`k${length}`) as Bytes).length, length)
  assert.is(checkTree(tree).length, 7)
})

test('keys whose separators are longer than a page can be stored and deleted', () => {
  for (const limits of [TINY, DEFAULT_PAGE_LIMITS]) {
    const keyspace = made()
    keyspace.pageLimits = limits
    const value = newCollection(keyspace.database(0), Stream)
    keyspace.database(0).create('k', value)
    const tree = value.object.tree(0)
    const prefix = 'x'.repeat(limits.pageBytes * 2)
    for (let i = 0; i < 200; i++) tree.set(`${prefix}${(i * 77) % 200}`, '')
    assert.is(checkTree(tree).length, 200)
    assert.ok(tree.rootNode().level < 12)
    for (let i = 0; i < 200; i++) {
      assert.is(tree.delete(`${prefix}${(i * 31) % 200}`), true)
      if (i % 10 === 0) checkTree(tree)
    }
    checkAccounts(keyspace)
  }
})

test('a collection may be filled before it is attached to a key', () => {
  const keyspace = made()
  const db = keyspace.database(0)
  const value = newCollection(db, List)
  for (let i = 0; i < 100; i++) value.object.tree(0).append('', `v${i}`)
  db.set('k', value)
  checkAccounts(keyspace)
  db.delete('k')
  for (let i = 0; i < 10; i++) keyspace.dropped.length > 0 && reapAll(keyspace)
  checkAccounts(keyspace)
})

function reapAll(keyspace: Keyspace): void {
  for (let node = keyspace.dropped.pop(); node !== undefined; node = keyspace.dropped.pop()) {
    for (const child of node.children) if (typeof child !== 'number') keyspace.dropped.push(child)
    keyspace.database(0).residents.remove(node, node.memoryBytes)
  }
}

test.run()

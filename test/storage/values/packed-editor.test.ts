/** Small collections in packed form: the same as their trees, through random changes. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Database } from '../../../storage/keyspace/database.ts'
import { Keyspace } from '../../../storage/keyspace/keyspace.ts'
import { readRoot } from '../../../storage/records/records.ts'
import {
  type Collection,
  type CollectionClass,
  collectionRoot,
  newCollection,
  packIfSmall,
  readCollection,
} from '../../../storage/values/collection.ts'
import { Hash } from '../../../storage/values/hash.ts'
import { List } from '../../../storage/values/list.ts'
import { elementsOf } from '../../../storage/values/packed-cursor.ts'
import { SetValue } from '../../../storage/values/set.ts'
import { SortedSet } from '../../../storage/values/sorted-set.ts'
import { MemoryRecords } from '../../support/disks/memory-records.ts'
import { collectionText } from '../../support/generators/collection-content.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'

const STEPS = 3000
const LIMITS: Record<string, number> = {
  'set-max-intset-entries': 90,
  'set-max-listpack-entries': 200,
  'set-max-listpack-value': 200,
  'zset-max-listpack-entries': 200,
  'zset-max-listpack-value': 200,
  'list-max-listpack-size': 70,
}
const limits = { number: (name: string) => LIMITS[name] as number }

function opened(): Database {
  const keyspace = new Keyspace(new MemoryRecords(), 1, { deleted() {}, fieldsDeleted() {} })
  keyspace.pageLimits = { inlineBytes: 500, pageBytes: 1000, pageElements: 40 }
  return keyspace.database(0)
}

/** A word of any bytes; sometimes one whose length takes two bytes as a varint. */
function word({ integer }: Seeded): string {
  const length = integer(12) === 0 ? 120 + integer(60) : integer(4)
  return Array.from({ length }, () => String.fromCharCode(integer(integer(2) === 0 ? 256 : 4))).join('')
}

/** True while more elements are removed than added, and not the reverse. */
let isShrinking = false

/** Draws one of the actions; those that add elements come first, up to `adding`. */
function drawAction({ integer }: Seeded, adding: number, all: number): number {
  if (integer(4) === 0) return integer(all)
  return isShrinking ? adding + integer(all - adding) : integer(adding)
}

/** Changes one type at random. The words are drawn before, so that both forms get the same. */
type Change<T> = (value: T, seed: Seeded) => (of: T) => unknown

const changeHash: Change<Hash> = (value, seed) => {
  const [field, text, action] = [word(seed), word(seed), drawAction(seed, 7, 10)]
  if (action < 6) return (hash) => hash.set(field, text)
  if (action < 7) return (hash) => hash.update(field, text)
  if (action === 7 && value.size > 0) {
    const { field: existing } = value.fieldAt(seed.integer(value.size))
    return (hash) => hash.delete(existing)
  }
  return action < 9 ? (hash) => hash.delete(field) : (hash) => [hash.get(field), hash.has(field), hash.deadlineOf(field)]
}

const changeSet: Change<SetValue> = (value, seed) => {
  const [member, action] = [seed.integer(2) === 0 ? String(seed.integer(200)) : word(seed), drawAction(seed, 6, 10)]
  const rank = value.size === 0 ? -1 : seed.integer(value.size)
  if (action < 6 || rank < 0) return (set) => set.add(member, limits)
  if (action < 8) return (set) => set.delete(member)
  return action < 9 ? (set) => set.takeAt(rank) : (set) => [set.memberAt(rank), set.has(member)]
}

const changeList: Change<List> = (value, seed) => {
  const [text, action] = [word(seed), drawAction(seed, 6, 12)]
  const end = seed.integer(2) === 0 ? 'left' : 'right'
  const { size } = value
  if (action < 3 || size === 0) return (list) => list.push('left', text, limits)
  if (action < 5) return (list) => list.push('right', text, limits)
  const [index, to] = [seed.integer(size), seed.integer(size + 1)]
  if (action < 6) return (list) => list.insert(index, text, limits)
  if (action < 8) return (list) => list.pop(end, limits)
  if (action < 9) return (list) => list.set(index, text, limits)
  if (action < 10) return (list) => list.removeRange(index, Math.min(size, index + 3), limits)
  return action < 11 ? (list) => list.at(index) : (list) => list.slice(Math.min(index, to), Math.max(index, to))
}

const changeSortedSet: Change<SortedSet> = (value, seed) => {
  const [member, score, action] = [word(seed), seed.integer(5) - 2 + seed.integer(3) / 4, drawAction(seed, 8, 16)]
  const rank = value.size === 0 ? -1 : seed.integer(value.size)
  const isExclusive = seed.integer(2) === 0
  if (action < 8 || rank < 0) return (set) => set.add(member, score, limits)
  if (action < 10) return (set) => set.remove(member)
  if (action < 11) return (set) => set.takeAt(rank)
  if (action < 12) return (set) => set.removeRanks(rank, Math.min(set.size, rank + 2))
  if (action < 13) return (set) => set.removeByBytes(rank, Math.min(set.size, rank + 2))
  if (action < 14) return (set) => [set.score(member), set.rank(member), set.memberByBytes(rank)]
  const bound = { score, isExclusive }
  const lex = { member, isExclusive }
  return (set) => [set.rankFrom(bound), set.rankTo(bound), set.lexFrom(lex), set.lexTo(lex), ...backwards(set, rank)]
}

function backwards(set: SortedSet, rank: number): unknown[] {
  const found: unknown[] = []
  for (const cursor = set.cursor(rank, 'backward'); cursor.next(); ) found.push(cursor.member, cursor.score)
  for (const cursor = set.cursorByBytes(rank); cursor.next(); ) found.push(cursor.member, cursor.score)
  return found
}

function elements(value: Collection): unknown[] {
  const found: unknown[] = []
  for (const cursor = elementsOf(value.object); cursor.next(); )
    found.push(value instanceof List ? cursor.value : [cursor.key, cursor.value])
  return found
}

function unpackedCopy<T extends Collection>(db: Database, type: CollectionClass<T>, value: T): T {
  const copy = new type(value.object.copyFor(db), '')
  copy.object.trees
  return copy
}

/** Returns the collection as a checkpoint would leave it: packed if it is small. */
function stored<T extends Collection>(db: Database, value: T, twin: T, seed: Seeded): T {
  const record = Buffer.from(collectionRoot(value, 0))
  assert.equal(record, Buffer.from(collectionRoot(twin, 0)), 'the record')
  if (seed.integer(2) === 0) return readCollection(db, readRoot(record)) as T
  packIfSmall(value)
  return value
}

/** Changes a collection and one that is never packed alike. Returns how often the form changed. */
function changeBoth<T extends Collection>(type: CollectionClass<T>, change: Change<T>, seed: Seeded): { packed: number; unpacked: number } {
  const db = opened()
  const forms = { packed: 0, unpacked: 0 }
  let value = newCollection(db, type)
  let twin = unpackedCopy(db, type, value)
  for (let step = 0; step < STEPS; step++) {
    isShrinking = step % 200 >= 100
    const before = value.object.packed
    const apply = change(value, seed)
    assert.equal(apply(value), apply(twin), `step ${step}`)
    assert.equal([value.size, value.encodingName], [twin.size, twin.encodingName], `step ${step}`)
    if (before !== null && value.object.packed === null) forms.unpacked++
    if (step % 7 === 0) assert.is(collectionText(value), collectionText(twin), `step ${step}`)
    if (step % 25 !== 0) continue
    const wasPacked = value.object.packed !== null
    if (value.object.pages === null) value = stored(db, value, twin, seed)
    if (!wasPacked && value.object.packed !== null) forms.packed++
    if (seed.integer(8) !== 0) continue
    value = newCollection(db, type)
    twin = unpackedCopy(db, type, value)
  }
  assert.equal(elements(value), elements(twin))
  return forms
}

function grow<T extends Collection>(name: string, type: CollectionClass<T>, change: Change<T>): void {
  const { packed, unpacked } = changeBoth(type, change, seeded(`packed ${name}`))
  assert.ok(unpacked > 1 && packed + unpacked > 2, `packed ${packed} times, unpacked ${unpacked} times`)
}

test('a hash that is packed at times is the same as one in trees', () => grow('hash', Hash, changeHash))
test('a set that is packed at times is the same as one in trees', () => grow('set', SetValue, changeSet))
test('a list that is packed at times is the same as one in trees', () => grow('list', List, changeList))
test('a sorted set that is packed at times is the same as one in trees', () => grow('sorted set', SortedSet, changeSortedSet))

test('a small collection keeps its packed form while it is read and changed', () => {
  const db = opened()
  const hash = newCollection(db, Hash)
  for (let i = 0; i < 20; i++) hash.set(`f${i}`, `v${i}`)
  for (let i = 0; i < 10; i++) hash.delete(`f${i}`)
  assert.equal([hash.size, hash.get('f12'), hash.get('f2'), elements(hash).length], [10, 'v12', undefined, 10])
  const set = newCollection(db, SortedSet)
  for (let i = 0; i < 20; i++) set.add(`m${i}`, i, limits)
  assert.equal([set.rank('m7'), set.takeAt(0).member, set.score('m3')], [7, 'm0', 3])
  assert.equal([hash.object.packed === null, set.object.packed === null], [false, false])
})

test('a record that is cut short or of another kind is not taken for a packed collection', () => {
  const db = opened()
  const hash = newCollection(db, Hash)
  for (let i = 0; i < 5; i++) hash.set(`field${i}`, `value${i}`)
  const { kind, expireAtMs, payload } = readRoot(Buffer.from(collectionRoot(hash, 0)))
  for (let length = 3; length < payload.length; length++) {
    assert.throws(
      () => readCollection(db, { kind, expireAtMs, payload: payload.subarray(0, length) }),
      /cut short|more elements|root record|page/,
    )
  }
  assert.throws(() => readCollection(db, { kind: SetValue.kind, expireAtMs, payload }), /another kind of tree/)
})

test.run()

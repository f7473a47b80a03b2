/** The keys of a sorted set's tree: round trips and order. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { Checkpoint } from '../../../storage/checkpoint/checkpoint.ts'
import { Keyspace } from '../../../storage/keyspace/keyspace.ts'
import { decodeMeta } from '../../../storage/records/meta.ts'
import { META_KEY } from '../../../storage/records/records.ts'
import { newCollection } from '../../../storage/values/collection.ts'
import { detachedMemberOfKey, keyAfterScore, memberOfKey, orderKey, scoreOfKey } from '../../../storage/values/score.ts'
import { type ScoredMember, SortedSet } from '../../../storage/values/sorted-set.ts'
import { MemoryRecords } from '../../support/disks/memory-records.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { checkTree } from '../../support/harness/tree-check.ts'

const LIMITS = { number: (name: string) => (name === 'zset-max-listpack-entries' ? 8 : 6) }
const { POSITIVE_INFINITY, NEGATIVE_INFINITY } = Number

const scores = fc.double({ noNaN: true })
const members = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) })

const compare = (a: ScoredMember, b: ScoredMember) => a.score - b.score || (a.member < b.member ? -1 : a.member > b.member ? 1 : 0)

test('a score and its member are read back from their order key', () => {
  fc.assert(
    fc.property(scores, members, (score, member) => {
      const key = orderKey(score, member)
      assert.is(scoreOfKey(key), score === 0 ? 0 : score)
      assert.is(memberOfKey(key), member)
      assert.is(detachedMemberOfKey(key), member)
    }),
  )
})

test('order keys sort by score, then by member bytes', () => {
  const edges = [NEGATIVE_INFINITY, -Number.MAX_VALUE, -1, -Number.MIN_VALUE, 0, Number.MIN_VALUE, 1, Number.MAX_VALUE, POSITIVE_INFINITY]
  for (const [index, score] of edges.entries()) {
    for (const lesser of edges.slice(0, index)) assert.ok(orderKey(lesser, '\xff') < orderKey(score, ''))
  }
  fc.assert(
    fc.property(scores, members, scores, members, (score, member, otherScore, other) => {
      const [a, b] = [orderKey(score, member), orderKey(otherScore, other)]
      if (score === otherScore) assert.is(a < b, member < other)
      else assert.is(a < b, score < otherScore)
    }),
  )
})

test('the successor of a score is before the next score', () => {
  fc.assert(
    fc.property(scores, members, (score, member) => {
      assert.ok(orderKey(score, member) < keyAfterScore(score))
      assert.ok(orderKey(score, '\xff'.repeat(300)) < keyAfterScore(score))
    }),
  )
  assert.is(scoreOfKey(keyAfterScore(1)), 1 + Number.EPSILON)
  assert.is(scoreOfKey(keyAfterScore(0)), Number.MIN_VALUE)
  assert.ok(Number.isNaN(scoreOfKey(keyAfterScore(POSITIVE_INFINITY))))
})

test('minus zero is stored and ordered as zero', () => {
  assert.is(orderKey(-0, 'a'), orderKey(0, 'a'))
  assert.is(keyAfterScore(-0), keyAfterScore(0))
  const { set } = made()
  set.add('a', -0, LIMITS)
  assert.ok(Object.is(set.score('a'), 0))
  set.add('a', 1, LIMITS)
  set.add('a', -0, LIMITS)
  assert.ok(Object.is(set.score('a'), 0))
})

function made(records = new MemoryRecords()) {
  const keyspace = new Keyspace(records, 2, { deleted() {}, fieldsDeleted() {} })
  keyspace.pageLimits = { inlineBytes: 100, pageBytes: 160, pageElements: 6 }
  const meta = records.getSync(META_KEY)
  if (meta !== undefined) keyspace.restore(decodeMeta(meta))
  const db = keyspace.database(0)
  if (meta === undefined) db.set('z', newCollection(db, SortedSet))
  const set = db.find('z')!.value as SortedSet
  return { keyspace, records, db, set }
}

function assertSame(set: SortedSet, twin: ReadonlyMap<Bytes, number>): void {
  const expected = [...twin].map(([member, score]) => ({ member, score })).sort(compare)
  const found: ScoredMember[] = []
  for (const cursor = set.cursor(0); cursor.next(); ) found.push({ member: cursor.member, score: cursor.score })
  assert.equal(found, expected)
  assert.is(set.size, twin.size)
  for (const tree of set.object.trees) checkTree(tree!)
}

/** Makes one random change to both, or asks both one question. */
function act(set: SortedSet, twin: Map<Bytes, number>, { integer, pick }: Seeded): void {
  const member = `${integer(80)}`.repeat(1 + integer(3))
  const score = pick([integer(10), integer(10) / 8, -integer(5), POSITIVE_INFINITY, NEGATIVE_INFINITY])
  const ordered = () => [...twin].map(([name, value]) => ({ member: name, score: value })).sort(compare)
  const from = integer(twin.size + 1)
  const to = Math.min(twin.size, from + integer(6))
  switch (integer(12)) {
    case 0:
      assert.is(set.remove(member), twin.delete(member))
      break
    case 1:
      for (const gone of ordered().slice(from, to)) twin.delete(gone.member)
      set.removeRanks(from, to)
      break
    case 2:
      for (const gone of [...twin.keys()].sort().slice(from, to)) twin.delete(gone)
      set.removeByBytes(from, to)
      break
    case 3:
      if (from === twin.size) break
      assert.equal(set.takeAt(from), ordered()[from])
      twin.delete(ordered()[from]!.member)
      break
    case 4:
      assert.is(
        set.rank(member),
        ordered().findIndex((other) => other.member === member),
      )
      assert.is(set.score(member), twin.get(member))
      break
    case 5:
      assert.is(set.rankFrom({ score, isExclusive: false }), ordered().filter((other) => other.score < score).length)
      assert.is(set.rankFrom({ score, isExclusive: true }), ordered().filter((other) => other.score <= score).length)
      assert.is(set.rankTo({ score, isExclusive: false }), ordered().filter((other) => other.score <= score).length)
      assert.is(set.rankTo({ score, isExclusive: true }), ordered().filter((other) => other.score < score).length)
      break
    default:
      assert.is(set.add(member, score, LIMITS), !twin.has(member))
      twin.set(member, score)
  }
}

test('a sorted set equals a map with its entries sorted, with tiny pages, evictions, checkpoints and restarts', async () => {
  const seed = seeded('sorted set')
  let world = made()
  const twin = new Map<Bytes, number>()
  for (let step = 0; step < 4000; step++) {
    act(world.set, twin, seed)
    if (step % 50 === 0) assertSame(world.set, twin)
    if (seed.integer(60) > 0) continue
    const checkpoint = new Checkpoint(world.keyspace, { offset: 0, crc: 0 })
    checkpoint.encodeSome(POSITIVE_INFINITY)
    await checkpoint.write()
    if (seed.integer(3) === 0) world = made(world.records)
    else for (const db of world.keyspace.databases) db.residents.advanceHand(10_000, world.keyspace.landedGeneration, POSITIVE_INFINITY)
    world.set = world.db.find('z')!.value as SortedSet
  }
  assertSame(world.set, twin)
})

test('a sorted set that outgrows the listpack limits stays a skiplist', () => {
  const { set } = made()
  for (let i = 0; i < 8; i++) set.add(`${i}`, i, LIMITS)
  assert.is(set.encodingName, 'listpack')
  set.add('9', 9, LIMITS)
  assert.is(set.encodingName, 'skiplist')
  for (let i = 0; i < 8; i++) set.remove(`${i}`)
  assert.is(set.encodingName, 'skiplist')
  const other = made().set
  other.add('123456', 1, LIMITS)
  assert.is(other.encodingName, 'listpack')
  other.add('1234567', 1, LIMITS)
  assert.is(other.encodingName, 'skiplist')
})

test('a loaded sorted set equals one built by adding', () => {
  const { db, set } = made()
  const twin = new Map<Bytes, number>()
  const sorted: ScoredMember[] = []
  for (let i = 100; i < 160; i++) {
    sorted.push({ member: `${i}`, score: (i * 7) % 13 })
    twin.set(`${i}`, (i * 7) % 13)
  }
  const loaded = newCollection(db, SortedSet)
  loaded.load(sorted, LIMITS)
  assertSame(loaded, twin)
  assert.is(loaded.encodingName, 'skiplist')
  const small = newCollection(db, SortedSet)
  small.load(sorted.slice(0, 8), LIMITS)
  assert.is(small.encodingName, 'listpack')
  assert.is(set.size, 0)
})

test.run()

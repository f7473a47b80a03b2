/** Walking keys in order over memory and LevelDB, in bounded steps. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Checkpoint } from '../../../storage/checkpoint/checkpoint.ts'
import type { Database } from '../../../storage/keyspace/database.ts'
import type { Keyspace } from '../../../storage/keyspace/keyspace.ts'
import { ReadAhead } from '../../../storage/scan/read-ahead.ts'
import { runLater } from '../../../storage/scan/steps.ts'
import {
  ALL_KEYS,
  type KeyRange,
  prefixRange,
  StoreNotOpenError,
  storedEdges,
  WALK_KEYS,
  type WalkStep,
  walk,
  walkAll,
  walkBack,
} from '../../../storage/scan/walk.ts'
import { MemoryRecords } from '../../support/disks/memory-records.ts'
import { evictAll, KeyStorm, NOW, newKeyspace } from '../../support/generators/key-storm.ts'
import { seeded } from '../../support/generators/seed.ts'

async function checkpoint(keyspace: Keyspace): Promise<void> {
  const one = new Checkpoint(keyspace, { offset: 0, crc: 0 })
  one.encodeSome(Number.POSITIVE_INFINITY)
  await one.write()
}

const walked = (...args: Parameters<typeof walk>) => runLater(walk(...args))
const walkedBack = (...args: Parameters<typeof walkBack>) => runLater(walkBack(...args))

async function keysOf(db: Database, range: KeyRange = ALL_KEYS): Promise<string[]> {
  const found: string[] = []
  await runLater(walkAll(db, range, (keys) => found.push(...keys.map(({ key }) => key))))
  return found
}

test('keys in memory, on disk and in both are walked in order, each once', async () => {
  const keyspace = newKeyspace()
  const db = keyspace.database(0)
  for (const key of ['d', 'b', 'f']) db.set(key, '1')
  await checkpoint(keyspace)
  evictAll(keyspace)
  assert.is(db.residentKeys, 0)
  for (const key of ['c', 'a', 'g']) db.set(key, '2')
  db.set('d', '3')
  db.delete('b')
  assert.equal(await keysOf(db), ['a', 'c', 'd', 'f', 'g'])
  assert.is(db.residentKeys, 4, 'a walk makes nothing resident')
})

test('a key that is recreated while its deletion is being written is found', async () => {
  const records = new MemoryRecords()
  const keyspace = newKeyspace(records)
  const db = keyspace.database(0)
  db.set('k', '1')
  await checkpoint(keyspace)
  db.delete('k')
  records.holdWrites()
  const landing = checkpoint(keyspace)
  db.set('k', '2')
  assert.equal(await keysOf(db), ['k'])
  records.releaseWrites()
  await landing
  assert.equal(await keysOf(db), ['k'])
  await checkpoint(keyspace)
  assert.equal(await keysOf(db), ['k'])
})

test('a step ends after the given number of keys, deleted ones included', async () => {
  const keyspace = newKeyspace()
  const db = keyspace.database(0)
  for (let i = 0; i < 10; i++) db.set(`k${i}`, '')
  db.delete('k1')
  const first = await walked(db, ALL_KEYS, 4)
  assert.equal(
    first.keys.map(({ key }) => key),
    ['k0', 'k2', 'k3'],
  )
  assert.is(first.next, 'k3\0')
  const rest = await walked(db, { from: first.next as string }, 6)
  assert.is(rest.keys.length, 6)
  assert.is((await walked(db, { from: rest.next ?? 'l' }, 6)).next, null)
})

test('expired keys are left out, in memory and on disk', async () => {
  const keyspace = newKeyspace()
  const db = keyspace.database(0)
  db.setDeadline(db.set('soon', ''), NOW + 10)
  db.setDeadline(db.set('later', ''), NOW + 1000)
  db.set('never', '')
  keyspace.setClock(NOW + 10)
  assert.equal(await keysOf(db), ['later', 'never'])
  await checkpoint(keyspace)
  evictAll(keyspace)
  assert.equal(await keysOf(db), ['later', 'never'])
  const { keys } = await walked(db, ALL_KEYS, 9)
  assert.equal(keys[0], { key: 'later', expireAtMs: NOW + 1000, type: 'string' })
})

test('a prefix of any bytes bounds a walk', async () => {
  const keyspace = newKeyspace()
  const db = keyspace.database(0)
  const keys = ['', 'a', 'a\xff', 'a\xff\xff', 'a\xff\xffb', 'b', '\xff', '\xff\xff', '\xff\xffz']
  for (const key of keys) db.set(key, '')
  for (const prefix of ['', 'a', 'a\xff', 'a\xff\xff', 'b', '\xff', '\xff\xff', 'c']) {
    const expected = keys.filter((key) => key.startsWith(prefix)).sort()
    assert.equal(await keysOf(db, prefixRange(prefix)), expected, `in memory: ${prefix}`)
  }
  await checkpoint(keyspace)
  evictAll(keyspace)
  assert.equal(await keysOf(db, prefixRange('a\xff')), ['a\xff', 'a\xff\xff', 'a\xff\xffb'])
  assert.equal(await keysOf(db, prefixRange('\xff')), ['\xff', '\xff\xff', '\xff\xffz'])
  assert.equal(await runLater(storedEdges(db)), ['', '\xff\xffz'])
  assert.is(await runLater(storedEdges(keyspace.database(1))), null)
})

test('a backward walk runs from the end of its range to the start', async () => {
  const keyspace = newKeyspace()
  const db = keyspace.database(0)
  for (const key of ['a', 'b', 'c']) db.set(key, '')
  await checkpoint(keyspace)
  evictAll(keyspace)
  for (const key of ['aa', 'd', 'e']) db.set(key, '')
  db.delete('b')
  const namesOf = (step: WalkStep) => step.keys.map(({ key }) => key)
  const first = await walkedBack(db, ALL_KEYS, 3)
  assert.equal(namesOf(first), ['e', 'd', 'c'])
  const rest = await walkedBack(db, { from: '', before: first.next as string }, 9)
  assert.equal([namesOf(rest), rest.next], [['aa', 'a'], null])
  assert.equal(namesOf(await walkedBack(db, { from: 'aa', before: 'd' }, 9)), ['c', 'aa'])
  assert.equal(namesOf(await walkedBack(db, { from: 'd', before: 'b' }, 9)), [])
})

test('a walk of a flushed database ends', async () => {
  const keyspace = newKeyspace()
  const db = keyspace.database(0)
  for (let i = 0; i < 100; i++) db.set(`k${i}`, '')
  const { next } = await walked(db, ALL_KEYS, 10)
  const step = walked(db, { from: next as string }, 10)
  keyspace.flush(0)
  keyspace.database(0).set('other', '')
  assert.equal(await step, { keys: [], next: null })
  assert.equal(await keysOf(keyspace.database(0)), ['other'])
})

test('a walk ends even while keys are created continuously', async () => {
  const keyspace = newKeyspace()
  const db = keyspace.database(0)
  for (let i = 0; i < 20_000; i++) db.set(`k${i}`, '')
  let created = 0
  let writing = true
  const write = () => {
    for (let i = 0; i < 3000; i++) db.set(`new${created++}`, '')
    if (writing) setImmediate(write)
  }
  write()
  const { keys } = await walked(db, { from: 'k' }, WALK_KEYS)
  writing = false
  assert.is(keys.length, WALK_KEYS)
})

test('small steps with read-ahead read LevelDB rarely and still see changes in memory', async () => {
  const records = new MemoryRecords()
  const keyspace = newKeyspace(records)
  const db = keyspace.database(0)
  for (let i = 100; i < 500; i++) db.set(`k${i}`, '')
  await checkpoint(keyspace)
  evictAll(keyspace)
  let reads = 0
  const iterate = records.iterate.bind(records)
  records.iterate = (range) => {
    reads++
    return iterate(range)
  }
  const ahead = new ReadAhead()
  const found: string[] = []
  for (let next: string | null = ''; next !== null; ) {
    const step = await walked(db, { from: next }, 10, ahead)
    found.push(...step.keys.map(({ key }) => key))
    next = step.next
    if (found.length === 50) {
      db.delete('k200')
      db.set('k200x', '')
    }
  }
  assert.is(found.length, 400)
  assert.ok(!found.includes('k200') && found.includes('k200x'))
  assert.ok(reads <= 3, `${reads} reads`)
  await checkpoint(keyspace)
  db.delete('k100')
  await checkpoint(keyspace)
  const { keys } = await walked(db, ALL_KEYS, 2, ahead)
  assert.equal(
    keys.map(({ key }) => key),
    ['k101', 'k102'],
  )
  assert.is(ahead.count, 1, 'pieces of earlier epochs are dropped')
})

test('a walk throws StoreNotOpenError while LevelDB is closed', async () => {
  const records = new MemoryRecords()
  const keyspace = newKeyspace(records)
  keyspace.database(0).set('k', '')
  await records.close()
  let error: unknown
  await walked(keyspace.database(0), ALL_KEYS, 10).catch((reason) => {
    error = reason
  })
  assert.ok(error instanceof StoreNotOpenError)
})

test('every key that exists throughout a walk is found once, and none that was deleted before it', async () => {
  const seed = seeded('walks')
  for (let round = 0; round < 40; round++) {
    const storm = new KeyStorm(seed)
    for (let i = seed.integer(400); i > 0; i--) await storm.act()
    await storm.land()
    const db = storm.keyspace.database(0)
    const ahead = new ReadAhead()
    for (let walks = 0; walks < 6; walks++) {
      const isBack = walks % 3 === 2
      storm.changed.clear()
      const before = new Map(storm.live(db))
      const found: string[] = []
      for (let next: string | null = isBack ? '\xff' : ''; next !== null; ) {
        const count = 1 + seed.integer(40)
        const step: Promise<WalkStep> = isBack
          ? walkedBack(db, { from: '', before: next }, count)
          : walked(db, { from: next }, count, round % 2 === 0 ? ahead : undefined)
        for (let i = seed.integer(12); i > 0; i--) await storm.act()
        const { keys, next: following } = await step
        found.push(...keys.map(({ key }) => key))
        next = following
        for (let i = seed.integer(4); i > 0; i--) await storm.act()
      }
      await storm.land()
      if (isBack) found.reverse()
      assert.equal(found, [...new Set(found)].sort(), 'in order, each once')
      if (db.droppedIn !== 0) break
      const changed = (key: string) => storm.changed.has(`${db.id} ${key}`)
      for (const key of before.keys()) if (!changed(key)) assert.ok(found.includes(key), `round ${round}: ${key} is missing`)
      for (const key of found) assert.ok(before.has(key) || changed(key), `round ${round}: ${key} was deleted before`)
      storm.changed.clear()
    }
    // Without concurrent changes, a walk and the model agree to the key.
    if (db.droppedIn === 0) assert.equal(await keysOf(db), [...storm.live(db).keys()].sort())
  }
})

test.run()

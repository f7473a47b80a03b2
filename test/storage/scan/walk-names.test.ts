/** Walks that need names only: keys of any bytes, deadlines, and what they read. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Checkpoint } from '../../../storage/checkpoint/checkpoint.ts'
import type { Keyspace } from '../../../storage/keyspace/keyspace.ts'
import { LevelRecords } from '../../../storage/records/level-records.ts'
import type { RecordStore } from '../../../storage/records/record-store.ts'
import { rootKey, rootRange } from '../../../storage/records/records.ts'
import { ReadAhead } from '../../../storage/scan/read-ahead.ts'
import { runLater } from '../../../storage/scan/steps.ts'
import { ALL_KEYS, walk, walkAll } from '../../../storage/scan/walk.ts'
import { evictAll, KeyStorm, NOW, newKeyspace } from '../../support/generators/key-storm.ts'
import { seeded } from '../../support/generators/seed.ts'

/** In order: ASCII, UTF-8 of two to four bytes, bytes that are not UTF-8. */
const UTF8_KEYS = ['', '\0', 'a', 'a\x7f', 'e\xcc\x81', '\xc2\x80', '\xc3\xa9', '\xef\xbb\xbf', '\xef\xbf\xbc', '\xf0\x9f\x98\x80']
const BINARY_KEYS = ['a\x80', '\x80', '\xc3', '\xed\xa0\x80', '\xf5\x80\x80\x80', '\xff', '\xff\xff']
/** U+FFFD itself, which looks as bytes that are not UTF-8 do. */
const REPLACEMENT = '\xef\xbf\xbd'

async function onDisk(keys: readonly string[]): Promise<Keyspace> {
  const keyspace = newKeyspace()
  for (const key of keys) keyspace.database(0).set(key, 'v')
  await land(keyspace)
  return keyspace
}

async function land(keyspace: Keyspace): Promise<void> {
  const checkpoint = new Checkpoint(keyspace, { offset: 0, crc: 0 })
  checkpoint.encodeSome(Number.POSITIVE_INFINITY)
  await checkpoint.write()
  evictAll(keyspace)
}

async function namesOf(keyspace: Keyspace): Promise<string[]> {
  const found: string[] = []
  await runLater(walkAll(keyspace.database(0), ALL_KEYS, (keys) => found.push(...keys.map(({ key }) => key)), 'names'))
  return found
}

async function keysOf(records: RecordStore, form: 'text' | 'bytes'): Promise<readonly string[] | null> {
  const iterator = records.iterateKeys(rootRange(1, ''), form)
  const keys = await iterator.next(100)
  await iterator.close()
  return keys?.map((key) => key.slice(5)) ?? null
}

test('LevelDB returns keys of any bytes, and says when they are not text', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'haypile-keys-'))
  const records = await LevelRecords.open(directory, { writeBufferBytes: 1 << 20, blockCacheBytes: 1 << 20 }, 'create')
  const put = async (keys: readonly string[]) => {
    const batch = records.batch()
    for (const key of keys) batch.put(Buffer.from(rootKey(1, key)), Buffer.from('value'))
    await batch.write()
  }
  await put(UTF8_KEYS)
  assert.equal(await keysOf(records, 'text'), [...UTF8_KEYS].sort())
  assert.equal(await keysOf(records, 'bytes'), [...UTF8_KEYS].sort())
  await put([REPLACEMENT])
  assert.is(await keysOf(records, 'text'), null)
  await put(BINARY_KEYS)
  assert.is(await keysOf(records, 'text'), null)
  assert.equal(await keysOf(records, 'bytes'), [...UTF8_KEYS, ...BINARY_KEYS, REPLACEMENT].sort())
  const bounded = records.iterateKeys({ ...rootRange(1, '\xc3', '\xef\xbb\xbf'), reverse: true, limit: 2 }, 'bytes')
  assert.equal(
    (await bounded.next(9))?.map((key) => key.slice(5)),
    ['\xed\xa0\x80', '\xc3\xa9'],
  )
  await bounded.close()
  await records.close()
  rmSync(directory, { recursive: true })
})

test('names of any bytes are walked in order', async () => {
  for (const keys of [UTF8_KEYS, [...UTF8_KEYS, ...BINARY_KEYS], [REPLACEMENT]]) {
    const keyspace = await onDisk(keys)
    assert.equal(await namesOf(keyspace), [...keys].sort())
    assert.equal(await namesOf(keyspace), [...keys].sort(), 'and again')
    assert.is(keyspace.database(0).hasBinaryKeys, keys.includes('\xff'))
  }
})

test('a walk for names leaves expired keys out, and sees deadlines that come later', async () => {
  const keyspace = await onDisk(['a', 'b', 'c'])
  const db = keyspace.database(0)
  db.setDeadline(db.set('b', 'v'), NOW + 10)
  await land(keyspace)
  keyspace.setClock(NOW + 10)
  assert.equal(await namesOf(keyspace), ['a', 'c'])
  const later = await onDisk(['a', 'b', 'c'])
  const other = later.database(0)
  const ahead = new ReadAhead()
  const names = async () => (await runLater(walk(other, ALL_KEYS, 10, ahead, 'names'))).keys.map(({ key }) => key)
  assert.equal(await names(), ['a', 'b', 'c'])
  const entry = other.find('b')
  if (entry !== undefined) other.setDeadline(entry, NOW + 10)
  later.setClock(NOW + 10)
  assert.equal(await names(), ['a', 'c'])
})

test('names that were read ahead do not serve a walk that needs types', async () => {
  const keyspace = await onDisk(['a', 'b', 'c'])
  const db = keyspace.database(0)
  const ahead = new ReadAhead()
  const typesOf = async (detail: 'names' | 'all') => (await runLater(walk(db, ALL_KEYS, 2, ahead, detail))).keys.map(({ type }) => type)
  assert.equal(await typesOf('names'), [null, null])
  assert.equal(await typesOf('all'), ['string', 'string'])
  assert.is(ahead.count, 2)
})

test('a walk for names finds exactly the live keys in any phase of a checkpoint', async () => {
  const chance = seeded('names')
  for (let round = 0; round < 15; round++) {
    const storm = new KeyStorm(chance)
    for (let i = 200; i > 0; i--) {
      await storm.act()
      if (chance.integer(8) === 0) assert.equal(await namesOf(storm.keyspace), [...storm.live(storm.keyspace.database(0)).keys()].sort())
    }
    await storm.land()
  }
})

test.run()

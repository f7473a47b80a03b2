/** The key map against a Map, through doublings and splits. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Database } from '../../../storage/keyspace/database.ts'
import { Entry } from '../../../storage/keyspace/entry.ts'
import { hashOf } from '../../../storage/keyspace/key-hash.ts'
import { KeyMap } from '../../../storage/keyspace/key-map.ts'
import { seeded } from '../../support/generators/seed.ts'
import { privateOf } from '../../support/harness/engine-invariants.ts'

const noDatabase = null as unknown as Database

test('the key map equals a Map after any adds and deletes, through doublings and splits', () => {
  const { integer } = seeded('key-map')
  for (const segmentSlots of [64, 256, 16_384]) {
    const map = new KeyMap<Entry>(segmentSlots)
    const twin = new Map<string, Entry>()
    for (let step = 0; step < 30_000; step++) {
      const key = `k${integer(step < 20_000 ? 8000 : 300)}`
      if (twin.has(key) && integer(3) > 0) {
        map.delete(key)
        twin.delete(key)
      } else if (!twin.has(key)) {
        const entry = new Entry(noDatabase, key, '')
        map.add(key, entry)
        twin.set(key, entry)
      }
      const asked = `k${integer(8000)}`
      assert.is(map.get(asked), twin.get(asked))
    }
    assert.is(map.size, twin.size)
    assert.is(new Set(map.keys()).size, twin.size)
    for (const [key, entry] of twin) assert.is(map.get(key), entry)
  }
})

test('every key is found after many segment splits', () => {
  const map = new KeyMap<Entry>(64)
  for (let i = 0; i < 50_000; i++) map.add(String(i), new Entry(noDatabase, String(i), ''))
  for (let i = 0; i < 50_000; i++) assert.is(map.get(String(i))?.key, String(i))
  assert.is(map.get('50000'), undefined)
  for (let i = 0; i < 50_000; i += 2) map.delete(String(i))
  assert.is(map.size, 25_000)
  for (let i = 0; i < 50_000; i++) assert.is(map.get(String(i))?.key, i % 2 === 1 ? String(i) : undefined)
})

test('deleting an absent key changes nothing', () => {
  const map = new KeyMap<Entry>()
  map.add('a', new Entry(noDatabase, 'a', ''))
  map.delete('b')
  assert.is(map.size, 1)
  assert.ok(map.get('a'))
})

/** Hash functions that spread badly: by an attacker's choice of keys, or by chance. */
const unevenHashes: Readonly<Record<string, (key: string) => number>> = {
  'all equal': () => 7,
  'equal in the low bits': (key) => (hashOf(key) & ~0xffff) | 1,
  'equal in the high bits': (key) => (hashOf(key) & 0xff) | 0x5a5a_5a00,
  'in one place of the directory': (key) => (hashOf(key) & 0xffff) | 0x1234_0000 | 1,
}

for (const [name, hash] of Object.entries(unevenHashes)) {
  test(`the work and memory of a key map are bounded where hashes are ${name}`, () => {
    for (const segmentSlots of [64, 16_384]) {
      const map = new KeyMap<Entry>(segmentSlots, hash)
      const count = 60_000
      for (let i = 0; i < count; i++) map.add(`k${i}`, new Entry(noDatabase, `k${i}`, ''))
      assert.is(map.size, count)
      const places = privateOf<unknown[]>(map, 'directory').length
      assert.ok(places <= Math.max(2, (16 * (count + segmentSlots)) / segmentSlots), `${places} places`)
      for (let i = 0; i < count; i += 3) map.delete(`k${i}`)
      for (let i = 0; i < count; i++) assert.is(map.get(`k${i}`)?.key, i % 3 === 0 ? undefined : `k${i}`)
      assert.is([...map.keys()].length, map.size)
      for (let i = 0; i < count; i += 3) map.add(`k${i}`, new Entry(noDatabase, `k${i}`, 'again'))
      for (let i = 0; i < count; i++) assert.is(map.get(`k${i}`)?.value, i % 3 === 0 ? 'again' : '')
      assert.is(map.size, count)
    }
  })
}

test('evenly spread keys do not overflow', () => {
  const map = new KeyMap<Entry>()
  for (let i = 0; i < 300_000; i++) map.add(`key:${i}`, new Entry(noDatabase, `key:${i}`, ''))
  assert.is(privateOf(map, 'overflow'), null)
})

test.run()

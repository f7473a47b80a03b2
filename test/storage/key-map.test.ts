import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Database } from '../../storage/database.ts'
import { Entry } from '../../storage/entry.ts'
import { KeyMap } from '../../storage/key-map.ts'
import { seeded } from '../support/seed.ts'

const noDatabase = null as unknown as Database

test('the key map holds what a Map holds after any adds and deletes, through doublings and splits', () => {
  const { integer } = seeded('key-map')
  for (const segmentSlots of [64, 256, 16_384]) {
    const map = new KeyMap(segmentSlots)
    const twin = new Map<string, Entry>()
    for (let step = 0; step < 30_000; step++) {
      const key = `k${integer(step < 20_000 ? 8000 : 300)}`
      if (twin.has(key) && integer(3) > 0) {
        map.delete(key)
        twin.delete(key)
      } else if (!twin.has(key)) {
        const entry = new Entry(noDatabase, key, '')
        map.add(entry)
        twin.set(key, entry)
      }
      const asked = `k${integer(8000)}`
      assert.is(map.get(asked), twin.get(asked))
    }
    assert.is(map.size, twin.size)
    assert.is(new Set(map.values()).size, twin.size)
    for (const [key, entry] of twin) assert.is(map.get(key), entry)
  }
})

test('a segment of many splits finds every key again', () => {
  const map = new KeyMap(64)
  for (let i = 0; i < 50_000; i++) map.add(new Entry(noDatabase, String(i), ''))
  for (let i = 0; i < 50_000; i++) assert.is(map.get(String(i))?.key, String(i))
  assert.is(map.get('50000'), undefined)
  for (let i = 0; i < 50_000; i += 2) map.delete(String(i))
  assert.is(map.size, 25_000)
  for (let i = 0; i < 50_000; i++) assert.is(map.get(String(i))?.key, i % 2 === 1 ? String(i) : undefined)
})

test('deleting what is not there changes nothing', () => {
  const map = new KeyMap()
  map.add(new Entry(noDatabase, 'a', ''))
  map.delete('b')
  assert.is(map.size, 1)
  assert.ok(map.get('a'))
})

test.run()

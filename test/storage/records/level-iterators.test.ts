/** Records of a snapshot with their keys as bytes, whatever the bytes are. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LevelRecords } from '../../../storage/records/level-records.ts'
import type { RecordSnapshot } from '../../../storage/records/record-store.ts'
import { rootKey, rootRange } from '../../../storage/records/records.ts'
import { seeded } from '../../support/generators/seed.ts'

const CHANCE = seeded('level-iterators')
/** Parts of keys: text of one to four bytes a character, U+FFFD, and bytes that are no text. */
const PARTS = ['a', 'key:', '\0', '\xc3\xa9', '\xf0\x9f\x98\x80', '\xef\xbf\xbd', '\xff', '\xc3', '\xed\xa0\x80']
const TEXT_PARTS = 5

async function read(snapshot: RecordSnapshot, count: () => number): Promise<string[]> {
  const iterator = snapshot.iterateNamed(rootRange(1, ''))
  const found: string[] = []
  for (let records = await iterator.next(count()); records.length > 0; records = await iterator.next(count()))
    for (const [key, value] of records) found.push(`${key.slice(5)} = ${value.latin1Slice()}`)
  await iterator.close()
  return found
}

test('records have their keys, text or not, from the first to the last', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'haypile-named-'))
  const records = await LevelRecords.open(directory, { writeBufferBytes: 1 << 20, blockCacheBytes: 1 << 20 }, 'create')
  const keys = new Set<string>()
  for (const parts of [TEXT_PARTS, PARTS.length]) {
    const batch = records.batch()
    for (let i = 0; i < 400; i++) {
      const key = Array.from({ length: CHANCE.integer(8) }, () => PARTS[CHANCE.integer(parts)]).join('')
      keys.add(key)
      batch.put(Buffer.from(rootKey(1, key)), Buffer.from(`value of ${key}`, 'latin1'))
    }
    await batch.write()
    const snapshot = records.snapshot()
    const expected = [...keys].sort().map((key) => `${key} = value of ${key}`)
    assert.equal(await read(snapshot, () => 1000), expected)
    assert.equal(await read(snapshot, () => 1 + CHANCE.integer(9)), expected)
    await snapshot.close()
    assert.throws(() => snapshot.iterateNamed(rootRange(1, '')), /closed/)
  }
  await records.close()
  rmSync(directory, { recursive: true })
})

test.run()

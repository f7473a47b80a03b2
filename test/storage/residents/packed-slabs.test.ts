/** Slabs of packed keys: against a Map under random change, with records of all sizes and holes. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { END, NO_RECORD, PackedSlabs, SlabCursor } from '../../../storage/residents/packed-slabs.ts'
import { seeded } from '../../support/generators/seed.ts'

interface Twin {
  key: string
  content: string
  note: number
}

/** Moves records until there are few holes. */
function clean(slabs: PackedSlabs, records: Map<number, Twin>): void {
  for (let tries = 0; tries < 100_000 && slabs.hasHoles; tries++) {
    const address = slabs.nextToMove(10)
    if (address === NO_RECORD) {
      if (slabs.isCleaning) continue
      return
    }
    const twin = records.get(address)
    assert.ok(twin !== undefined, 'only records that exist are moved')
    records.delete(address)
    records.set(slabs.move(address), twin as Twin)
  }
}

function check(slabs: PackedSlabs, records: Map<number, Twin>): void {
  for (const [address, { key, content, note }] of records) {
    assert.ok(slabs.matches(address, key))
    assert.not.ok(slabs.matches(address, `${key}x`))
    assert.is(slabs.key(address), key)
    assert.is(slabs.text(address), content)
    assert.is(slabs.view(address).latin1Slice(), content)
    assert.is(slabs.length(address), key.length + content.length)
    assert.is(slabs.note(address), note)
  }
}

test('slabs equal a Map after any additions, removals, moves and walks of a cursor', () => {
  const { integer } = seeded('packed-slabs')
  for (const longest of [20, 600, 30_000]) {
    const slabs = new PackedSlabs()
    const records = new Map<number, Twin>()
    const hand = new SlabCursor()
    for (let step = 0; step < 6000; step++) {
      if (integer(step % 2000 < 1000 ? 4 : 9) < 3) {
        const key = 'k'.repeat(integer(longest / 10)) + step
        const content = 'c'.repeat(integer(longest))
        const note = integer(2 ** 30) * (integer(2) === 0 ? 1 : -1)
        records.set(slabs.add(key, integer(2) === 0 ? content : Buffer.from(content), note), { key, content, note })
      } else if (records.size > 0) {
        const address = [...records.keys()][integer(Math.min(records.size, 50))] as number
        slabs.remove(address)
        records.delete(address)
      }
      const seen = slabs.moveCursor(hand, 5)
      assert.ok(seen === END || seen === NO_RECORD || records.has(seen), 'a cursor stops at records that exist')
      if (integer(100) === 0) clean(slabs, records)
    }
    clean(slabs, records)
    check(slabs, records)
  }
})

test('records larger than a slab, and with long keys, are kept', () => {
  const slabs = new PackedSlabs()
  const records = new Map<number, Twin>()
  for (const [keyLength, length] of [
    [510, 2 ** 22 - 1],
    [511, 0],
    [0, 2 ** 22],
    [3_000_000, 5],
    [0, 0],
  ] as const) {
    const [key, content] = ['k'.repeat(keyLength), 'c'.repeat(length)]
    records.set(slabs.add(key, content, -5), { key, content, note: -5 })
  }
  check(slabs, records)
  for (const address of records.keys()) slabs.remove(address)
  assert.ok(slabs.capacityBytes <= 2 ** 20, 'only the slab of the last record is left')
})

test('the memory of slabs follows their records when any of them are removed', () => {
  const { integer } = seeded('packed-slabs-holes')
  const slabs = new PackedSlabs()
  const records = new Map<number, Twin>()
  const content = 'c'.repeat(100)
  const add = (key: string) => records.set(slabs.add(key, content, 0), { key, content, note: 0 })
  for (let i = 0; i < 50_000; i++) add(`k${i}`)
  const before = slabs.capacityBytes
  for (const [address, { key }] of records) {
    if (key.endsWith('7')) continue
    slabs.remove(address)
    records.delete(address)
    if (integer(3) === 0) clean(slabs, records)
  }
  clean(slabs, records)
  assert.ok(slabs.capacityBytes < before * 0.17, `${slabs.capacityBytes} of ${before}`)
  check(slabs, records)
})

test.run()

/** Stream ids: order, neighbours and spelling. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  idOf,
  idText,
  MAX_ID,
  MAX_UINT64,
  msOf,
  nextId,
  plus,
  previousId,
  seqOf,
  type Uint64,
  uint64Of,
  ZERO_ID,
} from '../../../../storage/values/streams/id.ts'
import { packEntry, unpackEntry } from '../../../../storage/values/streams/packed-entry.ts'
import { seeded } from '../../../support/generators/seed.ts'

const EDGES: readonly Uint64[] = [
  ...[0, 1, 255, 256, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1].map((value) => value),
  ...[2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 63n, MAX_UINT64 - 1n, MAX_UINT64],
]

test('ids keep both 64-bit numbers and sort as they do', () => {
  const ids = EDGES.flatMap((ms) => EDGES.map((seq) => ({ ms, seq, id: idOf(ms, seq) })))
  for (const [index, { ms, seq, id }] of ids.entries()) {
    assert.is(id.length, 16)
    assert.is(msOf(id), ms)
    assert.is(seqOf(id), seq)
    assert.is(idText(id), `${ms}-${seq}`)
    if (index > 0) assert.ok(ids[index - 1]!.id < id, `${idText(ids[index - 1]!.id)} before ${idText(id)}`)
  }
  assert.is(idOf(0, 0), ZERO_ID)
  assert.is(idOf(MAX_UINT64, MAX_UINT64), MAX_ID)
})

test('next and previous ids are neighbours, and the ends have none', () => {
  for (const ms of EDGES)
    for (const seq of EDGES) {
      const id = idOf(ms, seq)
      const next = nextId(id)
      if (id === MAX_ID) assert.is(next, null)
      else {
        assert.ok(next! > id)
        assert.is(previousId(next!), id)
      }
      if (id === ZERO_ID) assert.is(previousId(id), null)
    }
  assert.is(idText(nextId(idOf(5, MAX_UINT64))!), '6-0')
  assert.is(idText(previousId(idOf(6, 0))!), '5-18446744073709551615')
})

test('the text of an id is its two numbers', () => {
  const { integer } = seeded('texts of ids')
  for (let round = 0; round < 2000; round++) {
    const [ms, seq] = [integer(2 ** integer(54)), integer(2 ** integer(54))]
    assert.is(idText(idOf(ms, seq)), `${ms}-${seq}`)
  }
  for (let power = 0; power <= 15; power++) for (const ms of [10 ** power - 1, 10 ** power]) assert.is(idText(idOf(ms, 0)), `${ms}-0`)
})

test('sums of 64-bit numbers are exact and canonical', () => {
  assert.is(plus(1, 2), 3)
  assert.is(plus(2 ** 53 - 1, 1), 2n ** 53n)
  assert.is(plus(2n ** 53n, -1), 2 ** 53 - 1)
  assert.is(uint64Of(7n), 7)
})

test('packed entries with words of any length are unpacked unchanged, and damaged ones are detected', () => {
  const { integer } = seeded('entries of streams')
  const lengths = [0, 1, 19, 20, 21, 127, 128, 129, 16_383, 16_384, 40_000]
  for (let round = 0; round < 50; round++) {
    const words: string[] = ['skipped']
    for (let count = 2 * (1 + integer(70)); count > 0; count--) {
      const length = integer(20) === 0 ? lengths[integer(lengths.length)]! : integer(30)
      words.push(String.fromCharCode(integer(256)).repeat(length))
    }
    const entry = packEntry(words, 1)!
    assert.equal(unpackEntry(entry), words.slice(1))
    for (const damaged of [entry.slice(0, -1), `${entry}x`, `\x02${entry.slice(1)}`]) {
      let failed = false
      try {
        assert.not.equal(unpackEntry(damaged), words.slice(1))
      } catch (error) {
        failed = (error as Error).name === 'DamageError' || /entry of a stream/.test((error as Error).message)
      }
      assert.ok(failed, 'damage is noticed')
    }
  }
})

test('an entry longer than a string can hold is not packed', () => {
  const half = 'x'.repeat(2 ** 28)
  assert.is(packEntry(['field', half, 'field', half], 0), null)
})

test.run()

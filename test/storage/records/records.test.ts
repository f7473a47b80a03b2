/** LevelDB records: round trips, and the order in which keys sort. */
import { crc32 } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeMeta, encodeMeta, type StoreMeta } from '../../../storage/records/meta.ts'
import * as records from '../../../storage/records/records.ts'
import { fromSeed } from '../../support/generators/seed.ts'

const { integer, pick } = fromSeed(17)
const copy = (buffer: Buffer) => Buffer.from(buffer)
const someKey = () => String.fromCharCode(...Array.from({ length: pick([0, 1, 5, 300]) }, () => integer(256)))
const someNumber = () => pick([0, 1, 255, 2 ** 32 - 1, 2 ** 32, Date.UTC(2026), Number.MAX_SAFE_INTEGER, integer(2 ** 31)])
/** Returns a record with its correct CRC. */
const sealed = (content: Buffer) => {
  const crc = Buffer.alloc(4)
  crc.writeUInt32BE(crc32(content))
  return Buffer.concat([content, crc])
}
/** Returns a record with one bit flipped. */
const flipped = (record: Buffer) => {
  const damaged = copy(record)
  const at = integer(damaged.length)
  damaged[at] = (damaged[at] as number) ^ (1 << integer(8))
  return damaged
}
const sign = (order: number) => Math.sign(order)

test('every record key is decoded as encoded', () => {
  for (let round = 0; round < 500; round++) {
    const [key, number, dbId, page] = [someKey(), someNumber(), integer(2 ** 32), integer(2 ** 32)]
    assert.equal(records.readRecordKey(records.rootKey(dbId, key)), { type: 'root', dbId, key })
    assert.equal(records.readRecordKey(records.deadlineKey(number, dbId, key)), { type: 'deadline', expireAtMs: number, dbId, key })
    assert.equal(records.readRecordKey(records.pageKey(number, page)), { type: 'page', objectId: number, pageNumber: page })
    assert.equal(records.readRecordKey(records.libraryKey(key)), { type: 'library', name: key })
    assert.is(records.readLibrary(records.libraryRecord(key)), key)
    assert.equal(records.readRecordKey(records.garbageKey(1, number)), { type: 'garbage', kind: 1, id: number })
  }
  assert.equal(records.readRecordKey(records.META_KEY), { type: 'meta' })
  assert.equal(records.readRecordKey(records.CURSORS_KEY), { type: 'cursors' })
})

test('record keys sort by what they encode: roots by key, deadlines by time, pages by number', () => {
  for (let round = 0; round < 500; round++) {
    const [a, b, at, other] = [someKey(), someKey(), someNumber(), someNumber()]
    const keys = Buffer.compare(copy(records.rootKey(1, a)), copy(records.rootKey(1, b)))
    assert.is(sign(keys), a < b ? -1 : a > b ? 1 : 0)
    const times = Buffer.compare(copy(records.deadlineKey(at, 1, 'k')), copy(records.deadlineKey(other, 1, 'k')))
    assert.is(sign(times), sign(at - other))
    const pages = Buffer.compare(copy(records.pageKey(at, 1)), copy(records.pageKey(other, 1)))
    assert.is(sign(pages), sign(at - other))
  }
})

test('every root is decoded as encoded', () => {
  for (let round = 0; round < 300; round++) {
    const [value, expireAt, id, length] = [someKey(), someNumber(), someNumber(), someNumber()]
    const string = records.readRoot(copy(records.stringRoot(value, expireAt)))
    assert.equal([string.kind, string.expireAtMs, string.payload.latin1Slice()], [records.KIND_STRING, expireAt, value])
    const rope = records.readRoot(copy(records.ropeRoot(id, length, expireAt)))
    assert.equal([rope.expireAtMs, records.objectIdOf(rope), records.ropeLengthOf(rope)], [expireAt, id, length])
  }
})

test('ranges hold the records they name and no others', () => {
  const holds = ({ from, before }: { from: Buffer; before: Buffer }, key: Buffer) =>
    Buffer.compare(from, key) <= 0 && Buffer.compare(key, before) < 0
  const roots = records.rootRange(5, '')
  assert.ok(holds(roots, copy(records.rootKey(5, ''))))
  assert.ok(holds(roots, copy(records.rootKey(5, '\xff'.repeat(300)))))
  assert.not.ok(holds(roots, copy(records.rootKey(6, ''))))
  assert.not.ok(holds(roots, copy(records.rootKey(4, '\xff'))))
  const pages = records.pageRange(2 ** 32 - 1)
  assert.ok(holds(pages, copy(records.pageKey(2 ** 32 - 1, 2 ** 32 - 1))))
  assert.not.ok(holds(pages, copy(records.pageKey(2 ** 32, 0))))
  const deadlines = records.deadlineRange(1000, 2000)
  assert.ok(holds(deadlines, copy(records.deadlineKey(1999, 9, '\xff'))))
  assert.not.ok(holds(deadlines, copy(records.deadlineKey(2000, 0, ''))))
})

test('records that no version writes are damage', () => {
  const damaged = [
    () => records.readRoot(Buffer.from([])),
    () => records.readRoot(flipped(records.stringRoot('some value', 0))),
    () => records.readLibrary(flipped(records.libraryRecord('content'))),
    () => records.readPage(flipped(records.pageValue(Buffer.from('a page')))),
    () => decodeMeta(flipped(records.textRecord('{}'))),
    () => records.readRoot(sealed(Buffer.from([2, 1, 0]))),
    () => records.readRoot(sealed(Buffer.from([1, 9, 0]))),
    () => records.readRoot(sealed(Buffer.from([1, 1, 2]))),
    () => records.readRoot(sealed(Buffer.from([1, 1, 1, 0]))),
    () => records.readRoot(sealed(Buffer.from([1, 2, 0, 1, 2, 3]))),
    () => records.readPage(sealed(Buffer.from([7]))),
    () => records.readRecordKey(Buffer.from('z')),
    () => records.readRecordKey(Buffer.from('p123')),
    () => decodeMeta(sealed(Buffer.from('\x02{}'))),
    () => decodeMeta(sealed(Buffer.from('\x01{'))),
    () => decodeMeta(sealed(Buffer.from('\x01{"format":1}'))),
  ]
  for (const read of damaged) {
    try {
      read()
    } catch (error) {
      assert.instance(error, records.DamageError)
      continue
    }
    throw new Error(`not refused: ${read}`)
  }
})

test('the meta record is decoded as encoded', () => {
  const meta: StoreMeta = {
    format: 1,
    binlogOffset: 2 ** 40,
    binlogCrc: 0xffffffff,
    nextObjectId: 7,
    nextDbId: 9,
    databases: [{ id: 1, keys: 2, volatile: 1 }],
    libraries: ['a', '\xff'],
    atMs: 1_700_000_000_000,
  }
  assert.equal(decodeMeta(encodeMeta(meta)), meta)
})

test.run()

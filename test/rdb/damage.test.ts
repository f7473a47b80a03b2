/** Hostile input: the reader delivers or throws an RdbError, whatever the bytes are. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RdbError } from '../../rdb/format/rdb-error.ts'
import { readPayload } from '../../rdb/payload.ts'
import { RdbReader } from '../../rdb/reader.ts'
import { writePayload } from '../../rdb/writer.ts'
import { seeded } from '../support/generators/seed.ts'
import { contentOf, rdbValueOf } from '../support/rdb/contents.ts'
import { FIXTURES } from '../support/rdb/fixtures.ts'
import { mutatedPayload } from '../support/rdb/mutations.ts'
import { fileOf, intset, keyOf, listpack, payloadOf, rdbString, ziplist, zipmap } from '../support/rdb/old-encoders.ts'
import { randomContent } from '../support/rdb/random-contents.ts'

const { HAYPILE_ROUNDS = '4000' } = process.env
const ROUNDS = Number(HAYPILE_ROUNDS)
const MAX_READ_MS = 5000
/** More than a payload of the fixtures and its values take; a claimed length would take more. */
const MAX_GROWTH_BYTES = 400 * 1024 * 1024
const MAX_DELIVERED_BYTES = 8 * 1024 * 1024
const FOOTER_BYTES = 10
const INTERESTING = [0, 1, 2, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0xc0, 0xc3, 0xe0, 0xf0, 0xf1, 0xf4, 0xfd, 0xfe, 0xff]

/** Reads a payload and returns the error, or null where it was delivered. */
function errorOf(payload: Buffer): RdbError | null {
  try {
    const { type, parts } = readPayload(payload)
    contentOf(type, parts)
    return null
  } catch (error) {
    if (error instanceof RdbError) return error
    throw error
  }
}

test('a changed payload is read or refused, in bounded time and memory', () => {
  const chance = seeded('rdb fuzz')
  const random = Array.from({ length: 40 }, () => writePayload(rdbValueOf(randomContent(chance)), { version: 12 }).payload)
  const payloads = [...FIXTURES.map(({ payload }) => payload), ...random]
  const { rss: startBytes } = process.memoryUsage()
  let refused = 0
  for (let round = 0; round < ROUNDS; round++) {
    const payload = mutatedPayload(chance, chance.pick(payloads))
    const startMs = performance.now()
    let error: RdbError | null
    try {
      error = errorOf(payload)
    } catch (cause) {
      throw new Error(`round ${round}: ${payload.toString('hex').slice(0, 2000)}`, { cause })
    }
    assert.ok(performance.now() - startMs < MAX_READ_MS, `round ${round} took too long`)
    if (error === null) continue
    refused++
    assert.ok(error.offset >= 0 && error.offset <= payload.length, error.message)
  }
  assert.ok(process.memoryUsage().rss - startBytes < MAX_GROWTH_BYTES, 'memory')
  assert.ok(refused > ROUNDS / 4, `${refused} of ${ROUNDS} refused`)
})

test('a changed file in chunks is read or refused', () => {
  const chance = seeded('rdb file fuzz')
  const keys = FIXTURES.filter(({ payload }) => payload.readUInt16LE(payload.length - FOOTER_BYTES) <= 12).map(({ payload, name }) =>
    keyOf(payload[0]!, name, payload.subarray(1, -FOOTER_BYTES)),
  )
  for (let round = 0; round < ROUNDS / 10; round++) {
    const file = fileOf(4, chance.pick(keys), chance.pick(keys), chance.pick(keys))
    const at = 9 + chance.integer(file.length - 9)
    file[at] = chance.pick(INTERESTING)
    const reader = new RdbReader()
    let delivered = 0
    try {
      for (let from = 0; from < file.length; from += 700) {
        reader.push(file.subarray(from, from + 700))
        for (let part = reader.next(); part !== null; part = reader.next()) if (part.kind === 'string') delivered += part.piece.length
      }
      reader.end()
      while (reader.next() !== null);
    } catch (error) {
      if (!(error instanceof RdbError)) throw new Error(`round ${round}, byte ${at}`, { cause: error })
    }
    assert.ok(delivered < MAX_DELIVERED_BYTES)
  }
})

test('every truncation of a payload and of a file is an error', () => {
  for (const { name, payload } of FIXTURES.filter((fixture) => fixture.payload.length < 1000)) {
    const version = payload.readUInt16LE(payload.length - FOOTER_BYTES)
    const body = payload.subarray(1, -FOOTER_BYTES)
    for (let cut = 0; cut < body.length; cut++) {
      assert.is(errorOf(payloadOf(payload[0]!, body.subarray(0, cut), version))?.kind, 'damaged', `${name} cut to ${cut}`)
    }
    const file = fileOf(version, keyOf(payload[0]!, 'key', body))
    const reader = new RdbReader()
    reader.push(file.subarray(0, -1))
    reader.end()
    assert.throws(() => {
      while (reader.next() !== null);
    }, /the data ends within an element/)
  }
})

const changed = (bytes: Buffer, at: number, value: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy[at] = value
  return copy
}
const LIES: readonly (readonly [string, number, Buffer, RegExp])[] = [
  ['the length of a listpack', 16, changed(listpack('f', 'v'), 0, 5), /the length in the header .* is wrong/],
  ['the count of a listpack', 16, changed(listpack('f', 'v'), 4, 3), /the count in the header .* is wrong/],
  ['an entry of a listpack', 16, changed(listpack('f', 'v'), 6, 0xbf), /extends past its end/],
  ['the way back in a listpack', 16, changed(listpack('f', 'v'), 8, 3), /wrong length/],
  ['the end of a listpack', 16, changed(listpack('f', 'v'), 12, 0), /no end marker/],
  ['an odd hash', 16, listpack('f', 'v', 'g'), /not a multiple of 2/],
  ['a field twice', 16, listpack('f', 'v', 'f', 'w'), /a hash has a field twice/],
  ['a member twice', 20, listpack('f', 'f'), /a set has a member twice/],
  ['a score of more characters than Redis reads', 12, ziplist('f', `0.${'0'.repeat(126)}`), /a score is not a number/],
  ['a score of text', 17, listpack('f', 'abc'), /a score is not a number/],
  ['the tail of a ziplist', 10, changed(ziplist('a', 'b'), 4, 10), /the tail offset in the header of a ziplist is wrong/],
  ['the count of a ziplist', 10, changed(ziplist('a', 'b'), 8, 3), /the count in the header .* is wrong/],
  ['the way back in a ziplist', 10, changed(ziplist('a', 'b'), 13, 9), /states a wrong length of the previous one/],
  ['an entry of a ziplist', 10, changed(ziplist('a', 'b'), 11, 0x3f), /extends past its end/],
  ['the order of an intset', 11, intset(2, 3n, 1n), /do not ascend/],
  ['an integer twice', 11, intset(4, 3n, 3n), /do not ascend/],
  ['the count of an intset', 11, changed(intset(2, 1n, 2n), 4, 3), /the count in the header .* is wrong/],
  ['the size of an intset', 11, changed(intset(2, 1n, 2n), 0, 3), /an unknown integer size/],
  ['the count of a zipmap', 9, changed(zipmap(0, 'f', 'v'), 0, 2), /the count in the header .* is wrong/],
  ['a count of 255 in a zipmap', 9, changed(zipmap(0, 'f', 'v'), 0, 255), /the count in the header .* is wrong/],
  ['an entry of a zipmap', 9, changed(zipmap(0, 'f', 'v'), 1, 99), /extends past its end/],
]

for (const [name, type, packed, text] of LIES) {
  test(`false data is an error with its offset: ${name}`, () => {
    const error = errorOf(payloadOf(type, rdbString(packed), 11))
    assert.is(error?.kind, 'damaged')
    assert.match(error?.message ?? '', text)
    assert.ok(error!.offset >= 1 && error!.offset < packed.length + 3, error?.message)
  })
}

test('duplicate members are found across parts, unless the caller checks them', () => {
  const body = Buffer.concat([Buffer.from([2]), rdbString('a'), rdbString('a')])
  assert.match(errorOf(payloadOf(2, body))?.message ?? '', /a set has a member twice/)
  const { type, parts } = readPayload(payloadOf(2, body), { mustBeUnique: false })
  assert.equal(contentOf(type, parts), { type: 'set', members: ['a', 'a'] })
})

test('streams with unordered ids or false pending entries are errors', () => {
  const payload = FIXTURES.find(({ name }) => name === 'a stream')!.payload
  const body = payload.subarray(1, -FOOTER_BYTES)
  const reversed = Buffer.from(body)
  const second = body.indexOf(Buffer.from([3, 1, 0, 1, 1, 1]))
  reversed[second + 4] = 0
  assert.match(errorOf(payloadOf(15, reversed))?.message ?? '', /ids of a stream do not ascend/)
  const foreign = Buffer.from(body)
  foreign[body.length - 1] = 9
  assert.match(errorOf(payloadOf(15, foreign))?.message ?? '', /a consumer has a pending entry that its group lacks/)
  const unowned = Buffer.concat([body.subarray(0, -17), Buffer.from([0])])
  assert.match(errorOf(payloadOf(15, unowned))?.message ?? '', /a pending entry of a group has no consumer/)
})

test('the nodes of a stream and their entries ascend', () => {
  const node = rdbString(listpack(1, 0, 1, 'f', 0, 2, 0, 0, 'v', 4))
  const at = (ms: number) => Buffer.concat([rdbString(`${'\0'.repeat(7)}${String.fromCharCode(ms)}${'\0'.repeat(8)}`), node])
  const streamOf = (...nodes: Buffer[]) =>
    payloadOf(15, Buffer.concat([Buffer.from([nodes.length]), ...nodes, Buffer.from([nodes.length, 9, 0, 0])]))
  assert.is(errorOf(streamOf(at(5), at(6))), null)
  assert.match(errorOf(streamOf(at(5), at(4)))?.message ?? '', /the nodes of a stream do not ascend/)
  assert.match(errorOf(streamOf(at(5), at(5)))?.message ?? '', /the nodes of a stream do not ascend/)
  // The entry has the ms of its node, less 1.
  const entry = [1, 1, 0, 1, 1, 1, 0x81, 0x66, 2, 0, 1, 2, 1, 0xdf, 0xff, 2, 0, 1, 0x81, 0x76, 2, 4, 1, 0xff]
  const low = Buffer.concat([at(5).subarray(0, 17), rdbString(Buffer.from([entry.length + 6, 0, 0, 0, 10, 0, ...entry]))])
  assert.match(errorOf(streamOf(low))?.message ?? '', /an entry of a stream comes before its node/)
})

test('an empty element as a node of a list is an error', () => {
  assert.match(errorOf(payloadOf(18, [2, 1, 1, 0x61, 1, 0]))?.message ?? '', /a node of a list has an empty element/)
  assert.is(errorOf(payloadOf(18, [1, 1, 1, 0x61])), null)
})

test('a file with a changed byte has a wrong checksum', () => {
  const file = fileOf(10, keyOf(0, 'key', rdbString('value')))
  const reader = new RdbReader()
  reader.push(changed(file, 16, 0x7a))
  reader.end()
  assert.throws(() => {
    while (reader.next() !== null);
  }, /the checksum does not match/)
})

test.run()

/** Every encoding of every type, made by encoders of the tests' own. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { RdbPart } from '../../../rdb/elements.ts'
import { lzfCompress, lzfDecompress } from '../../../rdb/format/lzf.ts'
import { readPayload } from '../../../rdb/payload.ts'
import { RdbReader, readRdb } from '../../../rdb/reader.ts'
import { seeded } from '../../support/generators/seed.ts'
import { contentOf, fileContent } from '../../support/rdb/contents.ts'
import { FIXTURES } from '../../support/rdb/fixtures.ts'
import { fileOf, keyOf, listpack, payloadOf, rdbString, ziplist, zipmap } from '../../support/rdb/old-encoders.ts'

for (const { name, payload, content } of FIXTURES) {
  test(`${name} is read from a payload, and from a file byte by byte`, async () => {
    const { type, parts } = readPayload(payload)
    assert.equal(contentOf(type, parts), content)
    const version = payload.readUInt16LE(payload.length - 10)
    const file = fileOf(version, keyOf(payload[0]!, 'key', payload.subarray(1, -10)))
    const found = await fileContent(readRdb(Array.from(file, (_, at) => file.subarray(at, at + 1))))
    assert.is(found.version, version)
    assert.equal(found.keys.get('0:key')?.content, content)
    assert.is(found.isVerified, version >= 5)
  })
}

const value = (key: string) => keyOf(0, key, rdbString('v'))
const ID_OF_MODULE = [0x81, 0, 0, 0, 0, 0, 0, 0x04, 0x01]
const AUX_OF_MODULE = Buffer.from([247, ...ID_OF_MODULE, 2, 2, 1, 5, 3, 0, 0, 0, 0, 4, ...Buffer.alloc(8), 5, 1, 0x61, 0])

test('opcodes of every version are read', async () => {
  const parts: RdbPart[] = []
  const items = [
    Buffer.concat([Buffer.from([250]), rdbString('redis-ver'), rdbString('8.0')]),
    AUX_OF_MODULE,
    Buffer.from([254, 2, 251, 3, 1, 244, 7, 3, 1]),
    Buffer.concat([Buffer.from([253, 0x80, 0, 0, 0]), value('seconds')]),
    Buffer.concat([Buffer.from([252, 0, 1, 0, 0, 0, 0, 0, 0, 248, 9]), value('idle')]),
    Buffer.concat([Buffer.from([249, 200]), value('frequent')]),
    Buffer.concat([Buffer.from([245]), rdbString('code')]),
  ]
  for await (const part of readRdb([fileOf(80, ...items)])) parts.push(part)
  const key = { kind: 'key', type: 'string', expireAtMs: null, idleSeconds: null, frequency: null }
  const rest = [{ kind: 'string', piece: 'v' }, { kind: 'key-end' }]
  assert.equal(parts, [
    { kind: 'start', version: 80 },
    { kind: 'aux', name: 'redis-ver', value: '8.0' },
    { kind: 'skipped', what: 'data of the module type AAAAAAAAB', offset: 24 },
    { kind: 'database', index: 2 },
    { kind: 'sizes', keyCount: 3, deadlineCount: 1 },
    { kind: 'slot', slot: 7, keyCount: 3, deadlineCount: 1 },
    { ...key, key: 'seconds', expireAtMs: 128_000 },
    ...rest,
    { ...key, key: 'idle', expireAtMs: 256, idleSeconds: 9 },
    ...rest,
    { ...key, key: 'frequent', frequency: 200 },
    ...rest,
    { kind: 'library', code: 'code' },
    { kind: 'end', isVerified: true },
  ])
})

test('packed encodings whose header does not know the count are read', () => {
  const elements = Array.from({ length: 66_000 }, (_, index) => String(index % 100))
  const numbers = elements.map(Number)
  const pairs = Array.from({ length: 2 * 254 }, (_, index) => `${index}`)
  const fields = pairs.filter((_, index) => index % 2 === 0)
  for (const [type, packed, expected] of [
    [10, ziplist(...numbers), { type: 'list', elements }],
    [18, listpack(...numbers), { type: 'list', elements }],
    [9, zipmap(0, ...pairs), { type: 'hash', fields: fields.map((field) => [field, String(Number(field) + 1), null]) }],
  ] as const) {
    const nodes = type === 18 ? [1, 2] : []
    const { type: name, parts } = readPayload(payloadOf(type, Buffer.concat([Buffer.from(nodes), rdbString(packed)])))
    assert.equal(contentOf(name, parts), expected, `type ${type}`)
  }
})

test('unsupported content is refused by name', () => {
  const refusal = (file: Buffer) => {
    const reader = new RdbReader()
    reader.push(file)
    reader.end()
    try {
      while (reader.next() !== null);
      return 'nothing'
    } catch (error) {
      return (error as Error).message
    }
  }
  assert.is(refusal(fileOf(10, [246])), 'RDB refused at byte 9: functions of a preview of Redis 7.0')
  assert.match(refusal(fileOf(10, keyOf(7, 'k', [0x81, 0, 0, 0, 0, 0, 0, 0x04, 0x01]))), /the module type AAAAAAAAB/)
  assert.match(refusal(fileOf(9, keyOf(6, 'k', [0x81, 0, 0, 0, 0, 0, 0, 0x04, 0x01]))), /the module type AAAAAAAAB/)
  const slots = Buffer.concat([Buffer.from([243]), rdbString('j'.repeat(40)), Buffer.from([1, 0, 99])])
  assert.is(refusal(fileOf(80, slots)), 'RDB refused at byte 9: slots that the node was importing from its cluster')
  assert.match(refusal(fileOf(12, slots)), /type 243 is not known in version 12/)
  assert.match(refusal(fileOf(10, keyOf(200, 'k', []))), /type 200 is not known in version 10/)
  assert.match(refusal(fileOf(80, keyOf(24, 'k', []))), /type 24 is not known in version 80/)
  assert.match(refusal(fileOf(13)), /version 13 is not known/)
  assert.match(refusal(Buffer.from('*3\r\n$3\r\nSET')), /does not begin with an RDB header/)
})

test('compressed bytes are decompressed to the original', () => {
  const chance = seeded('lzf')
  for (let round = 0; round < 300; round++) {
    const length = chance.integer(3000)
    const letters = 1 + chance.integer(6)
    const bytes = Buffer.from(Array.from({ length }, () => chance.integer(letters)))
    const compressed = lzfCompress(bytes)
    if (compressed !== null) assert.equal(lzfDecompress(compressed, length), bytes)
    else assert.ok(letters > 2 || length < 200, `${length} bytes of ${letters} letters`)
  }
})

test.run()

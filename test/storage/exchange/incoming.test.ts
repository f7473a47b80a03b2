/** Values of RDB parts: the limits on their number and size. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ListpackWriter } from '../../../rdb/encodings/listpack.ts'
import { MAX_PACKED_COUNT } from '../../../rdb/format/budget.ts'
import { lzfCompress } from '../../../rdb/format/lzf.ts'
import { RdbOutput } from '../../../rdb/format/output.ts'
import { RdbError } from '../../../rdb/format/rdb-error.ts'
import { readPayload } from '../../../rdb/payload.ts'
import { writePayload } from '../../../rdb/writer.ts'
import { decodeValue } from '../../../storage/exchange/incoming.ts'
import { rdbValueOf } from '../../support/rdb/contents.ts'
import { payloadOf } from '../../support/rdb/old-encoders.ts'

const TYPE_SET_LISTPACK = 20

/** Returns the message of the RdbError that a function throws. */
function refusalOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    assert.instance(error, RdbError)
    return (error as RdbError).message
  }
  throw new Error('nothing was refused')
}

test('a value counts with its elements and what each takes in memory', () => {
  const { payload } = writePayload(rdbValueOf({ type: 'list', elements: ['abc', 'defg'] }))
  const decode = (maxBytes: number) => decodeValue(readPayload(payload).parts, maxBytes)
  assert.is(decode(71).sizeBytes, 71)
  assert.match(
    refusalOf(() => decode(70)),
    /a value of more than 70 bytes/,
  )
})

test('fields of stream entries count in each entry, though the payload has them once', () => {
  const fields = ['f'.repeat(1000), 'v']
  const entries = Array.from({ length: 50 }, (_, index) => ({ id: `${'\x00'.repeat(15)}${String.fromCharCode(index + 1)}`, fields }))
  const [first, last] = [entries[0]!.id, entries.at(-1)!.id]
  const state = { length: 50n, lastId: last, firstId: first, maxDeletedId: '\x00'.repeat(16), entriesAdded: 50n }
  const { payload } = writePayload(rdbValueOf({ type: 'stream', entries, state, groups: [] }))
  assert.ok(payload.length < 10_000)
  assert.match(
    refusalOf(() => decodeValue(readPayload(payload).parts, 50_000)),
    /a value of more than 50000 bytes/,
  )
})

test('a packed encoding of a few kilobytes that claims millions of elements is refused', () => {
  const listpack = new ListpackWriter()
  for (let i = 0; i <= MAX_PACKED_COUNT; i++) listpack.add('a')
  const bytes = listpack.finished()
  const compressed = lzfCompress(bytes)!
  const out = new RdbOutput({ mayCompress: false, hasChecksum: false })
  out.byte(0xc3)
  out.writeLength(compressed.length)
  out.writeLength(bytes.length)
  out.rawBuffer(compressed)
  const payload = payloadOf(TYPE_SET_LISTPACK, out.take(), 11)
  assert.ok(payload.length < 200_000)
  assert.match(
    refusalOf(() => decodeValue(readPayload(payload).parts)),
    /a packed encoding of more than/,
  )
})

test.run()

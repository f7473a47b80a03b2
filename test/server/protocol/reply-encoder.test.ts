/** Every kind of reply in RESP2 and RESP3. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import {
  BulkChunks,
  Double,
  ErrorReply,
  MapReply,
  NO_REPLY,
  NULL_ARRAY,
  OK,
  Push,
  type Reply,
  SetReply,
  SimpleString,
  Verbatim,
  WrittenDouble,
} from '../../../commands/contract/reply.ts'
import { encodeError, encodeReply, formatDouble } from '../../../server/protocol/reply-encoder.ts'
import { seeded } from '../../support/generators/seed.ts'

const { seed } = seeded('reply-encoder')

function encode(reply: Reply, resp: 2 | 3): Bytes {
  let bytes = ''
  const text = (part: Bytes) => {
    bytes += part
  }
  encodeReply(reply, resp, {
    appendText: text,
    appendBulk: (head, content) => text(`${head}${content}\r\n`),
    chunk: (buffer) => text(buffer.latin1Slice()),
    isGathering: false,
    gather() {},
    bulk() {},
    isFull: false,
    isSuspended: false,
    suspend() {},
  })
  return bytes
}

test('every kind of reply is written as Redis writes it in both protocols', () => {
  const long = 'x'.repeat(2000)
  const cases: readonly (readonly [reply: Reply, resp2: Bytes, resp3: Bytes])[] = [
    ['', '$0\r\n\r\n', '$0\r\n\r\n'],
    ['a\r\n\0\xff', '$5\r\na\r\n\0\xff\r\n', '$5\r\na\r\n\0\xff\r\n'],
    [long, `$2000\r\n${long}\r\n`, `$2000\r\n${long}\r\n`],
    [0, ':0\r\n', ':0\r\n'],
    [-0, ':0\r\n', ':0\r\n'],
    [-1, ':-1\r\n', ':-1\r\n'],
    [1023, ':1023\r\n', ':1023\r\n'],
    [1024, ':1024\r\n', ':1024\r\n'],
    [Number.MAX_SAFE_INTEGER, ':9007199254740991\r\n', ':9007199254740991\r\n'],
    [-9223372036854775808n, ':-9223372036854775808\r\n', ':-9223372036854775808\r\n'],
    [true, ':1\r\n', '#t\r\n'],
    [false, ':0\r\n', '#f\r\n'],
    [null, '$-1\r\n', '_\r\n'],
    [NULL_ARRAY, '*-1\r\n', '_\r\n'],
    [NO_REPLY, '', ''],
    [OK, '+OK\r\n', '+OK\r\n'],
    [new SimpleString('string'), '+string\r\n', '+string\r\n'],
    [new ErrorReply('ERR a\r\nb'), '-ERR a  b\r\n', '-ERR a  b\r\n'],
    [new Double(3.14), '$4\r\n3.14\r\n', ',3.14\r\n'],
    [new WrittenDouble('13.36138933897018433'), '$20\r\n13.36138933897018433\r\n', ',13.36138933897018433\r\n'],
    [new Double(-Infinity), '$4\r\n-inf\r\n', ',-inf\r\n'],
    [[], '*0\r\n', '*0\r\n'],
    [['a', 1, null, ['b']], '*4\r\n$1\r\na\r\n:1\r\n$-1\r\n*1\r\n$1\r\nb\r\n', '*4\r\n$1\r\na\r\n:1\r\n_\r\n*1\r\n$1\r\nb\r\n'],
    [new MapReply(['a', 1]), '*2\r\n$1\r\na\r\n:1\r\n', '%1\r\n$1\r\na\r\n:1\r\n'],
    [new SetReply(['a']), '*1\r\n$1\r\na\r\n', '~1\r\n$1\r\na\r\n'],
    [new Push(['a']), '*1\r\n$1\r\na\r\n', '>1\r\n$1\r\na\r\n'],
    [new Verbatim('txt', 'hello'), '$5\r\nhello\r\n', '=9\r\ntxt:hello\r\n'],
    [Buffer.from('abc'), '$3\r\nabc\r\n', '$3\r\nabc\r\n'],
    [Buffer.alloc(0), '$0\r\n\r\n', '$0\r\n\r\n'],
    [new BulkChunks(5, [Buffer.from('ab'), Buffer.alloc(0), Buffer.from('cde')]), '$5\r\nabcde\r\n', '$5\r\nabcde\r\n'],
  ]
  for (const [reply, resp2, resp3] of cases) {
    assert.is(encode(reply, 2), resp2)
    assert.is(encode(reply, 3), resp3)
  }
  const thousands = Array<Reply>(2000).fill(7)
  assert.is(encode(thousands, 2), `*2000\r\n${':7\r\n'.repeat(2000)}`)
})

test('a reply with contradictory content throws', () => {
  assert.throws(() => encode(1.5, 2), /not an integer/)
  assert.throws(() => encode(2 ** 60, 2), /not an integer/)
  assert.throws(() => encode(Number.NaN, 2), /not an integer/)
  assert.throws(() => encode(new MapReply(['a']), 3), /without a value/)
  assert.throws(() => encode(new BulkChunks(3, [Buffer.from('ab')]), 2), /3 bytes/)
})

test('an error reply is one line', () => {
  assert.is(encodeError("ERR Protocol error: expected '$', got '\r'"), "-ERR Protocol error: expected '$', got ' '\r\n")
  assert.is(encodeError('ERR a\nb\r\n'), '-ERR a b  \r\n')
})

test('doubles are printed in the notation of Redis', () => {
  const cases: readonly (readonly [value: number, text: string])[] = [
    [0, '0'],
    [-0, '-0'],
    [1, '1'],
    [-3, '-3'],
    [3.14, '3.14'],
    [0.1, '0.1'],
    [-0.1, '-0.1'],
    [0.1 + 0.2, '0.30000000000000004'],
    [1.5e-5, '0.000015'],
    [0.00001, '0.00001'],
    [0.000001, '0.000001'],
    [1e-7, '1e-7'],
    [1.5e-10, '1.5e-10'],
    [0.0012345678, '0.0012345678'],
    [0.00012345678, '1.2345678e-4'],
    [12345.678, '12345.678'],
    [1234.5678901234567, '1234.5678901234567'],
    [12345.678901234567, '1.2345678901234567e+4'],
    [2 ** 53, '9007199254740992'],
    [2 ** 62, '4611686018427387904'],
    [2 ** 63, '9223372036854776000'],
    [1e18, '1000000000000000000'],
    [1e19, '1e+19'],
    [1e20, '1e+20'],
    [-1e20, '-1e+20'],
    [12345678901234567000, '12345678901234567000'],
    [1.7976931348623157e308, '1.7976931348623157e+308'],
    [5e-324, '5e-324'],
    [Infinity, 'inf'],
    [-Infinity, '-inf'],
    [Number.NaN, 'nan'],
  ]
  for (const [value, text] of cases) assert.is(formatDouble(value), text)
})

test('printed doubles read back the same', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => assert.is(Number(formatDouble(value)), value)),
    { seed, numRuns: 3000 },
  )
})

test('lists of short strings are encoded like their single elements, in any mixture', () => {
  const { integer, pick } = seeded('lists of short strings')
  const elements = [() => 'x'.repeat(integer(14)), () => '\xff'.repeat(integer(700)), () => integer(2000), () => null, () => ['a', 'b']]
  for (let round = 0; round < 200; round++) {
    const replies: Reply[] = ['short']
    for (let count = integer(round < 5 ? 5000 : 40); count > 0; count--) replies.push(integer(3) > 0 ? elements[0]!() : pick(elements)())
    assert.is(encode(replies, 2), `*${replies.length}\r\n${replies.map((reply) => encode(reply, 2)).join('')}`)
  }
})

test.run()

/** Decoding requests however the stream is split, and refusing garbage. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Bytes, bufferOf } from '../../../base/bytes.ts'
import { type DecoderLimits, defaultDecoderLimits } from '../../../server/protocol/decoder-limits.ts'
import { ProtocolError, RequestDecoder } from '../../../server/protocol/request-decoder.ts'
import { seeded } from '../../support/generators/seed.ts'

const { seed } = seeded('request-decoder')
const runs = { seed, numRuns: 150 }

const encode = (words: readonly Bytes[]) => `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`

interface Outcome {
  requests: Bytes[][]
  error: string | null
}

interface Setting {
  limits?: Partial<DecoderLimits>
  authenticated?: boolean
  /** Called after each piece has been decoded to its end. */
  watch?: (decoder: RequestDecoder, fed: number) => void
}

/**
 * Feeds pieces of these sizes (the last size again and again) through one shared buffer that is
 * overwritten after each piece.
 */
function decode(stream: Bytes, sizes: readonly number[], { limits, authenticated = true, watch }: Setting = {}): Outcome {
  const decoder = new RequestDecoder({ ...defaultDecoderLimits(), ...limits })
  decoder.isAuthenticated = authenticated
  const bytes = bufferOf(stream)
  const shared = Buffer.alloc(Math.max(1, bytes.length))
  const outcome: Outcome = { requests: [], error: null }
  try {
    for (let at = 0, turn = 0; at < bytes.length; turn++) {
      const count = Math.min(bytes.length - at, Math.max(1, sizes[Math.min(turn, sizes.length - 1)] ?? bytes.length))
      bytes.copy(shared, 0, at, at + count)
      at += count
      decoder.feed(shared, count)
      for (let words = decoder.next(); words !== null; words = decoder.next()) {
        if (decoder.rawBuffer !== null) {
          assert.is(decoder.rawBuffer.latin1Slice(decoder.rawStart, decoder.rawEnd), encode(words), 'raw bytes are canonical')
        }
        outcome.requests.push(words)
      }
      shared.fill('#', 0, count)
      watch?.(decoder, at)
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    outcome.error = error.message
    assert.is(decoder.bufferedBytes, 0, 'nothing is kept after an error')
    decoder.feed(bufferOf('PING\r\n'), 6)
    assert.is(decoder.next(), null, 'bytes after an error are skipped')
  }
  return outcome
}

const whole = (stream: Bytes, setting?: Setting) => decode(stream, [stream.length], setting)
const byteByByte = (stream: Bytes, setting?: Setting) => decode(stream, [1], setting)

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((codes) => Buffer.from(codes).latin1Slice())
const word = fc.oneof({ weight: 8, arbitrary: bytes(20) }, { weight: 1, arbitrary: bytes(3000) }, { weight: 1, arbitrary: fc.constant('') })
const requests = fc.array(fc.array(word, { minLength: 1, maxLength: 12 }), { maxLength: 12 })
const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 30 })

test('requests are decoded as encoded, however the stream is split', () => {
  fc.assert(
    fc.property(requests, sizes, (list, pieces) => {
      const stream = list.map(encode).join('')
      const expected = { requests: list, error: null }
      assert.equal(whole(stream), expected)
      assert.equal(decode(stream, pieces), expected)
      assert.equal(byteByByte(stream), expected)
    }),
    runs,
  )
})

test('malformed input gives the same words and error however it is split, and little is kept', () => {
  const tokens = [
    '*1\r\n',
    '*2\r\n',
    '*3',
    '$1\r\n',
    '$3\r\n',
    '$0\r\n\r\n',
    '\r\n',
    '\r',
    '\n',
    '\0',
    '"',
    "'",
    '\\',
    ' ',
    'a',
    'bcd',
    '-1',
    '$',
    '*',
    '0',
  ]
  const garbage = fc
    .array(fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...tokens) }, { weight: 1, arbitrary: bytes(8) }), { maxLength: 60 })
    .map((parts) => parts.join(''))
  const small: Setting = {
    limits: { maxInlineBytes: 40, maxArguments: 50, maxBulkBytes: 100 },
    watch: (decoder, fed) => assert.ok(decoder.bufferedBytes <= 5 * fed + 24, `${decoder.bufferedBytes} bytes kept of ${fed}`),
  }
  fc.assert(
    fc.property(garbage, sizes, (stream, pieces) => {
      const expected = byteByByte(stream, small)
      assert.equal(whole(stream, small), expected)
      assert.equal(decode(stream, pieces, small), expected)
      for (const words of expected.requests) assert.ok(words.length > 0)
    }),
    { ...runs, numRuns: 1500 },
  )
})

test('only a complete canonical request refers to its bytes in the buffer', () => {
  const decoder = new RequestDecoder(defaultDecoderLimits())
  const stream = bufferOf(`${encode(['SET', 'a', '1'])}PING\r\n*1\r\n$4\rXPINGYZ${encode(['GET', 'a'])}*2\r\n$3\r\nGET`)
  decoder.feed(stream, stream.length)
  const raw = () => (decoder.rawBuffer === null ? null : decoder.rawBuffer.latin1Slice(decoder.rawStart, decoder.rawEnd))
  assert.equal([decoder.next(), raw()], [['SET', 'a', '1'], encode(['SET', 'a', '1'])])
  assert.is(decoder.rawBuffer, stream)
  assert.equal([decoder.next(), raw()], [['PING'], null])
  assert.equal([decoder.next(), raw()], [['PING'], null])
  assert.equal([decoder.next(), raw()], [['GET', 'a'], encode(['GET', 'a'])])
  assert.equal([decoder.next(), raw()], [null, null])
  decoder.feed(bufferOf('\r\n$1\r\na\r\n'), 9)
  assert.equal([decoder.next(), raw()], [['GET', 'a'], null])
})

const errors: readonly (readonly [stream: Bytes, error: string])[] = [
  ['*\r\n', 'invalid multibulk length'],
  ['*-0\r\n', 'invalid multibulk length'],
  ['*+1\r\n', 'invalid multibulk length'],
  ['*01\r\n', 'invalid multibulk length'],
  ['* 1\r\n', 'invalid multibulk length'],
  ['*1 \r\n', 'invalid multibulk length'],
  ['*foo\r\n', 'invalid multibulk length'],
  ['*1048577\r\n', 'invalid multibulk length'],
  ['*20000000000000000000\r\n', 'invalid multibulk length'],
  ['*-9223372036854775809\r\n', 'invalid multibulk length'],
  ['*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n', "expected '$', got 'f'"],
  ['*1\r\n\r\n', "expected '$', got '\r'"],
  ['*1\r\n\n\r\n', "expected '$', got '\n'"],
  ['*1\r\n$\r\n', 'invalid bulk length'],
  ['*1\r\n$-1\r\n', 'invalid bulk length'],
  ['*1\r\n$-0\r\n', 'invalid bulk length'],
  ['*1\r\n$04\r\n', 'invalid bulk length'],
  ['*1\r\n$blabla\r\n', 'invalid bulk length'],
  ['*1\r\n$2000000000\r\n', 'invalid bulk length'],
  ['*1\r\n$536870889\r\n', 'invalid bulk length'],
  ['ECHO "a\r\n', 'unbalanced quotes in request'],
  ["ECHO 'a\r\n", 'unbalanced quotes in request'],
  ['ECHO "a\\\r\n', 'unbalanced quotes in request'],
  ['ECHO "a"b\r\n', 'unbalanced quotes in request'],
  [`ECHO 'a'"b"\r\n`, 'unbalanced quotes in request'],
]

test("protocol errors have Redis's texts", () => {
  for (const [stream, error] of errors) {
    const expected = { requests: [['PING']], error: `Protocol error: ${error}` }
    assert.equal(whole(`*1\r\n$4\r\nPING\r\n${stream}`), expected, stream)
    assert.equal(byteByByte(`*1\r\n$4\r\nPING\r\n${stream}`), expected, stream)
  }
})

test('a line or header may have up to 64 KiB', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['', 'A', 'too big inline request'],
    ['', '*', 'too big mbulk count string'],
    ['', '*\0', 'too big mbulk count string'],
    ['', '\0\n', 'too big inline request'],
    ['*1\r\n', '$', 'too big bulk count string'],
    ['*1\r\n', 'x', 'too big bulk count string'],
  ]
  for (const [before, start, error] of cases) {
    const line = start.padEnd(65536, '1')
    for (const way of [whole, byteByByte]) {
      assert.equal(way(before + line), { requests: [], error: null })
      assert.equal(way(`${before}${line}1`), { requests: [], error: `Protocol error: ${error}` })
    }
  }
  const longest = `ECHO ${'A'.repeat(65531)}`
  assert.equal(whole(`${longest}\nPING\n`).requests, [['ECHO', 'A'.repeat(65531)], ['PING']])
  assert.is(whole(`${longest}A\n`).error, 'Protocol error: too big inline request')
})

test('an unauthenticated client may send 10 arguments of 16 KiB', () => {
  const stranger: Setting = { authenticated: false }
  const ten = Array<Bytes>(10).fill('a')
  for (const way of [whole, byteByByte]) {
    assert.equal(way(encode(ten), stranger).requests, [ten])
    assert.is(way('*11\r\n', stranger).error, 'Protocol error: unauthenticated multibulk length')
    assert.equal(way(encode(['x'.repeat(16384)]), stranger).requests, [['x'.repeat(16384)]])
    assert.is(way('*1\r\n$16385\r\n', stranger).error, 'Protocol error: unauthenticated bulk length')
  }
})

test('authentication and limits changed between two requests of one read apply to the second', () => {
  const limits = defaultDecoderLimits()
  const decoder = new RequestDecoder(limits)
  decoder.isAuthenticated = false
  const many = Array<Bytes>(20).fill('a')
  const stream = bufferOf(`${encode(['AUTH', 'x'])}${encode(many)}${encode(['ECHO', 'abcd'])}`)
  decoder.feed(stream, stream.length)
  assert.equal(decoder.next(), ['AUTH', 'x'])
  decoder.isAuthenticated = true
  assert.equal(decoder.next(), many)
  limits.maxBulkBytes = 3
  assert.throws(
    () => decoder.next(),
    (error: unknown) => error instanceof ProtocolError && error.message === 'Protocol error: invalid bulk length',
  )
})

test('empty requests are ignored', () => {
  const stream = `*0\r\n*-1\r\n*-10\r\n*-9223372036854775808\r\n\r\n\n   \r\nPING\r\n*0\r\n${encode([''])}`
  for (const way of [whole, byteByByte]) assert.equal(way(stream), { requests: [['PING'], ['']], error: null })
})

test('line ends are skipped by length without a check, as in Redis', () => {
  const stream = '*1\rX$4\rYPINGZZ*1\r\n$4\r\nPONG\r\n'
  for (const way of [whole, byteByByte]) assert.equal(way(stream), { requests: [['PING'], ['PONG']], error: null })
  for (const way of [whole, byteByByte]) assert.equal(way('*1\n$4\nPING\n'), { requests: [], error: null })
})

test('a NUL in a line or header hides the rest, as in Redis', () => {
  for (const stream of ['\0PING\r\nPING\r\n', 'PI\0NG\r\nPING\r\n', '*1\0\r\n$4\r\nPING\r\n', '*1\r\n$4\0\r\nPING\r\n']) {
    for (const way of [whole, byteByByte]) assert.equal(way(stream), { requests: [], error: null })
  }
})

test("inline words follow Redis's quoting rules", () => {
  const lines: readonly (readonly [line: Bytes, ...words: Bytes[]])[] = [
    ['PING', 'PING'],
    ['  SET\ta   b  ', 'SET', 'a', 'b'],
    ['ECHO "a\\x41\\n\\q\\"b"', 'ECHO', 'aA\nq"b'],
    ["ECHO 'a\\'b\\n'", 'ECHO', "a'b\\n"],
    ['ECHO a"b c"', 'ECHO', 'ab c'],
    ['ECHO ""', 'ECHO', ''],
    ['""', ''],
    ['ECHO a\x0bb', 'ECHO', 'a\x0bb'],
    ['\x0bECHO\x0c \x0c\x0ba', 'ECHO\x0c', 'a'],
    ['ECHO a\\x41', 'ECHO', 'a\\x41'],
    ['ECHO "\\x4"', 'ECHO', 'x4'],
    ['ECHO "\\xZZ"', 'ECHO', 'xZZ'],
    ['ECHO a\rb', 'ECHO', 'a', 'b'],
    ['PING\r', 'PING'],
    ['ECHO \xe9\xa0\x85', 'ECHO', '\xe9\xa0\x85'],
    ['ECHO "\\a\\b\\t\\r" ', 'ECHO', '\x07\b\t\r'],
  ]
  for (const [line, ...words] of lines) {
    for (const way of [whole, byteByByte]) {
      assert.equal(way(`${line}\r\n`), { requests: [words], error: null }, line)
      assert.equal(way(`${line}\n`), { requests: [words], error: null }, line)
    }
  }
})

test('announced lengths are not allocated in advance', () => {
  const before = process.memoryUsage().arrayBuffers
  const decoders = Array.from({ length: 100 }, (_, index) => {
    const decoder = new RequestDecoder(defaultDecoderLimits())
    const stream = bufferOf(index % 2 === 0 ? '*1048576\r\n$536870888\r\nabc' : '*1048576\r\n$3\r\nabc\r\n$536870888\r\n')
    decoder.feed(stream, stream.length)
    assert.is(decoder.next(), null)
    assert.ok(decoder.bufferedBytes < 100)
    return decoder
  })
  assert.ok(process.memoryUsage().arrayBuffers - before < 1_000_000)
  assert.is(decoders.length, 100)
})

test('large requests fed byte by byte take linear time and release their memory', () => {
  const value = 'v'.repeat(1_000_000)
  const many = Array<Bytes>(100_000).fill('w')
  const stream = `${encode(['SET', 'a', value])}${encode(many)}`
  let most = 0
  const setting: Setting = { watch: (decoder) => (most = Math.max(most, decoder.bufferedBytes)) }
  assert.equal(byteByByte(stream, setting).requests, [['SET', 'a', value], many])
  assert.ok(most < 4_000_000 && most > 1_000_000, `${most} bytes kept`)
  const decoder = new RequestDecoder(defaultDecoderLimits())
  decoder.feed(bufferOf(stream), stream.length)
  while (decoder.next() !== null);
  assert.is(decoder.bufferedBytes, 0)
})

test('a decoder that retains unread bytes works while the receive buffer is reused', () => {
  fc.assert(
    fc.property(requests, sizes, fc.infiniteStream(fc.integer({ min: 0, max: 3 })), (list, pieces, pulls) => {
      const decoder = new RequestDecoder(defaultDecoderLimits())
      const stream = bufferOf(list.map(encode).join(''))
      const shared = Buffer.alloc(400)
      const got: Bytes[][] = []
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const count = Math.min(stream.length - at, pieces[turn % pieces.length]!)
        stream.copy(shared, 0, at, at + count)
        at += count
        decoder.feed(shared, count)
        for (let left = pulls.next().value; left > 0; left--) {
          const words = decoder.next()
          if (words === null) break
          got.push(words)
        }
        decoder.retain()
        shared.fill('#', 0, count)
      }
      for (let words = decoder.next(); words !== null; words = decoder.next()) got.push(words)
      assert.equal(got, list)
      assert.is(decoder.bufferedBytes, 0)
    }),
    runs,
  )
})

test('feeding before the last bytes were read or retained throws', () => {
  const decoder = new RequestDecoder(defaultDecoderLimits())
  const stream = bufferOf('PING\r\nPING\r\n')
  decoder.feed(stream, stream.length)
  decoder.next()
  assert.throws(() => decoder.feed(stream, stream.length), /neither|retained/)
})

test('the bytes of the current read count as buffered until it is fully read', () => {
  const decoder = new RequestDecoder(defaultDecoderLimits())
  const stream = bufferOf(`${encode(['CLIENT', 'LIST'])}`)
  decoder.feed(stream, stream.length)
  decoder.next()
  assert.is(decoder.bufferedBytes, 26)
  decoder.next()
  assert.is(decoder.bufferedBytes, 0)
})

test.run()

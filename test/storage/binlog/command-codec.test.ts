/** Commands as canonical RESP: round trips and truncated ones. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Bytes, bufferOf } from '../../../base/bytes.ts'
import { encodedLength, readCommand, writeCommand } from '../../../storage/binlog/command-codec.ts'
import { seeded } from '../../support/generators/seed.ts'

const { seed } = seeded('command-codec')
const runs = { seed, numRuns: 300 }

const reference = (words: readonly Bytes[]) => `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((codes) => Buffer.from(codes).latin1Slice())
const word = fc.oneof({ weight: 9, arbitrary: bytes(40) }, { weight: 1, arbitrary: bytes(20_000) })
const command = fc.array(word, { minLength: 1, maxLength: 12 })

function read(text: Bytes) {
  const buffer = bufferOf(text)
  return readCommand(buffer, 0, buffer.length)
}

test('a command is written as canonical multibulk of the computed length', () => {
  fc.assert(
    fc.property(command, fc.nat({ max: 50 }), (words, offset) => {
      const length = encodedLength(words)
      const buffer = Buffer.alloc(offset + length + 10, '#')
      assert.is(writeCommand(words, buffer, offset), offset + length)
      assert.is(buffer.latin1Slice(), '#'.repeat(offset) + reference(words) + '#'.repeat(10))
    }),
    runs,
  )
})

test('consecutive commands are read back as written', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 6 }), (commands) => {
      const buffer = Buffer.alloc(commands.reduce((sum, words) => sum + encodedLength(words), 7))
      let end = 7
      for (const words of commands) end = writeCommand(words, buffer, end)
      let at = 7
      for (const words of commands) {
        const got = readCommand(buffer, at, end)
        assert.equal(got?.args, words)
        at = got!.end
      }
      assert.is(at, end)
      assert.is(readCommand(buffer, at, end), null)
    }),
    runs,
  )
})

test('a command cut short anywhere is incomplete, not malformed', () => {
  const text = reference(['SET', 'key', '', 'v'.repeat(120)])
  const buffer = bufferOf(`${text}garbage`)
  for (let end = 0; end < text.length; end++) assert.is(readCommand(buffer, 0, end), null)
  assert.is(readCommand(buffer, 0, text.length)?.end, text.length)
})

test('anything but a canonical command is refused, however short the fragment', () => {
  const bad = [
    'PING\r\n',
    '$4\r\n',
    '*x',
    '*\r',
    '*0\r\n',
    '*01',
    '*-1',
    '*+1',
    '* 1',
    '*1\n',
    '*1\rX',
    '*2147483648',
    '*99999999999999999999',
    '*1\r\n+',
    '*1\r\n$\r',
    '*1\r\n$-1',
    '*1\r\n$00',
    '*1\r\n$1\rX',
    '*1\r\n$536870889',
    '*1\r\n$1\r\naX',
    '*1\r\n$1\r\na\rX',
    '*2\r\n$1\r\na\r\n*',
  ]
  for (const text of bad) assert.throws(() => read(text), /malformed command/, JSON.stringify(text))
})

test('a changed byte gives another command, an error or a wait, never a read past the end', () => {
  fc.assert(
    fc.property(command, fc.nat(), fc.integer({ min: 0, max: 255 }), (words, where, byte) => {
      const buffer = bufferOf(reference(words))
      buffer[where % buffer.length] = byte
      try {
        const got = readCommand(buffer, 0, buffer.length)
        if (got !== null) assert.is(reference(got.args), buffer.latin1Slice(0, got.end))
      } catch (error) {
        assert.match((error as Error).message, /^malformed command: .* at \d+$/)
      }
    }),
    { seed, numRuns: 2000 },
  )
})

test('a buffer that is too small is refused', () => {
  for (const words of [['PING'], ['SET', 'a', 'v'.repeat(500)]]) {
    const length = encodedLength(words)
    for (const size of [0, 1, length - 1]) assert.throws(() => writeCommand(words, Buffer.alloc(size), 0), /does not fit/)
  }
})

test('lengths with any number of digits are written correctly', () => {
  for (const length of [0, 9, 10, 99, 100, 999, 1000, 9999, 10_000, 99_999, 100_000, 999_999, 1_000_000]) {
    const words = ['x'.repeat(length)]
    const buffer = Buffer.alloc(encodedLength(words))
    assert.is(writeCommand(words, buffer, 0), buffer.length)
    assert.is(buffer.latin1Slice(), reference(words))
  }
})

test.run()

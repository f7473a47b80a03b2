/** The stream of a Redis master, cut at any byte: commands and their exact lengths. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CommandStream } from '../../../replication/redis-master/command-stream.ts'
import { seeded } from '../../support/generators/seed.ts'

const encoded = (...words: readonly string[]) =>
  Buffer.from(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`, 'latin1')

function readAll(stream: CommandStream) {
  const found: { words: string[]; bytes: number }[] = []
  for (let next = stream.next(); next !== null; next = stream.next()) found.push({ words: next.words, bytes: next.bytes })
  return found
}

test('commands have their words and lengths, in pieces of any size', () => {
  const chance = seeded('command stream')
  const pieces = [
    encoded('PING'),
    Buffer.from('\n'),
    encoded('SELECT', '3'),
    encoded('SET', 'key', '\r\n*1\r\n\xff'),
    encoded('SET', 'large', 'x'.repeat(300_000)),
    encoded('SET', 'empty', ''),
    encoded('MSET', ...Array.from({ length: 2000 }, (_, i) => `word${i}`)),
  ]
  const whole = Buffer.concat(pieces)
  for (const maximum of [1, 7, 1000, 100_000, whole.length]) {
    const stream = new CommandStream()
    const found: { words: string[]; bytes: number }[] = []
    for (let at = 0; at < whole.length; ) {
      const end = Math.min(whole.length, at + 1 + chance.integer(maximum))
      stream.push(whole.subarray(at, end))
      found.push(...readAll(stream))
      at = end
      assert.is(found.reduce((sum, { bytes }) => sum + bytes, 0) + stream.waitingBytes, at)
    }
    assert.equal(
      found.map(({ bytes }) => bytes),
      pieces.map(({ length }) => length),
    )
    assert.equal(found[1]!.words, [])
    assert.equal(found[3]!.words, ['SET', 'key', '\r\n*1\r\n\xff'])
    assert.is(found[4]!.words[2]!.length, 300_000)
    assert.is(found[6]!.words.length, 2001)
  }
})

test('bytes that are no command are refused', () => {
  for (const text of ['PING\r\n', '*1\r\n+PING\r\n', '*x\r\n', '*1\r\n$-1\r\n', `*${'1'.repeat(30)}`, '*1\r\n$4\r\nPINGxx']) {
    const stream = new CommandStream()
    stream.push(Buffer.from(text))
    assert.throws(() => stream.next(), /RESP|malformed/, text)
  }
})

test.run()

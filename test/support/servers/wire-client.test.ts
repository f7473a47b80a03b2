/** The wire client: its encoder, and its parser, whatever chunks the replies come in. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ReplyParser, WireError, type WireReply } from './reply-parser.ts'
import { encodeWords } from './wire-client.ts'

const STREAM = [
  '+OK\r\n',
  '-ERR no\r\n',
  ':-7\r\n',
  ',inf\r\n',
  '#t\r\n',
  '_\r\n',
  '$-1\r\n',
  '*-1\r\n',
  '$4\r\na\r\nb\r\n',
  '=7\r\ntxt:a\r\n\r\n',
  '!5\r\nERR x\r\n',
  '*0\r\n',
  '*2\r\n*1\r\n:1\r\n%1\r\n+k\r\n*0\r\n',
  '(12345678901234567890\r\n',
]
const REPLIES: readonly WireReply[] = [
  'OK',
  new WireError('ERR no'),
  -7,
  Number.POSITIVE_INFINITY,
  true,
  null,
  null,
  null,
  'a\r\nb',
  'a\r\n',
  new WireError('ERR x'),
  [],
  [[1], ['k', []]],
  '12345678901234567890',
]

test('replies are the same whatever the length of the chunks', () => {
  const bytes = Buffer.from(STREAM.join(''), 'latin1')
  for (let length = 1; length <= bytes.length; length++) {
    const parser = new ReplyParser()
    const replies: WireReply[] = []
    for (let from = 0; from < bytes.length; from += length) replies.push(...parser.take(bytes.subarray(from, from + length)))
    assert.equal(replies, REPLIES, `chunks of ${length} bytes`)
  }
})

test('a byte that begins no reply is an error', () => {
  assert.throws(() => new ReplyParser().take(Buffer.from('?\r\n')), /no reply begins with/)
})

test('a command of several hundred thousand words is encoded', () => {
  const words = 400_000
  const encoded = encodeWords(Array.from({ length: words }, () => 'w'))
  assert.is(encoded.toString('latin1', 0, 16), `*${words}\r\n$1\r\nw\r\n`)
  assert.is(encoded.length, 9 + words * 7)
})

test.run()

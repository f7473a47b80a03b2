/** The wire client's encoder. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeWords } from './wire-client.ts'

test('a command of several hundred thousand words is encoded', () => {
  const words = 400_000
  const encoded = encodeWords(Array.from({ length: words }, () => 'w'))
  assert.is(encoded.toString('latin1', 0, 16), `*${words}\r\n$1\r\nw\r\n`)
  assert.is(encoded.length, 9 + words * 7)
})

test.run()

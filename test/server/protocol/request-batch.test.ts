/** Decoding requests ahead: the same requests as one by one, with their bytes, up to an error. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Bytes, bufferOf } from '../../../base/bytes.ts'
import { Request } from '../../../commands/contract/request.ts'
import type { Client } from '../../../commands/contract/session.ts'
import { defaultDecoderLimits } from '../../../server/protocol/decoder-limits.ts'
import { RequestBatch } from '../../../server/protocol/request-batch.ts'
import { ProtocolError, RequestDecoder } from '../../../server/protocol/request-decoder.ts'

const encode = (words: readonly Bytes[]) => `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`

function fed(stream: Bytes) {
  const decoder = new RequestDecoder(defaultDecoderLimits())
  const bytes = bufferOf(stream)
  decoder.feed(bytes, bytes.length)
  return { decoder, batch: new RequestBatch(), request: new Request({} as Client) }
}

test('a batch has the requests in order, with their bytes', () => {
  const sent = Array.from({ length: 100 }, (_, index) => ['SET', `key:${index}`, 'x'.repeat(index)])
  const { decoder, batch, request } = fed(sent.map(encode).join(''))
  const got: Bytes[][] = []
  while (batch.fill(decoder)) {
    assert.ok(batch.count > 1 || got.length === sent.length - 1, 'requests are decoded ahead')
    while (batch.nextInto(request)) {
      got.push(request.args)
      assert.is(request.raw?.latin1Slice(request.start, request.end), encode(request.args))
    }
  }
  assert.equal(got, sent)
})

test('an inline request and a request in parts are batches of their own', () => {
  const { decoder, batch, request } = fed(`PING\r\n${encode(['GET', 'a'])}${encode(['GET', 'b'])}*2\r\n$3\r\nGET\r\n$1`)
  const got: (readonly [Bytes[], boolean])[] = []
  while (batch.fill(decoder)) while (batch.nextInto(request)) got.push([request.args, request.raw !== null])
  const rest = bufferOf('\r\nc\r\n')
  decoder.feed(rest, rest.length)
  while (batch.fill(decoder)) while (batch.nextInto(request)) got.push([request.args, request.raw !== null])
  assert.equal(got, [
    [['PING'], false],
    [['GET', 'a'], true],
    [['GET', 'b'], true],
    [['GET', 'c'], false],
  ])
})

test('the requests before a protocol error are there before it is thrown', () => {
  const { decoder, batch, request } = fed(`${encode(['GET', 'a'])}${encode(['GET', 'b'])}*1\r\n+oops\r\n`)
  assert.ok(batch.fill(decoder))
  assert.is(batch.count, 2)
  while (batch.nextInto(request));
  assert.equal(batch.rest(), [])
  assert.throws(
    () => batch.fill(decoder),
    (error: unknown) => error instanceof ProtocolError,
  )
  assert.not(batch.nextInto(request), 'nothing is taken again after the error')
})

test('the requests that were not taken are the rest', () => {
  const { decoder, batch, request } = fed(['a', 'b', 'c'].map((key) => encode(['GET', key])).join(''))
  batch.fill(decoder)
  batch.nextInto(request)
  assert.equal(batch.rest(), [
    ['GET', 'b'],
    ['GET', 'c'],
  ])
  batch.end()
  assert.equal(batch.rest(), [])
})

test('nothing is decoded ahead for a client that has to authenticate itself', () => {
  const { decoder, batch } = fed(encode(['AUTH', 'x']) + encode(['GET', 'a']))
  decoder.isAuthenticated = false
  batch.fill(decoder)
  assert.is(batch.count, 1)
})

test.run()

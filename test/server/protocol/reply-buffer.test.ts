/** The reply buffer shared by clients: order, pieces and messages to many. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BulkChunks, Double, MapReply, Message, type Reply, SetReply, SimpleString } from '../../../commands/contract/reply.ts'
import { type Chunks, ReplyBuffer } from '../../../server/protocol/reply-buffer.ts'
import { encodeMessage, encodeReply, encodeText } from '../../../server/protocol/reply-encoder.ts'
import { seeded } from '../../support/generators/seed.ts'

const joined = (chunks: Chunks) => chunks.map((chunk) => (typeof chunk === 'string' ? chunk : chunk.latin1Slice())).join('')
const encoded = (values: readonly string[]) => `*${values.length}\r\n${values.map((value) => `$${value.length}\r\n${value}\r\n`).join('')}`

test('interleaved replies to several clients come out complete and in order, whether sent or kept', () => {
  const { integer, random } = seeded('reply buffer')
  const clients = Array.from({ length: 5 }, () => ({ buffer: new ReplyBuffer(Number.POSITIVE_INFINITY), expected: '' }))
  const kept: { chunks: Chunks; expected: string }[] = []
  for (let step = 0; step < 4000; step++) {
    const client = clients[integer(clients.length)] as (typeof clients)[number]
    const { buffer } = client
    const act = integer(10)
    if (act < 3) {
      buffer.appendText(':1\r\n')
      client.expected += ':1\r\n'
    } else if (act < 7) {
      const longest = random() < 0.02 ? 40_000 : 150
      const values = Array.from({ length: integer(60) }, () => String.fromCharCode(integer(256)).repeat(integer(longest)))
      encodeReply(values, 2, buffer)
      client.expected += encoded(values)
    } else if (act === 7) {
      const chunk = Buffer.from('xyz')
      buffer.chunk(chunk)
      client.expected += 'xyz'
    } else {
      assert.is(buffer.bytes, client.expected.length)
      const chunks = buffer.drain()
      if (random() < 0.8) {
        assert.ok(joined(chunks) === client.expected)
        buffer.releasePieces(0)
      } else {
        buffer.releasePieces(1)
        kept.push({ chunks, expected: client.expected })
      }
      client.expected = ''
      assert.is(buffer.bytes, 0)
    }
  }
  for (const { chunks, expected } of kept) assert.ok(joined(chunks) === expected)
})

test('nested arrays share a piece with their surroundings', () => {
  const buffer = new ReplyBuffer()
  const nested = Array.from({ length: 20 }, (_, i) => [`id${i}`, ['field', `value${i}`]])
  encodeReply(nested, 2, buffer)
  const expected = `*20\r\n${nested.map(([id, fields]) => `*2\r\n$${(id as string).length}\r\n${id}\r\n${encoded(fields as string[])}`).join('')}`
  assert.is(joined(buffer.drain()), expected)
})

test('shared messages reach each client in order, alone or among replies, in either protocol', () => {
  const { integer, random } = seeded('shared messages')
  const clients = Array.from({ length: 8 }, (_, i) => ({ buffer: new ReplyBuffer(), resp: i < 5 ? 2 : (3 as 2 | 3), expected: '' }))
  const take = (client: (typeof clients)[number]) => {
    assert.is(client.buffer.bytes, client.expected.length)
    assert.ok(joined(client.buffer.drain()) === client.expected)
    client.expected = ''
  }
  for (let step = 0; step < 3000; step++) {
    const message = new Message(['message', `channel${step}`, 'x'.repeat(integer(random() < 0.02 ? 20_000 : 20))])
    const told = random() < 0.6 ? clients : clients.filter(() => random() < 0.5)
    for (const client of told) {
      client.buffer.message(message, client.resp)
      client.expected += encodeMessage(message, client.resp)
    }
    const client = clients[integer(clients.length)] as (typeof clients)[number]
    const act = integer(12)
    if (act === 0) {
      client.buffer.appendText(':1\r\n')
      client.expected += ':1\r\n'
    } else if (act === 1) {
      const values = Array.from({ length: 30 }, () => 'value')
      encodeReply(values, client.resp, client.buffer)
      client.expected += encoded(values)
    } else if (act === 2) {
      client.buffer.chunk(Buffer.from('xyz'))
      client.expected += 'xyz'
    } else if (act === 3) client.resp = client.resp === 2 ? 3 : 2
    else if (act < 6) take(client)
    else if (act === 6) clients.forEach(take)
  }
})

test('clients that receive the same message share its memory', () => {
  const buffers = Array.from({ length: 10 }, () => new ReplyBuffer())
  for (let i = 0; i < 5; i++) {
    const message = new Message(['message', 'channel', String(i)])
    for (const buffer of buffers) buffer.message(message, 2)
  }
  const [first, ...others] = buffers.map((buffer) => buffer.drain())
  assert.is(first?.length, 1)
  assert.ok(Buffer.isBuffer(first?.[0]))
  for (const other of others) assert.ok(other.length === 1 && other[0] === first?.[0])
})

/** Returns a reply of any shape with some long elements. */
function randomReply(integer: (limit: number) => number, depth: number): Reply {
  const kind = integer(depth > 0 ? 12 : 7)
  const some = () => Array.from({ length: integer(40) }, () => randomReply(integer, depth - 1))
  if (kind < 3) return 's'.repeat(integer(integer(20) === 0 ? 20_000 : 60))
  if (kind === 3) return integer(1_000_000)
  if (kind === 4) return new Double(1.5)
  if (kind === 5) return new SimpleString('OK')
  if (kind === 6) return integer(2) === 0 ? null : new BulkChunks(6, [Buffer.from('abc'), Buffer.from('def')])
  if (kind === 7) return new MapReply(some().flatMap((value) => ['key', value]))
  if (kind === 8) return new SetReply(some())
  return some()
}

test('a reply encoded in parts equals one encoded at once, and precedes later replies', () => {
  const { integer } = seeded('replies in parts')
  const partBytes = 40_000
  let resumed = 0
  for (let round = 0; round < 300; round++) {
    const resp = integer(2) === 0 ? 2 : 3
    const buffer = new ReplyBuffer(partBytes)
    const replies = Array.from({ length: 1 + integer(3) }, () => randomReply(integer, 3))
    let expected = ''
    for (const reply of replies) {
      buffer.reply(reply, resp)
      expected += encodeText(reply, resp)
      const message = new Message(['message', 'channel', 'x'])
      buffer.message(message, resp)
      buffer.appendLate('+late\r\n')
      expected += `${encodeMessage(message, resp)}+late\r\n`
    }
    assert.is(buffer.bytes + buffer.restBytes, expected.length)
    let sent = joined(buffer.drain())
    buffer.releasePieces(0)
    while (buffer.isSuspended) {
      resumed++
      buffer.resume()
      sent += joined(buffer.drain())
      buffer.releasePieces(0)
    }
    assert.ok(sent === expected, `round ${round}`)
  }
  assert.ok(resumed > 50, `${resumed} times`)
})

test('at most one part and one element of a long array are encoded ahead', () => {
  const partBytes = 10_000
  const buffer = new ReplyBuffer(partBytes)
  buffer.reply(['first', Array.from({ length: 10_000 }, () => 'v'.repeat(100)), 'last'], 2)
  for (;;) {
    assert.ok(buffer.bytes <= partBytes + 32 * 1024, `${buffer.bytes} bytes`) // asked every 16 KiB
    if (!buffer.isSuspended) break
    buffer.drain()
    buffer.releasePieces(0)
    buffer.resume()
  }
})

test.run()

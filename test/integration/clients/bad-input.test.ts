/** The server stays up and its memory stays bounded, whatever a socket delivers. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { bytesOf } from '../../../base/bytes.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { pause, RunningServer, until } from '../../support/servers/running-server.ts'
import { encodeCommand, WireClient, WireError } from '../../support/servers/wire-client.ts'

const MEBIBYTE = 1024 * 1024
const GARBAGE_CONNECTIONS = 3000

let server: RunningServer

test.before(async () => {
  server = await RunningServer.start()
})

test.after(() => server.stop())

function randomBytes(chance: Seeded, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => chance.integer(256)))
}

/** Returns bytes that a broken or hostile client may send. */
function garbage(chance: Seeded): Buffer {
  const command = encodeCommand('SET', `garbage${chance.integer(10)}`, 'v'.repeat(chance.integer(2000)))
  switch (chance.integer(7)) {
    case 0:
      return randomBytes(chance, 1 + chance.integer(3000))
    case 1:
      return command.subarray(0, chance.integer(command.length))
    case 2: {
      const broken = Buffer.from(command)
      broken[chance.integer(broken.length)] = chance.integer(256)
      return broken
    }
    case 3:
      return Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    case 4:
      return Buffer.from(`*${chance.integer(2 ** 31)}\r\n$${chance.integer(2 ** 31)}\r\n`)
    case 5:
      return Buffer.concat([command, command, randomBytes(chance, 20)])
    default:
      return Buffer.concat([Buffer.from('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n'), randomBytes(chance, 5000)])
  }
}

test('garbage on thousands of connections leaves the server and its memory intact', async () => {
  const chance = seeded('garbage')
  const batch = async (count: number) => {
    const clients = await Promise.all(Array.from({ length: count }, () => server.connect()))
    for (const client of clients) {
      client.socket.removeAllListeners('data')
      client.raw(garbage(chance))
    }
    await pause(1)
    for (const client of clients) client.socket.destroy()
    await Promise.all(clients.map((client) => client.closed))
  }
  for (let done = 0; done < GARBAGE_CONNECTIONS / 3; done += 20) await batch(20)
  const before = server.residentBytes
  for (let done = 0; done < (GARBAGE_CONNECTIONS * 2) / 3; done += 20) await batch(20)
  const after = server.residentBytes
  assert.is(await server.call('PING'), 'PONG')
  assert.ok(after - before < 64 * MEBIBYTE, `memory grew from ${before} to ${after} bytes`)
  await until('closed connections to be forgotten', async () => {
    const info = (await server.call('INFO', 'clients')) as string
    return /^connected_clients:1\r$/m.test(info)
  })
})

test("protocol errors have Redis's texts and close the connection", async () => {
  const cases: readonly (readonly [sent: string, expected: string])[] = [
    ['*1\r\n+PING\r\n', "ERR Protocol error: expected '$', got '+'"],
    ['*x\r\n', 'ERR Protocol error: invalid multibulk length'],
    ['*1\r\n$-5\r\n', 'ERR Protocol error: invalid bulk length'],
    ['*1\r\n$600000000\r\n', 'ERR Protocol error: invalid bulk length'],
    ['*2000000000\r\n', 'ERR Protocol error: invalid multibulk length'],
    ['SET "a\r\n', 'ERR Protocol error: unbalanced quotes in request'],
    ['a'.repeat(70_000), 'ERR Protocol error: too big inline request'],
  ]
  for (const [sent, expected] of cases) {
    const client = await server.connect()
    client.raw(sent)
    const reply = await client.reply()
    assert.ok(reply instanceof WireError, sent.slice(0, 20))
    assert.is(reply.text, expected)
    await client.closed
  }
})

test('an HTTP request is disconnected, and nothing in its body is run', async () => {
  for (const head of ['POST / HTTP/1.1\r\n', 'GET / HTTP/1.1\r\nHost: localhost\r\n']) {
    const client = await server.connect()
    client.raw(`${head}\r\nSET forged 1\r\n`)
    await client.closed
  }
  assert.is(await server.call('EXISTS', 'forged'), 0)
})

test('a request may arrive in pieces of any size', async () => {
  const client = await server.connect()
  const value = bytesOf(randomBytes(seeded('pieces'), 300))
  for (const byte of encodeCommand('SET', 'pieces', value)) {
    client.raw(Buffer.from([byte]))
    if (byte % 16 === 0) await pause(0)
  }
  assert.is(await client.reply(), 'OK')
  assert.is(await client.call('GET', 'pieces'), value)
  await client.close()
})

test("requests before a client's end of sending are run and answered", async () => {
  const client = await server.connect()
  client.socket.end(Buffer.concat([encodeCommand('SET', 'half', '1'), encodeCommand('INCR', 'half'), encodeCommand('GET', 'half')]))
  assert.equal(await Promise.all([client.reply(), client.reply(), client.reply()]), ['OK', 2, '2'])
  await client.closed
})

test("requests before a client's end of sending are answered even if their keys are only on disk", async () => {
  const keys = Array.from({ length: 200 }, (_, i) => `cold${i}`)
  await server.call('MSET', ...keys.flatMap((key) => [key, '1']))
  await server.restart()
  const client = await server.connect()
  client.socket.end(Buffer.concat(keys.map((key) => encodeCommand('INCR', key))))
  const replies = await Promise.all(keys.map(() => client.reply().catch(() => 'none')))
  assert.is(replies.filter((reply) => reply === 2).length, keys.length)
  await client.closed
})

test('an unauthenticated client may send few and short arguments', async () => {
  const guarded = await RunningServer.start({ flags: { requirepass: 'secret' }, password: 'secret' })
  const many = await guarded.connect()
  many.raw('*11\r\n')
  assert.equal(await many.reply(), new WireError('ERR Protocol error: unauthenticated multibulk length'))
  await many.closed
  const large = await guarded.connect()
  large.raw('*1\r\n$16385\r\n')
  assert.equal(await large.reply(), new WireError('ERR Protocol error: unauthenticated bulk length'))
  await large.closed
  await guarded.stop()
})

test('a request beyond client-query-buffer-limit disconnects only its client', async () => {
  await server.call('CONFIG', 'SET', 'client-query-buffer-limit', '1mb')
  const client = await server.connect()
  client.raw('*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n$104857600\r\n')
  const block = Buffer.alloc(64 * 1024)
  for (let sent = 0; sent < 100 * MEBIBYTE && !client.socket.destroyed; sent += block.length) {
    if (!client.socket.write(block)) await Promise.race([client.closed, new Promise((resolve) => client.socket.once('drain', resolve))])
  }
  await until('the client to be closed', () => client.socket.destroyed)
  await server.call('CONFIG', 'SET', 'client-query-buffer-limit', '1gb')
  assert.is(await server.call('PING'), 'PONG')
})

test('client-query-buffer-limit counts the argument being received, exactly as in Redis', async () => {
  await server.call('CONFIG', 'SET', 'client-query-buffer-limit', '1mb')
  const outcome = async (...lengths: number[]) => {
    const client = await server.connect()
    const request = encodeCommand('SET', 'large', ...lengths.map((length) => 'x'.repeat(length)))
    for (let at = 0; at < request.length; at += 10_000) client.raw(request.subarray(at, at + 10_000))
    const answer = await client.reply().catch(() => 'closed')
    await client.close()
    return answer
  }
  for (const length of [MEBIBYTE - 2000, MEBIBYTE - 3, MEBIBYTE - 2]) assert.is(await outcome(length), 'OK', `${length} bytes`)
  for (const length of [MEBIBYTE - 1, MEBIBYTE, 1_048_600, 2_000_000]) assert.is(await outcome(length), 'closed', `${length} bytes`)
  await server.call('CONFIG', 'SET', 'client-query-buffer-limit', '1gb')
  assert.is(await outcome(2_000_000), 'OK')
})

test('hundreds of silent connections do not disturb the server', async () => {
  const idle: WireClient[] = []
  for (let i = 0; i < 300; i++) idle.push(await WireClient.connect({ port: server.port }))
  assert.is(await server.call('PING'), 'PONG')
  await Promise.all(idle.map((client) => client.close()))
})

test.run()

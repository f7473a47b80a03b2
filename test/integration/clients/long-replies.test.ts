/**
 * Long replies to clients that do not read them. Little is encoded ahead, and what is read later
 * shows the data as the command saw it.
 */
import * as net from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import type { WireClient } from '../../support/servers/wire-client.ts'

const ELEMENTS = 8000
const ELEMENT = 'e'.repeat(2000)
/**
 * Bytes at most: a part in the socket, and the next part, encoded before the server sees that the
 * client does not read.
 */
const MAX_BYTES = 2.5 * 2 ** 20
const CLIENTS = 20

const range = Array.from({ length: ELEMENTS }, (_, index) => index)
const elementOf = (index: number) => `${index}:${ELEMENT}`

async function fillHash(client: WireClient): Promise<void> {
  for (let from = 0; from < ELEMENTS; from += 500) {
    await client.call('HSET', 'hash', ...range.slice(from, from + 500).flatMap((index) => [`f${index}`, elementOf(index)]))
  }
}

async function fill(client: WireClient): Promise<void> {
  await fillHash(client)
  for (let from = 0; from < ELEMENTS; from += 500) {
    const part = range.slice(from, from + 500)
    await client.call('RPUSH', 'list', ...part.map(elementOf))
    await client.call('SADD', 'set', ...part.map(elementOf))
    await client.call('ZADD', 'zset', ...part.flatMap((index) => [String(index), elementOf(index)]))
    await client.call('MSET', ...part.flatMap((index) => [`key:${index}`, elementOf(index)]))
    await Promise.all(part.map((index) => client.call('XADD', 'stream', `${index + 1}-1`, 'field', elementOf(index))))
  }
}

function encode(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`
}

const REQUESTS = {
  HGETALL: encode('HGETALL', 'hash'),
  LRANGE: encode('LRANGE', 'list', '0', '-1'),
  SMEMBERS: encode('SMEMBERS', 'set'),
  ZRANGE: encode('ZRANGE', 'zset', '0', '-1', 'WITHSCORES'),
  MGET: encode('MGET', ...range.map((index) => `key:${index}`)),
  XRANGE: encode('XRANGE', 'stream', '-', '+'),
  SORT: encode('SORT', 'list', 'BY', 'none'),
  'SORT GET': encode('SORT', 'list', 'ALPHA', 'GET', '#'),
  EVAL: encode('EVAL', "return redis.call('LRANGE', 'list', 0, -1)", '0'),
  EXEC: encode('MULTI') + encode('PING') + encode('LRANGE', 'list', '0', '-1') + encode('HGETALL', 'hash') + encode('EXEC'),
  'several in one packet': encode('LRANGE', 'list', '0', '-1') + encode('SMEMBERS', 'set') + encode('INFO', 'keyspace'),
}
const WHEN_SYNCED = { HGETALL: REQUESTS.HGETALL, EXEC: REQUESTS.EXEC }
const END = encode('ECHO', 'the end')
const ENDED = '$7\r\nthe end\r\n'

/** A client that reads when the test says so. */
class SlowReader {
  readonly socket: net.Socket
  private readonly parts: Buffer[] = []

  constructor(server: RunningServer) {
    this.socket = net.connect(server.port, '127.0.0.1')
    this.socket.on('error', () => {})
    this.socket.pause()
  }

  get port(): number {
    return this.socket.localPort as number
  }

  connected(): Promise<void> {
    return new Promise((resolve) => this.socket.once('connect', resolve))
  }

  /** Reads everything up to the end. */
  read(): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      let tail = ''
      this.socket.on('data', (data) => {
        this.parts.push(data)
        tail = (tail + data.latin1Slice(Math.max(0, data.length - 100))).slice(-100)
        if (tail.endsWith(ENDED)) resolve(Buffer.concat(this.parts))
      })
      this.socket.on('close', () => reject(new Error('closed')))
      this.socket.resume()
    })
  }
}

async function whole(server: RunningServer, hello: string, request: string): Promise<Buffer> {
  const reader = new SlowReader(server)
  await reader.connected()
  reader.socket.write(hello + request + END)
  const bytes = await reader.read()
  reader.socket.destroy()
  return bytes
}

/** Returns the bytes that wait for each client, by its port. */
async function waiting(client: WireClient): Promise<Map<number, number>> {
  const lines = String(await client.call('CLIENT', 'LIST'))
    .trim()
    .split('\n')
  return new Map(lines.map((line) => [Number(/ addr=\S+:(\d+) /.exec(line)?.[1]), Number(/ omem=(\d+) /.exec(line)?.[1])]))
}

for (const appendfsync of ['everysec', 'always']) {
  test(`a long reply is encoded a little ahead and shows one moment (appendfsync ${appendfsync})`, async () => {
    const server = await RunningServer.start({ flags: { appendfsync } })
    try {
      const client = await server.connect()
      await fill(client)
      for (const [name, request] of Object.entries(appendfsync === 'always' ? WHEN_SYNCED : REQUESTS)) {
        for (const hello of name === 'HGETALL' || name === 'EXEC' ? ['', encode('HELLO', '3')] : ['']) {
          const reader = new SlowReader(server)
          await reader.connected()
          // HELLO's reply has the client's id.
          const before = (bytes: Buffer) => bytes.subarray(bytes.indexOf('\n*') + 1)
          const expected = before(await whole(server, hello, request))
          reader.socket.write(hello + request + END)
          await until(`${name} to wait for its reader`, async () => ((await waiting(client)).get(reader.port) ?? 0) > 0)
          await client.call('HSET', 'hash', 'f1', `changed by ${name}`)
          await client.call('LSET', 'list', '1', `changed by ${name}`)
          await client.call('SET', 'key:1', `changed by ${name}`)
          const most = (await waiting(client)).get(reader.port) as number
          assert.ok(most <= MAX_BYTES, `${name}: ${most} bytes wait`)
          const actual = before(await reader.read())
          assert.is(actual.length, expected.length, name)
          assert.ok(actual.equals(expected), name)
          reader.socket.destroy()
        }
      }
      await client.close()
    } finally {
      await server.stop()
    }
  })
}

test('clients that do not read hold at most one encoded part each, which closing releases', async () => {
  const server = await RunningServer.start()
  try {
    const client = await server.connect()
    await fillHash(client)
    const readers = Array.from({ length: CLIENTS }, () => new SlowReader(server))
    await Promise.all(readers.map((reader) => reader.connected()))
    for (const reader of readers) reader.socket.write(REQUESTS.HGETALL)
    let bytes = new Map<number, number>()
    await until('all to wait', async () => {
      bytes = await waiting(client)
      return readers.every((reader) => (bytes.get(reader.port) ?? 0) > 0)
    })
    const sum = readers.reduce((total, reader) => total + (bytes.get(reader.port) as number), 0)
    assert.ok(sum <= CLIENTS * MAX_BYTES, `${sum} bytes`)
    for (const reader of readers) reader.socket.destroy()
    await until('the readers to be disconnected', async () => (await waiting(client)).size === 1)
    await client.close()
  } finally {
    await server.stop()
  }
})

test('the output buffer limit counts the whole reply, as in Redis', async () => {
  const server = await RunningServer.start({ words: ['--client-output-buffer-limit', 'normal 8mb 0 0'] })
  try {
    const client = await server.connect()
    await fillHash(client)
    const reader = new SlowReader(server)
    await reader.connected()
    reader.socket.write(REQUESTS.HGETALL)
    const count = async () => /client_output_buffer_limit_disconnections:(\d+)/.exec(String(await client.call('INFO', 'stats')))?.[1]
    await until('the client to be closed', async () => (await count()) === '1')
    reader.socket.destroy()
    await client.close()
  } finally {
    await server.stop()
  }
})

test("messages published during a subscriber's long reply come after it", async () => {
  const server = await RunningServer.start()
  try {
    const client = await server.connect()
    await fillHash(client)
    const reader = new SlowReader(server)
    await reader.connected()
    const hello = encode('HELLO', '3') + encode('SUBSCRIBE', 'news')
    reader.socket.write(hello + REQUESTS.HGETALL)
    await until('the reply to wait for its reader', async () => ((await waiting(client)).get(reader.port) ?? 0) > 0)
    await client.call('PUBLISH', 'news', 'first')
    await client.call('PUBLISH', 'news', 'second')
    reader.socket.write(END)
    const text = (await reader.read()).latin1Slice()
    const message = (what: string) => `>3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$${what.length}\r\n${what}\r\n`
    assert.ok(text.endsWith(`${message('first')}${message('second')}${ENDED}`))
    reader.socket.destroy()
    await client.close()
  } finally {
    await server.stop()
  }
})

test.run()

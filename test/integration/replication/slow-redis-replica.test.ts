/**
 * A replica that speaks Redis's protocol and does not read for a while in its full sync: the
 * server's memory stays bounded, other clients are served, and the transfer ends when it reads on.
 */
import { randomBytes } from 'node:crypto'
import * as net from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readRdb } from '../../../rdb/reader.ts'
import { fieldOf } from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'

const KEYS = 4000
const VALUE_BYTES = 30_000
/** The growth allowed while nothing is read: half of the data. */
const MAX_GROWTH_BYTES = 60e6
const MARK_BYTES = 40

/** A connection that asks for a full sync, and keeps what it reads. */
class SlowReader {
  readonly chunks: Buffer[] = []
  sizeBytes = 0
  private readonly socket: net.Socket

  constructor(port: number) {
    this.socket = net.connect(port, '127.0.0.1')
    this.socket.on('error', () => {})
    this.socket.on('data', (chunk: Buffer) => {
      this.chunks.push(chunk)
      this.sizeBytes += chunk.length
    })
    this.socket.write('REPLCONF listening-port 1 capa eof capa psync2\r\nPSYNC ? -1\r\n')
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  /** The lines before the RDB: the offset of the full sync, and the mark of the end. */
  get head(): { readonly offset: string; readonly mark: string; readonly sizeBytes: number } {
    const text = Buffer.concat(this.chunks.slice(0, 8)).subarray(0, 4096).toString('latin1')
    const found = /FULLRESYNC [0-9a-f]+ (\d+)\r\n\n*\$EOF:([0-9a-f]{40})\r\n/.exec(text)
    if (found === null) throw new Error('the transfer has not begun')
    return { offset: String(found[1]), mark: String(found[2]), sizeBytes: found.index + found[0].length }
  }

  /** All bytes from the RDB on. */
  received(): Buffer {
    return Buffer.concat(this.chunks).subarray(this.head.sizeBytes)
  }

  /** States that the RDB has been loaded. */
  acknowledge(): void {
    this.socket.write(`REPLCONF ACK ${this.head.offset}\r\n`)
  }

  /** True if the bytes received last have a text. */
  hasText(text: string): boolean {
    return Buffer.concat(this.chunks.slice(-8)).includes(text)
  }

  close(): void {
    this.socket.destroy()
  }
}

async function anonymousBytes(server: RunningServer): Promise<number> {
  return Number(/^used_memory_rss_anonymous:(\d+)/m.exec((await server.call('INFO', 'memory')) as string)?.[1])
}

test('a replica that stops reading for a while takes no memory, holds up no client, and gets all', async () => {
  const master = await RunningServer.start({ flags: { 'cache-memory': '64mb', rdbcompression: 'no' } })
  const client = await master.connect()
  for (let first = 0; first < KEYS; first += 100) {
    await client.pipeline(Array.from({ length: 100 }, (_, i) => ['SET', `k${first + i}`, randomBytes(VALUE_BYTES).latin1Slice()]))
  }
  const reader = new SlowReader(master.port)
  await until('the RDB to begin', () => reader.sizeBytes > 1_000_000)
  reader.pause()
  const before = await anonymousBytes(master)
  // While another replica gets all of its data, this one would be sent as much.
  const other = new SlowReader(master.port)
  await until('the other RDB to begin', () => other.sizeBytes > 1_000_000)
  let writes = 0
  for (; !other.hasText(other.head.mark); writes++) {
    assert.is(await client.call('SET', `during ${writes}`, 'value'), 'OK')
    assert.is(await client.call('STRLEN', `k${(writes * 37) % KEYS}`), VALUE_BYTES)
    const growth = (await anonymousBytes(master)) - before
    assert.ok(growth < MAX_GROWTH_BYTES, `${growth} bytes more after ${writes} writes`)
  }
  other.close()
  assert.match(await fieldOf(master, 'slave0'), /state=send_bulk/)
  assert.ok(reader.sizeBytes < (KEYS * VALUE_BYTES) / 2, `${reader.sizeBytes} bytes were read before the pause`)
  reader.resume()
  await until('the end of the RDB', () => reader.hasText(reader.head.mark))
  reader.acknowledge()
  await until('the stream after the RDB', () => reader.hasText(`during ${writes - 1}`))
  const { mark } = reader.head
  const bytes = reader.received()
  const end = bytes.indexOf(mark, 0, 'latin1')
  let keys = 0
  for await (const part of readRdb([bytes.subarray(0, end)])) if (part.kind === 'key') keys++
  assert.is(keys, KEYS)
  assert.ok(bytes.subarray(end + MARK_BYTES).includes('during 0'))
  reader.close()
  await client.close()
  await master.stop()
})

test.run()

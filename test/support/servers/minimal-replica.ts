/**
 * A replica of strings written from docs/replication.md alone, without imports from the product.
 * Bytes are latin1 strings.
 */
import * as assert from 'node:assert/strict'
import * as net from 'node:net'

export type Reply = string | number | Error | Reply[]

/** CRC-32 as in zlib, continued from the checksum of the bytes before. */
function crc32(bytes: Buffer, start = 0): number {
  let crc = ~start
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}

/** A connection to a master, read piece by piece. */
export class Wire {
  readonly socket: net.Socket
  private bytes = Buffer.alloc(0)
  private wake = () => {}

  constructor(port: number) {
    this.socket = net.connect(port, '127.0.0.1').on('error', () => {})
    for (const event of ['data', 'close']) this.socket.on(event, (data) => this.receive(Buffer.isBuffer(data) ? data : Buffer.alloc(0)))
  }

  private receive(data: Buffer): void {
    this.bytes = Buffer.concat([this.bytes, data])
    this.wake()
  }

  /** Rejects if the connection ends earlier. */
  async take(count: number): Promise<Buffer> {
    while (this.bytes.length < count) {
      if (this.socket.destroyed) throw new Error('the connection has ended')
      await new Promise<void>((resolve) => (this.wake = resolve))
    }
    const taken = this.bytes.subarray(0, count)
    this.bytes = this.bytes.subarray(count)
    return taken
  }

  async line(): Promise<string> {
    let line = ''
    while (!line.endsWith('\r\n')) line += (await this.take(1)).toString('latin1')
    return line.slice(0, -2)
  }

  async reply(): Promise<Reply> {
    const line = await this.line()
    const [type, rest] = [line[0], line.slice(1)]
    if (type === '+') return rest
    if (type === '-') return new Error(rest)
    if (type === ':') return Number(rest)
    if (type === '$') return (await this.take(Number(rest) + 2)).toString('latin1').slice(0, -2)
    assert.equal(type, '*')
    const items: Reply[] = []
    while (items.length < Number(rest)) items.push(await this.reply())
    return items
  }

  send(...words: readonly (string | number)[]): void {
    const parts = words.map((word) => `$${String(word).length}\r\n${word}\r\n`)
    this.socket.write(`*${words.length}\r\n${parts.join('')}`, 'latin1')
  }

  /** Throws if the call is refused. */
  async call(...words: readonly (string | number)[]): Promise<string[]> {
    this.send(...words)
    let reply = await this.reply()
    while (reply === 'WAIT') reply = await this.reply()
    if (reply instanceof Error) throw reply
    return reply as string[]
  }
}

/** The next chunk of a full sync: its records, or the total at the end. */
export async function readChunk(wire: Wire, expected: number): Promise<{ records: [key: Buffer, value: Buffer][]; total: number | null }> {
  let reply = await wire.reply()
  while (reply === 'WAIT') reply = await wire.reply()
  if (reply instanceof Error) throw reply
  const chunk = Buffer.from(reply as string, 'latin1')
  const content = chunk.subarray(17, -4)
  assert.equal(chunk.toString('latin1', 0, 4), 'HPLC')
  assert.equal(chunk.readUInt32BE(5), expected)
  assert.equal(chunk.readUInt32BE(13), content.length)
  assert.equal(crc32(chunk.subarray(0, -4)), chunk.readUInt32BE(chunk.length - 4))
  if (chunk[4] === 2) return { records: [], total: Number(content.readBigUInt64BE()) }
  const records: [Buffer, Buffer][] = []
  for (let at = 0; at < content.length; ) {
    const key = at + 8
    const value = key + content.readUInt32BE(at)
    const end = value + content.readUInt32BE(at + 4)
    records.push([content.subarray(key, value), content.subarray(value, end)])
    at = end
  }
  assert.equal(records.length, chunk.readUInt32BE(9))
  return { records, total: null }
}

export interface Group {
  readonly header: string
  readonly next: number
  readonly crc: string
  readonly commands: string[][]
}

/** The group that follows a position. REQUIRES: its asterisk has been read. */
export async function readGroup(wire: Wire, position: { offset: number; crc: string }): Promise<Group> {
  const head = (await wire.take(123)).toString('latin1')
  assert.equal(head.slice(0, 19), '2\r\n$4\r\nPING\r\n$102\r\n')
  const header = head.slice(19, -2)
  const [magic, , offset, length, , , before, crc] = header.split(' ') as string[]
  assert.deepEqual([magic, Number(offset), before], ['HPL1', position.offset, position.crc])
  const body = await wire.take(Number(length))
  const check = crc32(body, crc32(Buffer.from(header.slice(0, -8), 'latin1'), Number.parseInt(before as string, 16)))
  assert.equal(crc, check.toString(16).padStart(8, '0'))
  const commands: string[][] = []
  for (let at = 0; at < body.length; ) {
    const number = () => {
      const start = at + 1
      at = body.indexOf('\r\n', at) + 2
      return Number(body.toString('latin1', start, at - 2))
    }
    const words = Array.from({ length: number() }, () => {
      const size = number()
      at += size + 2
      return body.toString('latin1', at - size - 2, at - 2)
    })
    commands.push(words)
  }
  return { header, next: position.offset + 124 + body.length, crc: crc as string, commands }
}

/** A replica that follows a master and keeps its strings. */
export class MinimalReplica {
  /** By "index key". */
  data = new Map<string, string>()
  position = { offset: 0, crc: '00000000' }
  replid = '0'.repeat(40)
  continues = 0
  fullSyncs = 0
  wire: Wire | null = null
  private readonly runId = Array.from({ length: 40 }, () => Math.floor(Math.random() * 16).toString(16)).join('')
  private attempt = 0
  private isOver = false

  /** Follows until it is stopped, over any number of connections. */
  async follow(port: number): Promise<void> {
    while (!this.isOver) {
      this.wire = new Wire(port)
      await this.runConnection(this.wire).catch((error: Error) => {
        if (error.message !== 'the connection has ended') throw error
      })
    }
  }

  stop(): void {
    this.isOver = true
    this.wire?.socket.destroy()
  }

  private async runConnection(wire: Wire): Promise<void> {
    const [, session] = (await wire.call('METASYNC', '', 7001, this.runId, ++this.attempt, 1)) as [string, string]
    const trySync = () => wire.call('TRYSYNC', session, this.replid, this.position.offset, this.position.crc)
    let [answer, replid] = await trySync()
    if (answer === 'FULLSYNC') {
      await this.fullSync(wire, session)
      ;[answer, replid] = await trySync()
    } else this.continues++
    assert.equal(answer, 'CONTINUE')
    this.replid = replid as string
    wire.send('BINLOGSYNC', session, this.position.offset)
    for (let asked = 0; ; ) {
      wire.send('REPLCONF', 'ACK', this.position.offset, 'FACK', 0, 'ASKED', asked)
      const byte = (await wire.take(1)).toString('latin1')
      if (byte === '?') asked++
      else if (byte === '-') throw new Error(await wire.line())
      else if (byte !== '\n') this.run(await readGroup(wire, this.position))
    }
  }

  private async fullSync(wire: Wire, session: string): Promise<void> {
    const [, , offset, crc, , , replid] = (await wire.call('DBSYNC', session, '?', '-')) as string[]
    const records = new Map<string, Buffer>()
    for (let sequence = 0, total: number | null = null; total === null; sequence++) {
      const chunk = await readChunk(wire, sequence)
      for (const [key, value] of chunk.records) records.set(key.toString('latin1'), value.subarray(0, -4))
      total = chunk.total
      if (total !== null) assert.equal(records.size, total)
    }
    this.loadRecords(records)
    this.position = { offset: Number(offset), crc: crc as string }
    this.replid = replid as string
    this.fullSyncs++
  }

  private loadRecords(records: ReadonlyMap<string, Buffer>): void {
    this.data.clear()
    const { databases } = JSON.parse((records.get('m') as Buffer).toString('latin1', 1)) as { databases: { id: number }[] }
    for (const [name, value] of records) {
      if (name[0] !== 'k') continue
      const key = Buffer.from(name, 'latin1')
      const index = databases.findIndex(({ id }) => id === key.readUInt32BE(1))
      const payload = value.subarray(value[2] === 1 ? 11 : 3)
      this.data.set(`${index} ${name.slice(5)}`, value[1] === 1 ? payload.toString('latin1') : pages(records, payload))
    }
  }

  private run({ commands, next, crc }: Group): void {
    let index = '0'
    for (const [name = '', key = '', value = ''] of commands) {
      const place = `${index} ${key}`
      if (name === 'SELECT') index = key
      else if (name === 'SET') this.data.set(place, value)
      else if (name === 'APPEND') this.data.set(place, (this.data.get(place) ?? '') + value)
      else if (name === 'INCR') this.data.set(place, String(Number(this.data.get(place) ?? 0) + 1))
      else if (name === 'DEL') this.data.delete(place)
      else throw new Error(`an unknown command: ${name}`)
    }
    this.position = { offset: next, crc }
  }
}

/** The content of a large string. */
function pages(records: ReadonlyMap<string, Buffer>, payload: Buffer): string {
  const length = Number(payload.readBigUInt64BE(8))
  let text = ''
  for (let page = 0; text.length < length; page++) {
    const number = Buffer.alloc(4)
    number.writeUInt32BE(page)
    const value = records.get(`p${payload.toString('latin1', 0, 8)}${number.toString('latin1')}`)
    text += value === undefined ? '\0'.repeat(16384) : value.toString('latin1', 1)
  }
  return text.slice(0, length)
}

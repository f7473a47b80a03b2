/**
 * One full sync to one replica: the head, then the snapshot's records in chunks, each a bulk string, then the end chunk.
 *
 *   waiting (for the snapshot) -> sending -> done
 *                \______________\___ failed (the replica is told why) or stopped (it has gone)
 *
 * It reads while the connection and the rate limit have room and stops without holding anything up; `pump` makes it go on. The one read that
 * may be under way belongs to it, and `ended` waits for it.
 */
import type { DataSnapshot } from '../../storage/records/data-snapshot.ts'
import type { RecordIterator } from '../../storage/records/record-store.ts'
import { CHUNK_BYTES, type ChunkRecord, encodeChunk, encodeEndChunk, RECORD_FRAME_BYTES } from '../protocol/chunks.ts'
import type { RefusalCode } from '../protocol/messages.ts'
import type { RateLimit } from './rate-limit.ts'
import type { ReplicaConnection } from './replica-connection.ts'

/** The socket is given no more while it has so much that it could not pass on. */
const UNSENT_BYTES = 1024 * 1024
/** LevelDB returns fewer when they are large. */
const RECORDS_PER_READ = 1000

const WAIT = Buffer.from('+WAIT\r\n')
const LINE_END = Buffer.from('\r\n')

export type TransferState = 'waiting' | 'sending' | 'done' | 'failed' | 'stopped'

export class Transfer {
  /** Of records, and how many of them. */
  sentBytes = 0
  sentRecords = 0
  /** An estimate of the whole snapshot; 0 until it is there. */
  totalBytes = 0
  /** All that was given to the connection. */
  wireBytes = 0
  readonly after: string | null
  private readonly connection: ReplicaConnection
  private readonly limit: RateLimit
  private readonly onEnd: (transfer: Transfer, error: unknown) => void
  private now: TransferState = 'waiting'
  /** The replies before it are out. */
  private hasBegun = false
  private source: { readonly head: Buffer; readonly data: DataSnapshot } | null = null
  private iterator: RecordIterator | null = null
  private reading: Promise<void> | null = null
  private pending: ChunkRecord[] = []
  private pendingBytes = 0
  private chunks = 0
  private hasSent = true
  private sentMs = 0

  /** `onEnd` is called once, with the error where reading the snapshot has failed. */
  constructor(options: {
    connection: ReplicaConnection
    /** Goes on behind this record key, in hexadecimal. */
    after: string | null
    limit: RateLimit
    onEnd: (transfer: Transfer, error: unknown) => void
  }) {
    this.connection = options.connection
    this.after = options.after
    this.limit = options.limit
    this.onEnd = options.onEnd
  }

  get state(): TransferState {
    return this.now
  }

  get isUnderWay(): boolean {
    return this.now === 'waiting' || this.now === 'sending'
  }

  /** From now on it may send. */
  begin(): void {
    this.hasBegun = true
    this.pump()
  }

  /** The snapshot is there. */
  provide(head: readonly string[], data: DataSnapshot, totalBytes: number): void {
    this.totalBytes = totalBytes
    this.source = { head: respArray(head), data }
    this.pump()
  }

  /** Goes on where there is room again. */
  pump(): void {
    if (!this.hasBegun || this.source === null || this.reading !== null || !this.isUnderWay) return
    if (this.now === 'waiting') {
      this.now = 'sending'
      this.send(this.source.head)
    }
    if (this.mayRead) this.reading = this.readOn(this.source.data)
  }

  /** Sends a sign of life where nothing was sent for so long. To be called now and then. */
  showLife(periodMs: number, nowMs: number): void {
    if (this.hasSent) this.sentMs = nowMs
    this.hasSent = false
    if (!this.hasBegun || !this.isUnderWay || nowMs - this.sentMs < periodMs || this.connection.unsentBytes > 0) return
    this.send(WAIT)
    this.hasSent = false
    this.sentMs = nowMs
  }

  /** The replica is told that it has to ask again. */
  fail(code: RefusalCode, text: string, error: unknown = null): void {
    if (!this.isUnderWay) return
    this.connection.send(Buffer.from(`-${code} ${text.replace(/[\r\n]/g, ' ')}\r\n`))
    this.end('failed', error)
  }

  /** The replica has gone. */
  stop(): void {
    if (this.isUnderWay) this.end('stopped', null)
  }

  /** Resolves when nothing of it is under way any more. */
  async ended(): Promise<void> {
    await this.reading
  }

  private get mayRead(): boolean {
    return this.now === 'sending' && this.connection.unsentBytes < UNSENT_BYTES && this.limit.isOpen
  }

  private async readOn(data: DataSnapshot): Promise<void> {
    try {
      this.iterator ??= data.read(this.after === null ? null : Buffer.from(this.after, 'hex'))
      while (this.mayRead) this.take(await this.iterator.next(RECORDS_PER_READ))
    } catch (error) {
      this.fail('ERR', `the snapshot could not be read: ${String(error)}`, error)
    }
    if (!this.isUnderWay) await this.closeIterator()
    this.reading = null
  }

  private async closeIterator(): Promise<void> {
    const { iterator } = this
    this.iterator = null
    await iterator?.close().catch(() => {}) // what cannot be closed was closed with its database
  }

  private take(records: readonly ChunkRecord[]): void {
    if (this.now !== 'sending') return
    for (const record of records) {
      const bytes = RECORD_FRAME_BYTES + record[0].length + record[1].length
      if (this.pendingBytes + bytes > CHUNK_BYTES) this.sendPending()
      this.pending.push(record)
      this.pendingBytes += bytes
    }
    if (records.length > 0) return
    this.sendPending()
    this.sendChunk(encodeEndChunk(this.chunks++, this.sentRecords))
    this.end('done', null)
  }

  private sendPending(): void {
    if (this.pending.length === 0) return
    this.sendChunk(encodeChunk(this.chunks++, this.pending))
    this.sentBytes += this.pendingBytes - RECORD_FRAME_BYTES * this.pending.length
    this.sentRecords += this.pending.length
    this.pending = []
    this.pendingBytes = 0
  }

  private sendChunk(chunk: Buffer): void {
    this.limit.take(chunk.length)
    this.send(Buffer.concat([Buffer.from(`$${chunk.length}\r\n`), chunk, LINE_END]))
  }

  private send(bytes: Buffer): void {
    this.connection.send(bytes)
    this.wireBytes += bytes.length
    this.hasSent = true
  }

  private end(state: TransferState, error: unknown): void {
    this.now = state
    this.pending = []
    this.reading ??= this.closeIterator() // else the read under way does it when it comes back
    this.onEnd(this, error)
  }
}

function respArray(words: readonly string[]): Buffer {
  return Buffer.from(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`, 'latin1')
}

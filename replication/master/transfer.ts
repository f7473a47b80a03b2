/**
 * One full sync to one replica: the head, the records of the snapshot in chunks, then the end
 * chunk. Each chunk is a bulk string.
 *
 *   waiting (for the snapshot) -> sending -> done
 *                \______________\___ failed (the replica gets the reason) or stopped (it has left)
 *
 * A transfer reads while the connection and the rate limit have room, and blocks nothing. `pump`
 * resumes it. The one read that may be under way belongs to the transfer, and `ended` waits for it.
 */
import { assert, rethrowAssertion } from '../../base/assert.ts'
import type { DataSnapshot } from '../../storage/records/data-snapshot.ts'
import type { RecordIterator } from '../../storage/records/record-store.ts'
import { CHUNK_BYTES, type ChunkRecord, encodeChunk, encodeEndChunk, RECORD_FRAME_BYTES } from '../protocol/chunks.ts'
import { type RefusalCode, refusalLine } from '../protocol/messages.ts'
import type { RateLimit } from './rate-limit.ts'
import type { ReplicaConnection } from './replica-connection.ts'

/** The transfer pauses while this many bytes are unsent. */
const MAX_UNSENT_BYTES = 1024 * 1024
/** The limit of records per read. LevelDB returns fewer if they are large. */
const MAX_RECORDS_PER_READ = 1000

const WAIT = Buffer.from('+WAIT\r\n')
const LINE_END = Buffer.from('\r\n')

export type TransferState = 'waiting' | 'sending' | 'done' | 'failed' | 'stopped'

/** A full sync of any form, as the source of snapshots drives it. */
export interface SnapshotUser {
  readonly state: TransferState
  /** Supplies the snapshot. */
  provide(head: readonly string[], data: DataSnapshot, totalBytes: number): void
  /** Resumes the transfer if there is room. */
  pump(): void
  /** Sends a heartbeat if nothing was sent for `periodMs`. Called on ticks. */
  sendHeartbeatIfIdle(periodMs: number, monotonicMs: number): void
  /** Ends the transfer: the replica asks again. */
  fail(code: RefusalCode, text: string): void
  /** Resolves when no read is under way any more. */
  ended(): Promise<void>
}

/** One full sync to one replica. */
export class SnapshotTransfer implements SnapshotUser {
  /** Bytes and number of the records sent. */
  sentBytes = 0
  sentRecords = 0
  /** Estimate of the whole snapshot in bytes; 0 before the snapshot is made. */
  totalBytes = 0
  /** All bytes given to the connection. */
  wireBytes = 0
  readonly after: string | null
  private readonly connection: ReplicaConnection
  private readonly limit: RateLimit
  private readonly onEnd: (transfer: SnapshotTransfer, error: unknown) => void
  private current: TransferState = 'waiting'
  /** True once the replies before the transfer are out. */
  private hasBegun = false
  private source: { readonly head: Buffer; readonly data: DataSnapshot } | null = null
  private iterator: RecordIterator | null = null
  private reading: Promise<void> | null = null
  private pending: ChunkRecord[] = []
  private pendingBytes = 0
  private chunks = 0
  private hasSent = true
  private sentMs = 0

  /** `onEnd` is called once. The error is null unless reading the snapshot failed. */
  constructor(options: {
    connection: ReplicaConnection
    /** The last record key that an earlier transfer sent, in hexadecimal; null: none. */
    after: string | null
    limit: RateLimit
    onEnd: (transfer: SnapshotTransfer, error: unknown) => void
  }) {
    this.connection = options.connection
    this.after = options.after
    this.limit = options.limit
    this.onEnd = options.onEnd
  }

  get state(): TransferState {
    return this.current
  }

  get isUnderWay(): boolean {
    return this.current === 'waiting' || this.current === 'sending'
  }

  /** Allows the transfer to send. */
  allowSending(): void {
    this.hasBegun = true
    this.pump()
  }

  /** Supplies the snapshot. */
  provide(head: readonly string[], data: DataSnapshot, totalBytes: number): void {
    this.totalBytes = totalBytes
    this.source = { head: respArray(head), data }
    this.pump()
  }

  /** Resumes the transfer if there is room. */
  pump(): void {
    if (!this.hasBegun || this.source === null || this.reading !== null || !this.isUnderWay) return
    if (this.current === 'waiting') {
      this.current = 'sending'
      this.send(this.source.head)
    }
    if (this.mayRead) this.reading = this.readOn(this.source.data)
  }

  /** Sends a heartbeat if nothing was sent for `periodMs`. Called on ticks. */
  sendHeartbeatIfIdle(periodMs: number, monotonicMs: number): void {
    if (this.hasSent) this.sentMs = monotonicMs
    this.hasSent = false
    if (!this.hasBegun || !this.isUnderWay || monotonicMs - this.sentMs < periodMs || this.connection.unsentBytes > 0) return
    this.send(WAIT)
    this.hasSent = false
    this.sentMs = monotonicMs
  }

  /** Ends the transfer with an error reply: the replica asks again. */
  fail(code: RefusalCode, text: string, error: unknown = null): void {
    if (!this.isUnderWay) return
    this.connection.send(refusalLine(code, text))
    this.endAs('failed', error)
  }

  /** Ends the transfer of a replica that has left. */
  stop(): void {
    if (this.isUnderWay) this.endAs('stopped', null)
  }

  /** Resolves when no read is under way any more. */
  async ended(): Promise<void> {
    await this.reading
  }

  private get mayRead(): boolean {
    return this.current === 'sending' && this.connection.unsentBytes < MAX_UNSENT_BYTES && this.limit.isOpen
  }

  /** Reads and sends records while there is room. Never rejects, except for assertions. */
  private async readOn(data: DataSnapshot): Promise<void> {
    try {
      this.iterator ??= data.read(this.after === null ? null : Buffer.from(this.after, 'hex'))
      while (this.mayRead) this.addRecords(await this.iterator.next(MAX_RECORDS_PER_READ))
    } catch (error) {
      rethrowAssertion(error)
      this.fail('ERR', `the snapshot could not be read: ${String(error)}`, error)
    }
    if (!this.isUnderWay) await this.closeIterator()
    this.reading = null
  }

  private async closeIterator(): Promise<void> {
    const { iterator } = this
    this.iterator = null
    // Closing fails only if the database was closed before, and the iterator with it.
    await iterator?.close().catch(rethrowAssertion)
  }

  /** Packs records into chunks. No records mean that the snapshot has no more. */
  private addRecords(records: readonly ChunkRecord[]): void {
    if (this.current !== 'sending') return
    for (const record of records) {
      const bytes = RECORD_FRAME_BYTES + record[0].length + record[1].length
      assert(record[0].length > 0, 'a record has a key')
      if (this.pendingBytes + bytes > CHUNK_BYTES) this.sendPending()
      this.pending.push(record)
      this.pendingBytes += bytes
    }
    if (records.length > 0) return
    this.sendPending()
    this.sendChunk(encodeEndChunk(this.chunks++, this.sentRecords))
    this.endAs('done', null)
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
    this.limit.consume(chunk.length)
    this.send(Buffer.concat([Buffer.from(`$${chunk.length}\r\n`), chunk, LINE_END]))
  }

  private send(bytes: Buffer): void {
    this.connection.send(bytes)
    this.wireBytes += bytes.length
    this.hasSent = true
  }

  private endAs(state: TransferState, error: unknown): void {
    this.current = state
    this.pending = []
    this.reading ??= this.closeIterator() // else the read under way closes it on return
    this.onEnd(this, error)
  }
}

function respArray(words: readonly string[]): Buffer {
  return Buffer.from(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`, 'latin1')
}

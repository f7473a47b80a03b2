/**
 * A full sync for a Redis replica: a shared snapshot, written as an RDB of version 10 while it is
 * sent. Nothing is written to the disk, and memory holds a chunk of 64 KiB.
 *
 *   waiting (for the snapshot) -> sending -> done
 *                \______________\___ failed (the connection is closed) or stopped (it has closed)
 *
 * A replica that finds the end by its mark is sent `$EOF`. Any other is sent the length first: the
 * RDB is written twice from the same snapshot, and the first time only its bytes are counted.
 */
import { assert, rethrowAssertion } from '../../base/assert.ts'
import { RdbWriter } from '../../rdb/writer.ts'
import { type SnapshotBatch, snapshotItems } from '../../storage/exchange/snapshot-items.ts'
import type { DataSnapshot } from '../../storage/records/data-snapshot.ts'
import type { Begun } from '../master/full-sync-source.ts'
import type { ReplicaConnection } from '../master/replica-connection.ts'
import type { SnapshotUser, TransferState } from '../master/transfer.ts'
import type { RedisHandshake } from '../protocol/psync.ts'
import { type Compatibility, Untranslatable } from './stream-translator.ts'

/** The transfer pauses while this many bytes are unsent. */
const UNSENT_BYTES = 1024 * 1024
/** The interval of heartbeats, which are newlines, before the RDB begins, ms. */
const HEARTBEAT_MS = 1000
/** The version that the RDB names as its writer's: the first one with this format. */
const REDIS_VERSION = '7.0.0'

const NEWLINE = Buffer.from('\n')

export interface RdbTransferOptions extends Begun {
  readonly connection: ReplicaConnection
  readonly handshake: Pick<RedisHandshake, 'canReadMark' | 'content'>
  /** The mark of the end, 40 random hexadecimal digits; null: the length is sent first. */
  readonly mark: string | null
  /** The replica's request: PSYNC is answered with FULLRESYNC. */
  readonly request: 'psync' | 'sync'
  readonly mayCompress: boolean
  readonly compatibility: Compatibility
  replicationId(): string
  wallMs(): number
  /** Called when the transfer cannot go on. */
  failed(reason: string): void
}

/** One full sync to one Redis replica. */
export class RdbTransfer implements SnapshotUser {
  sentBytes = 0
  /** An estimate of the RDB in bytes; 0 before the snapshot is made. */
  totalBytes = 0
  /** Deadlines of fields that the RDB could not hold. */
  deadlinesLeftOut = 0
  private readonly options: RdbTransferOptions
  private current: TransferState = 'waiting'
  private hasBegun = false
  private isCounting = false
  private data: DataSnapshot | null = null
  private running: Promise<void> | null = null
  private resume: (() => void) | null = null
  private sentMs = 0

  constructor(options: RdbTransferOptions) {
    this.options = options
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

  provide(_head: readonly string[], data: DataSnapshot, totalBytes: number): void {
    this.totalBytes = totalBytes
    this.data = data
    this.pump()
  }

  pump(): void {
    if (!this.hasBegun || this.data === null || !this.isUnderWay) return
    if (this.running === null) {
      this.current = 'sending'
      this.running = this.run(this.data)
    }
    if (!this.mayWrite) return
    this.resume?.()
    this.resume = null
  }

  sendHeartbeatIfIdle(_periodMs: number, monotonicMs: number): void {
    const isBeforeRdb = this.current === 'waiting' || this.isCounting
    if (!this.hasBegun || !isBeforeRdb || monotonicMs - this.sentMs < HEARTBEAT_MS) return
    this.sentMs = monotonicMs
    if (this.options.connection.unsentBytes === 0) this.options.connection.send(NEWLINE)
  }

  fail(_code: string, text: string): void {
    this.end('failed', null)
    this.options.failed(text)
  }

  /** Ends the transfer of a replica that has left. */
  stop(): void {
    this.end('stopped', null)
  }

  async ended(): Promise<void> {
    await this.running
  }

  private get mayWrite(): boolean {
    const { connection, limit } = this.options
    return connection.unsentBytes < UNSENT_BYTES && limit.isOpen
  }

  /** Sends all of it. Never rejects, except for assertions. */
  private async run(data: DataSnapshot): Promise<void> {
    const { request, mark, replicationId, offset, wallMs } = this.options
    const id = replicationId()
    const atMs = wallMs()
    try {
      if (request === 'psync') this.sendText(`+FULLRESYNC ${id} ${offset()}\r\n`)
      const items = () => this.items(data, id, atMs)
      this.sendText(mark === null ? `$${await this.count(items())}\r\n` : `$EOF:${mark}\r\n`)
      const written = await this.write(items(), async (chunk) => {
        this.send(chunk)
        while (this.current === 'sending' && !this.mayWrite) await this.room()
      })
      if (!written) return
      if (mark !== null) this.sendText(mark)
      this.end('done', null)
    } catch (error) {
      rethrowAssertion(error)
      if (!this.isUnderWay) return
      this.end('failed', error instanceof Untranslatable ? null : error)
      this.options.failed(String(error))
    }
  }

  private async count(items: AsyncIterable<SnapshotBatch>): Promise<number> {
    let bytes = 0
    this.isCounting = true
    await this.write(items, (chunk) => {
      bytes += chunk.length
    })
    this.isCounting = false
    return bytes
  }

  /** Writes the RDB. Returns false if the transfer has ended meanwhile. */
  private async write(batches: AsyncIterable<SnapshotBatch>, take: (chunk: Buffer) => void | Promise<void>): Promise<boolean> {
    const { mayCompress, compatibility } = this.options
    const writer = new RdbWriter({ version: 10, mayCompress })
    writer.begin()
    for await (const batch of batches) {
      for (const item of batch) {
        for (const chunk of writer.write(item)) {
          await take(chunk)
          await batch.readAhead?.()
          await nextTurn()
          if (this.current !== 'sending') return false
        }
      }
      this.deadlinesLeftOut = writer.lostDeadlineCount
      if (this.deadlinesLeftOut > 0 && compatibility === 'refuse') throw new Untranslatable('a hash whose fields have deadlines')
    }
    for (const chunk of writer.end()) await take(chunk)
    return this.current === 'sending'
  }

  private async *items(data: DataSnapshot, replicationId: string, atMs: number): AsyncGenerator<SnapshotBatch> {
    const aux = {
      'redis-ver': REDIS_VERSION,
      'redis-bits': '64',
      ctime: String(Math.floor(atMs / 1000)),
      'used-mem': String(this.totalBytes),
      'repl-stream-db': '0',
      'repl-id': replicationId,
      'repl-offset': String(data.position.offset),
      'aof-base': '0',
    }
    yield Object.entries(aux).map(([name, value]) => ({ kind: 'aux', name, value }) as const)
    yield* snapshotItems(data, this.options.handshake.content)
  }

  private room(): Promise<void> {
    assert(this.resume === null, 'a transfer waits once at a time')
    return new Promise((resolve) => {
      this.resume = resolve
    })
  }

  private sendText(text: string): void {
    this.send(Buffer.from(text, 'latin1'))
  }

  private send(bytes: Buffer): void {
    if (this.current !== 'sending' || bytes.length === 0) return
    this.options.connection.send(bytes)
    this.options.limit.consume(bytes.length)
    this.sentBytes += bytes.length
  }

  private end(state: TransferState, error: unknown): void {
    if (!this.isUnderWay) return
    this.current = state
    this.resume?.()
    this.resume = null
    this.options.onEnd(this, error)
  }
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

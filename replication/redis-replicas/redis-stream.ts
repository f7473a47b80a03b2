/**
 * The stream of the binlog to one Redis replica, from memory or from the files, within the window
 * that the connection leaves.
 */
import { assert } from '../../base/assert.ts'
import type { TailReader } from '../../storage/binlog/tail-reader.ts'
import type { FeedTail } from '../master/feed-tail.ts'
import type { ReplicaConnection } from '../master/replica-connection.ts'
import { type Compatibility, type StreamRequest, StreamTranslator } from './stream-translator.ts'

/** The stream pauses while this many bytes are unsent. */
const UNSENT_BYTES = 1024 * 1024
/** The limit of bytes translated for one replica in one turn, which delays the clients. */
const TURN_BYTES = 256 * 1024

export interface RedisStreamOptions {
  readonly connection: ReplicaConnection
  readonly offset: number
  readonly request: StreamRequest
  readonly tail: FeedTail
  open(offset: number): TailReader
  compatibility(): Compatibility
}

/** The stream to one Redis replica. */
export class RedisStream {
  /** The offset of the next byte of the binlog to translate. */
  offset: number
  /** Monotonic time of the last send, ms. */
  sentMs: number
  private readonly options: RedisStreamOptions
  private readonly translator: StreamTranslator
  private reader: TailReader | null = null
  private hasSent = true

  constructor(options: RedisStreamOptions) {
    this.options = options
    this.offset = options.offset
    this.sentMs = Number.NEGATIVE_INFINITY
    this.translator = new StreamTranslator(options.compatibility, options.request)
  }

  /** Fields whose deadline the replica was not sent. */
  get deadlinesLeftOut(): number {
    return this.translator.deadlinesLeftOut
  }

  /**
   * Sends up to `limit`, an offset between groups, as far as there is room. Returns true if more
   * can be sent in the next turn. Throws Untranslatable, and if the files lack the offset.
   */
  sendUpTo(limit: number): boolean {
    const { tail, connection, open } = this.options
    let taken = 0
    while (this.offset < limit && connection.unsentBytes < UNSENT_BYTES) {
      if (taken >= TURN_BYTES) return true
      let piece = tail.read(this.offset, Math.min(limit, this.offset + TURN_BYTES))
      if (piece === null) {
        this.reader ??= open(this.offset)
        piece = this.reader.read(TURN_BYTES, limit)
        if (piece === null) throw new Error(`the binlog has no bytes at offset ${this.offset}`)
      } else this.close()
      assert(piece.length > 0 && this.offset + piece.length <= limit, 'a piece of the binlog ends before the limit')
      this.offset += piece.length
      taken += piece.length
      for (const bytes of this.translator.push(piece)) this.send(bytes)
    }
    return false
  }

  /** Dates what was sent since the last call. Called on ticks. */
  note(monotonicMs: number): void {
    if (this.hasSent) this.sentMs = monotonicMs
    this.hasSent = false
  }

  /**
   * Sends a newline between two groups. Returns false if no more fit before the next group.
   */
  sendNewline(): boolean {
    const newline = this.translator.heartbeat()
    if (newline !== null) this.send(newline)
    return newline !== null
  }

  close(): void {
    this.reader?.close()
    this.reader = null
  }

  private send(bytes: Buffer): void {
    this.options.connection.send(bytes)
    this.hasSent = true
  }
}

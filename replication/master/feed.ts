/**
 * The stream of binlog bytes to one replica: from the tail in memory if it reaches back far enough,
 * else from the files. The back-pressure of the connection is the window. Bytes that are not binlog
 * (a heartbeat, "?", the line that ends the stream) go between groups only.
 */
import { assert } from '../../base/assert.ts'
import type { TailReader } from '../../storage/binlog/tail-reader.ts'
import { ASK_FOR_ACK, HEARTBEAT, type RefusalCode, refusalLine } from '../protocol/messages.ts'
import type { FeedTail } from './feed-tail.ts'
import type { ReplicaConnection } from './replica-connection.ts'

/** The feed pauses while this many bytes are unsent. */
const MAX_UNSENT_BYTES = 1024 * 1024
/**
 * The limit of file bytes read for one replica in one turn, which delays the clients of that turn.
 */
const MAX_READ_BYTES = 256 * 1024

const QUESTION = Buffer.from([ASK_FOR_ACK])
const NEWLINE = Buffer.from([HEARTBEAT])

/** The stream of binlog bytes to one replica. */
export class Feed {
  /** Binlog offset of the next byte to send. */
  offset: number
  /** Send "?" after the current group. */
  mustAsk = false
  /** The number of "?" sent. */
  asked = 0
  private readonly connection: ReplicaConnection
  private readonly tail: FeedTail
  private readonly open: (offset: number) => TailReader
  private reader: TailReader | null = null
  /** The last offset sent that is known to lie between groups. */
  private boundary: number
  private hasSent = false
  /**
   * Time of the last send. -Infinity makes the first heartbeat due at once: it shows the replica
   * that it is accepted.
   */
  private sentMs = Number.NEGATIVE_INFINITY

  constructor(options: { connection: ReplicaConnection; offset: number; tail: FeedTail; open: (offset: number) => TailReader }) {
    this.connection = options.connection
    assert(options.offset >= 0, 'a stream begins at an offset')
    this.offset = options.offset
    this.boundary = options.offset
    this.tail = options.tail
    this.open = options.open
  }

  /**
   * Sends binlog up to `limit`, an offset between groups, as far as the connection has room.
   * Returns true if it stopped at the limit of file bytes with more to send. Throws if the files
   * lack the offset.
   */
  sendUpTo(limit: number): boolean {
    let readBytes = 0
    while (this.offset < limit && this.hasRoom) {
      if (readBytes >= MAX_READ_BYTES) return true
      let piece = this.tail.read(this.offset, limit)
      if (piece !== null) {
        this.close()
        this.boundary = this.offset + piece.length
      } else {
        this.reader ??= this.open(this.offset)
        piece = this.reader.read(MAX_READ_BYTES, limit)
        if (piece === null) throw new Error(`the binlog has no bytes at offset ${this.offset}`)
        readBytes += piece.length
      }
      assert(piece.length > 0 && this.offset + piece.length <= limit, 'a piece of the binlog ends before the limit')
      this.send(piece)
      this.offset += piece.length
    }
    if (this.offset === limit) this.boundary = limit
    if (this.mustAsk && this.isBetweenGroups && this.hasRoom) {
      this.mustAsk = false
      this.asked++
      this.send(QUESTION)
    }
    return false
  }

  get isBetweenGroups(): boolean {
    return this.offset === this.boundary
  }

  /** Sends a heartbeat if nothing was sent for `periodMs`. Called on ticks. */
  sendHeartbeatIfIdle(periodMs: number, monotonicMs: number): void {
    if (this.hasSent) this.sentMs = monotonicMs
    this.hasSent = false
    if (monotonicMs - this.sentMs < periodMs || !this.isBetweenGroups || !this.hasRoom) return
    this.connection.send(NEWLINE)
    this.sentMs = monotonicMs
  }

  /**
   * Ends the stream with a line that gives the reason. Returns false within a group, where no line
   * can be sent.
   */
  endWith(code: RefusalCode, text: string): boolean {
    this.close()
    if (!this.isBetweenGroups) return false
    this.connection.send(refusalLine(code, text))
    return true
  }

  close(): void {
    this.reader?.close()
    this.reader = null
  }

  private get hasRoom(): boolean {
    return this.connection.unsentBytes < MAX_UNSENT_BYTES
  }

  private send(bytes: Buffer): void {
    this.connection.send(bytes)
    this.hasSent = true
  }
}

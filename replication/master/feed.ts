/**
 * The stream of binlog bytes to one replica: from the tail in memory where that reaches back far enough, else from the files. The connection's
 * back-pressure is the window. What is not binlog (a sign of life, "?", the line that ends it) goes between groups only.
 */
import type { BinlogFeed } from '../../storage/binlog/feed.ts'
import { ASK_FOR_ACK, type RefusalCode, SIGN_OF_LIFE } from '../protocol/messages.ts'
import type { FeedTail } from './feed-tail.ts'
import type { ReplicaConnection } from './replica-connection.ts'

/** The socket is given no more while it has so much that it could not pass on. */
const UNSENT_BYTES = 1024 * 1024
/** Read from a file for one replica in one turn: the turn's clients wait for it. */
const READ_BYTES = 256 * 1024

const QUESTION = Buffer.from([ASK_FOR_ACK])
const LIFE = Buffer.from([SIGN_OF_LIFE])

export class Feed {
  /** Of the next byte to be sent. */
  offset: number
  /** "?" is to be sent as soon as a group has ended. */
  mustAsk = false
  /** How many have been sent. */
  asked = 0
  private readonly connection: ReplicaConnection
  private readonly tail: FeedTail
  private readonly open: (offset: number) => BinlogFeed
  private reader: BinlogFeed | null = null
  /** The last offset known to lie between groups. */
  private border: number
  private hasSent = false
  /** The first sign of life is due at once: by it the replica knows that it is let in. */
  private sentMs = Number.NEGATIVE_INFINITY

  constructor(options: { connection: ReplicaConnection; offset: number; tail: FeedTail; open: (offset: number) => BinlogFeed }) {
    this.connection = options.connection
    this.offset = options.offset
    this.border = options.offset
    this.tail = options.tail
    this.open = options.open
  }

  /** Sends what there is before an offset between groups, as far as the connection takes it. Returns whether there is more that it would take.
   *  Throws when the files do not have it any more. */
  advance(limit: number): boolean {
    let readBytes = 0
    while (this.offset < limit && this.hasRoom) {
      if (readBytes >= READ_BYTES) return true
      let piece = this.tail.read(this.offset, limit)
      if (piece !== null) {
        this.close()
        this.border = this.offset + piece.length
      } else {
        this.reader ??= this.open(this.offset)
        piece = this.reader.read(READ_BYTES, limit)
        if (piece === null) throw new Error(`the binlog has nothing at offset ${this.offset}`)
        readBytes += piece.length
      }
      this.send(piece)
      this.offset += piece.length
    }
    if (this.offset === limit) this.border = limit
    if (this.mustAsk && this.isBetweenGroups && this.hasRoom) {
      this.mustAsk = false
      this.asked++
      this.send(QUESTION)
    }
    return false
  }

  get isBetweenGroups(): boolean {
    return this.offset === this.border
  }

  /** Sends a sign of life where nothing was sent for so long. To be called now and then. */
  showLife(periodMs: number, nowMs: number): void {
    if (this.hasSent) this.sentMs = nowMs
    this.hasSent = false
    if (nowMs - this.sentMs < periodMs || !this.isBetweenGroups || !this.hasRoom) return
    this.connection.send(LIFE)
    this.sentMs = nowMs
  }

  /** Ends the stream with a line that says why. Returns whether that was possible: the replica must be told in some other way if not. */
  end(code: RefusalCode, text: string): boolean {
    this.close()
    if (!this.isBetweenGroups) return false
    this.connection.send(Buffer.from(`-${code} ${text.replace(/[\r\n]/g, ' ')}\r\n`))
    return true
  }

  close(): void {
    this.reader?.close()
    this.reader = null
  }

  private get hasRoom(): boolean {
    return this.connection.unsentBytes < UNSENT_BYTES
  }

  private send(bytes: Buffer): void {
    this.connection.send(bytes)
    this.hasSent = true
  }
}

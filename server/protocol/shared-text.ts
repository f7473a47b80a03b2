/**
 * Text that many clients get alike in a turn, encoded once: subscribers of a channel get the same
 * messages in the same order.
 *
 *   root -> message 1 -> message 2 -> message 3
 *                           A            B, C     B and C get all three, in one and the same Buffer
 *
 * A client that gets nothing else in the turn stands at a node, and moves to the next with each
 * message. Each node keeps one successor, the last one asked for: the clients that get a message
 * get it one after the other.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Message } from '../../commands/contract/reply.ts'
import { encodeMessage } from './reply-encoder.ts'

/** A longer text is sent as a Buffer even to one client: Node would copy it twice. */
const MIN_LONG_BYTES = 16 * 1024

/** The messages of a turn, encoded once for all clients that get them. */
export class SharedText {
  readonly resp: 2 | 3
  /** All text from the root to this node. */
  readonly text: Bytes
  private readonly message: Message | null
  private following: SharedText | null = null
  /** Number of clients at this node. */
  private takers = 0
  private buffer: Buffer | null = null

  private constructor(resp: 2 | 3, message: Message | null, text: Bytes) {
    this.resp = resp
    this.message = message
    this.text = text
  }

  static root(resp: 2 | 3): SharedText {
    return new SharedText(resp, null, '')
  }

  /** Moves a client from this node to the one after `message`. */
  followedBy(message: Message): SharedText {
    let next = this.following
    if (next === null || next.message !== message) {
      next = new SharedText(this.resp, message, this.text + encodeMessage(message, this.resp))
      this.following = next
    }
    this.takers--
    next.takers++
    return next
  }

  /** Returns the text or Buffer to send to a client at this node. */
  forLocalClient(): Bytes | Buffer {
    if (this.takers <= 1 && this.text.length < MIN_LONG_BYTES && this.buffer === null) return this.text
    this.buffer ??= Buffer.from(this.text, 'latin1')
    return this.buffer
  }

  /** REQUIRES: a root. Drops the messages, which no further client will get. */
  clear(): void {
    this.following = null
  }
}

/**
 * What many clients are told alike in a turn, made once: subscribers of a channel get the same messages in the same order.
 *
 *   root -> message 1 -> message 2 -> message 3
 *                           A            B, C        B and C are told all three, and are sent one and the same Buffer
 *
 * A client that has been told nothing else yet in the turn stands at a node, and goes on to the next when it is told more. Each node keeps one
 * successor, the last that was asked for: those who are told the same message are told one after the other.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Message } from '../../commands/core/reply.ts'
import { encodeMessage } from './reply-encoder.ts'

/** A longer text is sent as a Buffer even to one: Node would copy it twice. */
const LONG_BYTES = 16 * 1024

export class SharedText {
  readonly resp: 2 | 3
  /** All that is told from the root on to here. */
  readonly text: Bytes
  private readonly message: Message | null
  private following: SharedText | null = null
  /** How many clients stand here. */
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

  /** Where a client goes that stands here and is told a message. */
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

  /** What a client is sent that stands here. */
  take(): Bytes | Buffer {
    if (this.takers <= 1 && this.text.length < LONG_BYTES && this.buffer === null) return this.text
    this.buffer ??= Buffer.from(this.text, 'latin1')
    return this.buffer
  }

  /** Of a root: lets go of what was told, which nobody else will be. */
  forget(): void {
    this.following = null
  }
}

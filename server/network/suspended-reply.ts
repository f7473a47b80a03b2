/**
 * What is left of a long reply that is encoded in parts, as the client reads them. The reply is a value that nothing changes any more,
 * so all parts are of the moment in which the command ran. What the client is told meanwhile comes after it.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Reply } from '../../commands/core/reply.ts'
import { encodedBytesFrom, encodeFrom, type ReplySink } from '../protocol/reply-encoder.ts'

/** An array that has been encoded up to an index. */
interface Frame {
  readonly replies: readonly Reply[]
  readonly next: number
}

export class SuspendedReply {
  readonly resp: 2 | 3
  /** Of what comes after the reply. */
  lateBytes = 0
  /** The innermost array first. */
  private readonly frames: Frame[] = []
  private readonly late: Bytes[] = []
  /** -1: not counted yet. */
  private restBytes = -1

  constructor(resp: 2 | 3) {
    this.resp = resp
  }

  add(replies: readonly Reply[], next: number): void {
    this.frames.push({ replies, next })
  }

  follow(part: Bytes): void {
    this.late.push(part)
    this.lateBytes += part.length
  }

  /** Bytes that are not encoded yet. O(elements) the first time. */
  get bytes(): number {
    if (this.restBytes < 0) {
      this.restBytes = 0
      for (const { replies, next } of this.frames) this.restBytes += encodedBytesFrom(replies, next, this.resp)
    }
    return this.restBytes
  }

  /** Encodes a part into a sink that is not suspended. Where something is left, the sink is suspended again with all of it. */
  encode(sink: ReplySink & { follow(part: Bytes): void }): void {
    const { frames, late, resp } = this
    sink.gather()
    for (const [index, { replies, next }] of frames.entries()) {
      if (sink.isSuspended || (index > 0 && sink.isFull)) sink.suspend(replies, next, resp)
      else encodeFrom(replies, next, resp, sink)
    }
    for (const part of late) sink.follow(part)
  }
}

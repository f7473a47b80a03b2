/**
 * The rest of a long reply, which is encoded in parts as the client reads. The reply is an
 * immutable value, so all parts show the moment in which the command ran. Pushes meanwhile follow
 * it.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Reply } from '../../commands/contract/reply.ts'
import { encodedBytesFrom, encodeFrom, type ReplySink } from './reply-encoder.ts'

/** An array that has been encoded up to an index. */
interface Frame {
  readonly replies: readonly Reply[]
  readonly next: number
}

/** The unsent rest of a long reply. */
export class SuspendedReply {
  readonly resp: 2 | 3
  /** Bytes of the replies that follow. */
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

  appendLate(part: Bytes): void {
    this.late.push(part)
    this.lateBytes += part.length
  }

  /** Bytes that are not encoded yet. O(elements) on the first call. */
  get bytes(): number {
    if (this.restBytes < 0) {
      this.restBytes = 0
      for (const { replies, next } of this.frames) this.restBytes += encodedBytesFrom(replies, next, this.resp)
    }
    return this.restBytes
  }

  /**
   * Encodes a part into a sink that is not suspended. If something is left, the sink is suspended
   * again with the whole rest.
   */
  encode(sink: ReplySink & { appendLate(part: Bytes): void }): void {
    const { frames, late, resp } = this
    sink.gather()
    for (const [index, { replies, next }] of frames.entries()) {
      if (sink.isSuspended || (index > 0 && sink.isFull)) sink.suspend(replies, next, resp)
      else encodeFrom(replies, next, resp, sink)
    }
    for (const part of late) sink.appendLate(part)
  }
}

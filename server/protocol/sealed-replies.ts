/**
 * One client's replies that wait until the binlog is durable up to an offset (appendfsync always),
 * oldest first.
 */
import type { Chunks } from './reply-buffer.ts'

/** One client's replies that wait for an fsync. */
export class SealedReplies {
  /** Bytes of all sealed replies. */
  bytes = 0
  private readonly waiting: { readonly offset: number; readonly chunks: Chunks }[] = []

  get count(): number {
    return this.waiting.length
  }

  /** Adds replies. Order is kept: they wait at least as long as those before. */
  add(offset: number, chunks: Chunks): void {
    for (const chunk of chunks) this.bytes += chunk.length
    this.waiting.push({ offset: Math.max(offset, this.waiting.at(-1)?.offset ?? 0), chunks })
  }

  /** Removes the oldest replies if the binlog is durable up to their offset. */
  removeDurable(syncedOffset: number): Chunks | undefined {
    const first = this.waiting[0]
    if (first === undefined || first.offset > syncedOffset) return undefined
    this.waiting.shift()
    for (const chunk of first.chunks) this.bytes -= chunk.length
    return first.chunks
  }

  clear(): void {
    this.waiting.length = 0
    this.bytes = 0
  }
}

/** Encoded replies that have not been sent: text is joined, Buffers stand between. */
import type { Bytes } from '../storage/bytes.ts'
import type { ReplySink } from './reply-encoder.ts'

export type Chunks = (Bytes | Buffer)[]

export class ReplyBuffer implements ReplySink {
  private out = ''
  private chunks: Chunks = []
  private chunkBytes = 0

  get bytes(): number {
    return this.out.length + this.chunkBytes
  }

  text(part: Bytes): void {
    this.out += part
  }

  chunk(buffer: Buffer): void {
    if (this.out.length > 0) this.chunks.push(this.out)
    this.chunkBytes += this.out.length + buffer.length
    this.out = ''
    this.chunks.push(buffer)
  }

  /** All of it, in order; the buffer is empty then. */
  take(): Chunks {
    const { chunks } = this
    if (this.out.length > 0) chunks.push(this.out)
    this.out = ''
    this.chunks = []
    this.chunkBytes = 0
    return chunks
  }
}

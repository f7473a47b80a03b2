/** Encoded replies that have not been sent: text is joined, Buffers stand between. */
import type { Socket } from 'node:net'
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

/** Writes chunks to a socket as one. */
export function writeChunks(socket: Socket, chunks: Chunks, host: { sent(bytes: number): void }): void {
  if (chunks.length > 1) socket.cork()
  for (const chunk of chunks) {
    host.sent(chunk.length)
    if (typeof chunk === 'string') socket.write(chunk, 'latin1')
    else socket.write(chunk)
  }
  if (chunks.length > 1) socket.uncork()
}

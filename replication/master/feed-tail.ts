/**
 * The last few megabytes of the binlog in memory, for all replicas that are nearly in step: what is appended is copied once, and they are sent
 * views of that copy.
 *
 * Small groups share blocks, each group within one block. A block is written to at its end only, so what has been handed to a socket stays as
 * it is; only what the binlog took back before its turn was over is written over, and that has never been handed out.
 */

const BLOCK_BYTES = 64 * 1024
const TAIL_BYTES = 4 * 1024 * 1024

interface Block {
  readonly start: number
  readonly bytes: Buffer
  used: number
}

export class FeedTail {
  private blocks: Block[] = []
  private sizeBytes = 0
  private endOffset = 0

  /** Offset of the first byte that is held. */
  get start(): number {
    return this.blocks[0]?.start ?? this.endOffset
  }

  get end(): number {
    return this.endOffset
  }

  /** Begins anew at an offset, with nothing. */
  reset(offset: number): void {
    this.blocks = []
    this.sizeBytes = 0
    this.endOffset = offset
  }

  /** Binlog.follower: a group, or several, that begin at an offset. */
  appended(start: number, pieces: readonly Buffer[]): void {
    if (start !== this.endOffset) this.takeBack(start)
    let length = 0
    for (const piece of pieces) length += piece.length
    if (length > TAIL_BYTES) {
      this.reset(start + length) // whoever needs it reads it from the file
      return
    }
    const block = this.blockFor(length)
    for (const piece of pieces) {
      block.bytes.set(piece, block.used)
      block.used += piece.length
    }
    this.endOffset += length
  }

  /** Bytes from an offset on and before another, as far as they lie in one piece; null where the tail does not reach back to it. */
  read(offset: number, before: number): Buffer | null {
    if (offset < this.start || offset >= this.endOffset) return null
    const { start, bytes, used } = this.blockAt(offset)
    return bytes.subarray(offset - start, Math.min(used, before - start))
  }

  /** The newest block that begins at or before an offset: seldom far from the end. */
  private blockAt(offset: number): Block {
    let index = this.blocks.length - 1
    while ((this.blocks[index] as Block).start > offset) index--
    return this.blocks[index] as Block
  }

  private blockFor(length: number): Block {
    const last = this.blocks.at(-1)
    if (last !== undefined && last.used + length <= last.bytes.length) return last
    const block = { start: this.endOffset, bytes: Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, length)), used: 0 }
    this.blocks.push(block)
    this.sizeBytes += block.bytes.length
    while (this.sizeBytes > TAIL_BYTES && this.blocks.length > 1) this.sizeBytes -= (this.blocks.shift() as Block).bytes.length
    return block
  }

  /** The binlog goes on at an earlier offset: it has cut off what it appended in this turn. */
  private takeBack(offset: number): void {
    if (offset < this.start || offset > this.endOffset) {
      this.reset(offset)
      return
    }
    while (this.blocks.length > 0 && (this.blocks.at(-1) as Block).start >= offset)
      this.sizeBytes -= (this.blocks.pop() as Block).bytes.length
    const last = this.blocks.at(-1)
    if (last !== undefined) last.used = offset - last.start
    this.endOffset = offset
  }
}

/**
 * The last few megabytes of the binlog in memory, shared by all replicas that are nearly in step.
 * Appended bytes are copied once, and replicas are sent views of that copy.
 *
 * Small groups share blocks; a group lies within one block. Blocks are written at their end only,
 * so bytes handed to a socket never change. The one exception is a group that the binlog takes back
 * within its turn. Such a group is overwritten, and has never been handed to a socket.
 */
import { assert, at, must } from '../../base/assert.ts'
import type { Binlog } from '../../storage/binlog/binlog.ts'

/** A larger group has a block of its own size. */
const MIN_BLOCK_BYTES = 64 * 1024
/** The limit of all blocks together. */
const MAX_TAIL_BYTES = 4 * 1024 * 1024

interface Block {
  readonly start: number
  readonly bytes: Buffer
  used: number
}

/** The end of the binlog in memory, in blocks of 64 KiB or more. */
export class FeedTail {
  private blocks: Block[] = []
  private sizeBytes = 0
  private endOffset = 0
  /** The number of streams that are fed. While there is none, the binlog has no follower. */
  private users = 0

  /** Follows the binlog for one more stream. */
  attach(binlog: Binlog): void {
    if (this.users++ > 0) return
    this.reset(binlog.end.offset)
    binlog.follower = this
  }

  /** Ends what one `attach` began. */
  detach(binlog: Binlog): void {
    assert(this.users > 0, 'a stream ends that has begun')
    if (--this.users > 0) return
    binlog.follower = null
    this.reset(0)
  }

  /** Offset of the first byte held. */
  get start(): number {
    return this.blocks[0]?.start ?? this.endOffset
  }

  get end(): number {
    return this.endOffset
  }

  /** Empties the tail and restarts it at an offset. */
  reset(offset: number): void {
    this.blocks = []
    this.sizeBytes = 0
    this.endOffset = offset
  }

  /** Implements Binlog.follower: one or more groups that begin at `start`. */
  onAppended(start: number, pieces: readonly Buffer[]): void {
    if (start !== this.endOffset) this.takeBack(start)
    let length = 0
    for (const piece of pieces) length += piece.length
    if (length > MAX_TAIL_BYTES) {
      this.reset(start + length) // replicas read it from the file
      return
    }
    const block = this.blockFor(length)
    assert(block.start + block.used === start, 'an append begins where the held bytes end')
    assert(block.used + length <= block.bytes.length, 'what is appended fits into its block')
    for (const piece of pieces) {
      block.bytes.set(piece, block.used)
      block.used += piece.length
    }
    this.endOffset += length
    assert(block.start + block.used === this.endOffset, 'what is held ends where the binlog ends')
  }

  /**
   * Returns the bytes from `offset` up to `before`, as far as one block holds them. Returns null if
   * the tail begins later.
   */
  read(offset: number, before: number): Buffer | null {
    if (offset < this.start || offset >= this.endOffset) return null
    const { start, bytes, used } = this.blockAt(offset)
    return bytes.subarray(offset - start, Math.min(used, before - start))
  }

  /** The block that holds an offset, searched from the newest: offsets are near the end. */
  private blockAt(offset: number): Block {
    let index = this.blocks.length - 1
    while (at(this.blocks, index).start > offset) index--
    return at(this.blocks, index)
  }

  /** Returns a block with room for one append. Drops the oldest blocks past MAX_TAIL_BYTES. */
  private blockFor(length: number): Block {
    const last = this.blocks.at(-1)
    if (last !== undefined && last.used + length <= last.bytes.length) return last
    const block = { start: this.endOffset, bytes: Buffer.allocUnsafeSlow(Math.max(MIN_BLOCK_BYTES, length)), used: 0 }
    this.blocks.push(block)
    this.sizeBytes += block.bytes.length
    while (this.sizeBytes > MAX_TAIL_BYTES && this.blocks.length > 1) this.sizeBytes -= must(this.blocks.shift()).bytes.length
    return block
  }

  /** Handles a binlog that has truncated groups of this turn: it continues at an earlier offset. */
  private takeBack(offset: number): void {
    if (offset < this.start || offset > this.endOffset) {
      this.reset(offset)
      return
    }
    while (this.blocks.length > 0 && must(this.blocks.at(-1)).start >= offset) this.sizeBytes -= must(this.blocks.pop()).bytes.length
    const last = this.blocks.at(-1)
    if (last !== undefined) last.used = offset - last.start
    this.endOffset = offset
    assert(this.sizeBytes >= 0 && this.start <= this.endOffset, 'what is held begins before it ends')
  }
}

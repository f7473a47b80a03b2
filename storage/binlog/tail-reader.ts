/**
 * Reads the binlog's bytes in order from its files, for a replica that needs more than the latest
 * bytes, which are in memory.
 */
import type { File, Files } from '../../base/files.ts'
import { type Segment, segmentAt } from './segments.ts'

/** A reader of the binlog's bytes in order, from an offset on. */
export interface TailReader {
  /** The offset of the next read. */
  readonly offset: number
  /**
   * Returns up to `maxBytes` of the following bytes, all of them before the offset `before`; null
   * if there are none. Throws if that part of the log has been purged, or the log is closed. The
   * caller owns the buffer.
   */
  read(maxBytes: number, before: number): Buffer | null
  close(): void
}

/** Reads the binlog's bytes in order from its segments. */
export class SegmentTailReader implements TailReader {
  offset: number
  private readonly files: Files
  private readonly segments: readonly Segment[]
  private readonly onClosed: () => void
  private segment: Segment | undefined
  private file: File | null = null
  private isClosed = false

  constructor(files: Files, segments: readonly Segment[], offset: number, onClosed: () => void) {
    this.files = files
    this.segments = segments
    this.offset = offset
    this.onClosed = onClosed
  }

  read(maxBytes: number, before: number): Buffer | null {
    if (this.isClosed) throw new Error('this reader of the binlog has been closed')
    const { offset } = this
    const segment = segmentAt(this.segments, offset)
    if (segment === undefined) {
      const first = this.segments[0]
      if (first !== undefined && offset < first.start) throw new Error(`the binlog has been purged up to offset ${first.start}`)
      return null
    }
    const length = Math.min(maxBytes, before - offset, segment.end - offset)
    if (length <= 0) return null
    const bytes = this.open(segment).readSync(offset - segment.start, length)
    if (bytes.length < length) throw new Error(`${segment.path} is shorter than the bytes written to it`)
    this.offset += length
    return bytes
  }

  /** Closes a segment that is about to be removed: an open file would keep its space. */
  closeSegment(segment: Segment): void {
    if (this.segment !== segment) return
    this.file?.closeSync()
    this.file = null
    this.segment = undefined
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    if (this.segment !== undefined) this.closeSegment(this.segment)
    this.onClosed()
  }

  private open(segment: Segment): File {
    if (this.segment === segment && this.file !== null) return this.file
    if (this.segment !== undefined) this.closeSegment(this.segment)
    this.file = this.files.openSync(segment.path, 'read')
    this.segment = segment
    return this.file
  }
}

/**
 * Reads groups in order from a position on, and checks each one's form, offset, chain and CRC. Used
 * by recovery, check and replication.
 */
import { must } from '../../base/assert.ts'
import type { File, Files } from '../../base/files.ts'
import { type BinlogPosition, GROUP_HEAD_BYTES, GROUP_START, type GroupHeader, groupCrc, readGroupHead } from './group.ts'
import type { Segment } from './segments.ts'

const WINDOW_BYTES = 4 * 1024 * 1024

export type ReadResult =
  | { readonly type: 'group'; readonly header: GroupHeader; readonly body: Buffer; readonly end: BinlogPosition }
  | { readonly type: 'end'; readonly at: BinlogPosition }
  | { readonly type: 'bad'; readonly at: BinlogPosition; readonly reason: string; readonly segment: Segment | undefined }

/**
 * Returns the offset up to which a group proves this node's log durable. That is its synced
 * watermark if this node wrote it as a master, else 0.
 */
export function trustedSynced(header: GroupHeader, ownFrom: number | null): number {
  return ownFrom !== null && header.offset >= ownFrom ? header.synced : 0
}

/** Reads and verifies groups in order, from a position on. */
export class BinlogReader {
  private readonly files: Files
  private readonly segments: readonly Segment[]
  private position: BinlogPosition
  /** True if the CRC of the preceding group is known, so that the chain can be checked. */
  private isChained: boolean
  private segment: Segment | undefined
  private file: File | undefined
  private window: Buffer = Buffer.alloc(0)
  private windowStart = 0

  /**
   * Starts at `position`. If that is null, starts at the first segment, with an unknown
   * predecessor.
   */
  constructor(files: Files, segments: readonly Segment[], position: BinlogPosition | null) {
    this.files = files
    this.segments = segments
    this.position = position ?? { offset: segments[0]?.start ?? 0, crc: 0 }
    this.isChained = position !== null
  }

  /**
   * Returns the next group; `body` is valid until the next call. After any other result, the reader
   * is at its end.
   */
  next(): ReadResult {
    const { position } = this
    const segment = this.open()
    if (segment === undefined) {
      const later = this.segments.find((candidate) => candidate.start > position.offset)
      if (later !== undefined) return this.bad(`no data between offset ${position.offset} and segment ${later.start}`)
      return { type: 'end', at: position }
    }
    const head = this.bytes(position.offset, GROUP_HEAD_BYTES)
    const header = readGroupHead(head, 0)
    if (header === undefined) return this.bad(head.length < GROUP_HEAD_BYTES ? 'group head cut short' : 'no group head')
    if (header.offset !== position.offset) return this.bad(`group head states offset ${header.offset}`)
    if (this.isChained && header.before !== position.crc) return this.bad('group does not continue the previous one')
    const length = GROUP_HEAD_BYTES + header.bodyLength
    if (position.offset + length > segment.end) return this.bad('group body cut short')
    const whole = this.bytes(position.offset, length)
    const body = whole.subarray(GROUP_HEAD_BYTES)
    if (groupCrc(whole, body, header.before) !== header.crc) return this.bad('group fails its CRC')
    this.position = { offset: position.offset + length, crc: header.crc }
    this.isChained = true
    return { type: 'group', header, body, end: this.position }
  }

  /**
   * Returns the highest trusted synced watermark of the whole groups after a damaged one. The log
   * was once known to be durable up to that offset. REQUIRES: `next` has returned a bad group.
   */
  syncedAfterDamage(ownFrom: number | null): number {
    let synced = 0
    for (const segment of this.segments) {
      if (segment.end <= this.position.offset) continue
      const file = this.files.openSync(segment.path, 'read')
      const content = file.readSync(0, segment.end - segment.start)
      file.closeSync()
      let from = Math.max(0, this.position.offset - segment.start)
      for (;;) {
        const at = content.indexOf(GROUP_START, from)
        if (at < 0) break
        const header = readGroupHead(content, at)
        const end = at + GROUP_HEAD_BYTES + (header?.bodyLength ?? 0)
        const whole = header !== undefined && header.offset === segment.start + at && end <= content.length
        if (whole && groupCrc(content.subarray(at), content.subarray(at + GROUP_HEAD_BYTES, end), header.before) === header.crc) {
          synced = Math.max(synced, trustedSynced(header, ownFrom))
          from = end
        } else from = at + 1
      }
    }
    return synced
  }

  close(): void {
    this.file?.closeSync()
    this.file = undefined
    this.segment = undefined
  }

  private bad(reason: string): ReadResult {
    return { type: 'bad', at: this.position, reason, segment: this.segment }
  }

  /** Opens the segment that holds the position; returns undefined after the last byte. */
  private open(): Segment | undefined {
    const { offset } = this.position
    if (this.segment !== undefined && offset >= this.segment.start && offset < this.segment.end) return this.segment
    this.close()
    const segment = this.segments.find((candidate) => offset >= candidate.start && offset < candidate.end)
    if (segment !== undefined) {
      this.segment = segment
      this.file = this.files.openSync(segment.path, 'read')
      this.window = Buffer.alloc(0)
    }
    return segment
  }

  /** Returns bytes of the open segment; fewer at its end. */
  private bytes(offset: number, length: number): Buffer {
    const from = offset - this.windowStart
    if (from >= 0 && from + length <= this.window.length) return this.window.subarray(from, from + length)
    this.windowStart = offset
    this.window = must(this.file).readSync(offset - must(this.segment).start, Math.max(length, WINDOW_BYTES))
    return this.window.subarray(0, length)
  }
}

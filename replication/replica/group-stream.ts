/**
 * The raw bytes that follow BINLOGSYNC, cut into whole groups.
 *
 *   stream = { group | "\n" | "?" } [ "-" code " " text CRLF ]
 *
 * Groups that stand side by side in what has arrived come out as one batch that shares its memory, so that they can be appended by one write.
 * A group larger than that is collected in the pieces it comes in, and joined once. Form and place are checked here, before anything is
 * collected; chain and CRC are the applier's.
 */
import { GROUP_HEAD_BYTES, GROUP_START, type GroupHeader, readGroupHead } from '../../storage/binlog/group.ts'
import { ASK_FOR_ACK, SIGN_OF_LIFE } from '../protocol/messages.ts'

/** Of one group; what was logged as a whole can be no larger than a buffer. */
const MAX_GROUP_BYTES = 2 ** 32 - 1
/** Of the line that ends the stream. */
export const MAX_END_LINE_BYTES = 8192

const ASTERISK = 0x2a
const MINUS = 0x2d
const LINE_END = Buffer.from('\r\n')

/** Whole groups that follow on one another. */
export interface GroupBatch {
  readonly bytes: Buffer
  readonly headers: readonly GroupHeader[]
  /** Parts of `bytes`. */
  readonly bodies: readonly Buffer[]
}

export type StreamItem =
  | { readonly type: 'groups'; readonly batch: GroupBatch }
  | { readonly type: 'asked' }
  /** The master has ended the stream. Nothing comes after it. */
  | { readonly type: 'ended'; readonly text: string }
  /** Nothing of the stream can be made out any more. */
  | { readonly type: 'bad'; readonly offset: number; readonly reason: string }

export class GroupStream {
  /** Of the next byte of the binlog that has not come out in a batch. */
  private offset: number
  private pieces: Buffer[] = []
  private collected = 0
  /** Of `pieces`, before anything can be done with them. */
  private needed = 0
  private isOver = false
  /** Something of it has come that is no refusal. */
  hasBegun = false

  constructor(offset: number) {
    this.offset = offset
  }

  /** Of the next byte of the binlog that is to come. Bytes between groups are not counted. */
  get readOffset(): number {
    return this.offset + this.collected
  }

  /** What has become whole. The data is the stream's from now on. */
  push(data: Buffer): StreamItem[] {
    if (this.isOver) return []
    this.pieces.push(data)
    this.collected += data.length
    if (this.collected < this.needed) return []
    const buffer = this.pieces.length === 1 ? data : Buffer.concat(this.pieces, this.collected)
    this.pieces = []
    this.collected = 0
    this.needed = 0
    return this.cut(buffer)
  }

  private cut(buffer: Buffer): StreamItem[] {
    const items: StreamItem[] = []
    let at = 0
    while (at < buffer.length) {
      const byte = buffer[at] as number
      if (byte === SIGN_OF_LIFE) {
        this.hasBegun = true
        at++
      } else if (byte === ASK_FOR_ACK) {
        this.hasBegun = true
        items.push({ type: 'asked' })
        at++
      } else if (byte === ASTERISK) {
        const end = this.cutGroups(buffer, at, items)
        if (end === at) break
        at = end
      } else {
        this.cutEnd(buffer, at, items)
        break
      }
    }
    return items
  }

  /** As many groups as follow on one another. Returns where they end; where that is `start`, there is nothing more to be had of the buffer. */
  private cutGroups(buffer: Buffer, start: number, items: StreamItem[]): number {
    const headers: GroupHeader[] = []
    const bodies: Buffer[] = []
    let at = start
    let offset = this.offset
    while (at < buffer.length && buffer[at] === ASTERISK) {
      const header = this.headAt(buffer, at, offset, items)
      if (header === null) break
      const end = at + GROUP_HEAD_BYTES + header.bodyLength
      if (end > buffer.length) {
        this.keep(buffer, at, end - at)
        break
      }
      headers.push(header)
      bodies.push(buffer.subarray(at + GROUP_HEAD_BYTES, end))
      offset += end - at
      at = end
    }
    if (headers.length === 0) return start
    this.offset = offset
    const batch = { type: 'groups', batch: { bytes: buffer.subarray(start, at), headers, bodies } } as const
    const bad = this.isOver ? items.pop() : undefined // what is whole comes before it
    items.push(batch, ...(bad === undefined ? [] : [bad]))
    return this.isOver || this.collected > 0 ? start : at
  }

  /** Null where the head has not come as a whole, or is bad. */
  private headAt(buffer: Buffer, at: number, offset: number, items: StreamItem[]): GroupHeader | null {
    const there = Math.min(GROUP_START.length, buffer.length - at)
    if (buffer.compare(GROUP_START, 0, there, at, at + there) !== 0) return this.bad(items, offset, 'no group head')
    if (buffer.length - at < GROUP_HEAD_BYTES) {
      this.keep(buffer, at, GROUP_HEAD_BYTES)
      return null
    }
    const header = readGroupHead(buffer, at)
    if (header === undefined) return this.bad(items, offset, 'no group head')
    if (header.offset !== offset) return this.bad(items, offset, `a group that says it belongs at offset ${header.offset}`)
    if (header.bodyLength > MAX_GROUP_BYTES) return this.bad(items, offset, `a group of ${header.bodyLength} bytes`)
    this.hasBegun = true
    return header
  }

  private cutEnd(buffer: Buffer, at: number, items: StreamItem[]): void {
    if (buffer[at] !== MINUS) {
      this.bad(items, this.offset, `byte ${buffer[at]} between groups`)
      return
    }
    const end = buffer.indexOf(LINE_END, at)
    if (end >= 0) {
      this.isOver = true
      items.push({ type: 'ended', text: buffer.latin1Slice(at + 1, end) })
    } else if (buffer.length - at > MAX_END_LINE_BYTES) this.bad(items, this.offset, 'an error without an end')
    else this.keep(buffer, at, buffer.length - at + 1)
  }

  private bad(items: StreamItem[], offset: number, reason: string): null {
    this.isOver = true
    items.push({ type: 'bad', offset, reason: `${reason} at offset ${offset}` })
    return null
  }

  /** Goes on when there are `needed` bytes from `at` on. */
  private keep(buffer: Buffer, at: number, needed: number): void {
    this.pieces = [buffer.subarray(at)]
    this.collected = buffer.length - at
    this.needed = needed
  }
}

/**
 * Cuts the raw bytes after BINLOGSYNC into whole groups.
 *
 *   stream = { group | "\n" | "?" } [ "-" code " " text CRLF ]
 *
 * Adjacent groups in one piece of input become one batch that shares its memory: one write appends
 * them. A group larger than that is collected in pieces and joined once. This file checks form and
 * offset before it collects anything; the applier checks chain and CRC.
 */
import { assert } from '../../base/assert.ts'
import { GROUP_HEAD_BYTES, GROUP_START, type GroupHeader, readGroupHead } from '../../storage/binlog/group.ts'
import { ASK_FOR_ACK, HEARTBEAT } from '../protocol/messages.ts'

/** The limit of one group: a group that was logged as a whole fits in a buffer. */
const MAX_GROUP_BYTES = 2 ** 32 - 1
assert(GROUP_START.length < GROUP_HEAD_BYTES, 'a group is told by the start of its head')
/** The limit of the line that ends the stream. */
export const MAX_END_LINE_BYTES = 8192

const ASTERISK = 0x2a
const MINUS = 0x2d
const LINE_END = Buffer.from('\r\n')

/** Whole groups, each of which follows the one before. */
export interface GroupBatch {
  readonly bytes: Buffer
  readonly headers: readonly GroupHeader[]
  /** Views of `bytes`. */
  readonly bodies: readonly Buffer[]
}

export type StreamItem =
  | { readonly type: 'groups'; readonly batch: GroupBatch }
  | { readonly type: 'asked' }
  /** The master has ended the stream: the last item. */
  | { readonly type: 'ended'; readonly text: string }
  /** The rest of the stream cannot be parsed. */
  | { readonly type: 'bad'; readonly offset: number; readonly reason: string }

/** The parser of the binlog stream. */
export class GroupStream {
  /** Binlog offset of the first byte that has not been returned in a batch. */
  private offset: number
  private pieces: Buffer[] = []
  private collected = 0
  /** Bytes of `pieces` needed before parsing can continue. */
  private needed = 0
  private isOver = false
  /** True once a byte of the stream has come that does not begin a refusal. */
  hasBegun = false

  constructor(offset: number) {
    this.offset = offset
  }

  /** Binlog offset of the next byte to arrive. Bytes between groups are not counted. */
  get readOffset(): number {
    return this.offset + this.collected
  }

  /** Returns the items completed by `data`. The stream takes ownership of `data`. */
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

  /** Returns the complete items of a buffer, and keeps the incomplete rest. */
  private cut(buffer: Buffer): StreamItem[] {
    const items: StreamItem[] = []
    let at = 0
    while (at < buffer.length) {
      const byte = buffer[at] as number // hot: each byte
      if (byte === HEARTBEAT) {
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

  /**
   * Cuts adjacent groups into one batch. Returns where the next item begins, or `start` if nothing
   * more can be cut: the rest is incomplete, or not a group.
   */
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
        this.keepRest(buffer, at, end - at)
        break
      }
      headers.push(header)
      bodies.push(buffer.subarray(at + GROUP_HEAD_BYTES, end))
      offset += end - at
      at = end
    }
    if (headers.length === 0) return start
    assert(offset - this.offset === at - start, 'the offset moves by what was cut')
    this.offset = offset
    const batch = { type: 'groups', batch: { bytes: buffer.subarray(start, at), headers, bodies } } as const
    const bad = this.isOver ? items.pop() : undefined // complete groups come before it
    items.push(batch, ...(bad === undefined ? [] : [bad]))
    return this.isOver || this.collected > 0 ? start : at
  }

  /** Reads a group head. Returns null if it is incomplete or bad. */
  private headAt(buffer: Buffer, at: number, offset: number, items: StreamItem[]): GroupHeader | null {
    const there = Math.min(GROUP_START.length, buffer.length - at)
    if (buffer.compare(GROUP_START, 0, there, at, at + there) !== 0) return this.bad(items, offset, 'no group head')
    if (buffer.length - at < GROUP_HEAD_BYTES) {
      this.keepRest(buffer, at, GROUP_HEAD_BYTES)
      return null
    }
    const header = readGroupHead(buffer, at)
    if (header === undefined) return this.bad(items, offset, 'no group head')
    if (header.offset !== offset) return this.bad(items, offset, `a group whose head states offset ${header.offset}`)
    if (header.bodyLength > MAX_GROUP_BYTES) return this.bad(items, offset, `a group of ${header.bodyLength} bytes`)
    this.hasBegun = true
    return header
  }

  /** Cuts the line that ends the stream. */
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
    else this.keepRest(buffer, at, buffer.length - at + 1)
  }

  /** Ends the parsing: adds the item that says what is wrong and where. */
  private bad(items: StreamItem[], offset: number, reason: string): null {
    this.isOver = true
    items.push({ type: 'bad', offset, reason: `${reason} at offset ${offset}` })
    return null
  }

  /** Keeps the buffer from `at` on until `needed` bytes are there. */
  private keepRest(buffer: Buffer, at: number, needed: number): void {
    this.pieces = [buffer.subarray(at)]
    this.collected = buffer.length - at
    assert(this.collected < needed, 'a part of a group is kept only until the rest comes')
    this.needed = needed
  }
}

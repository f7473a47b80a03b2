/**
 * The group being filled in this turn. Commands are copied in as bytes. SELECT precedes a command
 * in another database, and the body ends in database 0, so that every group can be read on its own.
 *
 * All groups reuse one buffer, because an append only reads it synchronously. A command that does
 * not fit into the rest of the buffer begins another one, of the same size or larger, for this
 * group alone.
 */
import { assert, must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { encodedLength, writeCommand } from './command-codec.ts'
import { fieldDeletion, keyDeletion } from './deletions.ts'
import { GROUP_HEAD_BYTES } from './group.ts'

const BUFFER_BYTES = 1024 * 1024
const MAX_SELECT_BYTES = 64

/** The group that is being filled in this turn. */
export class OpenGroup {
  /** Bytes of the body so far. */
  bodyLength = 0
  commands = 0
  private readonly shared = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  private buffer = this.shared
  /** The body's part of `buffer` lies from `start` to before `end`. */
  private start = GROUP_HEAD_BYTES
  private end = GROUP_HEAD_BYTES
  /** The parts of the body in earlier buffers of this group. */
  private full: Buffer[] = []
  private selected = 0
  /** The caller's buffer with bytes of the body that are not copied yet; null if all are copied. */
  private source: Buffer | null = null
  private sourceStart = 0
  private sourceEnd = 0

  get isEmpty(): boolean {
    return this.commands === 0
  }

  /**
   * Adds a command that is already encoded. Its bytes stay in the caller's buffer, which must not
   * change before `copyBorrowed`. Adjacent commands are copied in one go.
   */
  raw(database: number, source: Buffer, start: number, end: number): void {
    this.commands++
    if (this.source === source && this.sourceEnd === start && this.selected === database) {
      this.sourceEnd = end
      return
    }
    this.copyBorrowed()
    this.reserve(MAX_SELECT_BYTES)
    if (database !== this.selected) this.select(database)
    this.source = source
    this.sourceStart = start
    this.sourceEnd = end
  }

  /** Copies the bytes that `raw` has left in the caller's buffer. */
  copyBorrowed(): void {
    const { source } = this
    if (source === null) return
    this.source = null
    const length = this.sourceEnd - this.sourceStart
    assert(length > 0 && this.sourceEnd <= source.length, 'a command lies inside its buffer')
    this.reserve(length + MAX_SELECT_BYTES)
    source.copy(this.buffer, this.end, this.sourceStart, this.sourceEnd)
    this.added(length)
  }

  /** Adds a command. */
  command(database: number, args: readonly Bytes[]): void {
    this.copyBorrowed()
    const length = encodedLength(args)
    this.reserve(length + MAX_SELECT_BYTES)
    if (database !== this.selected) this.select(database)
    writeCommand(args, this.buffer, this.end)
    this.added(length)
    this.commands++
  }

  deleted(database: number, key: Bytes): void {
    this.command(database, keyDeletion(key))
  }

  fieldsDeleted(database: number, key: Bytes, fields: readonly Bytes[]): void {
    this.command(database, fieldDeletion(key, fields))
  }

  /**
   * Ends the body and returns its pieces. The start of the first buffer stays free for the head.
   */
  close(): Buffer[] {
    this.copyBorrowed()
    this.reserve(MAX_SELECT_BYTES)
    if (this.selected !== 0) this.select(0)
    assert(this.selected === 0 && this.source === null, 'a group ends in database 0, with all of it copied')
    return [...this.full, this.buffer.subarray(this.start, this.end)]
  }

  /** The whole group with its head, in as few pieces as possible. REQUIRES: `close` came before. */
  get whole(): Buffer[] {
    const [first, ...rest] = [...this.full, this.buffer.subarray(this.start, this.end)]
    const whole = [this.shared.subarray(0, GROUP_HEAD_BYTES + must(first).length), ...rest]
    let length = 0
    for (const piece of whole) length += piece.length
    assert(length === GROUP_HEAD_BYTES + this.bodyLength, 'a group is as long as its head states')
    return whole
  }

  /** The first GROUP_HEAD_BYTES of the group, for the caller to fill. */
  get head(): Buffer {
    return this.shared.subarray(0, GROUP_HEAD_BYTES)
  }

  /** Begins the next group. The pieces that `close` returned are no longer valid. */
  reset(): void {
    this.source = null
    this.bodyLength = 0
    this.commands = 0
    this.buffer = this.shared
    this.start = GROUP_HEAD_BYTES
    this.end = GROUP_HEAD_BYTES
    if (this.full.length > 0) this.full = []
    this.selected = 0
  }

  private select(database: number): void {
    assert(database >= 0, 'a database has an index')
    const index = String(database)
    const words = ['SELECT', index]
    writeCommand(words, this.buffer, this.end)
    this.added(encodedLength(words))
    this.selected = database
  }

  /** Counts bytes that have been written at the end. */
  private added(length: number): void {
    this.end += length
    this.bodyLength += length
    assert(this.end <= this.buffer.length, 'a group is written inside its buffer')
  }

  /** Begins another buffer unless this many bytes fit into the present one. */
  private reserve(length: number): void {
    if (this.end + length <= this.buffer.length) return
    this.full.push(this.buffer.subarray(this.start, this.end))
    this.buffer = Buffer.allocUnsafeSlow(Math.max(BUFFER_BYTES, length))
    this.start = 0
    this.end = 0
  }
}

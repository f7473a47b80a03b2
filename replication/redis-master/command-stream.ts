/**
 * Cuts the stream of a Redis master into commands, with the exact number of bytes of each: the
 * offset of a replica counts every byte of the stream.
 *
 *   stream = { command | line-end }    command: storage/binlog/command-codec.ts
 *
 * Received bytes are kept in one buffer that grows by doubling. The search for the end of a
 * command continues where it stopped, so a command of many pieces is scanned once.
 */
import { must } from '../../base/assert.ts'
import { type Bytes, MAX_BYTES_LENGTH } from '../../base/bytes.ts'
import { readCommand } from '../../storage/binlog/command-codec.ts'

const ASTERISK = 42
const DOLLAR = 36
const CR = 13
const LF = 10
const MIN_BUFFER_BYTES = 64 * 1024
/** The longest line that announces a number: a sign, digits, a line end. */
const MAX_HEADER_BYTES = 16

export interface StreamCommand {
  /** Empty for a line end between two commands. */
  readonly words: Bytes[]
  /** Bytes of the stream that it took. */
  readonly bytes: number
}

/** The bytes of a Redis master's stream as commands. */
export class CommandStream {
  private buffer = Buffer.allocUnsafeSlow(MIN_BUFFER_BYTES)
  /** Received bytes lie from `start` to before `end`. */
  private start = 0
  private end = 0
  /** The end of the part of the next command that was scanned. */
  private scanned = 0
  /** Words of the next command that are not scanned; -1 before its first line. */
  private wordsLeft = -1

  /** Bytes received that `next` has not returned. */
  get waitingBytes(): number {
    return this.end - this.start
  }

  push(bytes: Buffer): void {
    if (this.end + bytes.length > this.buffer.length) this.makeRoom(bytes.length)
    bytes.copy(this.buffer, this.end)
    this.end += bytes.length
  }

  /** Returns the next command, or null until more bytes arrive. Throws for other bytes. */
  next(): StreamCommand | null {
    const { buffer, start } = this
    if (start === this.end) return null
    if (buffer[start] === LF || buffer[start] === CR) {
      this.consume(start + 1)
      return { words: [], bytes: 1 }
    }
    if (!this.scan()) return null
    const { args, end } = must(readCommand(buffer, start, this.end), 'a scanned command is whole')
    this.consume(end)
    return { words: args, bytes: end - start }
  }

  private consume(to: number): void {
    this.start = to
    this.scanned = to
    this.wordsLeft = -1
    if (this.start !== this.end) return
    this.start = 0
    this.end = 0
    this.scanned = 0
    if (this.buffer.length > 16 * MIN_BUFFER_BYTES) this.buffer = Buffer.allocUnsafeSlow(MIN_BUFFER_BYTES)
  }

  /** Scans on. Returns true if the next command is whole. */
  private scan(): boolean {
    if (this.wordsLeft < 0) {
      const header = this.readHeader(ASTERISK)
      if (header === null) return false
      this.scanned = header.end
      this.wordsLeft = header.value
    }
    while (this.wordsLeft > 0) {
      const header = this.readHeader(DOLLAR)
      if (header === null || header.end + header.value + 2 > this.end) return false
      this.scanned = header.end + header.value + 2
      this.wordsLeft--
    }
    return true
  }

  /** Reads the line at `scanned`. Returns null if it is incomplete. */
  private readHeader(kind: number): { value: number; end: number } | null {
    const { buffer, scanned, end } = this
    if (scanned >= end) return null
    const lineEnd = buffer.subarray(scanned, Math.min(end, scanned + MAX_HEADER_BYTES)).indexOf(LF)
    if (lineEnd < 0 && end - scanned < MAX_HEADER_BYTES && buffer[scanned] === kind) return null
    const text = buffer.latin1Slice(scanned + 1, scanned + Math.max(1, lineEnd + 1))
    const value = Number(text.slice(0, -2))
    if (buffer[scanned] !== kind || !/^\d+\r\n$/.test(text) || value > MAX_BYTES_LENGTH)
      throw new Error('the stream of the master is not RESP')
    return { value, end: scanned + lineEnd + 1 }
  }

  private makeRoom(bytes: number): void {
    const { buffer, start, end } = this
    const needed = end - start + bytes
    const size = needed > buffer.length / 2 ? Math.max(MIN_BUFFER_BYTES, 2 * needed) : buffer.length
    const target = size === buffer.length ? buffer : Buffer.allocUnsafeSlow(size)
    buffer.copy(target, 0, start, end)
    this.buffer = target
    this.scanned -= start
    this.start = 0
    this.end = end - start
  }
}

/**
 * Turns the bytes of a client into requests: strict RESP multibulk, or inline lines. Behaviour and
 * texts are Redis's (networking.c, checked against a running server). As in Redis, the byte after
 * \r and the two after a payload are skipped unchecked. A NUL in a header or an inline line hides
 * the rest until the line is too long.
 *
 * Bytes are lent: feed() passes a part of a receive buffer that the caller shares among
 * connections, and next() is called until it returns null. A request that is complete and canonical
 * in the buffer takes the short way (`whole`), which copies only its words. A request split over
 * reads takes the long way (`piecewise`), whose state outlives the reads:
 *
 *   words + expected     the request begun, and the number of words it will have
 *   bulkLength           the payload's length, -1 while its header is awaited
 *   carry                bytes of the one line or payload that is split; grows with the bytes
 *                        received, never by an announced length
 *
 * so any splitting costs time and memory linear in the bytes received.
 */
import { type Bytes, MAX_BYTES_LENGTH } from '../../base/bytes.ts'
import { splitInline } from '../../commands/parsing/inline-words.ts'
import { commandWord } from './command-words.ts'
import type { DecoderLimits } from './decoder-limits.ts'

// hot: runs once for each digit of a request

/** The client does not speak the protocol: reply `-ERR <message>` and close. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'

  constructor(what: string) {
    super(`Protocol error: ${what}`)
  }
}

const ASTERISK = 42
const DOLLAR = 36
const CR = 13
const LF = 10

const MAX_UNAUTHENTICATED_ARGUMENTS = 10
const MAX_UNAUTHENTICATED_BULK_BYTES = 16384
/** A carry up to this size is kept for the next split; a larger one is freed. */
const MAX_KEPT_CARRY_BYTES = 1024
/** The size of a new carry; it doubles from there. */
const MIN_CARRY_BYTES = 256
/** Estimated cost of a word beyond its bytes. */
const WORD_OVERHEAD_BYTES = 24

/** Values of `lineEnd` while the end of the line is not known. */
const NOT_FOUND = -1
const HIDDEN_BY_NUL = -2

const NOTHING: Buffer = Buffer.alloc(0)

/** Turns one client's bytes into requests. */
export class RequestDecoder {
  /** False limits the client to 10 arguments of 16 KiB. */
  isAuthenticated = true
  /**
   * The bytes of the request just returned, until the next call; null if they are split or not
   * canonical.
   */
  rawBuffer: Buffer | null = null
  rawStart = 0
  rawEnd = 0

  private readonly limits: DecoderLimits
  private source = NOTHING
  private position = 0
  private end = 0
  private isSourceOwn = false
  private isBroken = false

  private words: Bytes[] | null = null
  private wordsBytes = 0
  private expected = 0
  private bulkLength = -1
  private lineEnd = NOT_FOUND
  private carry = NOTHING
  private carryLength = 0

  constructor(limits: DecoderLimits) {
    this.limits = limits
  }

  /**
   * Lends bytes [0, length) of `buffer` until next() returns null or retain() is called. Bytes kept
   * by retain() come before them; then the new ones are copied at once. After a ProtocolError all
   * input is ignored.
   */
  feed(buffer: Buffer, length: number): void {
    if (this.isBroken) return
    if (this.position < this.end) {
      if (!this.isSourceOwn) throw new Error('feed() called before the last buffer was read to its end or retained')
      this.appendToSource(buffer, length)
      return
    }
    this.source = buffer
    this.isSourceOwn = false
    this.position = 0
    this.end = length
  }

  /**
   * Returns the words of the next request, at least one; null if more bytes are needed. Throws
   * ProtocolError, after which the decoder ignores all input.
   */
  next(): Bytes[] | null {
    if (this.words === null && this.carryLength === 0) {
      const words = this.whole()
      if (words !== null) return words
    }
    this.rawBuffer = null
    try {
      const words = this.piecewise()
      if (words === null) this.release()
      return words
    } catch (error) {
      this.isBroken = true
      this.release()
      this.dropCarry()
      this.words = null
      this.wordsBytes = 0
      throw error
    }
  }

  /**
   * Returns the words of the next request if it is complete and canonical in the lent buffer;
   * otherwise null, and `next` finds the reason. REQUIRES: `next` has just returned a request.
   */
  nextWhole(): Bytes[] | null {
    return this.whole()
  }

  /**
   * Copies the unread input, so that the lent buffer may be reused; next() continues with the copy.
   */
  retain(): void {
    if (this.isSourceOwn || this.position === this.end) return
    const rest = Buffer.allocUnsafeSlow(this.end - this.position)
    this.source.copy(rest, 0, this.position, this.end)
    this.source = rest
    this.isSourceOwn = true
    this.end = rest.length
    this.position = 0
    this.rawBuffer = null
  }

  /**
   * Bytes received and not processed: the whole current read (as Redis counts `qbuf`), and the kept
   * part of a split request.
   */
  get bufferedBytes(): number {
    return this.end + this.carryLength + this.wordsBytes
  }

  /**
   * The bytes that client-query-buffer-limit limits: the argument being received, as Redis counts
   * it, or all words before it if they are more.
   */
  get limitedBytes(): number {
    const received = this.carryLength + this.end - this.position
    const argument = this.bulkLength < 0 ? received : Math.min(received, this.bulkLength + 2)
    return Math.max(argument, this.wordsBytes)
  }

  /**
   * Returns the request at `position` if it is complete and canonical. Otherwise returns null and
   * changes nothing; the long way finds the reason.
   */
  private whole(): Bytes[] | null {
    const buffer = this.source
    const end = this.end
    let at = this.position
    if (at >= end || buffer[at] !== ASTERISK || !this.isAuthenticated) return null
    const maxBulkBytes = Math.min(this.limits.maxBulkBytes, MAX_BYTES_LENGTH)

    // Bytes past `end` may be read (left from earlier reads, or undefined): the check before a
    // payload is taken covers them.
    let count = buffer[at + 1]! - 48
    if (!(count >= 1 && count <= 9)) return null
    at += 2
    for (let digit = buffer[at]! - 48; digit >= 0 && digit <= 9; digit = buffer[++at]! - 48) {
      count = count * 10 + digit
      if (count > this.limits.maxArguments) return null
    }
    if (count > this.limits.maxArguments || buffer[at] !== CR || buffer[at + 1] !== LF) return null
    at += 2

    const words = count === 2 ? ['', ''] : count === 3 ? ['', '', ''] : count === 1 ? [''] : []
    for (let index = 0; index < count; index++) {
      if (buffer[at] !== DOLLAR) return null
      let length = buffer[at + 1]! - 48
      if (!(length >= 0 && length <= 9)) return null
      const leading = length
      at += 2
      for (let digit = buffer[at]! - 48; digit >= 0 && digit <= 9; digit = buffer[++at]! - 48) {
        if (leading === 0) return null
        length = length * 10 + digit
        if (length > maxBulkBytes) return null
      }
      const start = at + 2
      const stop = start + length
      if (stop + 2 > end || length > maxBulkBytes) return null
      if (buffer[at] !== CR || buffer[at + 1] !== LF || buffer[stop] !== CR || buffer[stop + 1] !== LF) return null
      const word = index === 0 ? commandWord(buffer, start, stop) : buffer.latin1Slice(start, stop)
      if (index < words.length) words[index] = word
      else words.push(word)
      at = stop + 2
    }
    this.rawBuffer = buffer
    this.rawStart = this.position
    this.rawEnd = at
    this.position = at
    return words
  }

  private piecewise(): Bytes[] | null {
    for (;;) {
      if (this.words === null) {
        const first = this.carryLength > 0 ? this.carry[0] : this.position < this.end ? this.source[this.position] : undefined
        if (first === undefined) return null
        if (first !== ASTERISK) {
          const line = this.takeLine(LF, 0, 'too big inline request')
          if (line === null) return null
          const words = splitInline(line.endsWith('\r') ? line.slice(0, -1) : line)
          if (words === null) throw new ProtocolError('unbalanced quotes in request')
          if (words.length > 0) return words
          continue
        }
        const header = this.takeLine(CR, 1, 'too big mbulk count string')
        if (header === null) return null
        const count = this.parseCount(header)
        if (count <= 0) continue
        this.words = []
        this.expected = count
      }
      if (!this.takeWords(this.words)) return null
      const words = this.words
      this.words = null
      this.wordsBytes = 0
      return words
    }
  }

  /** Adds words. Returns true once all expected ones are there, false if bytes are missing. */
  private takeWords(words: Bytes[]): boolean {
    while (words.length < this.expected) {
      if (this.bulkLength === -1) {
        const header = this.takeLine(CR, 1, 'too big bulk count string')
        if (header === null) return false
        this.bulkLength = this.parseBulkLength(header)
      }
      const word = this.takeBulk(this.bulkLength)
      if (word === null) return false
      words.push(word)
      this.wordsBytes += word.length + WORD_OVERHEAD_BYTES
      this.bulkLength = -1
    }
    return true
  }

  private get isUnauthenticated(): boolean {
    return !this.isAuthenticated && !this.limits.isOpen
  }

  private parseCount(header: Bytes): number {
    const count = parseInteger(header.slice(1))
    if (count === null || count > this.limits.maxArguments) throw new ProtocolError('invalid multibulk length')
    if (count > MAX_UNAUTHENTICATED_ARGUMENTS && this.isUnauthenticated) throw new ProtocolError('unauthenticated multibulk length')
    return count
  }

  private parseBulkLength(header: Bytes): number {
    if (header[0] !== '$') throw new ProtocolError(`expected '$', got '${header[0] ?? '\r'}'`)
    const length = parseInteger(header.slice(1))
    if (length === null || length < 0 || length > Math.min(this.limits.maxBulkBytes, MAX_BYTES_LENGTH)) {
      throw new ProtocolError('invalid bulk length')
    }
    if (length > MAX_UNAUTHENTICATED_BULK_BYTES && this.isUnauthenticated) throw new ProtocolError('unauthenticated bulk length')
    return length
  }

  /**
   * Returns the bytes up to `terminator`, once it and `after` more bytes have arrived. Throws
   * `tooBig` if it lies beyond maxInlineBytes.
   */
  private takeLine(terminator: number, after: number, tooBig: string): Bytes | null {
    if (this.lineEnd === NOT_FOUND) {
      for (let at = this.position; at < this.end; at++) {
        const byte = this.source[at]
        if (byte === terminator) {
          this.lineEnd = this.carryLength + at - this.position
          break
        }
        if (byte === 0) {
          this.lineEnd = HIDDEN_BY_NUL
          break
        }
      }
    }
    const available = this.carryLength + this.end - this.position
    if ((this.lineEnd < 0 ? available : this.lineEnd) > this.limits.maxInlineBytes) throw new ProtocolError(tooBig)
    if (this.lineEnd < 0) {
      this.appendToCarry(this.end - this.position, this.limits.maxInlineBytes + 2)
      return null
    }
    const line = this.takeFromCarry(this.lineEnd, this.lineEnd + 1 + after)
    if (line !== null) this.lineEnd = NOT_FOUND
    return line
  }

  private takeBulk(length: number): Bytes | null {
    return this.takeFromCarry(length, length + 2)
  }

  /**
   * Returns the first `length` of the next `size` bytes, which begin in the carry. If there are too
   * few, moves all of them into the carry and returns null.
   */
  private takeFromCarry(length: number, size: number): Bytes | null {
    if (this.carryLength === 0 && this.end - this.position >= size) {
      const bytes = this.source.latin1Slice(this.position, this.position + length)
      this.position += size
      return bytes
    }
    const count = Math.min(size - this.carryLength, this.end - this.position)
    this.appendToCarry(count, size)
    if (this.carryLength < size) return null
    const bytes = this.carry.latin1Slice(0, length)
    this.dropCarry()
    return bytes
  }

  /** Moves `count` bytes from the source to the carry, which is expected to reach `size` bytes. */
  private appendToCarry(count: number, size: number): void {
    const needed = this.carryLength + count
    if (needed > this.carry.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(Math.max(2 * needed, MIN_CARRY_BYTES), size)))
      this.carry.copy(grown, 0, 0, this.carryLength)
      this.carry = grown
    }
    this.source.copy(this.carry, this.carryLength, this.position, this.position + count)
    this.carryLength = needed
    this.position += count
  }

  private dropCarry(): void {
    this.carryLength = 0
    if (this.carry.length > MAX_KEPT_CARRY_BYTES) this.carry = NOTHING
  }

  private appendToSource(buffer: Buffer, length: number): void {
    const rest = this.end - this.position
    if (this.end + length > this.source.length) {
      const room = 2 * (rest + length)
      const target = room > this.source.length ? Buffer.allocUnsafeSlow(room) : this.source
      this.source.copy(target, 0, this.position, this.end)
      this.source = target
      this.position = 0
      this.end = rest
    }
    buffer.copy(this.source, this.end, 0, length)
    this.end += length
    this.rawBuffer = null
  }

  private release(): void {
    this.source = NOTHING
    this.isSourceOwn = false
    this.position = 0
    this.end = 0
  }
}

const STRICT_INTEGER = /^(?:0|-?[1-9][0-9]{0,18})$/
const MAX_INT64 = 2n ** 63n

/**
 * Parses a 64-bit integer without plus sign, leading zeros or blanks; null if it is none. Numbers
 * near the ends are rounded to a double.
 */
function parseInteger(digits: Bytes): number | null {
  if (!STRICT_INTEGER.test(digits)) return null
  if (digits.length >= 19) {
    const exact = BigInt(digits)
    if (exact < -MAX_INT64 || exact >= MAX_INT64) return null
  }
  return Number(digits)
}

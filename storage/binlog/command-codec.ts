/**
 * A command as canonical RESP, the one form in which the binlog and the replication stream hold
 * commands:
 *
 *   command = "*" count CRLF { "$" length CRLF bytes CRLF }
 *             count >= 1; decimal, no sign, no leading zeros
 */
import { must } from '../../base/assert.ts'
import { type Bytes, MAX_BYTES_LENGTH } from '../../base/bytes.ts'

/** The limit of words in one command, as Redis has it for clients (INT_MAX). */
const MAX_COMMAND_WORDS = 2 ** 31 - 1

/** Up to this length, a loop over the characters is faster than a call of latin1Write. */
const SHORT_WORD = 16

const ASTERISK = 42
const DOLLAR = 36
const CR = 13
const LF = 10
const ZERO = 48

/** Returns the number of bytes that writeCommand writes. */
export function encodedLength(args: readonly Bytes[]): number {
  let length = 3 + digitCount(args.length)
  for (const { length: size } of args) length += 5 + digitCount(size) + size
  return length
}

/**
 * Writes the command at `offset` and returns the offset after it. Throws RangeError, after writing
 * an unusable part, if the buffer is too small.
 */
export function writeCommand(args: readonly Bytes[], buffer: Buffer, offset: number): number {
  let at = writeHeader(ASTERISK, args.length, buffer, offset)
  for (const word of args) {
    const length = word.length
    at = writeHeader(DOLLAR, length, buffer, at)
    if (length <= SHORT_WORD) for (let i = 0; i < length; i++) buffer[at + i] = word.charCodeAt(i)
    else if (at + length <= buffer.length) buffer.latin1Write(word, at, length)
    at += length
    buffer[at++] = CR
    buffer[at++] = LF
  }
  if (at > buffer.length) throw new RangeError(`a command of ${at - offset} bytes does not fit into ${buffer.length - offset}`)
  return at
}

/**
 * Returns the command that begins at `start` and the offset after it, or null if it continues past
 * `end`. Throws if the bytes, even an incomplete part, cannot be a canonical command. Each call
 * parses from the start, so call it with the whole command if possible.
 */
export function readCommand(buffer: Buffer, start: number, end: number): { args: Bytes[]; end: number } | null {
  const header = readHeader(ASTERISK, MAX_COMMAND_WORDS, buffer, start, end)
  if (header === null) return null
  if (header.value === 0) throw malformed('a command without words', start)
  const args: Bytes[] = []
  let at = header.end
  for (let left = header.value; left > 0; left--) {
    const size = readHeader(DOLLAR, MAX_BYTES_LENGTH, buffer, at, end)
    if (size === null) return null
    const stop = size.end + size.value
    if (stop < end && buffer[stop] !== CR) throw malformed('no line end after a word', stop)
    if (stop + 1 < end && buffer[stop + 1] !== LF) throw malformed('no line end after a word', stop + 1)
    if (stop + 2 > end) return null
    args.push(buffer.latin1Slice(size.end, stop))
    at = stop + 2
  }
  return { args, end: at }
}

const malformed = (what: string, at: number) => new Error(`malformed command: ${what} at ${at}`)

/** Reads `kind number CRLF` at `start`; returns null if it continues past `end`. */
function readHeader(kind: number, limit: number, buffer: Buffer, start: number, end: number): { value: number; end: number } | null {
  if (start >= end) return null
  if (buffer[start] !== kind) throw malformed(`no ${String.fromCharCode(kind)}`, start)
  let value = 0
  let at = start + 1
  for (; at < end; at++) {
    const digit = must(buffer[at]) - ZERO
    if (digit < 0 || digit > 9) break
    if (at === start + 2 && value === 0) throw malformed('a leading zero', start + 1)
    value = value * 10 + digit
    if (value > limit) throw malformed('a number over the limit', start + 1)
  }
  if (at < end && (buffer[at] !== CR || at === start + 1)) throw malformed('no number', at)
  if (at + 1 < end && buffer[at + 1] !== LF) throw malformed('no line end after a number', at + 1)
  return at + 2 > end ? null : { value, end: at + 2 }
}

function writeHeader(kind: number, value: number, buffer: Buffer, offset: number): number {
  buffer[offset] = kind
  const end = offset + 1 + digitCount(value)
  let rest = value
  for (let at = end - 1; at > offset; at--) {
    buffer[at] = ZERO + (rest % 10)
    rest = Math.trunc(rest / 10)
  }
  buffer[end] = CR
  buffer[end + 1] = LF
  return end + 2
}

function digitCount(value: number): number {
  if (value < 10) return 1
  if (value < 100) return 2
  if (value < 1000) return 3
  if (value < 10000) return 4
  let count = 5
  for (let bound = 100000; value >= bound; bound *= 10) count++
  return count
}

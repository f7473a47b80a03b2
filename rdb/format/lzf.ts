/**
 * LZF, the compression of strings in RDB files (the format of Lehmann's liblzf):
 *
 *   input     (literal | match)*
 *   literal   000nnnnn bytes(n + 1)
 *   match     lllooooo [length(1) if l = 7] offset(1): copies l + 2 bytes from o + 1 bytes back,
 *             or length + 9 where l = 7; o is oooooOOOOOOOO, O the offset byte
 */
import { must } from '../../base/assert.ts'

/** The most bytes that one byte of compressed input can stand for. */
export const MAX_LZF_RATIO = 88

const MAX_LITERAL = 32
const MAX_MATCH = 264
const MIN_MATCH = 3
const MAX_BACK = 1 << 13
const HASH_BITS = 13
/** Compressed bytes are used where they are shorter by this much, as Redis does. */
export const MIN_SAVED_BYTES = 4

// hot: runs for each byte of a compressed string; with `must`, decompressing takes 14 % longer
/**
 * Returns the decompressed bytes; null where the input is not exactly `length` bytes compressed.
 */
export function lzfDecompress(input: Buffer, length: number): Buffer | null {
  const output = Buffer.allocUnsafe(length)
  let from = 0
  let to = 0
  while (from < input.length) {
    const control = input[from++]!
    if (control < MAX_LITERAL) {
      const count = control + 1
      if (from + count > input.length || to + count > length) return null
      output.set(input.subarray(from, from + count), to)
      from += count
      to += count
      continue
    }
    let count = (control >> 5) + 2
    if (count === 9) {
      if (from >= input.length) return null
      count += input[from++]!
    }
    if (from >= input.length) return null
    let back = to - (((control & 0x1f) << 8) | input[from++]!) - 1
    if (back < 0 || to + count > length) return null
    for (const end = to + count; to < end; ) output[to++] = output[back++]!
  }
  return to === length ? output : null
}

/** Bytes without a match after which the search moves on by one byte more at a time, as a shift. */
const SKIP_SHIFT = 5
/** The positions of samples, counted over all inputs: an entry of an earlier input is too old. */
const places = new Int32Array(1 << HASH_BITS)
let base = 1

/**
 * Compresses the bytes of the input from `start` to before `end` into the output at `to`. Returns
 * the end of the compressed bytes, or -1 where they would not end before `limit`.
 *
 * Input without matches is searched in growing steps: random bytes take a third of the time.
 */
export function lzfCompressInto(input: Buffer, start: number, end: number, output: Buffer, to: number, limit: number): number {
  const shift = takePlaces(end - start) - start
  let literalsFrom = start
  let i = start
  let misses = 1 << SKIP_SHIFT
  while (i + MIN_MATCH <= end) {
    const a = input[i]!
    const b = input[i + 1]!
    const c = input[i + 2]!
    const slot = Math.imul((a << 16) | (b << 8) | c, 0x9e3779b1) >>> (32 - HASH_BITS)
    const place = places[slot]! - shift
    places[slot] = i + shift
    if (place < start || i - place > MAX_BACK || input[place] !== a || input[place + 1] !== b || input[place + 2] !== c) {
      i += misses++ >> SKIP_SHIFT
      continue
    }
    misses = 1 << SKIP_SHIFT
    const max = Math.min(MAX_MATCH, end - i)
    let count = MIN_MATCH
    while (count < max && input[place + count] === input[i + count]) count++
    to = putLiterals(input, literalsFrom, i, output, to, limit)
    if (to < 0 || to + 3 > limit) return -1
    const back = i - place - 1
    const length = count - 2
    output[to++] = (Math.min(length, 7) << 5) | (back >> 8)
    if (length >= 7) output[to++] = length - 7
    output[to++] = back & 0xff
    i += count
    literalsFrom = i
  }
  return putLiterals(input, literalsFrom, end, output, to, limit)
}

/** Returns the compressed bytes; null where they would not be shorter by four bytes. */
export function lzfCompress(input: Buffer): Buffer | null {
  const output = Buffer.allocUnsafe(input.length)
  const end = lzfCompressInto(input, 0, input.length, output, 0, input.length - MIN_SAVED_BYTES)
  return end < 0 ? null : output.subarray(0, end)
}

/** Takes positions for an input of this length. Returns the first. */
function takePlaces(length: number): number {
  if (base + length > 0x7fff_ffff) {
    places.fill(0)
    base = 1
  }
  const first = base
  base += length
  return first
}

/** Writes runs of literals. Returns where they end in the output, or -1 where there is no room. */
function putLiterals(input: Buffer, from: number, until: number, output: Buffer, to: number, limit: number): number {
  const bytes = until - from
  if (to + bytes + Math.ceil(bytes / MAX_LITERAL) > limit) return -1
  while (from < until) {
    const end = Math.min(from + MAX_LITERAL, until)
    output[to++] = end - from - 1
    while (from < end) output[to++] = must(input[from++])
  }
  return to
}

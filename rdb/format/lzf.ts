/**
 * LZF, the compression of strings in RDB files (the format of Lehmann's liblzf):
 *
 *   input     (literal | match)*
 *   literal   000nnnnn bytes(n + 1)
 *   match     lllooooo [length(1) if l = 7] offset(1): copies l + 2 bytes from o + 1 bytes back,
 *             or length + 9 where l = 7; o is oooooOOOOOOOO, O the offset byte
 */

/** The most bytes that one byte of compressed input can stand for. */
export const MAX_LZF_RATIO = 88

const MAX_LITERAL = 32
const MAX_MATCH = 264
const MIN_MATCH = 3
const MAX_BACK = 1 << 13
const HASH_BITS = 13

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

const places = new Int32Array(1 << HASH_BITS)

/** Returns the compressed bytes; null where they would not be shorter than the input. */
export function lzfCompress(input: Buffer): Buffer | null {
  const output = Buffer.allocUnsafe(input.length)
  const limit = input.length - 4
  places.fill(-1)
  let to = 0
  let literalsFrom = 0
  let i = 0
  while (i + MIN_MATCH <= input.length) {
    const sample = (input[i]! << 16) | (input[i + 1]! << 8) | input[i + 2]!
    const slot = Math.imul(sample, 0x9e3779b1) >>> (32 - HASH_BITS)
    const place = places[slot]!
    places[slot] = i
    if (place < 0 || i - place > MAX_BACK || !isSame(input, place, i)) {
      i++
      continue
    }
    const count = matchLength(input, place, i)
    to = putLiterals(input, literalsFrom, i, output, to)
    if (to < 0 || to + 3 > limit) return null
    const back = i - place - 1
    const length = count - 2
    output[to++] = (Math.min(length, 7) << 5) | (back >> 8)
    if (length >= 7) output[to++] = length - 7
    output[to++] = back & 0xff
    i += count
    literalsFrom = i
  }
  to = putLiterals(input, literalsFrom, input.length, output, to)
  return to < 0 || to > limit ? null : output.subarray(0, to)
}

function isSame(input: Buffer, a: number, b: number): boolean {
  return input[a] === input[b] && input[a + 1] === input[b + 1] && input[a + 2] === input[b + 2]
}

function matchLength(input: Buffer, place: number, i: number): number {
  const max = Math.min(MAX_MATCH, input.length - i)
  let count = MIN_MATCH
  while (count < max && input[place + count] === input[i + count]) count++
  return count
}

/** Writes runs of literals. Returns where they end in the output, or -1 where there is no room. */
function putLiterals(input: Buffer, from: number, until: number, output: Buffer, to: number): number {
  while (from < until) {
    const count = Math.min(MAX_LITERAL, until - from)
    if (to + 1 + count > output.length) return -1
    output[to++] = count - 1
    output.set(input.subarray(from, from + count), to)
    from += count
    to += count
  }
  return to
}

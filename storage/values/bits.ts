/**
 * Counting, finding and combining bits, a 32-bit word at a time. Bit 0 of a string is the highest
 * bit of its first byte.
 *
 * Words are signed: V8 keeps signed words in registers, while unsigned ones become doubles.
 */

// hot: runs once for each word of a string

export type BitOperation = 'and' | 'or' | 'xor'

/**
 * Returns the whole words of a buffer: a view, or a view of a copy if the buffer is not aligned to
 * words.
 */
function wordsOf(buffer: Buffer): Int32Array {
  const count = buffer.length >>> 2
  if ((buffer.byteOffset & 3) === 0) return new Int32Array(buffer.buffer, buffer.byteOffset, count)
  return new Int32Array(new Uint8Array(buffer).buffer, 0, count)
}

/**
 * Returns the number of ones in a word. It adds neighbouring fields of 1, 2 and 4 bits, then the
 * four bytes by one multiplication.
 */
function onesOfWord(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555)
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

/** Returns the number of ones in a buffer. */
export function countOnes(buffer: Buffer): number {
  const words = wordsOf(buffer)
  let count = 0
  for (let i = 0; i < words.length; i++) count += onesOfWord(words[i] as number)
  for (let i = words.length * 4; i < buffer.length; i++) count += onesOfWord(buffer[i] as number)
  return count
}

/** Returns the position of the first bit that equals `bit`, or -1. */
export function firstBit(buffer: Buffer, bit: 0 | 1): number {
  const without = bit === 1 ? 0 : 0xff // a byte without such a bit
  const wordWithout = bit === 1 ? 0 : -1
  const words = wordsOf(buffer)
  let word = 0
  while (word < words.length && words[word] === wordWithout) word++
  for (let i = word * 4; i < buffer.length; i++) {
    const byte = buffer[i] as number
    if (byte !== without) return i * 8 + Math.clz32(byte ^ without) - 24
  }
  return -1
}

/** Combines words in place: `into` becomes `into` op `operand`. */
export function combine(operation: BitOperation, into: Int32Array, operand: Int32Array): void {
  const { length } = into
  if (operation === 'and') for (let i = 0; i < length; i++) into[i] = (into[i] as number) & (operand[i] as number)
  else if (operation === 'or') for (let i = 0; i < length; i++) into[i] = (into[i] as number) | (operand[i] as number)
  else for (let i = 0; i < length; i++) into[i] = (into[i] as number) ^ (operand[i] as number)
}

/** Inverts words in place. */
export function invert(words: Int32Array): void {
  for (let i = 0; i < words.length; i++) words[i] = ~(words[i] as number)
}

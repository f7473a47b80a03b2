/**
 * HyperLogLog (Flajolet et al. 2007) in Redis's format, stored as an ordinary string: 16384
 * registers of 6 bits that estimate the number of different elements added.
 *
 *   "HYLL" encoding(1) zeros(3) cardinality(8) registers
 *   cardinality          little endian; its highest bit: no longer valid
 *   encoding 0, dense    register i in the bits from 6i on, lowest bit of the lowest byte first
 *   encoding 1, sparse   runs of equal registers: see runs.ts
 *
 * An element's hash selects the register and its minimum height. The estimate is Ertl's,
 * arXiv:1702.01284, section 4. It uses only sums, products and square roots, which every machine
 * computes alike, so that it may be replayed.
 */
import { type Bytes, detached } from '../../../base/bytes.ts'
import { hashed, murmurHash64 } from './murmur.ts'

// hot: runs once for each register of a sketch

export const REGISTERS = 16_384
export const HEADER_BYTES = 16
export const DENSE_BYTES = HEADER_BYTES + (REGISTERS * 6) / 8
export const DENSE = 0
const SPARSE = 1
export const ENCODING_AT = 4
const CARDINALITY_AT = 8
/** The byte and the bit that mark the cardinality as not valid. */
const INVALID_AT = 15
const INVALID_BIT = 0x80

/**
 * The maximum length: a register takes at most two bytes. A longer string is no HyperLogLog, even
 * with the right head.
 */
export const MAX_SKETCH_BYTES = HEADER_BYTES + 2 * REGISTERS

const INDEX_BITS = 14
const HASH_BITS = 50
const SEED = 0xadc83b19 | 0

/** An empty sketch, whose cardinality is known. */
export const EMPTY_SKETCH: Bytes = detached(`HYLL\x01${'\0'.repeat(11)}\x7f\xff`)

/**
 * True if a string with this head and length is a HyperLogLog: the head is right, and the length is
 * that of its encoding.
 */
export function isSketch(head: Bytes, length: number): boolean {
  if (length < HEADER_BYTES || !head.startsWith('HYLL')) return false
  const encoding = head.charCodeAt(ENCODING_AT)
  return encoding === DENSE ? length === DENSE_BYTES : encoding === SPARSE
}

export function isDense(sketch: Bytes): boolean {
  return sketch.charCodeAt(ENCODING_AT) === DENSE
}

/**
 * Returns the register and the height of an element in one number: register + height * REGISTERS.
 */
export function registerAndHeightOf(element: Bytes): number {
  murmurHash64(element, 0, SEED)
  const { low, high } = hashed
  return heightOf(low >>> INDEX_BITS, high) * REGISTERS + (low & (REGISTERS - 1))
}

/** Returns one more than the number of zeros at the low end of the remaining hash. */
function heightOf(rest: number, high: number): number {
  if (rest !== 0) return 32 - Math.clz32(rest & -rest)
  return high === 0 ? HASH_BITS + 1 : 32 - Math.clz32(high & -high) + (32 - INDEX_BITS)
}

/** Returns one register of a dense sketch. */
export function denseRegisterOf(sketch: Bytes, index: number): number {
  const bit = index * 6
  const at = HEADER_BYTES + (bit >>> 3)
  const next = at + 1 < DENSE_BYTES ? sketch.charCodeAt(at + 1) : 0
  return ((sketch.charCodeAt(at) | (next << 8)) >>> (bit & 7)) & 63
}

/** Returns one register of a dense sketch in a buffer. */
export function denseRegister(sketch: Uint8Array, index: number): number {
  const bit = index * 6
  const at = HEADER_BYTES + (bit >>> 3)
  const next = at + 1 < DENSE_BYTES ? (sketch[at + 1] as number) : 0
  return (((sketch[at] as number) | (next << 8)) >>> (bit & 7)) & 63
}

export function setDenseRegister(sketch: Uint8Array, index: number, height: number): void {
  const bit = index * 6
  const at = HEADER_BYTES + (bit >>> 3)
  const shift = bit & 7
  sketch[at] = ((sketch[at] as number) & ~(63 << shift)) | (height << shift)
  if (shift > 2) sketch[at + 1] = ((sketch[at + 1] as number) & ~(63 >>> (8 - shift))) | (height >>> (8 - shift))
}

/** Returns the cardinality kept in the header, or null if it is not valid. */
export function keptCardinality(sketch: Bytes): number | bigint | null {
  if ((sketch.charCodeAt(INVALID_AT) & INVALID_BIT) !== 0) return null
  let low = 0
  let high = 0
  for (let at = CARDINALITY_AT + 3; at >= CARDINALITY_AT; at--) {
    low = low * 256 + sketch.charCodeAt(at)
    high = high * 256 + sketch.charCodeAt(at + 4)
  }
  const cardinality = high * 2 ** 32 + low
  return Number.isSafeInteger(cardinality) ? cardinality : (BigInt(high) << 32n) + BigInt(low)
}

/** Writes a cardinality into the header, which makes it valid. */
export function keepCardinality(sketch: Buffer, cardinality: number): void {
  sketch.writeUInt32LE(cardinality % 2 ** 32, CARDINALITY_AT)
  sketch.writeUInt32LE(Math.floor(cardinality / 2 ** 32), CARDINALITY_AT + 4)
}

/** Marks the cardinality in the header as no longer valid. */
export function invalidateCardinality(sketch: Uint8Array): void {
  sketch[INVALID_AT] = (sketch[INVALID_AT] as number) | INVALID_BIT
}

/** The limit of 1 / (2 ln 2) to which the bias tends. */
const ALPHA = 0.7213475204444817

/** Returns the estimate for `heights[h]` registers of each height h. */
export function estimate(heights: ArrayLike<number>): number {
  let sum = REGISTERS * tau((REGISTERS - (heights[HASH_BITS + 1] as number)) / REGISTERS)
  for (let height = HASH_BITS; height >= 1; height--) sum = (sum + (heights[height] as number)) * 0.5
  sum += REGISTERS * sigma((heights[0] as number) / REGISTERS)
  return Math.round((ALPHA * REGISTERS * REGISTERS) / sum)
}

function sigma(share: number): number {
  if (share === 1) return Number.POSITIVE_INFINITY
  let power = share
  let factor = 1
  let sum = share
  let before: number
  do {
    power *= power
    before = sum
    sum += power * factor
    factor += factor
  } while (sum !== before)
  return sum
}

function tau(share: number): number {
  if (share === 0 || share === 1) return 0
  let root = share
  let factor = 1
  let sum = 1 - share
  let before: number
  do {
    root = Math.sqrt(root)
    before = sum
    factor *= 0.5
    sum -= (1 - root) * (1 - root) * factor
  } while (sum !== before)
  return sum / 3
}

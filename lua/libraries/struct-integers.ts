/**
 * Integers of 0 to 32 bytes in either byte order. As in Redis's struct, only 64 bits have a value:
 * longer integers are padded with zeros, and their low 64 bits are read.
 */
import { MIN_INTEGER, toSignedInteger } from './arguments.ts'
import type { Output } from './output.ts'

const WORD = 2 ** 32

/**
 * Writes a double without its fraction. A negative one is in two's complement; one that is too
 * large is converted as the processor does.
 */
export function packInteger(output: Output, value: number, size: number, isLittleEndian: boolean): void {
  const integer = value < 0 ? toSignedInteger(value) : toUnsignedInteger(value)
  const low = integer >>> 0
  const high = Math.floor(integer / WORD) >>> 0
  for (let i = 0; i < size; i++) {
    const place = isLittleEndian ? i : size - 1 - i
    output.byte(place < 4 ? (low >>> (8 * place)) & 0xff : place < 8 ? (high >>> (8 * (place - 4))) & 0xff : 0)
  }
}

/**
 * Converts a double to an unsigned 64-bit integer as the processor does. A result below 0 means a
 * number beyond every length.
 */
export function toUnsignedInteger(value: number): number {
  if (value < WORD * WORD) return Math.trunc(value)
  return Number.isNaN(value) ? MIN_INTEGER : 0
}

/** Reads the integer of `size` bytes that begins at a position. */
export function unpackedInteger(bytes: Buffer, position: number, size: number, isLittleEndian: boolean, isSigned: boolean): number {
  let low = 0
  let high = 0
  for (let i = 0; i < Math.min(size, 8); i++) {
    // hot: each byte
    const byte = bytes[isLittleEndian ? position + i : position + size - 1 - i] as number
    if (i < 4) low |= byte << (8 * i)
    else high |= byte << (8 * (i - 4))
  }
  if (!isSigned) return (high >>> 0) * WORD + (low >>> 0)
  if (size > 8) return signedOfMany(low, high, size)
  if (size <= 4) return size === 0 ? 0 : (low << (32 - 8 * size)) >> (32 - 8 * size)
  return ((high << (64 - 8 * size)) >> (64 - 8 * size)) * WORD + (low >>> 0)
}

/**
 * Extends the sign of an integer of more than eight bytes as Redis's struct does. C shifts there by
 * 64 bits or more, which a processor takes modulo 64: so bit (8 * size - 1) % 64 is the sign.
 */
function signedOfMany(low: number, high: number, size: number): number {
  const value = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)
  const mask = BigInt.asUintN(64, -1n << BigInt((size * 8 - 1) & 63))
  return Number(BigInt.asIntN(64, (value & mask) === 0n ? value : value | mask))
}

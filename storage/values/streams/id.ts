/**
 * Stream ids, `ms-seq`, both unsigned 64-bit: 16 bytes, big-endian, so that ids compare as Bytes
 * do.
 *
 * A number of 64 bits is a JavaScript number if that is exact, else a bigint. Each value has only
 * one form, so `===` compares.
 */
import type { Bytes } from '../../../base/bytes.ts'

export type Uint64 = number | bigint

export const ZERO_ID: Bytes = '\x00'.repeat(16)
export const MAX_ID: Bytes = '\xff'.repeat(16)
export const MAX_UINT64 = 2n ** 64n - 1n
const MAX_COUNT = 2n ** 63n - 1n

const HIGH = 0x1_0000_0000
/** High halves from here on make numbers past 2^53. */
const INEXACT_HIGH = 0x20_0000

const scratch = Buffer.alloc(16)

export function idOf(ms: Uint64, seq: Uint64): Bytes {
  putUint64(scratch, 0, ms)
  putUint64(scratch, 8, seq)
  return scratch.latin1Slice(0, 16)
}

export function msOf(id: Bytes): Uint64 {
  return uint64At(id, 0)
}

export function seqOf(id: Bytes): Uint64 {
  return uint64At(id, 8)
}

/** Returns an id as clients write it. */
export function idText(id: Bytes): Bytes {
  return `${uint64At(id, 0)}-${uint64At(id, 8)}`
}

/** Returns the id after this one, or null after the last. */
export function nextId(id: Bytes): Bytes | null {
  const seq = seqOf(id)
  if (seq !== MAX_UINT64) return idOf(msOf(id), plus(seq, 1))
  const ms = msOf(id)
  return ms === MAX_UINT64 ? null : idOf(plus(ms, 1), 0)
}

/** Returns the id before this one, or null before the first. */
export function previousId(id: Bytes): Bytes | null {
  const seq = seqOf(id)
  if (seq !== 0) return idOf(msOf(id), plus(seq, -1))
  const ms = msOf(id)
  return ms === 0 ? null : idOf(plus(ms, -1), MAX_UINT64)
}

/** Returns the sum, in the one form that Uint64 gives it. */
export function plus(a: Uint64, b: Uint64): Uint64 {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b
    if (Number.isSafeInteger(sum)) return sum
  }
  return uint64Of(BigInt(a) + BigInt(b))
}

/**
 * Returns the count plus one. Counts end where signed 64-bit integers do, as the replies to clients
 * and the log do.
 */
export function increment(count: Uint64): Uint64 {
  return count === MAX_COUNT ? count : plus(count, 1)
}

/** Returns a bigint in the one form that Uint64 gives it. */
export function uint64Of(value: bigint): Uint64 {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
}

export function putUint64(buffer: Buffer, at: number, value: Uint64): void {
  if (typeof value === 'number') {
    buffer.writeUInt32BE(Math.floor(value / HIGH), at)
    buffer.writeUInt32BE(value >>> 0, at + 4)
  } else buffer.writeBigUInt64BE(value, at)
}

/** Reads 4 bytes, big-endian. */
export function uint32At(bytes: Bytes, at: number): number {
  return bytes.charCodeAt(at) * 0x100_0000 + (bytes.charCodeAt(at + 1) << 16) + (bytes.charCodeAt(at + 2) << 8) + bytes.charCodeAt(at + 3)
}

/** Reads 8 bytes, big-endian. */
export function uint64At(bytes: Bytes, at: number): Uint64 {
  const high = uint32At(bytes, at)
  const low = uint32At(bytes, at + 4)
  return high < INEXACT_HIGH ? high * HIGH + low : (BigInt(high) << 32n) | BigInt(low)
}

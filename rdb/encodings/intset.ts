/**
 * Intsets: small sets of integers in one string. On disk, little-endian:
 *
 *   intset   size(4) count(4) integer(size)*     size: 2, 4 or 8; the integers ascend
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Packed } from '../format/packed.ts'

const HEADER_BYTES = 8

/** Returns the members. Throws RdbError where the bytes are no intset. */
export function readIntset(packed: Packed): Bytes[] {
  const { bytes } = packed
  if (bytes.length < HEADER_BYTES) throw packed.damaged(0, 'an intset is shorter than its header')
  const size = bytes.readUInt32LE(0)
  if (size !== 2 && size !== 4 && size !== 8) throw packed.damaged(0, 'an intset has an unknown integer size')
  const count = bytes.readUInt32LE(4)
  if (HEADER_BYTES + count * size !== bytes.length) throw packed.damaged(4, 'the count in the header of an intset is wrong')
  packed.checkCount(count)
  const members: Bytes[] = []
  let previous: bigint | number | null = null
  for (let position = HEADER_BYTES; position < bytes.length; position += size) {
    const value: bigint | number = size === 8 ? bytes.readBigInt64LE(position) : bytes.readIntLE(position, size)
    if (previous !== null && value <= previous) throw packed.damaged(position, 'the integers of an intset do not ascend')
    members.push(String(value))
    previous = value
  }
  return members
}

/** Returns the intset of distinct integers in any order. */
export function writeIntset(integers: readonly bigint[]): Buffer {
  const sorted = BigInt64Array.from(integers).sort()
  const size = Math.max(...[sorted[0] ?? 0n, sorted.at(-1) ?? 0n].map(sizeOf))
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + sorted.length * size)
  bytes.writeUInt32LE(size, 0)
  bytes.writeUInt32LE(sorted.length, 4)
  for (const [index, value] of sorted.entries()) {
    const position = HEADER_BYTES + index * size
    if (size === 8) bytes.writeBigInt64LE(value, position)
    else bytes.writeIntLE(Number(value), position, size)
  }
  return bytes
}

function sizeOf(value: bigint): number {
  if (BigInt.asIntN(16, value) === value) return 2
  return BigInt.asIntN(32, value) === value ? 4 : 8
}

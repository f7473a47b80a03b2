/** A packed encoding: one string of the RDB that holds many elements. */
import type { Bytes } from '../../base/bytes.ts'
import { MAX_PACKED_COUNT } from './budget.ts'
import { damagedAt, type RdbError, refusedAt } from './rdb-error.ts'

/** The bytes of a packed encoding and where they stand in the input. */
export class Packed {
  readonly bytes: Buffer
  private readonly startOffset: number
  private readonly isCompressed: boolean

  constructor(bytes: Buffer, startOffset: number, form: 'raw' | 'compressed') {
    this.bytes = bytes
    this.startOffset = startOffset
    this.isCompressed = form === 'compressed'
  }

  /** Returns the error of a byte. Within compressed bytes, the offset is that of their start. */
  damaged(position: number, text: string): RdbError {
    if (!this.isCompressed) return damagedAt(this.startOffset + position, text)
    return damagedAt(this.startOffset, `${text}, at byte ${position} of the decompressed value`)
  }

  /** Throws RdbError where the encoding has more elements than one may have. */
  checkCount(count: number): void {
    if (count > MAX_PACKED_COUNT) throw refusedAt(this.startOffset, `a packed encoding of more than ${MAX_PACKED_COUNT} elements`)
  }
}

/** Throws RdbError where a member is one of those seen; adds it otherwise. */
export function addUnique(seen: Set<Bytes>, member: Bytes, error: () => RdbError): void {
  const { size } = seen
  seen.add(member)
  if (seen.size === size) throw error()
}

/** Returns the bytes from start to end as a number with a sign, little-endian, at most 6 bytes. */
export function signed(bytes: Buffer, position: number, size: number): Bytes {
  return String(bytes.readIntLE(position, size))
}

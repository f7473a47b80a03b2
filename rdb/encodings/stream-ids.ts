/** Ids of stream entries, as 16 bytes big-endian: ms and sequence, 8 bytes each. */
import type { Bytes } from '../../base/bytes.ts'
import type { RdbStreamId } from '../elements.ts'

const scratch = Buffer.alloc(16)

/** Returns the id of two numbers. REQUIRES: each is one of 64 bits without a sign. */
export function streamId(ms: bigint, sequence: bigint): RdbStreamId {
  scratch.writeBigUInt64BE(ms, 0)
  scratch.writeBigUInt64BE(sequence, 8)
  return scratch.latin1Slice()
}

/** Returns ms and sequence of an id. */
export function numbersOf(id: Bytes): [ms: bigint, sequence: bigint] {
  scratch.latin1Write(id, 0)
  return [scratch.readBigUInt64BE(0), scratch.readBigUInt64BE(8)]
}

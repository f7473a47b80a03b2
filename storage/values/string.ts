/**
 * Reading a string value in either of its forms, bytes or rope. Positions and lengths are in bytes;
 * `value.length` is right for both.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Rope } from './rope.ts'

export type StringValue = Bytes | Rope

/** Returns a copy of the bytes from start to before end. */
export function stringBuffer(value: StringValue, start = 0, end: number = value.length): Buffer {
  return typeof value === 'string' ? Buffer.from(value.slice(start, end), 'latin1') : value.read(start, end)
}

/** Returns the bytes from start to before end in pieces, read only, valid until the next change. */
export function stringPieces(value: StringValue, start: number, end: number): Iterable<Buffer> {
  if (start >= end) return []
  return typeof value === 'string' ? [stringBuffer(value, start, end)] : value.pieces(start, end)
}

/** Returns one byte; 0 past the end. */
export function stringByteAt(value: StringValue, position: number): number {
  if (position >= value.length) return 0
  return typeof value === 'string' ? value.charCodeAt(position) : value.byteAt(position)
}

/** Copying short ranges of bytes, which most keys and many values are. */

// hot: runs for each record of an import

/** Bytes up to which a loop copies faster than a call. */
const SHORT_BYTES = 48

/** Copies bytes from one array to another. */
export function copyBytes(from: Uint8Array, fromAt: number, length: number, to: Uint8Array, toAt: number): void {
  if (length > SHORT_BYTES) to.set(from.subarray(fromAt, fromAt + length), toAt)
  else for (let i = 0; i < length; i++) to[toAt + i] = from[fromAt + i]!
}

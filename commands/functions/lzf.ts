/**
 * LZF, with which Redis's dumps compress strings (Marc Lehmann's LibLZF):
 *
 *   000lllll bytes              l + 1 literal bytes
 *   lllooooo oooooooo           l + 2 bytes (l from 1 to 6) from o + 1 bytes back in the output
 *   111ooooo llllllll oooooooo  l + 9 bytes, likewise
 */

// hot: runs once for each byte

/** Returns the `length` decompressed bytes; null if the input gives anything else. */
export function lzfDecompressed(input: Buffer, length: number): Buffer | null {
  const output = Buffer.alloc(length)
  let to = 0
  let at = 0
  while (at < input.length) {
    const control = input[at++] as number
    if (control < 32) {
      const count = control + 1
      if (at + count > input.length || to + count > length) return null
      input.copy(output, to, at, at + count)
      at += count
      to += count
      continue
    }
    let count = (control >> 5) + 2
    if (count === 9) count += input[at++] ?? 0
    const low = input[at++]
    if (low === undefined) return null
    let from = to - ((control & 31) << 8) - low - 1
    if (from < 0 || to + count > length) return null
    // Byte by byte, because the source may overlap the bytes just written.
    for (; count > 0; count--) output[to++] = output[from++] as number
  }
  return to === length ? output : null
}

/**
 * CRC-64 with the polynomial of Jones, reflected, without inversion: the checksum at the end of RDB
 * files and DUMP payloads. The tables are those of slicing by eight (Kounavis and Berry, 2005), in
 * halves of 32 bits.
 */
import { endianness } from 'node:os'
import { must } from '../../base/assert.ts'

/** True if words are read from memory as the checksum takes them. */
const IS_LITTLE_ENDIAN = endianness() === 'LE'
/** Fewer bytes are not worth a view of their words. */
const MIN_WORDS_BYTES = 128

const POLYNOMIAL_HIGH = 0x95ac9329 | 0
const POLYNOMIAL_LOW = 0xac4bc9b5 | 0

const high = new Int32Array(8 * 256)
const low = new Int32Array(8 * 256)
fillTables()

function fillTables(): void {
  for (let byte = 0; byte < 256; byte++) {
    let h = 0
    let l = byte
    for (let bit = 0; bit < 8; bit++) {
      const isOdd = (l & 1) !== 0
      l = (l >>> 1) | (h << 31)
      h >>>= 1
      if (isOdd) {
        h ^= POLYNOMIAL_HIGH
        l ^= POLYNOMIAL_LOW
      }
    }
    high[byte] = h
    low[byte] = l
  }
  for (let i = 256; i < high.length; i++) {
    const h = must(high[i - 256])
    const l = must(low[i - 256])
    high[i] = must(high[l & 0xff]) ^ (h >>> 8)
    low[i] = must(low[l & 0xff]) ^ ((l >>> 8) | (h << 24))
  }
}

/** A checksum that takes bytes in parts. */
export class Crc64 {
  private high = 0
  private low = 0

  update(bytes: Buffer, start = 0, end = bytes.length): void {
    let wordsFrom = start
    let wordCount = 0
    if (IS_LITTLE_ENDIAN && end - start >= MIN_WORDS_BYTES) {
      wordsFrom = start + (-(bytes.byteOffset + start) & 3)
      wordCount = ((end - wordsFrom) >> 3) * 2
    }
    this.updateBytes(bytes, start, wordsFrom)
    if (wordCount > 0) this.updateWords(new Int32Array(bytes.buffer, bytes.byteOffset + wordsFrom, wordCount))
    this.updateBytes(bytes, wordsFrom + wordCount * 4, end)
  }

  /** Takes an even number of words, eight bytes at a time. */
  private updateWords(words: Int32Array): void {
    let h = this.high
    let l = this.low
    for (let i = 0; i < words.length; i += 2) {
      l ^= must(words[i])
      h ^= must(words[i + 1])
      const a = 1792 + (l & 0xff)
      const b = 1536 + ((l >>> 8) & 0xff)
      const c = 1280 + ((l >>> 16) & 0xff)
      const d = 1024 + (l >>> 24)
      const e = 768 + (h & 0xff)
      const f = 512 + ((h >>> 8) & 0xff)
      const g = 256 + ((h >>> 16) & 0xff)
      const k = h >>> 24
      l = must(low[a]) ^ must(low[b]) ^ must(low[c]) ^ must(low[d]) ^ must(low[e]) ^ must(low[f]) ^ must(low[g]) ^ must(low[k])
      h = must(high[a]) ^ must(high[b]) ^ must(high[c]) ^ must(high[d]) ^ must(high[e]) ^ must(high[f]) ^ must(high[g]) ^ must(high[k])
    }
    this.high = h
    this.low = l
  }

  private updateBytes(bytes: Buffer, start: number, end: number): void {
    let h = this.high
    let l = this.low
    for (let i = start; i < end; i++) {
      const at = (l ^ must(bytes[i])) & 0xff
      l = ((l >>> 8) | (h << 24)) ^ must(low[at])
      h = (h >>> 8) ^ must(high[at])
    }
    this.high = h
    this.low = l
  }

  /** Returns the checksum as its eight bytes, little-endian. */
  digest(): Buffer {
    const bytes = Buffer.allocUnsafe(8)
    bytes.writeInt32LE(this.low, 0)
    bytes.writeInt32LE(this.high, 4)
    return bytes
  }
}

/** Returns the checksum of the bytes as its eight bytes, little-endian. */
export function crc64(bytes: Buffer): Buffer {
  const crc = new Crc64()
  crc.update(bytes)
  return crc.digest()
}

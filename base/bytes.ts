/**
 * A byte sequence is a JavaScript string whose char codes are the bytes (latin1, a V8 one-byte
 * string). Such strings compare with `===` and `<` in memcmp order, serve as keys of a Map, and
 * cross to sockets and files at memcpy speed.
 *
 * Invariant: bytes that enter the store were made by `latin1Slice` or by building a new string.
 * Substrings of received data would keep the whole of it alive.
 */
export type Bytes = string

declare global {
  /** Methods that every supported version of Node has, though only version 24 documents them. */
  interface Buffer {
    latin1Slice(start?: number, end?: number): string
    utf8Slice(start?: number, end?: number): string
    latin1Write(text: string, offset?: number, length?: number): number
  }
}

/**
 * The longest byte sequence that a V8 string can hold, in bytes; slightly less than 512 MiB. Longer
 * values exist only as ropes.
 */
export const MAX_BYTES_LENGTH = 536_870_888

export const EMPTY: Bytes = ''

/** A range of a buffer. */
export interface BytesInPlace {
  bytes: Buffer
  from: number
  length: number
}

/** Returns a copy of the bytes of `buffer`. */
export function bytesOf(buffer: Buffer, start = 0, end = buffer.length): Bytes {
  return buffer.latin1Slice(start, end)
}

/** Returns a new buffer with the bytes. */
export function bufferOf(bytes: Bytes): Buffer {
  return Buffer.from(bytes, 'latin1')
}

/** Returns the UTF-8 bytes of a text, such as a file name or a flag of the command line. */
export function bytesOfText(text: string): Bytes {
  return Buffer.from(text, 'utf8').latin1Slice()
}

/** Returns the text of UTF-8 bytes; ill-formed sequences become U+FFFD. */
export function textOf(bytes: Bytes): string {
  return Buffer.from(bytes, 'latin1').utf8Slice()
}

/** Returns a copy that shares no memory with `bytes`, for keeping a part of a larger sequence. */
export function detached(bytes: Bytes): Bytes {
  return Buffer.from(bytes, 'latin1').latin1Slice()
}

/**
 * Returns the bytes with A to Z in lower case. Other bytes stay, while `toLowerCase` would change
 * those from 0xC0 to 0xDE, too.
 */
export function lowerCase(bytes: Bytes): Bytes {
  for (let i = 0; i < bytes.length; i++) {
    const code = bytes.charCodeAt(i)
    if (code >= 65 && code <= 90) return bytes.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
  }
  return bytes
}

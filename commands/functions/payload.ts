/**
 * The payload of FUNCTION DUMP and FUNCTION RESTORE, interchangeable with Redis 7:
 *
 *   { f5 string } version(2) crc64(8)   both little-endian; the CRC covers all bytes before it;
 *                                       each string is the code of one library
 *
 *   string of RDB:  00llllll bytes        01llllll llllllll bytes
 *                   80 length(4) bytes    81 length(8) bytes, big-endian
 *                   c0, c1, c2            an integer of 1, 2 or 4 bytes, little-endian: its digits
 *                   c3 compressed-length length bytes: LZF; both lengths as above
 *
 * Strings are written in the plain form and read in every form.
 */
import { must } from '../../base/assert.ts'
import { type Bytes, bufferOf, MAX_BYTES_LENGTH } from '../../base/bytes.ts'
import { clientError } from '../contract/errors.ts'
import { crc64 } from './crc64.ts'
import { lzfDecompressed } from './lzf.ts'

const LIBRARY = 0xf5
const LIBRARY_BEFORE_7 = 0xf6
/** The version of Redis 7.0, which all later versions read. */
const WRITTEN_VERSION = 10
/** The version of Redis 7.2. */
const LATEST_VERSION = 11
const VERSION_BYTES = 2
const FOOTER_BYTES = VERSION_BYTES + 8

const SIX_BITS = 0
const FOURTEEN_BITS = 1
const SPECIAL = 3
const LENGTH_32 = 0x80
const LENGTH_64 = 0x81
const COMPRESSED = 3

/** Returns the payload of these libraries. */
export function writePayload(codes: Iterable<Bytes>): Buffer {
  const parts: Buffer[] = []
  for (const code of codes) parts.push(Buffer.from([LIBRARY]), writtenLength(code.length), bufferOf(code))
  parts.push(Buffer.from([WRITTEN_VERSION, 0]))
  const body = Buffer.concat(parts)
  return Buffer.concat([body, crc64(body, body.length)])
}

/** Returns the codes of the libraries in a payload. Throws a client error for other bytes. */
export function readPayload(payload: Bytes): Bytes[] {
  const buffer = bufferOf(payload)
  const end = buffer.length - FOOTER_BYTES
  if (
    end < 0 ||
    buffer.readUInt16LE(end) > LATEST_VERSION ||
    !crc64(buffer, end + VERSION_BYTES).equals(buffer.subarray(end + VERSION_BYTES))
  )
    throw clientError('ERR DUMP payload version or checksum are wrong')
  const codes: Bytes[] = []
  const reader = new PayloadReader(buffer.subarray(0, end))
  while (!reader.isAtEnd) {
    const type = reader.byte()
    if (type === LIBRARY_BEFORE_7) throw clientError('ERR Pre-GA function format not supported')
    if (type !== LIBRARY) throw clientError('ERR given type is not a function')
    codes.push(reader.string())
  }
  return codes
}

function writtenLength(length: number): Buffer {
  if (length < 1 << 6) return Buffer.from([length])
  if (length < 1 << 14) return Buffer.from([(FOURTEEN_BITS << 6) | (length >> 8), length & 0xff])
  const written = Buffer.allocUnsafe(5)
  written[0] = LENGTH_32
  written.writeUInt32BE(length, 1)
  return written
}

const damaged = () => clientError('ERR Failed loading library payload')

class PayloadReader {
  private readonly buffer: Buffer
  private at = 0

  constructor(buffer: Buffer) {
    this.buffer = buffer
  }

  get isAtEnd(): boolean {
    return this.at === this.buffer.length
  }

  byte(): number {
    return must(this.readBytes(1)[0])
  }

  string(): Bytes {
    const first = this.buffer[this.at] ?? 0
    if (first >> 6 !== SPECIAL) return this.readBytes(this.length()).latin1Slice()
    this.at++
    const form = first & 0x3f
    if (form < COMPRESSED) return String(this.readBytes(1 << form).readIntLE(0, 1 << form))
    if (form !== COMPRESSED) throw damaged()
    const compressedLength = this.length()
    const length = this.length()
    // LZF expands three bytes to at most 264.
    if (length > MAX_BYTES_LENGTH || length > compressedLength * 88) throw damaged()
    const content = lzfDecompressed(this.readBytes(compressedLength), length)
    if (content === null) throw damaged()
    return content.latin1Slice()
  }

  private length(): number {
    const first = this.byte()
    if (first >> 6 === SIX_BITS) return first & 0x3f
    if (first >> 6 === FOURTEEN_BITS) return ((first & 0x3f) << 8) | this.byte()
    if (first === LENGTH_32) return this.readBytes(4).readUInt32BE()
    if (first === LENGTH_64) return Number(this.readBytes(8).readBigUInt64BE())
    throw damaged()
  }

  private readBytes(count: number): Buffer {
    const end = this.at + count
    if (end > this.buffer.length) throw damaged()
    const taken = this.buffer.subarray(this.at, end)
    this.at = end
    return taken
  }
}

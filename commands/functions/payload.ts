/**
 * The payload of FUNCTION DUMP and FUNCTION RESTORE, interchangeable with Redis 7:
 *
 *   { f5 string } version(2) crc64(8)   both little-endian; the CRC covers all bytes before it;
 *                                       each string is the code of one library
 *
 * rdb/format/input.ts has the grammar of strings. They are written in the plain form and read in
 * every form.
 */
import { type Bytes, bufferOf, MAX_BYTES_LENGTH } from '../../base/bytes.ts'
import { DEFAULT_BUDGET } from '../../rdb/format/budget.ts'
import { OPCODE_FUNCTION_PRE_GA, OPCODE_FUNCTION2, VERSION_REDIS_7_0 } from '../../rdb/format/codes.ts'
import { crc64 } from '../../rdb/format/crc64.ts'
import { RdbInput } from '../../rdb/format/input.ts'
import { RdbOutput } from '../../rdb/format/output.ts'
import { RdbError } from '../../rdb/format/rdb-error.ts'
import { clientError, wrongPayload } from '../contract/errors.ts'

/** The version of Redis 7.2. */
const LATEST_VERSION = 11
const VERSION_BYTES = 2
const FOOTER_BYTES = VERSION_BYTES + 8

/** Returns the payload of these libraries. */
export function encodeLibraries(codes: Iterable<Bytes>): Buffer {
  const out = new RdbOutput({ mayCompress: false, hasChecksum: true })
  for (const code of codes) {
    out.byte(OPCODE_FUNCTION2)
    out.writeLength(code.length)
    out.raw(code)
  }
  out.byte(VERSION_REDIS_7_0)
  out.byte(0)
  return Buffer.concat([out.take(), out.checksum()])
}

/** Returns the codes of the libraries in a payload. Throws a client error for other bytes. */
export function decodeLibraries(payload: Bytes): Bytes[] {
  const buffer = bufferOf(payload)
  const end = buffer.length - FOOTER_BYTES
  if (
    end < 0 ||
    buffer.readUInt16LE(end) > LATEST_VERSION ||
    !crc64(buffer.subarray(0, end + VERSION_BYTES)).equals(buffer.subarray(end + VERSION_BYTES))
  )
    throw wrongPayload()
  const input = RdbInput.of(buffer.subarray(0, end), { ...DEFAULT_BUDGET, maxStringBytes: MAX_BYTES_LENGTH })
  try {
    return readCodes(input)
  } catch (error) {
    throw error instanceof RdbError ? clientError('ERR Failed loading library payload') : error
  }
}

function readCodes(input: RdbInput): Bytes[] {
  const codes: Bytes[] = []
  while (!input.isExhausted) {
    const type = input.byte()
    if (type === OPCODE_FUNCTION_PRE_GA) throw clientError('ERR Pre-GA function format not supported')
    if (type !== OPCODE_FUNCTION2) throw clientError('ERR given type is not a function')
    codes.push(input.string())
  }
  return codes
}

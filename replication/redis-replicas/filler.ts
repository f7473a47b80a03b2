/**
 * Bytes that a Redis replica executes without effect. Filler takes the place of what a replica is
 * not sent, so that an offset of its stream is the same offset of the binlog.
 *
 *   filler = 1*( [ LF ] "*2" CRLF "$4" CRLF "PING" CRLF "$" length CRLF dots CRLF )
 *
 * A newline between commands is an empty request, which Redis counts together with the next
 * command. It fills the one byte where the length of the argument needs another digit.
 */
import { assert } from '../../base/assert.ts'

const PREFIX = '*2\r\n$4\r\nPING\r\n$'
/** The bytes of a PING beside its argument and the digits of its length. */
const FRAME_BYTES = PREFIX.length + 4
/** The shortest filler: a PING with an empty argument. */
export const MIN_FILLER_BYTES = FRAME_BYTES + 1
/** About the longest PING of a filler. */
const PING_BYTES = 64 * 1024
const DOT = 0x2e
const LINE_FEED = Buffer.from('\n')

/** Asks a Redis replica for an acknowledgement. */
export const GETACK = Buffer.from('*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n')

/** Returns filler of exactly this length. REQUIRES: at least MIN_FILLER_BYTES. */
export function filler(length: number): Buffer[] {
  assert(length >= MIN_FILLER_BYTES, 'filler has room for a PING')
  const pieces: Buffer[] = []
  let left = length
  for (; left >= 2 * PING_BYTES; left -= PING_BYTES) pieces.push(...ping(PING_BYTES))
  return [...pieces, ...ping(left)]
}

/** Returns a PING of this length, after a newline where no PING has it. */
function ping(length: number): Buffer[] {
  let digits = 1
  while (length - FRAME_BYTES - digits >= 10 ** digits) digits++
  const argument = length - FRAME_BYTES - digits
  if (String(argument).length !== digits) return [LINE_FEED, ...ping(length - 1)]
  const bytes = Buffer.alloc(length, DOT)
  bytes.latin1Write(`${PREFIX}${argument}\r\n`, 0)
  bytes.latin1Write('\r\n', length - 2)
  return [bytes]
}

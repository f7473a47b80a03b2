/**
 * A group: commands that share one reading of the clock and are appended to the binlog at once. The
 * binlog is a Redis replication stream, byte for byte. On disk: never change.
 *
 *   segment  = group*          file named after the offset of its first byte, 20 digits
 *   group    = head body
 *   head     = "*2\r\n$4\r\nPING\r\n$102\r\n" header "\r\n"
 *                              124 bytes; any Redis replica or AOF loader ignores it
 *   header   = "HPL1 " replication-id(8) " " offset(20) " " length(12) " " clock(15)
 *              " " synced(20) " " before(8) " " crc(8)
 *   body     = command*        RESP arrays of bulk strings; SELECT where the database
 *                              changes, back to 0 at the end
 *
 *   replication-id  first 8 hex digits of the history's id
 *   offset          of the group's first byte in the stream, decimal
 *   length          of the body in bytes, decimal
 *   clock           the wall time of its commands, ms since the epoch, decimal
 *   synced          everything before this offset was durable when the group was written, decimal
 *   before          CRC-32 of the previous group, hex
 *   crc             CRC-32, hex: with `before` as zlib's start value, of the header up to the crc
 *                   field and the body
 *
 * The CRCs are chained, as in etcd's write-ahead log: `before` ties a group to its predecessor.
 * Two histories therefore differ from their fork on, whatever they contain.
 */
import { crc32 } from 'node:zlib'
import { assert, must } from '../../base/assert.ts'

const HEADER_LENGTH = 102
const PREFIX = `*2\r\n$4\r\nPING\r\n$${HEADER_LENGTH}\r\n`
/** Bytes of a group before its body. */
export const GROUP_HEAD_BYTES = PREFIX.length + HEADER_LENGTH + 2
const MAGIC = 'HPL1 '
const HEADER_PATTERN = /^HPL1 ([0-9a-f]{8}) (\d{20}) (\d{12}) (\d{15}) (\d{20}) ([0-9a-f]{8}) ([0-9a-f]{8})$/
/** The first bytes of every group, for finding the next one after damage. */
export const GROUP_START = Buffer.from(PREFIX + MAGIC, 'latin1')

/** A position between groups: the offset of the next group and the CRC of the previous one. */
export interface BinlogPosition {
  readonly offset: number
  readonly crc: number
}

/** The fields of a group's head. */
export interface GroupHeader {
  readonly replicationId: string
  readonly offset: number
  readonly bodyLength: number
  readonly clockMs: number
  /** Everything before this offset was durable when the group was written. */
  readonly synced: number
  /** The CRC of the previous group. */
  readonly before: number
  readonly crc: number
}

/** A head with all of its fields zero; the constants below are the offsets of the fields. */
const TEMPLATE = Buffer.from(
  `${PREFIX}${MAGIC}${['0'.repeat(8), '0'.repeat(20), '0'.repeat(12), '0'.repeat(15), '0'.repeat(20), '0'.repeat(8), '0'.repeat(8)].join(' ')}\r\n`,
  'latin1',
)
const ID_AT = PREFIX.length + MAGIC.length
const OFFSET_AT = ID_AT + 9
const LENGTH_AT = OFFSET_AT + 21
const CLOCK_AT = LENGTH_AT + 13
const SYNCED_AT = CLOCK_AT + 16
const BEFORE_AT = SYNCED_AT + 21
const CRC_AT = BEFORE_AT + 9
const BILLION = 1_000_000_000
assert(GROUP_HEAD_BYTES === 124 && TEMPLATE.length === GROUP_HEAD_BYTES, 'a group head has the length that is on disk')
assert(CRC_AT + 8 + 2 === GROUP_HEAD_BYTES, 'the CRC is the last field of a group head')
assert(GROUP_START.length === ID_AT, 'the start of a group ends before its first field')

/**
 * Writes a whole number below 10^18 so that its last digit stands before `end`. Bytes before its
 * first digit stay as they are.
 */
function writeDigits(buffer: Buffer, value: number, end: number): void {
  const high = Math.floor(value / BILLION)
  writeSmall(buffer, value - high * BILLION, end)
  if (high > 0) writeSmall(buffer, high, end - 9)
}

function writeSmall(buffer: Buffer, value: number, end: number): void {
  for (let rest = value | 0, at = end - 1; rest > 0; at--) {
    const next = (rest / 10) | 0
    buffer[at] = 48 + (rest - next * 10)
    rest = next
  }
}

const HEX_DIGITS = Buffer.from('0123456789abcdef', 'latin1')

function writeHex(buffer: Buffer, value: number, start: number): void {
  // hot: each group
  for (let i = 0; i < 8; i++) buffer[start + i] = HEX_DIGITS[(value >>> (28 - 4 * i)) & 15] as number
}

/** Writes a group's head, of GROUP_HEAD_BYTES, for its body. Returns the group's CRC. */
export function writeGroupHead(head: Buffer, header: Omit<GroupHeader, 'crc'>, body: readonly Buffer[]): number {
  assert(head.length === GROUP_HEAD_BYTES, 'a group head is written in front of its body')
  assert(header.replicationId.length >= 8, 'a group names its history')
  assert(header.offset >= 0 && header.offset <= Number.MAX_SAFE_INTEGER, 'an offset is a whole number')
  assert(header.bodyLength >= 0 && header.bodyLength < 1e12, 'the length of a group fits into its field')
  assert(header.clockMs >= 0 && header.clockMs < 1e15, 'the clock of a group fits into its field')
  assert(header.synced >= 0 && header.synced <= header.offset, 'the synced watermark is not past its group')
  assert(header.before >= 0 && header.before < 2 ** 32, 'a CRC has 32 bits')
  head.set(TEMPLATE, 0)
  for (let i = 0; i < 8; i++) head[ID_AT + i] = header.replicationId.charCodeAt(i)
  writeDigits(head, header.offset, LENGTH_AT - 1)
  writeDigits(head, header.bodyLength, CLOCK_AT - 1)
  writeDigits(head, header.clockMs, SYNCED_AT - 1)
  writeDigits(head, header.synced, BEFORE_AT - 1)
  writeHex(head, header.before, BEFORE_AT)
  let crc = crc32(head.subarray(PREFIX.length, CRC_AT), header.before)
  for (const part of body) crc = crc32(part, crc)
  writeHex(head, crc, CRC_AT)
  return crc
}

/** Returns the head at a position, or undefined if there is no well-formed one. */
export function readGroupHead(buffer: Buffer, start: number): GroupHeader | undefined {
  if (buffer.length - start < GROUP_HEAD_BYTES) return undefined
  const text = buffer.latin1Slice(start, start + GROUP_HEAD_BYTES)
  if (!text.startsWith(PREFIX) || !text.endsWith('\r\n')) return undefined
  const match = HEADER_PATTERN.exec(text.slice(PREFIX.length, -2))
  if (match === null) return undefined
  const [, replicationId, offset, bodyLength, clockMs, synced, before, crc] = match as unknown as string[]
  return {
    replicationId: must(replicationId),
    offset: Number(offset),
    bodyLength: Number(bodyLength),
    clockMs: Number(clockMs),
    synced: Number(synced),
    before: Number.parseInt(must(before), 16),
    crc: Number.parseInt(must(crc), 16),
  }
}

/** Returns the CRC that a group with these bytes of head and body must have. */
export function groupCrc(head: Buffer, body: Buffer, before: number): number {
  const crc = crc32(head.subarray(PREFIX.length, CRC_AT), before)
  return crc32(body, crc)
}

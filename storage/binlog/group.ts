/**
 * A group: what one turn of the event loop appends to the binlog. The binlog is a Redis replication stream, byte for byte. On disk: never
 * change.
 *
 *   segment  = group*                      file named after the offset of its first byte, 20 digits
 *   group    = head body
 *   head     = "*2\r\n$4\r\nPING\r\n$102\r\n" header "\r\n"          124 bytes; any Redis replica or AOF loader passes over it
 *   header   = "HPL1 " replication-id(8) " " offset(20) " " length(12) " " clock(15) " " synced(20) " " before(8) " " crc(8)
 *   body     = command*                    RESP arrays of bulk strings; SELECT where the database changes, back to 0 at the end
 *
 *   replication-id  first 8 hex digits of the history's id
 *   offset          of the group's first byte in the stream, decimal
 *   length          of the body in bytes, decimal
 *   clock           the turn's wall time, ms since the epoch, decimal
 *   synced          everything before this offset was on the medium when the group was written, decimal
 *   before, crc     CRC-32, hex: of the previous group; of `before` (as zlib's start value), the header up to the crc field and the body
 *
 * A group proves itself; `before` chains it to its predecessor, so that two histories differ from their fork on, whatever they contain.
 */
import { crc32 } from 'node:zlib'

const HEADER_LENGTH = 102
const PREFIX = `*2\r\n$4\r\nPING\r\n$${HEADER_LENGTH}\r\n`
/** Bytes of a group before its body. */
export const GROUP_HEAD_BYTES = PREFIX.length + HEADER_LENGTH + 2
const MAGIC = 'HPL1 '
const HEADER_PATTERN = /^HPL1 ([0-9a-f]{8}) (\d{20}) (\d{12}) (\d{15}) (\d{20}) ([0-9a-f]{8}) ([0-9a-f]{8})$/
const CRC_DIGITS = 8
/** How a group starts, for finding the next one behind damage. */
export const GROUP_START = Buffer.from(PREFIX + MAGIC, 'latin1')

/** A place between groups: the offset where the next one starts and the CRC of the one before. */
export interface BinlogPosition {
  readonly offset: number
  readonly crc: number
}

export interface GroupHeader {
  readonly replicationId: string
  readonly offset: number
  readonly bodyLength: number
  readonly clockMs: number
  readonly synced: number
  readonly before: number
  readonly crc: number
}

const digits = (value: number, width: number) => String(value).padStart(width, '0')
const hex = (value: number) => value.toString(16).padStart(8, '0')

/** Writes a group's head in front of its body and returns the group's CRC. `head` takes GROUP_HEAD_BYTES. */
export function writeGroupHead(head: Buffer, header: Omit<GroupHeader, 'crc'>, body: readonly Buffer[]): number {
  const fields = `${PREFIX}${MAGIC}${header.replicationId.slice(0, 8)} ${digits(header.offset, 20)} ${digits(header.bodyLength, 12)} ${digits(header.clockMs, 15)} ${digits(header.synced, 20)} ${hex(header.before)} `
  head.latin1Write(fields, 0)
  let crc = crc32(head.subarray(PREFIX.length, fields.length), header.before)
  for (const part of body) crc = crc32(part, crc)
  head.latin1Write(`${hex(crc)}\r\n`, fields.length)
  return crc
}

/** Reads the head at a position, or undefined where there is none that is well-formed. */
export function readGroupHead(buffer: Buffer, start: number): GroupHeader | undefined {
  if (buffer.length - start < GROUP_HEAD_BYTES) return undefined
  const text = buffer.latin1Slice(start, start + GROUP_HEAD_BYTES)
  if (!text.startsWith(PREFIX) || !text.endsWith('\r\n')) return undefined
  const match = HEADER_PATTERN.exec(text.slice(PREFIX.length, -2))
  if (match === null) return undefined
  const [, replicationId, offset, bodyLength, clockMs, synced, before, crc] = match as unknown as string[]
  return {
    replicationId: replicationId as string,
    offset: Number(offset),
    bodyLength: Number(bodyLength),
    clockMs: Number(clockMs),
    synced: Number(synced),
    before: Number.parseInt(before as string, 16),
    crc: Number.parseInt(crc as string, 16),
  }
}

/** The CRC that a group read back should have. `head` and `body` are its bytes. */
export function groupCrc(head: Buffer, body: Buffer, before: number): number {
  const crc = crc32(head.subarray(PREFIX.length, GROUP_HEAD_BYTES - 2 - CRC_DIGITS), before)
  return crc32(body, crc)
}

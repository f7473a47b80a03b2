/**
 * The chunks of a full sync: the records of a snapshot, each chunk a bulk string. On the wire:
 * other versions of haypile read them.
 *
 *   chunk   = magic(4) kind(1) sequence(4) count(4) length(4) content crc(4)
 *   content = { keyLength(4) valueLength(4) key value }   kind 1: `count` LevelDB records by key
 *           | total(8)                                    kind 2, the last chunk: the number of
 *                                                         records that this transfer sent; count 0
 *
 * Integers are big-endian. sequence: number of the chunk in this transfer, from 0. length: bytes of
 * the content. crc: CRC-32 of all bytes before it. A sender fills a chunk to about CHUNK_BYTES. A
 * larger record has a chunk of its own.
 */
import { crc32 } from 'node:zlib'
import { assert } from '../../base/assert.ts'

export const CHUNK_BYTES = 128 * 1024
/** Bytes of a chunk besides its records, and bytes of a record besides key and value. */
export const CHUNK_FRAME_BYTES = 21
export const RECORD_FRAME_BYTES = 8

const MAGIC = 0x48504c43 // HPLC
const HEAD_BYTES = CHUNK_FRAME_BYTES - 4
const KIND_RECORDS = 1
const KIND_END = 2
const TOTAL_BYTES = 8
assert(HEAD_BYTES === 4 + 1 + 4 + 4 + 4, 'the head of a chunk is its five fields')
assert(CHUNK_BYTES > CHUNK_FRAME_BYTES + RECORD_FRAME_BYTES, 'a chunk has room for records')

export type ChunkRecord = readonly [key: Buffer, value: Buffer]

export interface Chunk {
  readonly kind: 'records' | 'end'
  readonly sequence: number
  /** Views of the memory of the chunk; empty in the last chunk. */
  readonly records: readonly ChunkRecord[]
  /** In the last chunk: the number of records of the whole transfer; else 0. */
  readonly total: number
}

export function encodeChunk(sequence: number, records: readonly ChunkRecord[]): Buffer {
  let length = 0
  for (const [key, value] of records) length += RECORD_FRAME_BYTES + key.length + value.length
  const chunk = startChunk(KIND_RECORDS, sequence, records.length, length)
  let at = HEAD_BYTES
  for (const [key, value] of records) {
    chunk.writeUInt32BE(key.length, at)
    chunk.writeUInt32BE(value.length, at + 4)
    chunk.set(key, at + RECORD_FRAME_BYTES)
    chunk.set(value, at + RECORD_FRAME_BYTES + key.length)
    at += RECORD_FRAME_BYTES + key.length + value.length
  }
  assert(at === HEAD_BYTES + length, 'a chunk is as long as its head states')
  return sealChunk(chunk)
}

export function encodeEndChunk(sequence: number, totalRecords: number): Buffer {
  assert(Number.isSafeInteger(totalRecords) && totalRecords >= 0, 'the records of a transfer are counted')
  const chunk = startChunk(KIND_END, sequence, 0, TOTAL_BYTES)
  chunk.writeBigUInt64BE(BigInt(totalRecords), HEAD_BYTES)
  return sealChunk(chunk)
}

/** Throws if the bytes are not one whole chunk. */
export function readChunk(chunk: Buffer): Chunk {
  if (chunk.length < CHUNK_FRAME_BYTES) throw malformed('too short')
  if (chunk.readUInt32BE(0) !== MAGIC) throw malformed('no magic number')
  const kind = chunk[4]
  const sequence = chunk.readUInt32BE(5)
  const count = chunk.readUInt32BE(9)
  const end = chunk.length - 4
  if (chunk.readUInt32BE(13) !== end - HEAD_BYTES) throw malformed('wrong length')
  if (crc32(chunk.subarray(0, end)) !== chunk.readUInt32BE(end)) throw malformed('wrong CRC')
  if (kind === KIND_RECORDS) return { kind: 'records', sequence, records: readRecords(chunk, end, count), total: 0 }
  if (kind !== KIND_END) throw malformed(`unknown kind ${kind}`)
  if (end - HEAD_BYTES !== TOTAL_BYTES || count !== 0) throw malformed('no total')
  const total = Number(chunk.readBigUInt64BE(HEAD_BYTES))
  if (!Number.isSafeInteger(total)) throw malformed('no total')
  return { kind: 'end', sequence, records: [], total }
}

function readRecords(chunk: Buffer, end: number, count: number): ChunkRecord[] {
  const records: ChunkRecord[] = []
  let at = HEAD_BYTES
  while (at < end) {
    if (at + RECORD_FRAME_BYTES > end) throw malformed('a record cut short')
    const keyEnd = at + RECORD_FRAME_BYTES + chunk.readUInt32BE(at)
    const valueEnd = keyEnd + chunk.readUInt32BE(at + 4)
    if (valueEnd > end) throw malformed('a record cut short')
    records.push([chunk.subarray(at + RECORD_FRAME_BYTES, keyEnd), chunk.subarray(keyEnd, valueEnd)])
    at = valueEnd
  }
  if (records.length !== count) throw malformed(`${records.length} records instead of ${count}`)
  return records
}

function startChunk(kind: number, sequence: number, count: number, length: number): Buffer {
  assert(sequence >= 0 && sequence < 2 ** 32 && count < 2 ** 32, 'the fields of a chunk are of four bytes')
  const chunk = Buffer.allocUnsafe(CHUNK_FRAME_BYTES + length)
  chunk.writeUInt32BE(MAGIC, 0)
  chunk[4] = kind
  chunk.writeUInt32BE(sequence, 5)
  chunk.writeUInt32BE(count, 9)
  chunk.writeUInt32BE(length, 13)
  return chunk
}

function sealChunk(chunk: Buffer): Buffer {
  chunk.writeUInt32BE(crc32(chunk.subarray(0, chunk.length - 4)), chunk.length - 4)
  return chunk
}

const malformed = (what: string) => new Error(`malformed chunk of a full sync: ${what}`)

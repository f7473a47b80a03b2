/**
 * Tables of LevelDB, written without LevelDB, from records in ascending order. On disk (LevelDB's
 * doc/table_format.md; the project never changes it), integers little-endian:
 *
 *   table    block* filter metaindex index footer
 *   block    entry* restart(4)* count(4) type(1) crc32c(4)             type 0: not compressed
 *   entry    shared(varint) unshared(varint) valueLength(varint) key(unshared) value
 *            `shared` bytes are those of the key before; 0 at each restart
 *   key      record key, and then the sequence number and type in 8 bytes: always 0 and 1, a put
 *   index    a block: the last key of each block -> handle
 *   metaindex  a block: "filter.leveldb.BuiltinBloomFilter2" -> handle of the filter
 *   filter   bloom* offset(4)* arrayOffset(4) 11: a Bloom filter for each 2^11 bytes of blocks
 *   handle   offset(varint) size(varint)
 *   footer   handle of metaindex, handle of index, zeros up to 40 bytes, magic(8)
 *
 * Sequence number 0 makes a record older than any that LevelDB writes.
 */
import { assert, must } from '../../base/assert.ts'
import { copyBytes } from '../../base/copy-bytes.ts'
import type { File } from '../../base/files.ts'
import { maskedCrc } from './checksums.ts'

// hot: runs for each record of an import

const BLOCK_BYTES = 4096
const RESTART_INTERVAL = 16
const FILTER_BASE_LOG = 11
const BITS_PER_KEY = 10
const PROBES = 6
/** Type and checksum of a block. */
const TRAILER_BYTES = 5
const SUFFIX = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0])
const WRITE_BYTES = 1024 * 1024
/** Memory for the filters of a table, which grows if they need more. */
const FILTER_BYTES = 64 * 1024
const FOOTER_BYTES = 48
const FILTER_NAME = Buffer.from('filter.leveldb.BuiltinBloomFilter2')
const MAGIC = Buffer.from('57fb808b247547db', 'hex')
/** Bytes up to which a loop copies faster than a call. */
const SHORT_BYTES = 48

/** A table as MANIFEST describes it. */
export interface WrittenTable {
  readonly sizeBytes: number
  /** The first and the last key, with sequence number and type. */
  readonly smallest: Uint8Array
  readonly largest: Uint8Array
}

/** Writes one table after the other. */
export class TableWriter {
  private file: File | null = null
  /** Bytes in the file. */
  private written = 0
  private readonly out = Buffer.allocUnsafeSlow(WRITE_BYTES + 64 * 1024)
  private outLength = 0
  private readonly block = new BlockBuilder(RESTART_INTERVAL)
  private readonly index = new BlockBuilder(1)
  private readonly filter = new FilterBuilder()
  private smallest: Uint8Array | null = null

  /** Begins a table in an empty file. */
  startTable(file: File): void {
    this.file = file
    this.written = 0
    this.outLength = 0
    this.smallest = null
    this.block.reset()
    this.index.reset()
    this.filter.reset()
  }

  /** Bytes of all complete blocks. */
  get sizeBytes(): number {
    return this.written + this.outLength
  }

  /** Adds a record. REQUIRES: its key is after that of the record before. */
  add(bytes: Uint8Array, keyAt: number, keyLength: number, valueLength: number): void {
    this.smallest ??= internalKey(bytes.subarray(keyAt, keyAt + keyLength))
    this.filter.add(bytes, keyAt, keyLength)
    this.block.add(bytes, keyAt, keyLength, bytes, keyAt + keyLength, valueLength)
    if (this.block.sizeBytes >= BLOCK_BYTES) this.endBlock()
  }

  /** Writes the rest. Returns the description of the table. REQUIRES: it has a record. */
  end(): WrittenTable {
    const smallest = must(this.smallest, 'a table has a record')
    const largest = internalKey(this.block.isEmpty ? this.lastKey : this.block.lastKey)
    if (!this.block.isEmpty) this.endBlock()
    const filterHandle = this.writeBlock(this.filter.end())
    const metaindex = new BlockBuilder(1)
    metaindex.addPlain(FILTER_NAME, filterHandle)
    const metaindexHandle = this.writeBlock(metaindex.end())
    const indexHandle = this.writeBlock(this.index.end())
    const footer = Buffer.alloc(FOOTER_BYTES)
    footer.set(metaindexHandle)
    footer.set(indexHandle, metaindexHandle.length)
    footer.set(MAGIC, FOOTER_BYTES - MAGIC.length)
    this.append(footer)
    this.flush()
    return { sizeBytes: this.written, smallest, largest }
  }

  private lastKey: Uint8Array = new Uint8Array(0)

  private endBlock(): void {
    const { block } = this
    this.lastKey = block.lastKey.slice()
    const handle = this.writeBlock(block.end())
    this.index.addPlain(internalKey(this.lastKey), handle)
    block.reset()
    this.filter.startBlock(this.sizeBytes)
  }

  /**
   * Writes the content of a block, its type and its checksum. Returns its handle. REQUIRES: its
   * buffer has TRAILER_BYTES more.
   */
  private writeBlock(content: Buffer): Uint8Array {
    const handle = handleOf(this.sizeBytes, content.length)
    const whole = Buffer.from(content.buffer, content.byteOffset, content.length + TRAILER_BYTES)
    whole[content.length] = 0
    whole.writeUInt32LE(maskedCrc(whole, 0, content.length + 1), content.length + 1)
    this.append(whole)
    return handle
  }

  private append(bytes: Buffer): void {
    if (this.outLength + bytes.length > this.out.length) this.flush()
    if (bytes.length > this.out.length) {
      must(this.file).writeSync([bytes], this.written)
      this.written += bytes.length
      return
    }
    this.out.set(bytes, this.outLength)
    this.outLength += bytes.length
    if (this.outLength >= WRITE_BYTES) this.flush()
  }

  private flush(): void {
    must(this.file).writeSync([this.out.subarray(0, this.outLength)], this.written)
    this.written += this.outLength
    this.outLength = 0
  }
}

function internalKey(key: Uint8Array): Uint8Array {
  const internal = new Uint8Array(key.length + SUFFIX.length)
  internal.set(key)
  internal.set(SUFFIX, key.length)
  return internal
}

/** Returns the bytes of varints. */
export function varints(...values: number[]): Uint8Array {
  const bytes: number[] = []
  for (let value of values) {
    for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80)
    bytes.push(value)
  }
  return Uint8Array.from(bytes)
}

const handleOf = (offset: number, size: number): Uint8Array => varints(offset, size)

/** The entries of one block. */
class BlockBuilder {
  private buffer = Buffer.allocUnsafeSlow(2 * BLOCK_BYTES)
  private length = 0
  private count = 0
  private restarts: number[] = []
  private readonly restartInterval: number
  /** The key of the last entry, without sequence number and type. */
  private last = new Uint8Array(64)
  private lastLength = 0

  constructor(restartInterval: number) {
    this.restartInterval = restartInterval
  }

  get isEmpty(): boolean {
    return this.count === 0
  }

  get sizeBytes(): number {
    return this.length + 4 * this.restarts.length + 4
  }

  /** The last key; valid until the next entry. */
  get lastKey(): Uint8Array {
    return this.last.subarray(0, this.lastLength)
  }

  /** Adds a record, whose key gets sequence number and type. */
  add(keys: Uint8Array, keyAt: number, keyLength: number, values: Uint8Array, valueAt: number, valueLength: number): void {
    this.ensureSpace(keyLength + valueLength)
    const { buffer, last } = this
    let shared = 0
    if (this.count % this.restartInterval === 0) this.restarts.push(this.length)
    else {
      const limit = Math.min(this.lastLength, keyLength)
      while (shared < limit && last[shared] === keys[keyAt + shared]) shared++
    }
    this.count++
    this.varint(shared)
    this.varint(keyLength - shared + SUFFIX.length)
    this.varint(valueLength)
    let to = this.length
    if (keyLength > last.length) this.last = new Uint8Array(2 * keyLength)
    const kept = this.last
    if (keyLength <= SHORT_BYTES) {
      for (let i = shared; i < keyLength; i++) buffer[to++] = kept[i] = keys[keyAt + i]!
    } else {
      const key = keys.subarray(keyAt, keyAt + keyLength)
      buffer.set(key.subarray(shared), to)
      kept.set(key)
      to += keyLength - shared
    }
    this.lastLength = keyLength
    for (let i = 0; i < SUFFIX.length; i++) buffer[to++] = SUFFIX[i]!
    copyBytes(values, valueAt, valueLength, buffer, to)
    this.length = to + valueLength
  }

  /** Adds an entry whose key stays as it is. */
  addPlain(key: Uint8Array, value: Uint8Array): void {
    this.ensureSpace(key.length + value.length)
    this.restarts.push(this.length)
    this.count++
    this.varint(0)
    this.varint(key.length)
    this.varint(value.length)
    this.buffer.set(key, this.length)
    this.buffer.set(value, this.length + key.length)
    this.length += key.length + value.length
  }

  /** Returns the content, with room for type and checksum after it. */
  end(): Buffer {
    if (this.count === 0) this.restarts.push(0)
    this.ensureSpace(4 * this.restarts.length + 4)
    for (const restart of this.restarts) this.length = this.buffer.writeUInt32LE(restart, this.length)
    this.length = this.buffer.writeUInt32LE(this.restarts.length, this.length)
    return this.buffer.subarray(0, this.length)
  }

  reset(): void {
    this.length = 0
    this.count = 0
    this.restarts = []
    this.lastLength = 0
  }

  private varint(value: number): void {
    while (value >= 0x80) {
      this.buffer[this.length++] = (value & 0x7f) | 0x80
      value >>>= 7
    }
    this.buffer[this.length++] = value
  }

  /** Makes room for this many bytes, three varints, a suffix, type and checksum. */
  private ensureSpace(bytes: number): void {
    const needed = this.length + bytes + 64
    if (needed <= this.buffer.length) return
    const larger = Buffer.allocUnsafeSlow(2 * needed)
    this.buffer.copy(larger, 0, 0, this.length)
    this.buffer = larger
  }
}

/** The Bloom filters of a table. */
class FilterBuilder {
  private hashes = new Uint32Array(1024)
  private count = 0
  /** The filters so far, one after the other. */
  private bytes = Buffer.allocUnsafeSlow(FILTER_BYTES)
  private offsets: number[] = []
  private length = 0

  reset(): void {
    this.offsets = []
    this.length = 0
    this.count = 0
  }

  add(bytes: Uint8Array, keyAt: number, keyLength: number): void {
    if (this.count === this.hashes.length) {
      const larger = new Uint32Array(2 * this.count)
      larger.set(this.hashes)
      this.hashes = larger
    }
    this.hashes[this.count++] = bloomHash(bytes, keyAt, keyLength)
  }

  /** Says that the next block begins at an offset. */
  startBlock(offset: number): void {
    const index = Math.floor(offset / 2 ** FILTER_BASE_LOG)
    assert(index >= this.offsets.length, 'blocks follow each other')
    while (index > this.offsets.length) this.generate()
  }

  end(): Buffer {
    if (this.count > 0) this.generate()
    this.ensureSpace(4 * this.offsets.length + 5 + TRAILER_BYTES)
    const { bytes } = this
    let at = this.length
    for (const offset of this.offsets) at = bytes.writeUInt32LE(offset, at)
    at = bytes.writeUInt32LE(this.length, at)
    bytes[at++] = FILTER_BASE_LOG
    return bytes.subarray(0, at)
  }

  private ensureSpace(bytes: number): void {
    if (this.length + bytes <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(2 * (this.length + bytes))
    this.bytes.copy(larger, 0, 0, this.length)
    this.bytes = larger
  }

  private generate(): void {
    this.offsets.push(this.length)
    if (this.count === 0) return
    const size = Math.max(8, (this.count * BITS_PER_KEY + 7) >>> 3)
    const bits = 8 * size
    this.ensureSpace(size + 1)
    const { bytes, length: start } = this
    bytes.fill(0, start, start + size)
    bytes[start + size] = PROBES
    for (let i = 0; i < this.count; i++) {
      let hash = this.hashes[i]!
      const delta = (hash >>> 17) | (hash << 15)
      for (let probe = 0; probe < PROBES; probe++) {
        const bit = hash % bits
        bytes[start + (bit >>> 3)]! |= 1 << (bit & 7)
        hash = (hash + delta) >>> 0
      }
    }
    this.length += size + 1
    this.count = 0
  }
}

const HASH_FACTOR = 0xc6a4a793

/** Returns LevelDB's hash of a key for its Bloom filters (util/hash.cc, util/bloom.cc). */
function bloomHash(bytes: Uint8Array, start: number, length: number): number {
  let hash = 0xbc9f1d34 ^ Math.imul(length, HASH_FACTOR)
  const end = start + length
  let i = start
  for (; i + 4 <= end; i += 4) {
    hash = (hash + (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24))) | 0
    hash = Math.imul(hash, HASH_FACTOR)
    hash ^= hash >>> 16
  }
  if (i < end) {
    if (end - i === 3) hash += bytes[i + 2]! << 16
    if (end - i >= 2) hash += bytes[i + 1]! << 8
    hash = Math.imul((hash + bytes[i]!) | 0, HASH_FACTOR)
    hash ^= hash >>> 24
  }
  return hash >>> 0
}

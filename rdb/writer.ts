/**
 * Writes RDB files and DUMP payloads as chunks; reader.ts and payload.ts have the grammar. Every
 * method that may write much is a generator: who takes the chunks decides when the next is made.
 */
import { assert } from '../base/assert.ts'
import type { Bytes } from '../base/bytes.ts'
import { writeValue } from './encodings/value-writers.ts'
import { DEFAULT_PACKING_LIMITS, type PackingLimits, type WriteContext } from './encodings/write-context.ts'
import * as codes from './format/codes.ts'
import { RdbOutput, type RdbOutputOptions } from './format/output.ts'
import type { BufferRange, RdbItem, RdbValue } from './values.ts'

export interface RdbWriterOptions extends RdbOutputOptions {
  /** 10, which Redis 7.0 reads; 11; or 12, which has the deadlines of fields. */
  readonly version: 10 | 11 | 12
  readonly limits: PackingLimits
}

const DEFAULT_OPTIONS: RdbWriterOptions = { version: 10, mayCompress: true, hasChecksum: true, limits: DEFAULT_PACKING_LIMITS }
const EOF_MARK_LENGTH = 40
/** The input for which a key counts beside its value: it takes time of its own. */
const KEY_INPUT_BYTES = 128
const NO_CHUNKS: readonly Buffer[] = []

/** Writes one RDB file: `begin`, each item, `end`. */
export class RdbWriter {
  private readonly out: RdbOutput
  private readonly context: WriteContext

  constructor(options: Partial<RdbWriterOptions> = {}) {
    const { version, limits, ...rest } = { ...DEFAULT_OPTIONS, ...options }
    this.out = new RdbOutput(rest)
    this.context = { out: this.out, version, limits, lostDeadlineCount: 0 }
  }

  /** The deadlines of fields that were left out, since the version cannot hold them. */
  get lostDeadlineCount(): number {
    return this.context.lostDeadlineCount
  }

  begin(): void {
    this.out.raw(`REDIS${String(this.context.version).padStart(4, '0')}`)
  }

  /**
   * Writes an item. Returns the chunks that become full, and an empty one where much input has made
   * no output yet, so that other work gets its turn. REQUIRES: all of them are taken.
   */
  write(item: RdbItem): Iterable<Buffer> {
    if (item.kind === 'key' && item.value.type === 'string' && item.value.range !== undefined)
      return this.writeRange(item.key, item.expireAtMs, item.value.range)
    return this.writeItem(item)
  }

  /** Writes a key whose value is a string in a buffer. */
  private writeRange(key: Bytes, expireAtMs: number | null, { buffer, start, end }: BufferRange): readonly Buffer[] {
    const { out } = this
    this.writeHead(expireAtMs)
    out.byte(codes.TYPE_STRING)
    out.string(key)
    out.stringOf(buffer, start, end)
    return out.isFull ? [out.take()] : NO_CHUNKS
  }

  private *writeItem(item: RdbItem): Generator<Buffer> {
    const { out } = this
    switch (item.kind) {
      case 'key':
        yield* this.writeKey(item.key, item.expireAtMs, item.value)
        break
      case 'database':
        out.byte(codes.OPCODE_SELECTDB)
        out.writeLength(item.index)
        break
      case 'sizes':
        out.byte(codes.OPCODE_RESIZEDB)
        out.writeLength(item.keyCount)
        out.writeLength(item.deadlineCount)
        break
      case 'library':
        out.byte(codes.OPCODE_FUNCTION2)
        out.string(item.code)
        break
      default:
        out.byte(codes.OPCODE_AUX)
        out.string(item.name)
        out.string(item.value)
    }
    if (out.isFull) yield out.take()
  }

  /** Returns the last chunks. */
  end(): Buffer[] {
    this.out.byte(codes.OPCODE_EOF)
    return [this.out.take(), this.out.checksum()]
  }

  private writeKey(key: Bytes, expireAtMs: number | null, value: RdbValue): Iterable<Buffer> {
    const { out } = this
    this.writeHead(expireAtMs)
    return writeValue(this.context, value, (type) => {
      out.byte(type)
      out.string(key)
    })
  }

  private writeHead(expireAtMs: number | null): void {
    this.out.countInput(KEY_INPUT_BYTES)
    if (expireAtMs === null) return
    this.out.byte(codes.OPCODE_EXPIRETIME_MS)
    this.out.milliseconds(expireAtMs)
  }
}

/** Yields the chunks of a file of the items. */
export async function* writeRdb(
  items: AsyncIterable<RdbItem> | Iterable<RdbItem>,
  options: Partial<RdbWriterOptions> = {},
): AsyncGenerator<Buffer> {
  const writer = new RdbWriter(options)
  writer.begin()
  for await (const item of items) yield* writer.write(item)
  yield* writer.end()
}

/**
 * Yields a file in the form of a diskless full sync: `$EOF:<mark>` CRLF, the file, the mark.
 * REQUIRES: the mark is 40 random bytes of hexadecimal digits.
 */
export async function* withEofMark(chunks: AsyncIterable<Buffer> | Iterable<Buffer>, mark: Bytes): AsyncGenerator<Buffer> {
  assert(mark.length === EOF_MARK_LENGTH, 'the mark of the end has 40 bytes')
  yield Buffer.from(`$EOF:${mark}\r\n`, 'latin1')
  yield* chunks
  yield Buffer.from(mark, 'latin1')
}

type PayloadOptions = Partial<Omit<RdbWriterOptions, 'hasChecksum'>>

/** A DUMP payload in chunks, and how many deadlines of fields its version could not hold. */
export interface PayloadChunks {
  readonly chunks: readonly Buffer[]
  readonly lostDeadlineCount: number
}

/** Returns the DUMP payload of a value in chunks. */
export function payloadChunks(value: RdbValue, options: PayloadOptions = {}): PayloadChunks {
  const { version, mayCompress, limits } = { ...DEFAULT_OPTIONS, ...options }
  const out = new RdbOutput({ mayCompress, hasChecksum: true })
  const context: WriteContext = { out, version, limits, lostDeadlineCount: 0 }
  const chunks = [...writeValue(context, value, (type) => out.byte(type))].filter(({ length }) => length > 0)
  out.byte(version)
  out.byte(0)
  chunks.push(out.take(), out.checksum())
  return { chunks, lostDeadlineCount: context.lostDeadlineCount }
}

/** A DUMP payload, and how many deadlines of fields its version could not hold. */
export interface WrittenPayload {
  readonly payload: Buffer
  readonly lostDeadlineCount: number
}

/** Returns the DUMP payload of a value. */
export function writePayload(value: RdbValue, options: PayloadOptions = {}): WrittenPayload {
  const { chunks, lostDeadlineCount } = payloadChunks(value, options)
  return { payload: Buffer.concat(chunks), lostDeadlineCount }
}

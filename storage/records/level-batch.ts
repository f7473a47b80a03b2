/** Batches and iterators of LevelDB, as `RecordStore` has them. */
import type { ClassicLevel } from 'classic-level'
import { rethrowAssertion } from '../../base/assert.ts'
import { type Bytes, bytesOf, bytesOfText } from '../../base/bytes.ts'
import type { KeyForm, KeyIterator, RecordBatch, RecordIterator, RecordRange } from './record-store.ts'

/** A key that no record has. */
const NO_RECORD = Buffer.from([0])
/** Bytes that an iterator reads at a time, at least. */
const READ_BYTES = 64 * 1024
/** The character that takes the place of bytes that are not UTF-8. */
const REPLACEMENT = '\ufffd'
/** Reads keys as UTF-8. Bounds of ranges remain buffers, which may have any bytes. */
const TEXT_KEYS = {
  name: 'record-key-text',
  format: 'utf8',
  encode: (bound: Buffer | string) => bound as string,
  decode: (key: string) => key,
} as const

type LevelSnapshot = ReturnType<ClassicLevel<Buffer, Buffer>['snapshot']>

export function iterateLevel(level: ClassicLevel<Buffer, Buffer>, range: RecordRange, from: { snapshot?: LevelSnapshot }): RecordIterator {
  const iterator = level.iterator({
    ...from,
    gte: range.from,
    lt: range.before,
    reverse: range.reverse === true,
    limit: range.limit === undefined || range.limit === 0 ? -1 : range.limit,
    highWaterMarkBytes: READ_BYTES,
  })
  return {
    next: (count) => iterator.nextv(count),
    close: () => iterator.close(),
  }
}

/**
 * Iterates over keys alone. A key as text, without a value, costs a third of a record: each buffer
 * takes about a microsecond.
 */
export function iterateLevelKeys(level: ClassicLevel<Buffer, Buffer>, range: RecordRange, form: KeyForm): KeyIterator {
  const options = {
    reverse: range.reverse === true,
    limit: range.limit === undefined || range.limit === 0 ? -1 : range.limit,
    values: false,
    valueEncoding: 'utf8',
    highWaterMarkBytes: READ_BYTES,
  } as const
  if (form === 'bytes') {
    const iterator = level.iterator<Buffer, string>({ ...options, keyEncoding: 'buffer', gte: range.from, lt: range.before })
    return {
      next: async (count) => (await iterator.nextv(count)).map(([key]) => bytesOf(key)),
      close: () => iterator.close(),
    }
  }
  const iterator = level.iterator<Buffer | string, string>({ ...options, keyEncoding: TEXT_KEYS, gte: range.from, lt: range.before })
  return {
    next: async (count) => bytesOfTexts((await iterator.nextv(count)) as [string, string][]),
    close: () => iterator.close(),
  }
}

/** Returns the bytes of keys read as UTF-8, or null if one is not UTF-8. */
function bytesOfTexts(records: readonly (readonly [text: string, value: unknown])[]): Bytes[] | null {
  const keys: Bytes[] = []
  for (const [text] of records) {
    if (isAscii(text)) keys.push(text)
    else if (text.includes(REPLACEMENT)) return null
    else keys.push(bytesOfText(text))
  }
  return keys
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false
  return true
}

/** Runs a write, or rejects because an earlier one has failed. */
type Attempt = (write: () => Promise<void>) => Promise<void>

/** One atomic write to LevelDB. */
export class LevelBatch implements RecordBatch {
  sizeBytes = 0
  count = 0
  private readonly batch
  /**
   * Makes the batch's size known to V8: classic-level frees a batch when V8 collects its object,
   * and V8 does not know its size. No code touches these bytes, so they take no memory.
   */
  private weight: ArrayBuffer | null = null
  private readonly level: ClassicLevel<Buffer, Buffer>
  private readonly writeBufferBytes: number
  private readonly attempt: Attempt
  /** Makes the name of the batch's log durable. */
  private readonly syncNames: () => void

  constructor(level: ClassicLevel<Buffer, Buffer>, writeBufferBytes: number, attempt: Attempt, syncNames: () => void) {
    this.level = level
    this.writeBufferBytes = writeBufferBytes
    this.attempt = attempt
    this.syncNames = syncNames
    this.batch = level.batch()
  }

  put(key: Buffer, value: Buffer): void {
    this.batch.put(key, value)
    this.sizeBytes += key.length + value.length
    this.count++
  }

  remove(key: Buffer): void {
    this.batch.del(key)
    this.sizeBytes += key.length
    this.count++
  }

  async write(): Promise<void> {
    this.weight ??= new ArrayBuffer(this.sizeBytes)
    await this.attempt(async () => {
      await this.batch.write({ sync: true })
      this.syncNames()
    })
    if (this.sizeBytes < this.writeBufferBytes) return
    // LevelDB moves a full write buffer to a table only at the next write. Until then a restart has
    // to read it from LevelDB's log (0.7 s for 57 MB), so this write comes now. Its failure does
    // not matter, because the batch is durable.
    await this.attempt(() => this.level.del(NO_RECORD)).catch(rethrowAssertion)
  }

  writeLazily(): Promise<void> {
    this.weight ??= new ArrayBuffer(this.sizeBytes)
    return this.attempt(() => this.batch.write({ sync: false }))
  }
}

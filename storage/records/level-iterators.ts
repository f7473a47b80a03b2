/** Iterators of LevelDB, as `RecordStore` has them. */
import type { ClassicLevel } from 'classic-level'
import { assert, at } from '../../base/assert.ts'
import { type Bytes, bufferOf, bytesOf, bytesOfText } from '../../base/bytes.ts'
import type { KeyForm, KeyIterator, NamedIterator, RecordIterator, RecordRange } from './record-store.ts'

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

/**
 * Iterates over records with their keys as bytes. Keys are read as text, which costs half as much
 * as a buffer. From the first one that is not UTF-8 on, they are read as buffers.
 */
export function iterateLevelNamed(level: ClassicLevel<Buffer, Buffer>, range: RecordRange, snapshot: LevelSnapshot): NamedIterator {
  assert(range.reverse !== true && (range.limit ?? 0) === 0, 'records with names are read forwards, all of them')
  const texts = level.iterator<Buffer | string, Buffer>({
    snapshot,
    keyEncoding: TEXT_KEYS,
    valueEncoding: 'buffer',
    gte: range.from,
    lt: range.before,
    highWaterMarkBytes: READ_BYTES,
  })
  /** The first key that the buffers have to start with. */
  let { from } = range
  let buffers: RecordIterator | null = null
  return {
    async next(count) {
      if (buffers === null) {
        const records = (await texts.nextv(count)) as [string, Buffer][]
        const keys = bytesOfTexts(records)
        const last = keys?.at(-1)
        if (last !== undefined) from = bufferOf(`${last}\0`)
        if (keys !== null) return records.map(([, value], index) => [at(keys, index), value])
        buffers = iterateLevel(level, { ...range, from }, { snapshot })
      }
      return (await buffers.next(count)).map(([key, value]) => [bytesOf(key), value])
    },
    async close() {
      await texts.close()
      await buffers?.close()
    },
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

/**
 * Imports and exports carry the parts of an RDB, in the order of elements.ts, whatever the format
 * of the source is. The parts come in batches, so that no part waits for a turn of its own.
 */
import { type Bytes, bytesOfText } from '../../base/bytes.ts'
import { globOf } from '../../commands/parsing/glob.ts'
import type { RdbPart } from '../../rdb/elements.ts'
import { RdbReader, type RdbReaderOptions } from '../../rdb/reader.ts'
import { partsOfLine } from './json-lines.ts'

/** Parts as they come from a source. Each batch is read to its end before the next is asked for. */
export type PartBatches = AsyncIterable<Iterable<RdbPart>>

/** The keys that an import or export takes. */
export interface KeySelection {
  /** The only database; undefined for all. */
  readonly database?: number | undefined
  /** A pattern as in KEYS, as a person typed it; undefined for all keys. */
  readonly pattern?: string | undefined
}

/** Returns a test of keys; undefined where all keys are taken. */
export function wantedBy({ database, pattern }: KeySelection): ((index: number, key: Bytes) => boolean) | undefined {
  const matches = pattern === undefined ? () => true : globOf(bytesOfText(pattern))
  if (database !== undefined) return (index, key) => index === database && matches(key)
  return pattern === undefined ? undefined : (_, key) => matches(key)
}

/** Yields the parts of an RDB file, which hold no chunk that was read before. Throws RdbError. */
export async function* partsOfRdb(chunks: AsyncIterable<Buffer>, options: RdbReaderOptions = {}): AsyncGenerator<Iterable<RdbPart>> {
  const reader = new RdbReader({ mustBeUnique: false }, options)
  for await (const chunk of chunks) {
    reader.push(chunk)
    yield availableParts(reader)
    if (reader.isAtEnd) return
  }
  reader.end()
  yield availableParts(reader)
}

const NEWLINE = 10

/** Yields the parts of lines of JSON. Throws ExchangeRefusal. */
export async function* partsOfJson(chunks: AsyncIterable<Buffer>): AsyncGenerator<Iterable<RdbPart>> {
  let lineNumber = 0
  let pending: Buffer[] = []
  for await (const chunk of chunks) {
    const end = chunk.lastIndexOf(NEWLINE) + 1
    if (end === 0) {
      pending.push(chunk)
      continue
    }
    const lines = Buffer.concat([...pending, chunk.subarray(0, end)])
      .toString()
      .split('\n')
    pending = [chunk.subarray(end)]
    yield partsOfLines(lines, lineNumber)
    lineNumber += lines.length - 1
  }
  yield partsOfLines([Buffer.concat(pending).toString()], lineNumber)
  yield [{ kind: 'end', isVerified: false }]
}

function* partsOfLines(lines: readonly string[], before: number): Generator<RdbPart> {
  for (const [index, line] of lines.entries()) if (line.trim() !== '') yield* partsOfLine(line, before + index + 1)
}

function* availableParts(reader: RdbReader): Generator<RdbPart> {
  for (let part = reader.next(); part !== null; part = reader.next()) yield part
}

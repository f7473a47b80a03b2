/** The sources of an import, told apart by their content. */
import { closeSync, createReadStream, openSync, readSync, statSync } from 'node:fs'
import { rethrowAssertion } from '../../base/assert.ts'
import { errorText } from '../../base/error-text.ts'
import { type PartBatches, partsOfRdb } from './parts.ts'
import { ExchangeRefusal } from './refusal.ts'

const CHUNK_BYTES = 1024 * 1024
/** Bytes that tell the formats apart. */
const HEAD_BYTES = 16

/** A file of parts. */
export interface PartSource {
  readonly format: 'rdb'
  /** The name for messages. */
  readonly name: string
  /** Null where it is not known. */
  readonly sizeBytes: number | null
  /** Returns the parts. `onRead` is called with the length of each chunk that was read. */
  parts(onRead: (bytes: number) => void): PartBatches
}

/** Returns the source that a path names. Throws ExchangeRefusal. */
export function openSource(path: string): PartSource {
  const { head, sizeBytes } = headOf(path)
  if (/^(?:REDIS\d|VALKEY)/.test(head)) {
    return { format: 'rdb', name: path, sizeBytes, parts: (onRead) => partsOfRdb(chunksOf(path, onRead)) }
  }
  if (head.startsWith('\x1f\x8b')) throw ExchangeRefusal.ofUsage(`${path} is compressed: gunzip it first`)
  throw ExchangeRefusal.ofUsage(`${path} is no RDB file`)
}

function headOf(path: string): { readonly head: string; readonly sizeBytes: number } {
  try {
    const { size: sizeBytes } = statSync(path)
    const fd = openSync(path, 'r')
    try {
      const head = Buffer.alloc(HEAD_BYTES)
      return { head: head.latin1Slice(0, readSync(fd, head, 0, HEAD_BYTES, 0)), sizeBytes }
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    rethrowAssertion(error)
    throw ExchangeRefusal.ofUsage(`${path} cannot be read: ${errorText(error)}`)
  }
}

async function* chunksOf(path: string, onRead: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
    onRead(chunk.length)
    yield chunk
  }
}

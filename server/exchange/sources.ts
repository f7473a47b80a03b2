/** The sources of an import, told apart by their content. */
import { closeSync, createReadStream, openSync, readSync, statSync } from 'node:fs'
import { rethrowAssertion } from '../../base/assert.ts'
import { errorText } from '../../base/error-text.ts'
import { addressOf, isServerUrl } from './connection.ts'
import { type PartBatches, partsOfRdb } from './parts.ts'
import { ExchangeRefusal } from './refusal.ts'
import { takeServerSnapshot } from './server-snapshot.ts'

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
  /** The database that the URL of a server names. */
  readonly database?: number | undefined
  /** Returns the parts. `onRead` is called with the length of each chunk that was read. */
  parts(onRead: (bytes: number) => void): PartBatches
}

/** Returns the source that a path or URL names. Throws ExchangeRefusal. */
export async function openSource(path: string): Promise<PartSource> {
  if (isServerUrl(path)) return openServer(path)
  const { head, sizeBytes } = headOf(path)
  if (/^(?:REDIS\d|VALKEY)/.test(head)) {
    return { format: 'rdb', name: path, sizeBytes, parts: (onRead) => partsOfRdb(chunksOf(path, onRead)) }
  }
  if (head.startsWith('\x1f\x8b')) throw ExchangeRefusal.ofUsage(`${path} is compressed: gunzip it first`)
  throw ExchangeRefusal.ofUsage(`${path} is no RDB file`)
}

async function openServer(url: string): Promise<PartSource> {
  const address = addressOf(url)
  const { sizeBytes, chunks } = await takeServerSnapshot(address)
  return {
    format: 'rdb',
    name: address.name,
    sizeBytes,
    database: address.database,
    parts: (onRead) => partsOfRdb(counted(chunks, onRead)),
  }
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

function chunksOf(path: string, onRead: (bytes: number) => void): AsyncGenerator<Buffer> {
  return counted(createReadStream(path, { highWaterMark: CHUNK_BYTES }), onRead)
}

async function* counted(chunks: AsyncIterable<Buffer>, onRead: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    onRead(chunk.length)
    yield chunk
  }
}

/** The sources of an import, told apart by their content. */
import { closeSync, createReadStream, openSync, readSync, statSync } from 'node:fs'
import { rethrowAssertion } from '../../../base/assert.ts'
import { errorText } from '../../../base/error-text.ts'
import type { StringForm } from '../../../rdb/reader.ts'
import { type PartBatches, partsOfJson, partsOfRdb } from '../parts.ts'
import { ExchangeRefusal } from '../refusal.ts'
import { CommandSource, chunksOfFiles, filesOfManifest } from './command-log.ts'
import { addressOf, isServerUrl } from './connection.ts'
import { CHUNK_BYTES, reusedChunksOf } from './file-chunks.ts'
import { takeServerSnapshot } from './server-snapshot.ts'
import type { TlsFiles } from './tls-files.ts'

/** Bytes that tell the formats apart. */
const HEAD_BYTES = 512
const RDB_HEAD = /^(?:REDIS\d|VALKEY)/
/** The fields of an RDB that say that commands follow, since Redis 7.0 and before. */
const AOF_FIELDS = ['aof-base', 'aof-preamble'].map((name) => Buffer.from([...Buffer.from(name), 0xc0, 1]).latin1Slice())

/** A source of commands, which may begin with an RDB. */
export interface LogSource {
  readonly kind: 'log'
  readonly name: string
  readonly sizeBytes: number | null
  /** Returns the log. `onRead` is called with the length of each chunk that was read. */
  open(onRead: (bytes: number) => void): CommandSource
}

/** A source of parts. */
export interface PartSource {
  readonly kind: 'parts'
  /** The name for messages. */
  readonly name: string
  /** Null where it is not known. */
  readonly sizeBytes: number | null
  /** The database that the URL of a server names. */
  readonly database?: number | undefined
  /**
   * Returns the parts. `onRead` is called with the length of each chunk that was read. A source of
   * another format than RDB may have all strings in parts.
   */
  parts(onRead: (bytes: number) => void, strings: StringForm): PartBatches
}

/** Returns the source that a path or URL names. Throws ExchangeRefusal. */
export async function openSource(path: string, files: TlsFiles = {}): Promise<PartSource | LogSource> {
  if (isServerUrl(path)) return openServer(path, files)
  if (path === '-') return openStream('standard input', process.stdin)
  if (path.endsWith('.manifest') || isDirectory(path)) return logOfFiles(path, filesOfManifest(path))
  const { head, sizeBytes } = headOf(path)
  const content = contentOf(head, path)
  if (content === 'unknown') {
    throw ExchangeRefusal.ofUsage(`${path} is no RDB file, no AOF, no stream of commands and no lines of JSON`)
  }
  if (content === 'log') return logOfFiles(path, [path])
  if (content === 'json') return { kind: 'parts', name: path, sizeBytes, parts: (onRead) => partsOfJson(chunksOf(path, onRead)) }
  return { kind: 'parts', name: path, sizeBytes, parts: rdbParts(sizeBytes, (onRead) => counted(reusedChunksOf(path), onRead)) }
}

/** Tells formats apart by the first bytes. Throws ExchangeRefusal. */
function contentOf(head: string, name: string): 'log' | 'rdb' | 'json' | 'unknown' {
  if (head === '') throw ExchangeRefusal.ofUsage(`${name} is empty`)
  if (head.startsWith('\x1f\x8b')) throw ExchangeRefusal.ofUsage(`${name} is compressed: gunzip it first`)
  if (/^(?:\*|#TS:)/.test(head) || (head.startsWith('REDIS') && AOF_FIELDS.some((field) => head.includes(field)))) return 'log'
  if (RDB_HEAD.test(head)) return 'rdb'
  return head.startsWith('{') ? 'json' : 'unknown'
}

/** Opens a stream. What has no other format is taken for commands as a user types them. */
async function openStream(name: string, stream: AsyncIterable<Buffer>): Promise<PartSource | LogSource> {
  const rest = stream[Symbol.asyncIterator]()
  let head: Buffer = Buffer.alloc(0)
  while (head.length < (/^[RV]/.test(head.toString('latin1', 0, 1)) ? HEAD_BYTES : 1)) {
    const next = await rest.next()
    if (next.done === true) break
    head = Buffer.concat([head, next.value])
  }
  const content = contentOf(head.toString('latin1', 0, HEAD_BYTES), name)
  const all = withHead(head, rest)
  if (content === 'log' || content === 'unknown') return { kind: 'log', name, sizeBytes: null, open: (onRead) => logOf(all, onRead) }
  if (content === 'json') return { kind: 'parts', name, sizeBytes: null, parts: (onRead) => partsOfJson(counted(all, onRead)) }
  return { kind: 'parts', name, sizeBytes: null, parts: rdbParts(null, (onRead) => counted(all, onRead)) }
}

/** Returns the parts of an RDB of a size; it is not known where it is null, or 0 as of a device. */
function rdbParts(sizeBytes: number | null, chunks: (onRead: (bytes: number) => void) => AsyncIterable<Buffer>): PartSource['parts'] {
  const totalBytes = sizeBytes || undefined
  return (onRead, strings) => partsOfRdb(chunks(onRead), { totalBytes, strings })
}

async function* withHead(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield head
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

function logOfFiles(path: string, files: readonly string[]): LogSource {
  const sizeBytes = files.reduce((sum, file) => sum + headOf(file).sizeBytes, 0)
  return { kind: 'log', name: path, sizeBytes, open: (onRead) => logOf(chunksOfFiles(files), onRead) }
}

function logOf(chunks: AsyncIterable<Buffer>, onRead: (bytes: number) => void): CommandSource {
  return new CommandSource(counted(chunks, onRead))
}

async function openServer(url: string, files: TlsFiles): Promise<PartSource> {
  const address = addressOf(url, files)
  const { sizeBytes, chunks } = await takeServerSnapshot(address)
  return {
    kind: 'parts',
    name: address.name,
    sizeBytes,
    database: address.database,
    parts: rdbParts(sizeBytes, (onRead) => counted(chunks, onRead)),
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
    const hint = /^[^/\\]+:\d+$/.test(path) ? `, and a server is named as redis://${path}` : ''
    throw ExchangeRefusal.ofUsage(`${path} cannot be read: ${errorText(error)}${hint}`)
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

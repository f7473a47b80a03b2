/**
 * A bulk load into LevelDB, past its log and its compactions. Records come in any order; LevelDB
 * would write each of them about five times.
 *
 *   main thread   put -> buffer of 16 MiB -> the next buffer ...        complete -> install
 *   threads               sort -> a run in a temporary file             merge -> tables
 *
 * Each thread merges one range of keys. The tables are durable and do not overlap. They are
 * installed below all levels that LevelDB has used, so that no compaction follows.
 */
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { assert, at, rethrowAssertion } from '../../base/assert.ts'
import type { BytesInPlace } from '../../base/bytes.ts'
import type { Files } from '../../base/files.ts'
import type { MergedTable, RunMergeRequest, RunRange } from './record-merge.ts'
import type { Mark } from './record-run.ts'
import { CLAIMED, compareKeys, HEAD_BYTES, MAX_SORTED_RECORDS, sortedRecords, uint32At } from './record-sort.ts'
import type { RecordBatch, RecordLoad } from './record-store.ts'
import { ROOT_KEY_HEAD_BYTES, stringRootBytes, writeStringRecord } from './records.ts'

const DEFAULT_BUFFER_BYTES = 16 * 1024 * 1024
/** Room for the records that are put between two looks at `mustFlush`. */
const SPARE_BYTES = 256 * 1024
const SPARE_RECORDS = 1024
/** A load of at most this size is written by a batch. */
const SMALL_BYTES = 4 * 1024 * 1024
const THREADS = 2
/** A thread makes little garbage: its memory is in a few buffers. */
const THREAD_LIMITS = { maxYoungGenerationSizeMb: 4 }

export type LoadRequest =
  | { kind: 'sort'; buffer: SharedArrayBuffer; length: number; count: number; path: string; offset: number }
  | ({ kind: 'merge'; directory: string } & Omit<RunMergeRequest, 'nextPath'>)

export type LoadReply =
  | { kind: 'sorted'; marks: readonly Mark[] }
  | { kind: 'merged'; tables: readonly MergedTable[] | null }
  | { kind: 'failed'; code: string | undefined; message: string }

export interface BulkLoadOptions {
  readonly files: Files
  /** The directory for temporary files and tables, which the load creates and removes. */
  readonly directory: string
  batch(): RecordBatch
  /** Memory in which records are gathered and sorted. */
  readonly bufferBytes?: number
  /** Makes durable tables a part of the store. */
  adopt(tables: readonly MergedTable[]): Promise<void>
}

interface Run extends RunRange {
  readonly marks: readonly Mark[]
}

/** Loads many records into a store that no one reads meanwhile. */
export class BulkLoad implements RecordLoad {
  private readonly options: BulkLoadOptions
  private readonly runsPath: string
  /** Memory that the threads share: transferring a buffer would make V8 collect garbage. */
  private buffer: Buffer<SharedArrayBuffer>
  private readonly bufferBytes: number
  private length = 0
  private count = 0
  private readonly threads: LoadThread[] = []
  private readonly runs: Run[] = []
  private runBytes = 0
  /** The run that a thread is writing. */
  private sorting: Promise<void> = Promise.resolve()
  private spare: Buffer<SharedArrayBuffer> | null = null
  private isClosed = false

  constructor(options: BulkLoadOptions) {
    this.options = options
    this.bufferBytes = options.bufferBytes ?? DEFAULT_BUFFER_BYTES
    this.buffer = sharedBuffer(this.bufferBytes)
    this.runsPath = join(options.directory, 'runs')
  }

  put(key: Buffer, value: Buffer): void {
    assert(value.length < CLAIMED, 'a value is shorter than 4 GiB')
    this.add(key, value.length, value)
  }

  putString(dbId: number, key: BytesInPlace, value: BytesInPlace, expireAtMs: number): void {
    const keyLength = ROOT_KEY_HEAD_BYTES + key.length
    const valueLength = stringRootBytes(value.length, expireAtMs)
    const at = this.beginRecord(keyLength, valueLength, valueLength)
    writeStringRecord(this.buffer, at, dbId, key, value, expireAtMs)
  }

  claim(key: Buffer): void {
    this.add(key, CLAIMED, null)
  }

  private add(key: Buffer, lengthField: number, value: Buffer | null): void {
    const to = this.beginRecord(key.length, lengthField, value?.length ?? 0)
    this.buffer.set(key, to)
    if (value !== null) this.buffer.set(value, to + key.length)
  }

  /** Writes the head of a record. Returns the offset where there is room for its key and value. */
  private beginRecord(keyLength: number, lengthField: number, valueLength: number): number {
    const size = HEAD_BYTES + keyLength + valueLength
    if (this.length + size > this.buffer.length) this.grow(size)
    const at = this.length
    this.buffer.writeUInt32LE(keyLength, at)
    this.buffer.writeUInt32LE(lengthField, at + 4)
    this.length += size
    this.count++
    return at + HEAD_BYTES
  }

  get mustFlush(): boolean {
    return this.length > this.bufferBytes - SPARE_BYTES || this.count > MAX_SORTED_RECORDS - SPARE_RECORDS
  }

  async flush(): Promise<void> {
    await this.sorting
    if (this.count === 0 || this.isClosed) return
    this.sorting = this.writeRun()
    this.sorting.catch(rethrowAssertion) // the next flush rejects with it
  }

  async complete(): Promise<boolean> {
    this.mustBeOpen()
    if (this.runBytes === 0 && this.length <= Math.min(SMALL_BYTES, this.bufferBytes / 8)) return this.writeSmall()
    await this.flush()
    await this.sorting
    this.mustBeOpen()
    const tables = await this.merge([this.buffer, this.spare ?? sharedBuffer(this.bufferBytes)])
    this.buffer = sharedBuffer(0)
    this.spare = null
    if (tables === null) return false
    await this.endThreads()
    await this.options.adopt(tables)
    await this.close()
    return true
  }

  async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    await this.endThreads()
    // The file of runs may have many gigabytes, which take seconds to free.
    await this.options.files.removeTree(this.options.directory)
  }

  /** A thread that began after `close` would have no owner. */
  private mustBeOpen(): void {
    if (this.isClosed) throw new Error('the load has been closed')
  }

  private grow(size: number): void {
    const larger = sharedBuffer(2 * (this.length + size))
    this.buffer.copy(larger, 0, 0, this.length)
    this.buffer = larger
  }

  /** Hands the buffer to a thread, which writes it as a run. */
  private async writeRun(): Promise<void> {
    const { length, count, runsPath: path, runBytes: offset } = this
    const { files, directory } = this.options
    const { buffer: filled } = this
    this.buffer = this.spare ?? sharedBuffer(this.bufferBytes)
    this.spare = null
    this.length = 0
    this.count = 0
    this.runBytes += length
    if (offset === 0) {
      files.makeDirectorySync(directory)
      files.openSync(path, 'create').closeSync()
    }
    const reply = await this.thread(0).request({ kind: 'sort', buffer: filled.buffer, length, count, path, offset })
    assert(reply.kind === 'sorted', 'a thread answers what it was asked')
    // A buffer that grew for one large record is not kept.
    this.spare = filled.length > this.bufferBytes ? null : filled
    this.runs.push({ from: offset, end: offset + length, marks: reply.marks })
  }

  /** Merges the runs. The buffers in which records were gathered are now for reading them. */
  private async merge(buffers: readonly Buffer<SharedArrayBuffer>[]): Promise<readonly MergedTable[] | null> {
    const { runsPath: path, runs } = this
    const { directory } = this.options
    const keys = splitters(runs, THREADS)
    const merges = [null, ...keys].map((from, index) => {
      const ranges = runs.map((run) => ({ from: startOf(run, from), end: run.end }))
      const before = keys[index] ?? null
      const memory = at(buffers, index).buffer
      return this.thread(index).request({ kind: 'merge', path, directory, runs: ranges, from, before, memory })
    })
    const replies = await Promise.all(merges)
    const tables: MergedTable[] = []
    for (const reply of replies) {
      assert(reply.kind === 'merged', 'a thread answers what it was asked')
      if (reply.tables === null) return null
      tables.push(...reply.tables)
    }
    return tables
  }

  /** Writes all records by a batch. Returns false if a key occurs twice. */
  private async writeSmall(): Promise<boolean> {
    const { buffer } = this
    const batch = this.options.batch()
    let last: Buffer | null = null
    for (const offset of sortedRecords(buffer, this.length, this.count)) {
      const valueAt = offset + HEAD_BYTES + uint32At(buffer, offset)
      const key = buffer.subarray(offset + HEAD_BYTES, valueAt)
      if (last !== null && compareKeys(key, 0, key.length, last, 0, last.length) === 0) return false
      const valueLength = uint32At(buffer, offset + 4)
      if (valueLength !== CLAIMED) batch.put(key, buffer.subarray(valueAt, valueAt + valueLength))
      last = key
    }
    if (batch.count > 0) await batch.writeLazily()
    await this.close()
    return true
  }

  private thread(index: number): LoadThread {
    const thread = this.threads[index] ?? new LoadThread(`table-${index}`)
    this.threads[index] = thread
    return thread
  }

  private async endThreads(): Promise<void> {
    await Promise.all(this.threads.splice(0).map((thread) => thread.end()))
  }
}

/** Returns the keys that divide all records into parts of about the same size. */
function splitters(runs: readonly Run[], parts: number): Uint8Array[] {
  const keys = runs.flatMap(({ marks }) => marks.map(({ key }) => key))
  keys.sort((a, b) => Buffer.compare(a, b))
  const found: Uint8Array[] = []
  for (let part = 1; part < parts; part++) {
    const key = keys[Math.floor((part * keys.length) / parts)]
    if (key !== undefined && found.at(-1) !== key) found.push(key)
  }
  return found
}

/** Returns the offset of a mark before which no key is at or after `from`. */
function startOf({ from: start, marks }: Run, from: Uint8Array | null): number {
  if (from === null) return start
  return marks.findLast(({ key }) => Buffer.compare(key, from) < 0)?.offset ?? start
}

function sharedBuffer(bytes: number): Buffer<SharedArrayBuffer> {
  return Buffer.from(new SharedArrayBuffer(bytes))
}

/** A thread that answers one request after the other. */
class LoadThread {
  private readonly worker: Worker
  private waiting: { resolve(reply: LoadReply): void; reject(error: Error): void } | null = null
  /** The error after which the thread answers nothing. */
  private failure: Error | null = null

  constructor(name: string) {
    this.worker = new Worker(new URL('./bulk-load-worker.js', import.meta.url), {
      workerData: name,
      execArgv: [],
      resourceLimits: THREAD_LIMITS,
    })
    this.worker.on('message', (reply: LoadReply) => {
      const { waiting } = this
      this.waiting = null
      if (reply.kind !== 'failed') waiting?.resolve(reply)
      else waiting?.reject(Object.assign(new Error(reply.message), reply.code === undefined ? {} : { code: reply.code }))
    })
    this.worker.on('error', (error: Error) => this.fail(error))
    this.worker.on('exit', () => this.fail(new Error('a thread of the load has ended')))
  }

  /** REQUIRES: the request before has been answered. */
  request(request: LoadRequest): Promise<LoadReply> {
    assert(this.waiting === null, 'a thread has one request at a time')
    if (this.failure !== null) return Promise.reject(this.failure)
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject }
      this.worker.postMessage(request)
    })
  }

  async end(): Promise<void> {
    await this.worker.terminate()
  }

  private fail(error: Error): void {
    this.failure ??= error
    this.waiting?.reject(error)
    this.waiting = null
  }
}

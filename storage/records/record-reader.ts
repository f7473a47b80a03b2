/**
 * Reads ranges of LevelDB while the main thread waits. classic-level iterates only asynchronously,
 * so a thread of its own iterates on the same database (which must have been opened with
 * `multithreading`). The main thread posts a request and sleeps until the answer arrives. The first
 * read starts the thread, which keeps no process alive.
 *
 *   main thread   post request -> Atomics.wait ---------------> take the answer from the port
 *   reader                        iterate -> post answer -> Atomics.notify
 *
 * An answer is one buffer that changes hands, with all records: keyLength(4) valueLength(4) key
 * value ...
 */

import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { must } from '../../base/assert.ts'
import type { RecordRange } from './record-store.ts'

export interface ReaderOptions {
  readonly path: string
  readonly port: MessagePort
  /** Counts answers. */
  readonly signal: Int32Array<SharedArrayBuffer>
}

export interface ReaderRequest {
  readonly id: number
  readonly from: Uint8Array
  readonly before: Uint8Array
  readonly isReverse: boolean
  /** The limit of the range; -1: none. */
  readonly limit: number
  readonly count: number
}

export interface ReaderAnswer {
  readonly id: number
  readonly records: ArrayBuffer | null
  readonly error: { readonly code: string | undefined; readonly message: string } | null
}

export type RecordPair = readonly [key: Buffer, value: Buffer]

/** The time limit of a read in ms: longer than any working disk takes. */
const READ_TIMEOUT_MS = 60_000

interface Reader {
  readonly worker: Worker
  readonly port: MessagePort
  readonly signal: Int32Array<SharedArrayBuffer>
}

/** Reads ranges of LevelDB synchronously, through a thread. */
export class RecordReader {
  private readonly path: string
  private readonly timeoutMs: number
  private reader: Reader | null = null
  private ending: Promise<unknown> = Promise.resolve()
  private lastId = 0

  constructor(path: string, timeoutMs = READ_TIMEOUT_MS) {
    this.path = path
    this.timeoutMs = timeoutMs
  }

  get isRunning(): boolean {
    return this.reader !== null
  }

  /**
   * Returns the first records of a range: at least `count`, unless the range has fewer. Records up
   * to the range's limit are included if they have been read with the others. Throws LevelDB's
   * error, and an error if the thread does not answer in time.
   */
  read(range: RecordRange, count: number): readonly RecordPair[] {
    this.reader ??= this.start()
    const { from, before, reverse: isReverse = false, limit = 0 } = range
    const request: ReaderRequest = { id: ++this.lastId, from, before, isReverse, limit: limit === 0 ? -1 : limit, count }
    this.reader.port.postMessage(request)
    const { records, error } = this.nextAnswer(this.reader, request.id)
    if (error !== null) throw Object.assign(new Error(error.message), error.code === undefined ? {} : { code: error.code })
    return unpackRecords(must(records))
  }

  /** Ends the thread, which releases the database; the next read starts another thread. */
  async close(): Promise<void> {
    this.stop()
    await this.ending
  }

  private start(): Reader {
    const { port1: port, port2 } = new MessageChannel()
    const signal = new Int32Array(new SharedArrayBuffer(4))
    const workerData: ReaderOptions = { path: this.path, port: port2, signal }
    const worker = new Worker(new URL('./record-reader-worker.js', import.meta.url), { workerData, transferList: [port2], execArgv: [] })
    const reader = { worker, port, signal }
    worker.unref()
    // If the thread dies, the read that waits for it times out, and the next read starts another.
    const onGone = () => {
      if (this.reader === reader) this.stop()
    }
    worker.on('error', onGone)
    worker.on('exit', onGone)
    return reader
  }

  private stop(): void {
    if (this.reader === null) return
    const { worker, port } = this.reader
    this.reader = null
    port.close()
    this.ending = Promise.all([this.ending, worker.terminate()])
  }

  private nextAnswer({ port, signal }: Reader, id: number): ReaderAnswer {
    for (;;) {
      const seen = Atomics.load(signal, 0)
      const answer = receiveMessageOnPort(port)?.message as ReaderAnswer | undefined
      if (answer?.id === id) return answer
      if (answer !== undefined) continue
      if (Atomics.wait(signal, 0, seen, this.timeoutMs) !== 'timed-out') continue
      this.stop()
      throw new Error(`a read of LevelDB has not ended within ${this.timeoutMs} ms`)
    }
  }
}

export function packRecords(records: readonly RecordPair[]): ArrayBuffer {
  let sizeBytes = 0
  for (const [key, value] of records) sizeBytes += 8 + key.length + value.length
  const packed = Buffer.from(new ArrayBuffer(sizeBytes))
  let at = 0
  for (const [key, value] of records) {
    packed.writeUInt32BE(key.length, at)
    packed.writeUInt32BE(value.length, at + 4)
    key.copy(packed, at + 8)
    value.copy(packed, at + 8 + key.length)
    at += 8 + key.length + value.length
  }
  return packed.buffer as ArrayBuffer
}

function unpackRecords(packed: ArrayBuffer): RecordPair[] {
  const bytes = Buffer.from(packed)
  const records: RecordPair[] = []
  for (let at = 0; at < bytes.length; ) {
    const valueAt = at + 8 + bytes.readUInt32BE(at)
    const end = valueAt + bytes.readUInt32BE(at + 4)
    records.push([bytes.subarray(at + 8, valueAt), bytes.subarray(valueAt, end)])
    at = end
  }
  return records
}

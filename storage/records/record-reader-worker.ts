/**
 * The thread that reads ranges of LevelDB while the main thread waits: see record-reader.ts. It
 * works on the same database as the main thread, through a handle of its own, and only ever reads.
 */
import { workerData } from 'node:worker_threads'
import { ClassicLevel } from 'classic-level'
import { packRecords, type ReaderAnswer, type ReaderOptions, type ReaderRequest } from './record-reader.ts'

const { path, port, signal } = workerData as ReaderOptions
const READ_BYTES = 256 * 1024

const level = new ClassicLevel<Buffer, Buffer>(path, {
  keyEncoding: 'buffer',
  valueEncoding: 'buffer',
  multithreading: true,
  createIfMissing: false,
})

async function read({ from, before, isReverse, limit, count }: ReaderRequest): Promise<[Buffer, Buffer][]> {
  const found: [Buffer, Buffer][] = []
  await level.open()
  const iterator = level.iterator({
    gte: Buffer.from(from),
    lt: Buffer.from(before),
    reverse: isReverse,
    limit,
    highWaterMarkBytes: READ_BYTES,
  })
  try {
    while (found.length < count) {
      const records = await iterator.nextv(limit < 0 ? count - found.length : limit - found.length)
      if (records.length === 0) break
      for (const record of records) found.push(record)
    }
  } finally {
    await iterator.close()
  }
  return found
}

async function answer(request: ReaderRequest): Promise<void> {
  let reply: ReaderAnswer
  try {
    reply = { id: request.id, records: packRecords(await read(request)), error: null }
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string }
    reply = { id: request.id, records: null, error: { code, message } }
  }
  port.postMessage(reply, reply.records === null ? [] : [reply.records])
  Atomics.add(signal, 0, 1)
  Atomics.notify(signal, 0)
}

port.on('message', (request: ReaderRequest) => void answer(request))

/**
 * Takes in a full sync: the chunks of a snapshot go to a generation beside the data in use, which is served all the while, in the order in
 * which they come.
 *
 *   begin -> add ... add -> (all written) onCopied -> swap -> onSwapped
 *
 * A copy outlives the connection that it came on: what has come is written, and what is asked for next follows on it. Where the master has
 * another snapshot by then, it starts over. A copy that cannot be written, or not be put in place, is abandoned. It outlives the process, too:
 * the next one goes on behind what was recorded (storage/directory/generations.ts).
 */
import type { Clock } from '../../base/clock.ts'
import type { NextGeneration } from '../../storage/directory/generations.ts'
import type { Storage } from '../../storage/storage.ts'
import { type Chunk, readChunk } from '../protocol/chunks.ts'
import { readSnapshotHead, type SnapshotHead, snapshotHeadWords } from '../protocol/messages.ts'
import { ByteRate } from './byte-rate.ts'

/** While more than this waits for the disk, the connection is not read from; until it is less than the other. */
const HIGH_WATER_BYTES = 4 * 1024 * 1024
const LOW_WATER_BYTES = 1024 * 1024

export interface FullSyncProgress {
  readonly bytes: number
  /** As the master estimates it. */
  readonly totalBytes: number
  readonly records: number
  readonly bytesPerSecond: number
  /** Null while it cannot be told. */
  readonly etaSeconds: number | null
}

export interface FullSyncTargetOptions {
  readonly storage: Storage
  readonly clock: Clock
  /** All records are written. */
  onCopied(): void
  onSwapped(): void
  /** The copy has been abandoned. */
  onFailed(reason: string): void
  /** `isFull` may have changed. */
  onRoom(): void
}

interface Copy {
  /** As last sent: the master may have another history by then, and the snapshot be of that, too. */
  head: SnapshotHead
  next: NextGeneration | null
  /** Of what has come. */
  lastKey: Buffer | null
  /** Written. */
  bytes: number
  records: number
}

/** What one connection brings of a copy. */
interface Transfer {
  sequence: number
  records: number
  hasEnded: boolean
}

export class FullSyncTarget {
  /** More is here than should wait for the disk. */
  isFull = false
  private readonly options: FullSyncTargetOptions
  private readonly rate: ByteRate
  private copy: Copy | null = null
  /** Null while no connection brings anything. */
  private transfer: Transfer | null = null
  private waiting: { readonly chunk: Chunk; readonly transfer: Transfer }[] = []
  private waitingBytes = 0
  private isWriting = false

  constructor(options: FullSyncTargetOptions) {
    this.options = options
    this.rate = new ByteRate(options.clock)
  }

  /** Where an interrupted copy would go on; null where there is none. */
  get resume(): { readonly snapshot: string; readonly after: string | null } | null {
    const { copy } = this
    return copy === null ? null : { snapshot: copy.head.id, after: copy.lastKey?.toString('hex') ?? null }
  }

  get progress(): FullSyncProgress | null {
    const { copy } = this
    if (copy === null) return null
    const { bytes, records, head } = copy
    // The master counts what its tables take, compressed, and keys. Keys come first and bring most of the bytes where values are small.
    const byKeys = records > 0 && records <= head.records ? Math.round((bytes / records) * head.records) : 0
    const totalBytes = Math.max(head.bytes, byKeys, bytes)
    const bytesPerSecond = this.rate.perSecond
    const etaSeconds = bytesPerSecond > 0 ? Math.ceil((totalBytes - bytes) / bytesPerSecond) : null
    return { bytes, totalBytes, records, bytesPerSecond, etaSeconds }
  }

  /** What an earlier process has received is gone on with, if anything. Returns whether there is any. */
  takeUp(): boolean {
    const { unfinished } = this.options.storage
    if (unfinished === null || unfinished.progress === null || this.copy !== null) return false
    const { source, after, bytes, records } = unfinished.progress
    try {
      this.copy = { head: readSnapshotHead(source), next: unfinished, lastKey: Buffer.from(after, 'hex'), bytes, records }
    } catch {
      unfinished.abandon().catch(() => {}) // of another version's form
    }
    return this.copy !== null
  }

  /** Stops writing. What has been written is the storage's to keep. */
  close(): void {
    this.forget()
  }

  /** A connection starts to bring records: those after `resume` where it is the same snapshot, else all. */
  begin(head: SnapshotHead): void {
    const { copy } = this
    if (copy !== null && copy.head.id === head.id && copy.head.offset === head.offset && copy.head.crc === head.crc) copy.head = head
    else {
      this.abandon()
      this.copy = { head, next: null, lastKey: null, bytes: 0, records: 0 }
    }
    this.transfer = { sequence: 0, records: 0, hasEnded: false }
    this.rate.reset()
  }

  /** Throws where it is not the chunk that follows. Nothing is lost by that. */
  add(bytes: Buffer): void {
    const { copy, transfer } = this
    if (copy === null || transfer === null || transfer.hasEnded) throw new Error('a chunk that no full sync has asked for')
    const chunk = readChunk(bytes)
    const { kind, sequence, records, total } = chunk
    if (sequence !== transfer.sequence) throw new Error(`chunk ${sequence} of a full sync came in the place of ${transfer.sequence}`)
    if (kind === 'end' && total !== transfer.records) throw new Error(`a full sync of ${total} records has brought ${transfer.records}`)
    transfer.sequence++
    transfer.records += records.length
    transfer.hasEnded = kind === 'end'
    const last = records.at(-1)
    if (last !== undefined) copy.lastKey = Buffer.from(last[0])
    this.rate.add(bytes.length)
    this.waiting.push({ chunk, transfer })
    this.waitingBytes += sizeOf(chunk)
    if (this.waitingBytes > HIGH_WATER_BYTES) this.isFull = true
    if (!this.isWriting) void this.write()
  }

  /** The connection has ended. */
  cut(): void {
    this.transfer = null
  }

  /** Puts the copy in the place of the data in use. */
  swap(): void {
    if (this.copy?.next !== null && this.copy?.next !== undefined) void this.replace(this.copy, this.copy.next)
  }

  /** There is no copy any more, nor one that could still be put in place. */
  abandon(): void {
    const next = this.forget()
    // What cannot be removed now is removed by the next start; whoever opens another one is told what is wrong with the disk.
    next?.abandon().catch(() => {})
  }

  private forget(): NextGeneration | null {
    const { copy } = this
    this.copy = null
    this.transfer = null
    this.waiting = []
    this.waitingBytes = 0
    this.isFull = false
    return copy?.next ?? null
  }

  /** Writes what waits, one chunk after the other, of whatever copy it is for. Its end is told by a call. */
  private async write(): Promise<void> {
    this.isWriting = true
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      const { chunk, transfer } = next
      const copy = this.copy as Copy
      this.waitingBytes -= sizeOf(chunk)
      try {
        await this.writeOne(copy, chunk)
      } catch (error) {
        if (this.copy === copy) this.fail(`a full sync cannot be written: ${textOf(error)}`)
        continue
      }
      if (chunk.kind === 'end' && this.transfer === transfer) this.options.onCopied()
      if (this.isFull && this.waitingBytes < LOW_WATER_BYTES) {
        this.isFull = false
        this.options.onRoom()
      }
    }
    this.isWriting = false
  }

  private async writeOne(copy: Copy, chunk: Chunk): Promise<void> {
    if (copy.next === null) {
      const next = await this.options.storage.nextGeneration(snapshotHeadWords(copy.head))
      if (this.copy !== copy) {
        await next.abandon()
        return
      }
      copy.next = next
    }
    if (chunk.records.length === 0) return
    await copy.next.put(chunk.records)
    copy.records += chunk.records.length
    copy.bytes += sizeOf(chunk)
  }

  private async replace(copy: Copy, next: NextGeneration): Promise<void> {
    const { offset, crc, replicationId, past } = copy.head
    try {
      await this.options.storage.adopt(next, { offset, crc }, replicationId, past)
    } catch (error) {
      if (this.copy === copy) this.fail(`a full sync cannot be put in place: ${textOf(error)}`)
      return
    }
    if (this.copy !== copy) return
    this.copy = null
    this.options.onSwapped()
  }

  private fail(reason: string): void {
    this.abandon()
    this.options.onFailed(reason)
  }
}

function sizeOf({ records }: Chunk): number {
  let bytes = 0
  for (const [key, value] of records) bytes += key.length + value.length
  return bytes
}

/** With the cause: LevelDB says of itself only that it failed to open. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}

/**
 * Takes in a full sync: the chunks of a snapshot go to a generation beside the data in use, which is served all the while, in the order in
 * which they come.
 *
 *   begin -> add ... add -> (all written) onCopied -> swap -> onSwapped
 *
 * A copy outlives the connection that it came on: what is asked for next follows on the last record that was written. Where the master has
 * another snapshot by then, it starts over. A copy that cannot be written, or not be put in place, is abandoned.
 */
import type { Clock } from '../storage/clock.ts'
import type { NextGeneration } from '../storage/generations.ts'
import type { Storage } from '../storage/storage.ts'
import { ByteRate } from './byte-rate.ts'
import { type Chunk, readChunk } from './chunks.ts'
import type { SnapshotHead } from './messages.ts'

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
  readonly head: SnapshotHead
  next: NextGeneration | null
  lastKey: Buffer | null
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
  private transfer: Transfer = { sequence: 0, records: 0, hasEnded: false }
  private waiting: Chunk[] = []
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

  /** A connection starts to bring records: those after `resume` where it is the same snapshot, else all. */
  begin(head: SnapshotHead): void {
    this.cut()
    this.transfer = { sequence: 0, records: 0, hasEnded: false }
    this.rate.reset()
    if (this.copy?.head.id === head.id) return
    this.abandon()
    this.copy = { head, next: null, lastKey: null, bytes: 0, records: 0 }
  }

  /** Throws where it is not the chunk that follows. Nothing is lost by that. */
  add(bytes: Buffer): void {
    const { copy, transfer } = this
    if (copy === null || transfer.hasEnded) throw new Error('a chunk that no full sync has asked for')
    const chunk = readChunk(bytes)
    if (chunk.sequence !== transfer.sequence)
      throw new Error(`chunk ${chunk.sequence} of a full sync came in the place of ${transfer.sequence}`)
    if (chunk.kind === 'end' && chunk.total !== transfer.records) {
      throw new Error(`a full sync of ${chunk.total} records has brought ${transfer.records}`)
    }
    transfer.sequence++
    transfer.records += chunk.records.length
    transfer.hasEnded = chunk.kind === 'end'
    this.rate.add(bytes.length)
    this.waiting.push(chunk)
    this.waitingBytes += sizeOf(chunk)
    if (this.waitingBytes > HIGH_WATER_BYTES) this.isFull = true
    if (!this.isWriting) void this.write()
  }

  /** The connection has ended. What has not been written is to be sent again. */
  cut(): void {
    this.waiting = []
    this.waitingBytes = 0
    this.transfer.hasEnded = false
    this.isFull = false
  }

  /** Puts the copy in the place of the data in use. */
  swap(): void {
    if (this.copy?.next !== null && this.copy?.next !== undefined) void this.replace(this.copy, this.copy.next)
  }

  /** There is no copy any more, nor one that could still be put in place. */
  abandon(): void {
    const { copy } = this
    this.copy = null
    this.cut()
    // What cannot be removed now is removed by the next start; whoever opens another one is told what is wrong with the disk.
    if (copy !== null && copy.next !== null) copy.next.abandon().catch(() => {})
  }

  /** Writes what waits, one chunk after the other, of whatever copy it is for. Its end is told by a call. */
  private async write(): Promise<void> {
    this.isWriting = true
    for (let chunk = this.waiting.shift(); chunk !== undefined; chunk = this.waiting.shift()) {
      this.waitingBytes -= sizeOf(chunk)
      const copy = this.copy as Copy
      try {
        await this.writeOne(copy, chunk)
      } catch (error) {
        if (this.copy === copy) this.fail(`a full sync cannot be written: ${textOf(error)}`)
        continue
      }
      if (this.isFull && this.waitingBytes < LOW_WATER_BYTES) {
        this.isFull = false
        this.options.onRoom()
      }
    }
    this.isWriting = false
  }

  private async writeOne(copy: Copy, chunk: Chunk): Promise<void> {
    const { transfer } = this
    if (copy.next === null) {
      const next = await this.options.storage.nextGeneration()
      if (this.copy !== copy) return next.abandon()
      copy.next = next
    }
    if (chunk.kind === 'end') {
      if (this.transfer === transfer && transfer.hasEnded) this.options.onCopied()
      return
    }
    await copy.next.put(chunk.records)
    copy.lastKey = Buffer.from(chunk.records.at(-1)?.[0] ?? copy.lastKey ?? [])
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

const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

/**
 * Receives a full sync. The chunks of a snapshot are written, in their order, to a data set
 * beside the one in use, which is served meanwhile.
 *
 *   begin -> add ... add -> (all written) onCopied -> install -> onInstalled
 *
 * A copy outlives its connection: received records are kept, and the next request resumes after
 * them. If the master has another snapshot by then, the copy starts over. A copy that cannot be
 * written or installed is abandoned. A copy also outlives the process: the next process resumes
 * after the last recorded record (storage/directory/data-sets.ts).
 */

import { assert, must, rethrowAssertion } from '../../base/assert.ts'
import type { Clock } from '../../base/clock.ts'
import { errorText } from '../../base/error-text.ts'
import type { IncomingDataSet } from '../../storage/directory/data-sets.ts'
import type { Storage } from '../../storage/storage.ts'
import { type Chunk, readChunk } from '../protocol/chunks.ts'
import { Refusal, readSnapshotHead, type SnapshotHead, snapshotHeadWords } from '../protocol/messages.ts'
import { ByteRate } from './byte-rate.ts'

/**
 * The connection is paused above the high-water mark of bytes that wait for the disk, and resumed
 * below the low-water mark.
 */
const HIGH_WATER_BYTES = 4 * 1024 * 1024
const LOW_WATER_BYTES = 1024 * 1024

export interface FullSyncProgress {
  readonly bytes: number
  /** The estimate of the master. */
  readonly totalBytes: number
  readonly records: number
  readonly bytesPerSecond: number
  /** Null while unknown. */
  readonly etaSeconds: number | null
}

export interface FullSyncTargetOptions {
  readonly storage: Storage
  readonly clock: Clock
  /** Called once all records are written. */
  onCopied(): void
  onInstalled(): void
  /** Called after the copy was abandoned. */
  onFailed(reason: string): void
  /** Called when `isFull` may have changed. */
  onRoom(): void
}

interface Copy {
  /**
   * The last head received. A resumed transfer may name a newer history, to which the snapshot
   * belongs as well.
   */
  head: SnapshotHead
  next: IncomingDataSet | null
  /** The key of the last record received. */
  lastKey: Buffer | null
  /** Bytes and records written. */
  bytes: number
  records: number
}

/** The part of a copy that arrives on one connection. */
interface Transfer {
  sequence: number
  records: number
  hasEnded: boolean
}

/** Receives a full sync into a data set beside the one in use. */
export class FullSyncTarget {
  /** True above the high-water mark: the connection should not be read. */
  isFull = false
  private readonly options: FullSyncTargetOptions
  private readonly rate: ByteRate
  private copy: Copy | null = null
  /** Null while no connection carries records. */
  private transfer: Transfer | null = null
  private waiting: { readonly chunk: Chunk; readonly transfer: Transfer }[] = []
  private waitingBytes = 0
  private isWriting = false

  constructor(options: FullSyncTargetOptions) {
    this.options = options
    this.rate = new ByteRate(options.clock)
  }

  /** The position at which an interrupted copy resumes; null without one. */
  get resume(): { readonly snapshot: string; readonly after: string | null } | null {
    const { copy } = this
    return copy === null ? null : { snapshot: copy.head.id, after: copy.lastKey?.toString('hex') ?? null }
  }

  get progress(): FullSyncProgress | null {
    const { copy } = this
    if (copy === null) return null
    const { bytes, records, head } = copy
    // The master estimates keys and the compressed size of its tables. Keys come first and are most
    // of the bytes if values are small.
    const byKeys = records > 0 && records <= head.records ? Math.round((bytes / records) * head.records) : 0
    const totalBytes = Math.max(head.bytes, byKeys, bytes)
    const bytesPerSecond = this.rate.perSecond
    const etaSeconds = bytesPerSecond > 0 ? Math.ceil((totalBytes - bytes) / bytesPerSecond) : null
    return { bytes, totalBytes, records, bytesPerSecond, etaSeconds }
  }

  /** Adopts the copy of an earlier process. Returns true if there is one. */
  adopt(): boolean {
    const { unfinished } = this.options.storage
    if (unfinished === null || unfinished.progress === null || this.copy !== null) return false
    const { source, after, bytes, records } = unfinished.progress
    try {
      this.copy = { head: readSnapshotHead(source), next: unfinished, lastKey: Buffer.from(after, 'hex'), bytes, records }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      unfinished.abandon().catch(rethrowAssertion) // the head has the form of another version
    }
    return this.copy !== null
  }

  /** Stops writing. The storage keeps what was written. */
  close(): void {
    this.detachCopy()
  }

  /** Starts a transfer: the records after `resume` if the snapshot is the same, else all. */
  beginTransfer(head: SnapshotHead): void {
    const { copy } = this
    if (copy !== null && copy.head.id === head.id && copy.head.offset === head.offset && copy.head.crc === head.crc) copy.head = head
    else {
      this.abandon()
      this.copy = { head, next: null, lastKey: null, bytes: 0, records: 0 }
    }
    this.transfer = { sequence: 0, records: 0, hasEnded: false }
    this.rate.reset()
  }

  /** Adds a chunk. Throws if it is not the next one; the copy stays as it is. */
  add(bytes: Buffer): void {
    const { copy, transfer } = this
    if (copy === null || transfer === null || transfer.hasEnded) throw new Error('a chunk arrived that no full sync requested')
    const chunk = readChunk(bytes)
    const { kind, sequence, records, total } = chunk
    if (sequence !== transfer.sequence) throw new Error(`chunk ${sequence} of a full sync arrived instead of chunk ${transfer.sequence}`)
    if (kind === 'end' && total !== transfer.records) throw new Error(`a full sync of ${total} records delivered ${transfer.records}`)
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

  /** Ends the transfer of a closed connection. The copy is kept. */
  cut(): void {
    this.transfer = null
  }

  /** Installs the copy in place of the data in use. */
  install(): void {
    if (this.copy?.next !== null && this.copy?.next !== undefined) void this.replace(this.copy, this.copy.next)
  }

  /** Drops the copy, which cannot be installed any more. */
  abandon(): void {
    const next = this.detachCopy()
    // The next start removes what cannot be removed now. A faulty disk is reported when another
    // data set is opened.
    next?.abandon().catch(rethrowAssertion)
  }

  private detachCopy(): IncomingDataSet | null {
    const { copy } = this
    this.copy = null
    this.transfer = null
    this.waiting = []
    this.waitingBytes = 0
    this.isFull = false
    return copy?.next ?? null
  }

  /** Writes the waiting chunks one after the other. Calls `onCopied` after the last. */
  private async write(): Promise<void> {
    this.isWriting = true
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      const { chunk, transfer } = next
      const copy = must(this.copy)
      this.waitingBytes -= sizeOf(chunk)
      assert(this.waitingBytes >= 0, 'chunks that wait take no negative memory')
      try {
        await this.writeOne(copy, chunk)
      } catch (error) {
        rethrowAssertion(error)
        if (this.copy === copy) this.fail(`a full sync cannot be written: ${textWithCause(error)}`)
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
      const next = await this.options.storage.beginDataSet(snapshotHeadWords(copy.head))
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

  private async replace(copy: Copy, next: IncomingDataSet): Promise<void> {
    const { offset, crc, replicationId, past } = copy.head
    try {
      await this.options.storage.installDataSet(next, { offset, crc }, { replicationId, past })
    } catch (error) {
      rethrowAssertion(error)
      if (this.copy === copy) this.fail(`a full sync cannot be installed: ${textWithCause(error)}`)
      return
    }
    if (this.copy !== copy) return
    this.copy = null
    this.options.onInstalled()
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

/** Includes the cause: LevelDB itself reports only that it failed to open. */
function textWithCause(error: unknown): string {
  const text = errorText(error)
  return error instanceof Error && error.cause instanceof Error ? `${text}: ${error.cause.message}` : text
}

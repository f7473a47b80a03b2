/**
 * Receives the RDB of a Redis master into a data set beside the one in use, which is served
 * meanwhile.
 *
 *   receive -> push ... push -> (all loaded) onLoaded -> install -> onInstalled
 *
 * The loader works in slices of a millisecond between the turns of the event loop. A transfer that
 * is cut starts over: an RDB cannot be resumed. The data set carries the position to which the RDB
 * leads, so that data and position are installed in one moment.
 */
import { assert, rethrowAssertion } from '../../base/assert.ts'
import { type Bytes, bufferOf } from '../../base/bytes.ts'
import type { Clock, Random } from '../../base/clock.ts'
import { errorText } from '../../base/error-text.ts'
import type { Log } from '../../base/log.ts'
import { RdbReader } from '../../rdb/reader.ts'
import type { BinlogPosition } from '../../storage/binlog/group.ts'
import type { IncomingDataSet } from '../../storage/directory/data-sets.ts'
import { randomHex } from '../../storage/directory/identity.ts'
import { VALUE_BUDGET, type ValueLimits } from '../../storage/exchange/incoming.ts'
import { RdbLoader } from '../../storage/exchange/loader.ts'
import { decodeMeta, encodeMeta } from '../../storage/records/meta.ts'
import { META_KEY } from '../../storage/records/records.ts'
import type { Storage } from '../../storage/storage.ts'
import { ByteQueue } from './byte-queue.ts'
import type { TransferEnd } from './conversation.ts'

/** The connection is paused above this number of waiting bytes, and resumed below the lower one. */
const HIGH_WATER_BYTES = 4 * 1024 * 1024
const LOW_WATER_BYTES = 1024 * 1024
/** Bytes of clean pages that stay in memory while an RDB is loaded. */
const LOADER_CACHE_BYTES = 16 * 1024 * 1024
const SLICE_MS = 1
const MARK_BYTES = 40
/** The end of the reason of a failed load; copy-room.ts has the waits. */
const RETRIES = 'the next tries are up to five minutes apart, and REPLICAOF with FORCE tries at once'

export interface RdbTargetOptions {
  readonly storage: Storage
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly databases: number
  readonly limits: ValueLimits
  /** Returns the name of a library of functions. Throws for code that is not accepted. */
  libraryName(code: Bytes): Bytes
  /** Called with the bytes of the stream that came after the RDB. */
  onLoaded(rest: Buffer): void
  onInstalled(): void
  /** Called after the data set was abandoned. */
  onFailed(reason: string): void
  /** Called when `isFull` may have changed. */
  onRoom(): void
}

/** The RDB to which a transfer leads. */
interface Arrival {
  readonly replicationId: string
  readonly offset: number
  readonly end: TransferEnd
  readonly reader: RdbReader
  /** Bytes received, and those of them that the reader was given. */
  received: number
  given: number
  /** The last bytes received, no more than a mark has. */
  tail: Buffer
  /** The bytes that wait for the reader. */
  readonly waiting: ByteQueue
  next: IncomingDataSet | null
  position: BinlogPosition | null
}

/** Receives the RDB of a Redis master into a data set beside the one in use. */
export class RdbTarget {
  /** True above the high-water mark: the connection should not be read. */
  isFull = false
  private readonly options: RdbTargetOptions
  private transfer: Arrival | null = null
  private isInstalling = false

  constructor(options: RdbTargetOptions) {
    this.options = options
  }

  /** Bytes received of the transfer under way, and their total, 0 if unknown. Null without one. */
  get progress(): { readonly bytes: number; readonly totalBytes: number } | null {
    const { transfer } = this
    if (transfer === null) return null
    return { bytes: transfer.received, totalBytes: 'length' in transfer.end ? transfer.end.length : 0 }
  }

  /** Begins to receive an RDB that leads to an offset of a history. */
  receive(replicationId: string, offset: number, end: TransferEnd): void {
    this.abandon()
    const totalBytes = 'length' in end ? end.length : undefined
    const reader = new RdbReader({ ...VALUE_BUDGET, mustBeUnique: false }, { totalBytes, strings: 'whole' })
    const waiting = new ByteQueue()
    const tail = Buffer.alloc(0)
    const transfer: Arrival = { replicationId, offset, end, reader, received: 0, given: 0, tail, waiting, next: null, position: null }
    this.transfer = transfer
    void this.load(transfer)
  }

  /** Takes bytes from the first of the RDB on. Those after it reach `onLoaded`. */
  push(bytes: Buffer): void {
    const { transfer } = this
    if (transfer === null) return
    transfer.received += bytes.length
    transfer.tail = lastBytes(transfer.tail, bytes)
    transfer.waiting.push(bytes)
    if (transfer.waiting.sizeBytes > HIGH_WATER_BYTES) this.isFull = true
  }

  /** Ends the transfer of a closed connection. What is being installed goes on. */
  cut(): void {
    if (!this.isInstalling) this.abandon()
  }

  install(): void {
    if (this.transfer !== null) void this.installArrived(this.transfer)
  }

  /** Drops the transfer and its data set. */
  abandon(): void {
    const { transfer } = this
    this.transfer = null
    this.isInstalling = false
    this.isFull = false
    transfer?.waiting.stop()
    // A loading that is under way removes the data set itself, once it has stopped writing.
    if (transfer?.position != null) transfer.next?.abandon().catch(rethrowAssertion)
  }

  private async load(transfer: Arrival): Promise<void> {
    try {
      const rest = await this.loadAll(transfer)
      if (this.transfer !== transfer || rest === null) return
      const after = Buffer.concat([rest, transfer.waiting.takeAll()])
      this.isFull = false
      this.options.onLoaded(after)
    } catch (error) {
      rethrowAssertion(error)
      const isWanted = this.transfer === transfer
      await transfer.next?.abandon()
      if (isWanted) this.fail(`the RDB of the master cannot be loaded: ${errorText(error)}; ${RETRIES}`)
    }
  }

  /** Returns the bytes after the RDB, or null if the transfer is no longer wanted. */
  private async loadAll(transfer: Arrival): Promise<Buffer | null> {
    const { storage, clock, random, databases, limits, libraryName } = this.options
    const next = await storage.beginDataSet()
    transfer.next = next
    const loader = new RdbLoader({
      records: next.records,
      databaseCount: databases,
      limits,
      cacheBytes: LOADER_CACHE_BYTES,
      nowMs: clock.wallMs(),
      mustKeepExpired: true,
      libraryName,
      breathe: () => new Promise((resolve) => setImmediate(resolve)),
    })
    let database = 0
    let untilMs = clock.monotonicMs() + SLICE_MS
    const breathe = async () => {
      await new Promise((resolve) => setImmediate(resolve))
      untilMs = clock.monotonicMs() + SLICE_MS
    }
    const { reader } = transfer
    while (!reader.isAtEnd) {
      if (this.transfer !== transfer) {
        await next.abandon()
        return null
      }
      const part = reader.next()
      if (part === null) {
        if (!this.feed(transfer)) await transfer.waiting.whenMore()
      } else {
        if (part.kind === 'aux' && part.name === 'repl-stream-db' && /^\d{1,9}$/.test(part.value)) database = Number(part.value)
        loader.add(part)
        if (loader.mustFlush) await loader.flush()
      }
      if (clock.monotonicMs() >= untilMs) await breathe()
    }
    const rest = await this.restOf(transfer)
    // A CRC by chance: no other log has this position, so no replica takes the data for its own.
    const position = { offset: storage.binlog.end.offset + 1, crc: Math.floor(random() * 2 ** 32) }
    const meta = decodeMeta(await loader.complete(position))
    const { replicationId, offset } = transfer
    const upstream = { replicationId, offset, database }
    await next.put([[META_KEY, encodeMeta({ ...meta, upstream })]])
    if (this.transfer !== transfer) {
      await next.abandon()
      return null
    }
    transfer.position = position
    const { skipped, ...numbers } = loader.summary
    if (skipped.length > 0)
      this.options.log.warn({ modules: skipped.join(' ') }, 'data of modules in the RDB of the master was skipped: haypile has no modules')
    this.options.log.info({ ...numbers, bytes: transfer.received }, 'the RDB of the master is loaded')
    return rest
  }

  /**
   * Gives waiting bytes of the RDB to the reader, or ends the reader if it has all of them. Returns
   * false if more bytes must come.
   */
  private feed(transfer: Arrival): boolean {
    const { end, reader, waiting } = transfer
    const left = 'length' in end ? end.length - transfer.given : Number.POSITIVE_INFINITY
    const bytes = left === 0 ? undefined : waiting.take(left)
    if (bytes === undefined) {
      // A damaged RDB may claim more bytes than it has. Those that follow are not its own.
      const isWhole = left === 0 || ('mark' in end && transfer.tail.equals(bufferOf(end.mark)))
      if (isWhole) reader.end()
      return isWhole
    }
    transfer.given += bytes.length
    if (this.isFull && waiting.sizeBytes < LOW_WATER_BYTES) {
      this.isFull = false
      this.options.onRoom()
    }
    reader.push(bytes)
    return true
  }

  /** Returns the bytes after the RDB and its mark. Throws if it ends elsewhere than announced. */
  private async restOf(transfer: Arrival): Promise<Buffer> {
    const { end, reader } = transfer
    let rest = reader.rest()
    if ('mark' in end) {
      while (rest.length < MARK_BYTES && this.transfer === transfer) {
        await transfer.waiting.whenMore()
        rest = Buffer.concat([rest, transfer.waiting.takeAll()])
      }
      if (this.transfer === transfer && !rest.subarray(0, MARK_BYTES).equals(bufferOf(end.mark)))
        throw new Error('it does not end with its mark')
      return rest.subarray(MARK_BYTES)
    }
    const used = transfer.given - rest.length
    if (used !== end.length) throw new Error(`it ends after ${used} bytes of ${end.length}`)
    return rest
  }

  private async installArrived(transfer: Arrival): Promise<void> {
    const { storage, random } = this.options
    const { next, position } = transfer
    assert(next !== null && position !== null, 'a data set that is installed was loaded')
    this.isInstalling = true
    try {
      await storage.installDataSet(next, position, { replicationId: randomHex(random, 40), past: [] })
    } catch (error) {
      rethrowAssertion(error)
      if (this.transfer === transfer) this.fail(`the data of the master cannot be installed: ${errorText(error)}`)
      return
    }
    if (this.transfer !== transfer) return
    this.transfer = null
    this.isInstalling = false
    this.options.onInstalled()
  }

  private fail(reason: string): void {
    this.abandon()
    this.options.onFailed(reason)
  }
}

/** Returns the last bytes of two buffers, no more than a mark has. */
function lastBytes(before: Buffer, bytes: Buffer): Buffer {
  if (bytes.length >= MARK_BYTES) return Buffer.from(bytes.subarray(-MARK_BYTES))
  return Buffer.concat([before, bytes]).subarray(-MARK_BYTES)
}

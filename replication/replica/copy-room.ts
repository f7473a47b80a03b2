/**
 * Checks the disk space of the replica for a full sync. The size that the master announces is
 * compared with the free space before anything is received. If there is too little, or the disk
 * fills up on the way, the replica waits. Each wait is longer than the one before. A try is
 * expensive: it costs the master a snapshot, and the network all bytes that fit on the disk. A wait
 * ends early once there is room.
 *
 * If the RDB of a Redis master cannot be loaded, the replica waits in the same way, but longer the
 * first time. Each try makes the Redis fork and send all of its data, and the value that could not
 * be loaded is probably still there.
 */
import type { Random } from '../../base/clock.ts'
import type { SnapshotHead } from '../protocol/messages.ts'
import type { LinkFacts } from './machine-types.ts'

/**
 * LevelDB briefly stores recent writes twice, in its log and in the table made of it. The default
 * of level-write-buffer.
 */
const WRITE_BUFFER_BYTES = 16 * 1024 * 1024
/**
 * After a copy that filled the disk, an early try needs more free space than that copy began with,
 * by this factor.
 */
const MIN_GROWTH = 1.1

/** The first wait for room, and the first one after an RDB that could not be loaded. */
const FIRST_WAIT_MS = 1000
export const FIRST_RDB_WAIT_MS = 10_000
const MAX_WAIT_MS = 300_000

/** Tracks whether the disk has room for a full sync, and how long to wait if not. */
export class CopyRoom {
  private failures = 0
  /** Bytes needed; null while unknown. */
  private neededBytes: number | null = null
  /** Free bytes when the present copy began. */
  private freeBytes: number | null = null

  /** True if the last try failed for lack of space. */
  get hasFailed(): boolean {
    return this.failures > 0
  }

  /**
   * Returns why a full sync cannot be received now, or null. For a resumed copy only the rest
   * counts.
   */
  lackFor({ id, bytes }: SnapshotHead, { copy, copiedBytes, freeBytes }: LinkFacts): string | null {
    const left = Math.max(0, copy?.snapshot === id ? bytes - copiedBytes : bytes)
    const needed = left + Math.min(left, WRITE_BUFFER_BYTES)
    this.freeBytes = freeBytes
    if (needed <= freeBytes) return null
    this.neededBytes = needed
    return `no room for a full sync: it takes about ${needed} bytes, and ${freeBytes} are free`
  }

  /**
   * The reason of a failure that filled the disk. It names no file, so a repeated failure has the
   * same text and is logged once.
   */
  get fullReason(): string {
    const reason = 'no room for a full sync: the disk was full before its end'
    return this.freeBytes === null ? reason : `${reason}, with ${this.freeBytes} bytes free at its beginning`
  }

  /**
   * Returns the delay after a failure: doubles each time, up to five minutes. Up to half of it is
   * random.
   */
  waitMs(random: Random, firstMs = FIRST_WAIT_MS): number {
    this.failures++
    if (this.neededBytes === null && this.freeBytes !== null) this.neededBytes = this.freeBytes * MIN_GROWTH
    return Math.min(MAX_WAIT_MS, firstMs * 2 ** Math.min(this.failures - 1, 30)) * (0.5 + 0.5 * random())
  }

  /** True if the space that was missing is free now. */
  isFree({ freeBytes }: Pick<LinkFacts, 'freeBytes'>): boolean {
    return this.neededBytes !== null && this.neededBytes <= freeBytes
  }

  /** Begins another try: forgets the sizes of the last one. */
  beginTry(): void {
    this.neededBytes = null
    this.freeBytes = null
  }

  /** Forgets failures: a full sync is installed, or none is needed. */
  reset(): void {
    this.beginTry()
    this.failures = 0
  }
}

/** True if a copy failed because the disk or the quota is full. */
export const isOutOfSpace = (reason: string) => /no space left on device|ENOSPC|EDQUOT|disk quota exceeded/i.test(reason)

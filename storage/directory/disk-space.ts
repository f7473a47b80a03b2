/**
 * Disk space: the reserve that is released when the disk is full, and the purge of binlog segments.
 *
 * While the disk is low, segments are no longer kept for their age or size. Segments that replicas
 * need stay for one more checkpoint. If that frees too little, they are removed too: a full sync of
 * a replica costs less than a master that takes no writes.
 */
import { rethrowAssertion } from '../../base/assert.ts'
import type { Files } from '../../base/files.ts'
import type { Log } from '../../base/log.ts'
import type { Binlog } from '../binlog/binlog.ts'
import { Reserve } from './reserve.ts'

/** The offsets that a purge has to respect. */
export interface Needed {
  /** LevelDB has everything before this offset. */
  readonly checkpointed: number
  /** Replicas have everything before this offset. */
  readonly pinned: number
}

/** Disk space: releases the reserve and purges binlog segments. */
export class DiskSpace {
  /** True after the reserve has been released, until there is room to take it again. */
  isLow: boolean
  private readonly files: Files
  private readonly directory: string
  private readonly reserve: Reserve
  private readonly log: Log
  /**
   * True if a checkpoint has ended since the disk became low. The segments that replicas need have
   * stayed for one checkpoint, so the next purge may remove them.
   */
  private hasHonouredPins = false
  private hasWarned = false

  constructor(files: Files, directory: string, reserveBytes: number, log: Log, isLow: boolean) {
    this.files = files
    this.directory = directory
    this.isLow = isLow
    this.reserve = new Reserve(files, directory, reserveBytes)
    this.log = log
  }

  /** Free bytes on the file system of the data; Infinity if unknown. */
  get freeBytes(): number {
    try {
      return this.files.freeBytesSync(this.directory)
    } catch (error) {
      rethrowAssertion(error)
      return Number.POSITIVE_INFINITY
    }
  }

  get hasReserve(): boolean {
    return !this.isLow && this.reserve.isHeld
  }

  /** Takes the reserve if there is room for it. Returns true if it is held. */
  acquireReserve(): boolean {
    if (!this.reserve.acquire()) return false
    if (this.isLow) this.log.info({}, 'the disk has space again; writes are accepted')
    this.isLow = false
    return true
  }

  /** Releases the reserve because the disk is full. Returns true if there was one. */
  releaseReserve(): boolean {
    if (!this.reserve.release()) return false
    this.isLow = true
    this.hasHonouredPins = false
    this.hasWarned = false
    this.log.error({}, 'disk full: released the reserve, writes are refused until space is free')
    return true
  }

  /** Called after a checkpoint has landed and the purge that it allows is done. */
  checkpointEnded(): void {
    this.hasHonouredPins = this.isLow
  }

  /** Called after a failed checkpoint: with a full disk, none lands before there is room. */
  checkpointFailed(error: unknown): void {
    if (isDiskFull(error)) this.releaseReserve()
    this.checkpointEnded()
  }

  /**
   * Removes segments that neither recovery nor a replica needs, if they exceed retention. While the
   * disk is low, retention does not count, nor do replicas after one more checkpoint.
   */
  purge(binlog: Binlog, { checkpointed, pinned }: Needed, wallMs: number): void {
    const ignorePins = this.isLow && this.hasHonouredPins
    try {
      binlog.purge(checkpointed, ignorePins ? Number.POSITIVE_INFINITY : pinned, wallMs, this.isLow ? 'none' : 'by-settings')
    } catch (error) {
      rethrowAssertion(error)
      this.log.warn({ error: String(error) }, 'cannot remove binlog segments; they keep their space until the next purge')
    }
    if (!ignorePins || binlog.startOffset <= pinned || this.hasWarned) return
    this.hasWarned = true
    this.log.warn(
      { startOffset: binlog.startOffset, needed: pinned },
      'disk full: removed binlog that replicas need; they may need a full sync',
    )
  }
}

/**
 * True if an error means that the disk is full. A file system's error says so by its code,
 * LevelDB's, which has no code, by its text.
 */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code, message, cause } = error as NodeJS.ErrnoException
  return code === 'ENOSPC' || code === 'EDQUOT' || /No space left on device|Disk quota exceeded/.test(message) || isDiskFull(cause)
}

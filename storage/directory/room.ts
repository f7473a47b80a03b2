/**
 * Room on the disk: the reserve that is given back when the disk is full, and the binlog segments that make room.
 *
 * While the disk is low, what retention would keep goes, and what replicas need stays for one more checkpoint. Where that has not made
 * room either, it goes too: a full sync of a replica costs less than a master that takes no writes.
 */
import type { Files } from '../../base/files.ts'
import type { Log } from '../../base/log.ts'
import type { Binlog } from '../binlog/binlog.ts'
import { Reserve } from './reserve.ts'

/** What a purge has to leave. */
export interface Needed {
  /** LevelDB has everything before this offset. */
  readonly checkpointed: number
  /** Replicas have everything before this one. */
  readonly pinned: number
}

export class Room {
  /** The reserve has been given back and there is no room to take it again. */
  isLow: boolean
  private readonly files: Files
  private readonly directory: string
  private readonly reserve: Reserve
  private readonly log: Log
  /** A purge has made no room, though a checkpoint has come since the disk is low. */
  private pinsWereHonoured = false
  private hasWarned = false

  constructor(files: Files, directory: string, reserveBytes: number, log: Log, isLow: boolean) {
    this.files = files
    this.directory = directory
    this.isLow = isLow
    this.reserve = new Reserve(files, directory, reserveBytes)
    this.log = log
  }

  /** On the file system of the data; Infinity where that does not tell. */
  get freeBytes(): number {
    try {
      return this.files.freeBytesSync(this.directory)
    } catch {
      return Number.POSITIVE_INFINITY
    }
  }

  get isAsItShould(): boolean {
    return !this.isLow && this.reserve.isHeld
  }

  /** Takes the reserve where there is room for it. Returns whether it is held. */
  take(): boolean {
    if (!this.reserve.take()) return false
    if (this.isLow) this.log.info({}, 'the disk has space again; writes are accepted')
    this.isLow = false
    return true
  }

  /** The disk is full. Returns whether there was a reserve to give back. */
  giveBack(): boolean {
    if (!this.reserve.release()) return false
    this.isLow = true
    this.pinsWereHonoured = false
    this.hasWarned = false
    this.log.error({}, 'disk full: released the reserve, writes are refused until space is free')
    return true
  }

  /** A checkpoint has landed, and what it allows has been purged. */
  checkpointEnded(): void {
    this.pinsWereHonoured = this.isLow
  }

  /** None lands before there is room, where that is what was missing. */
  checkpointFailed(error: unknown): void {
    if (isDiskFull(error)) this.giveBack()
    this.checkpointEnded()
  }

  /** Removes segments that nobody needs, as settings or want of room have it. */
  purge(binlog: Binlog, { checkpointed, pinned }: Needed, wallMs: number): void {
    const ignorePins = this.isLow && this.pinsWereHonoured
    try {
      binlog.purge(checkpointed, ignorePins ? Number.POSITIVE_INFINITY : pinned, wallMs, this.isLow ? 'none' : 'by settings')
    } catch (error) {
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

/** Whether an error says that room is what is missing: a file system's by its code, one of LevelDB, which has no code, by its text. */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code, message, cause } = error as NodeJS.ErrnoException
  return code === 'ENOSPC' || code === 'EDQUOT' || /No space left on device|Disk quota exceeded/.test(message) || isDiskFull(cause)
}

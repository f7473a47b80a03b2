/**
 * Room on the replica's disk for a full sync. The size that the master announces is compared with what is free before anything is received.
 * Where that is too little, or the disk is found full on the way, the link waits for longer each time: a try costs the master a snapshot, and
 * the network all that fits. It waits no longer than until there is room.
 */
import type { Random } from '../../base/clock.ts'
import type { SnapshotHead } from '../protocol/messages.ts'
import type { LinkFacts } from './machine-types.ts'

/** LevelDB has what was written last twice for a while: in its log and in the table that it makes of that. As level-write-buffer is by default. */
const WRITE_BUFFER_BYTES = 16 * 1024 * 1024
/** After a disk was full on the way, it is tried at once only where there is so much more room than there was. */
const MORE = 1.1

const FIRST_MS = 1000
const LONGEST_MS = 300_000

export class CopyRoom {
  private failures = 0
  /** Null while it is not known. */
  private neededBytes: number | null = null
  /** When the present copy began. */
  private freeBytes: number | null = null

  /** The last try of a full sync has failed for want of room. */
  get wasShort(): boolean {
    return this.failures > 0
  }

  /** Why a full sync cannot be received now; null where it can. Of one that goes on, the rest is what counts. */
  lackFor({ id, bytes }: SnapshotHead, { copy, copiedBytes, freeBytes }: LinkFacts): string | null {
    const left = Math.max(0, copy?.snapshot === id ? bytes - copiedBytes : bytes)
    const needed = left + Math.min(left, WRITE_BUFFER_BYTES)
    this.freeBytes = freeBytes
    if (needed <= freeBytes) return null
    this.neededBytes = needed
    return `no room for a full sync: it takes about ${needed} bytes, and ${freeBytes} are free`
  }

  /** Why it has failed on the way: in one form, whichever file could not be written. */
  get fullReason(): string {
    return `no room for a full sync: the disk was full before its end, with ${this.freeBytes ?? 0} bytes free at its beginning`
  }

  /** How long to wait now that it has failed: doubles with each time, up to five minutes; up to half of it is left to chance. */
  waitMs(random: Random): number {
    this.failures++
    if (this.neededBytes === null && this.freeBytes !== null) this.neededBytes = this.freeBytes * MORE
    return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(this.failures - 1, 30)) * (0.5 + 0.5 * random())
  }

  /** What was too little is enough by now. */
  isThere({ freeBytes }: Pick<LinkFacts, 'freeBytes'>): boolean {
    return this.neededBytes !== null && this.neededBytes <= freeBytes
  }

  /** There is another try; what it needs is yet to be announced. */
  tried(): void {
    this.neededBytes = null
    this.freeBytes = null
  }

  /** A full sync is in place, or none is needed. */
  reset(): void {
    this.tried()
    this.failures = 0
  }
}

/** Whether the reason why a copy could not be written is that the disk, or the quota, is full. */
export const isWantOfRoom = (reason: string) => /no space left on device|ENOSPC|EDQUOT|disk quota exceeded/i.test(reason)

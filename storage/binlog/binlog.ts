/**
 * The write-ahead log: appending groups, segments, fsyncs, retention.
 *
 *   end      the position after the last group that was written to a segment
 *   synced   the offset before which everything is durable
 *
 * Invariants:
 * - `end` only grows, except by `takeBack`.
 * - A group is appended whole, or the file is cut back to the group before.
 * - A new segment is created only when the old one is durable as a whole.
 * - A failed fsync is never retried: the process ends.
 */
import { assert, must, rethrowAssertion } from '../../base/assert.ts'
import type { File, Files } from '../../base/files.ts'
import type { Log } from '../../base/log.ts'
import { type BinlogPosition, GROUP_HEAD_BYTES, readGroupHead, writeGroupHead } from './group.ts'
import type { OpenGroup } from './open-group.ts'
import type { BinlogFollower, BinlogOptions } from './options.ts'
import { type BinlogSettings, cutBack, type Segment, segmentAt, segmentPath } from './segments.ts'
import { SegmentTailReader, type TailReader } from './tail-reader.ts'

/**
 * At most this many bytes of the old segment may be undurable when a turn starts a new one, because
 * the turn waits for them.
 */
const ROTATION_TAIL_BYTES = 1024 * 1024

/** The write-ahead log of one data directory. */
export class Binlog {
  readonly settings: BinlogSettings
  readonly segments: Segment[]
  replicationId: string
  /** Bytes written since the start of the process. */
  bytesWritten = 0
  groupsWritten = 0
  syncs = 0
  /** Receives every appended group; null while no replica is attached. */
  follower: BinlogFollower | null = null
  private readonly files: Files
  private readonly directory: string
  private readonly log: Log
  private readonly fatal: (error: unknown) => void
  private readonly onSynced: () => void
  private isDiscarded = false
  private position: BinlogPosition
  private syncedOffset: number
  private file: File | null = null
  private syncing: Promise<void> | null = null
  /** The offset up to which the fsync under way makes the log durable. */
  private syncingTo = 0
  private isSyncWanted = false
  private isRotationDue = false
  private hasFailed = false
  private hasSyncedMoved = false
  /**
   * True if the last segment may hold leftover bytes after its end. They come from a failed append
   * or from `takeBack`, and a power loss may bring them back.
   */
  private hasLeftover = false
  private readonly tailReaders = new Set<SegmentTailReader>()
  private readonly waiters: { offset: number; resolve: () => void }[] = []

  constructor(options: BinlogOptions) {
    this.files = options.files
    this.directory = options.directory
    this.settings = options.settings
    this.segments = options.segments
    this.position = options.position
    this.syncedOffset = options.synced
    this.replicationId = options.replicationId
    this.log = options.log
    this.fatal = options.fatal
    this.onSynced = options.onSynced
    const last = this.segments.at(-1)
    assert(this.syncedOffset <= this.position.offset, 'the synced offset is not past the end of the binlog')
    if (last === undefined) return
    assert(last.end === this.position.offset, 'the last segment ends where the binlog ends')
    this.file = this.files.openSync(last.path, 'update')
    // A process that was killed may have made the file without making its name durable.
    this.files.syncDirectorySync(this.directory)
  }

  /** The position at which the next group will begin. */
  get end(): BinlogPosition {
    return this.position
  }

  get synced(): number {
    return this.syncedOffset
  }

  /** The first offset that the log still holds. */
  get startOffset(): number {
    return this.segments[0]?.start ?? this.position.offset
  }

  /** Appends a group. Throws the file system's error and leaves the log as it was. */
  append(group: OpenGroup, clockMs: number): void {
    this.throwIfFailed()
    const body = group.close()
    const { offset, crc: before } = this.position
    const segment = this.writableSegment()
    const head = { replicationId: this.replicationId, offset, bodyLength: group.bodyLength, clockMs, synced: this.syncedOffset, before }
    const crc = writeGroupHead(group.head, head, body)
    const { whole } = group
    this.write(segment, whole)
    this.commitAppend({ offset: offset + GROUP_HEAD_BYTES + group.bodyLength, crc }, 1, clockMs, whole)
  }

  /**
   * Appends groups as another node has written them. Throws the file system's error and leaves the
   * log as it was. REQUIRES: the groups are whole and verified, start at the log's end, and lead to
   * `end`.
   */
  appendGroups(bytes: Buffer, end: BinlogPosition, groups: number, clockMs: number): void {
    this.throwIfFailed()
    assert(end.offset === this.position.offset + bytes.length, 'appended groups begin at the end of the binlog')
    this.write(this.writableSegment(), [bytes])
    this.commitAppend(end, groups, clockMs, [bytes])
  }

  /** Removes the groups that `appendGroups` has added in this turn, back to a position. */
  takeBack(position: BinlogPosition): void {
    const segment = this.segments.at(-1)
    const { offset } = position
    assert(segment !== undefined && offset >= segment.start, 'only the last segment is truncated')
    assert(offset <= this.position.offset, 'the binlog is truncated, not extended')
    this.hasLeftover = true
    cutBack(must(this.file), offset - segment.start, this.log)
    this.position = position
    segment.end = offset
    this.syncedOffset = Math.min(this.syncedOffset, offset)
    // The fsync under way does not cover the bytes that will replace those cut off.
    this.syncingTo = Math.min(this.syncingTo, offset)
    assert(this.syncedOffset <= offset && this.syncingTo <= offset, 'an fsync covers no truncated bytes')
    for (const waiter of this.waiters) waiter.offset = Math.min(waiter.offset, offset)
    this.wakeWaiters()
    this.follower?.onAppended(offset, [])
  }

  /**
   * Returns the position at an offset, with one read. Returns null if the offset is neither the
   * start of a group nor the end of the log, or if it is purged.
   */
  positionAt(offset: number): BinlogPosition | null {
    if (offset === this.position.offset) return this.position
    const segment = segmentAt(this.segments, offset)
    if (segment === undefined) return null
    const file = this.files.openSync(segment.path, 'read')
    try {
      const header = readGroupHead(file.readSync(offset - segment.start, GROUP_HEAD_BYTES), 0)
      return header?.offset === offset ? { offset, crc: header.before } : null
    } finally {
      file.closeSync()
    }
  }

  /** Returns a reader of the log's bytes from an offset on, for a replica. */
  openTailReader(offset: number): TailReader {
    const reader = new SegmentTailReader(this.files, this.segments, offset, () => this.tailReaders.delete(reader))
    this.tailReaders.add(reader)
    return reader
  }

  /** Starts an fsync of all appended bytes, unless one that covers them is under way. */
  sync(): void {
    if (this.syncedOffset === this.position.offset || this.file === null || this.hasFailed) return
    if (this.syncing !== null) this.isSyncWanted ||= this.syncingTo < this.position.offset
    else this.syncing = this.syncOnce(this.file)
  }

  /** Makes all appended bytes durable before it returns. Does not call `onSynced`. */
  syncNow(): void {
    this.throwIfFailed()
    if (this.syncedOffset >= this.position.offset || this.file === null) return
    this.syncFile(this.file)
    this.setSynced(this.position.offset)
  }

  /** Resolves when everything before the offset is durable. */
  syncTo(offset: number): Promise<void> {
    if (this.syncedOffset >= offset) return Promise.resolve()
    return new Promise((resolve) => {
      this.waiters.push({ offset, resolve })
      this.sync()
    })
  }

  /**
   * Deletes segments that recovery does not need (before the checkpointed offset), that no one has
   * pinned, and that exceed retention. With `retention` 'none', none is kept for its age or size.
   * Returns the number of deleted segments.
   */
  purge(checkpointed: number, pinned: number, wallMs: number, retention: 'by-settings' | 'none' = 'by-settings'): number {
    const needed = Math.min(checkpointed, pinned)
    let removed = 0
    while (this.segments.length > 1) {
      const oldest = must(this.segments[0])
      if (oldest.end > needed) break
      assert(oldest.end <= this.position.offset && oldest.end <= checkpointed, 'only segments that recovery does not need are purged')
      const kept = this.position.offset - oldest.start
      const withinSettings = kept <= this.settings.retentionBytes && wallMs - oldest.lastMs <= this.settings.retentionMs
      if (retention === 'by-settings' && withinSettings) break
      for (const reader of this.tailReaders) reader.closeSegment(oldest)
      this.files.removeSync(oldest.path)
      this.segments.shift()
      // Without this, a power loss could restore this segment and lose the next: a gap.
      this.files.syncDirectorySync(this.directory)
      removed++
      this.log.debug({ segment: oldest.path }, 'binlog segment purged')
    }
    return removed
  }

  /** Bytes of all segments. */
  get sizeBytes(): number {
    return this.position.offset - (this.segments[0]?.start ?? this.position.offset)
  }

  /** Syncs and closes. Nothing may be appended afterwards. */
  async close(): Promise<void> {
    await this.syncTo(this.position.offset)
    await this.syncing
    this.closeFiles()
  }

  /** Takes over the counters and the follower of the binlog that it replaces. */
  inheritFrom(other: Binlog): void {
    this.bytesWritten = other.bytesWritten
    this.groupsWritten = other.groupsWritten
    this.syncs = other.syncs
    this.follower = other.follower
  }

  /** Closes a log that is no longer in use. Callers that wait for an fsync are released. */
  async discard(): Promise<void> {
    this.follower = null
    this.isDiscarded = true
    for (const { resolve } of this.waiters.splice(0)) resolve()
    this.isSyncWanted = false
    await this.syncing
    this.closeFiles()
  }

  private closeFiles(): void {
    for (const reader of [...this.tailReaders]) reader.close()
    this.file?.closeSync()
    this.file = null
  }

  private throwIfFailed(): void {
    if (this.hasFailed) throw new Error('the binlog could not be synced; the process is ending')
  }

  /** Writes after the end. Throws the file system's error and leaves the log as it was. */
  private write(segment: Segment, pieces: readonly Buffer[]): void {
    const file = must(this.file, 'an appended binlog has an open file')
    assert(segment.end === this.position.offset, 'a group is written to the end of the last segment')
    const at = this.position.offset - segment.start
    try {
      file.writeSync(pieces, at)
    } catch (error) {
      this.hasLeftover = true
      cutBack(file, at, this.log)
      throw error
    }
  }

  /** Moves the end past bytes that have been written. */
  private commitAppend(end: BinlogPosition, groups: number, clockMs: number, pieces: readonly Buffer[]): void {
    const { offset } = this.position
    const segment = must(this.segments.at(-1))
    assert(end.offset > offset, 'the end of the binlog only grows')
    this.position = end
    segment.end = end.offset
    segment.lastMs = clockMs
    this.bytesWritten += end.offset - offset
    this.groupsWritten += groups
    if (segment.end - segment.start >= this.settings.fileSizeBytes && !this.isRotationDue) {
      this.isRotationDue = true
      this.sync() // makes most of the old segment durable before a turn has to wait for the rest
    }
    this.follower?.onAppended(offset, pieces)
    this.notifySynced()
  }

  private syncFile(file: File): void {
    try {
      file.datasyncSync()
    } catch (error) {
      this.fail(error)
      throw error
    }
  }

  /** Ends the process after a failed fsync: no one can know which of the bytes are durable. */
  private fail(error: unknown): void {
    this.hasFailed = true
    this.fatal(error)
  }

  private async syncOnce(file: File): Promise<void> {
    for (;;) {
      this.syncingTo = this.position.offset
      try {
        await file.datasync()
      } catch (error) {
        rethrowAssertion(error)
        this.fail(error)
        return
      }
      this.syncs++
      this.setSynced(this.syncingTo)
      this.notifySynced()
      if (!this.isSyncWanted || this.file === null) break
      this.isSyncWanted = false
      file = this.file
    }
    this.syncing = null
  }

  private setSynced(offset: number): void {
    if (offset <= this.syncedOffset) return
    assert(offset <= this.position.offset, 'the synced offset is not past the end of the binlog')
    this.syncedOffset = offset
    this.hasSyncedMoved = true
    this.wakeWaiters()
  }

  private wakeWaiters(): void {
    if (this.waiters.length === 0) return
    const ready = this.waiters.filter((waiter) => waiter.offset <= this.syncedOffset)
    const rest = this.waiters.filter((waiter) => waiter.offset > this.syncedOffset)
    this.waiters.splice(0, this.waiters.length, ...rest)
    for (const waiter of ready) waiter.resolve()
  }

  private notifySynced(): void {
    if (!this.hasSyncedMoved || this.isDiscarded) return
    this.hasSyncedMoved = false
    this.onSynced()
  }

  /**
   * Makes a segment durable and cuts off leftover bytes after its end. Recovery would take such
   * bytes for damage if another segment followed.
   */
  private endSegment({ start, end }: Segment): void {
    this.syncNow()
    if (!this.hasLeftover || this.file === null) return
    this.file.truncateSync(end - start)
    this.syncFile(this.file)
    this.hasLeftover = false
  }

  /**
   * Returns the segment to append to. It is a new one if there is none, or if the last is full and
   * most of it is durable.
   */
  private writableSegment(): Segment {
    const last = this.segments.at(-1)
    if (last !== undefined && !(this.isRotationDue && this.syncing === null)) return last
    const { offset } = this.position
    const isHuge = last !== undefined && offset - last.start > 2 * this.settings.fileSizeBytes
    if (last !== undefined && !isHuge && offset - this.syncedOffset > ROTATION_TAIL_BYTES) {
      // The turn would wait long for the fsync of this tail. The tail left after an fsync in the
      // background is shorter.
      this.sync()
      return last
    }
    if (last !== undefined) this.endSegment(last)
    assert(last === undefined || (this.syncedOffset === offset && last.end === offset), 'a new segment begins after a durable one')
    const path = segmentPath(this.directory, offset)
    const file = this.files.openSync(path, 'create')
    try {
      this.files.syncDirectorySync(this.directory)
    } catch (error) {
      file.closeSync()
      if ((error as NodeJS.ErrnoException).syscall === 'fsync') this.fail(error)
      throw error
    }
    this.file?.closeSync()
    this.file = file
    const segment = { start: offset, end: offset, path, lastMs: 0 }
    this.segments.push(segment)
    this.isRotationDue = false
    return segment
  }
}

/**
 * The write-ahead log: one group appended a turn, segments, syncing, retention.
 *
 *   end      offset after the last group appended (in the kernel)
 *   synced   everything before it is on the medium
 *
 * Invariants: end only grows; a group is appended whole or the file is cut back to the group before; a new segment is created only when
 * the old one is on the medium as a whole; a failed sync is never tried again, the process ends.
 */
import type { File, Files } from '../../base/files.ts'
import type { Log } from '../../base/log.ts'
import { type BinlogFeed, SegmentFeed } from './feed.ts'
import { type BinlogPosition, GROUP_HEAD_BYTES, readGroupHead, writeGroupHead } from './group.ts'
import type { OpenGroup } from './open-group.ts'
import { type Segment, segmentAt, segmentPath } from './segments.ts'

export interface BinlogSettings {
  /** A segment that has grown to this many bytes is followed by a new one. */
  fileSizeBytes: number
  retentionBytes: number
  retentionMs: number
}

/** Told of what is appended, at the end of it. */
export interface BinlogFollower {
  /** The pieces are valid during the call only. A start before the end of what was told last: that has been taken back from there on. */
  appended(start: number, pieces: readonly Buffer[]): void
}

/** The turn that goes on to a new segment waits for the disk to take at most so much of the old one. */
const ROTATION_TAIL_BYTES = 1024 * 1024

export class Binlog {
  readonly settings: BinlogSettings
  readonly segments: Segment[]
  replicationId: string
  /** Bytes written since the start of the process. */
  bytesWritten = 0
  groupsWritten = 0
  syncs = 0
  follower: BinlogFollower | null = null
  /** Called when `synced` has moved; never in the middle of an append. */
  onSynced: () => void = () => {}
  private readonly files: Files
  private readonly directory: string
  private readonly log: Log
  private readonly fatal: (error: unknown) => void
  private position: BinlogPosition
  private syncedOffset: number
  private file: File | null = null
  private syncing: Promise<void> | null = null
  /** What the sync under way will have brought to the medium. */
  private syncingTo = 0
  private syncWanted = false
  private rotationDue = false
  private hasFailed = false
  private syncedMoved = false
  private readonly feeds = new Set<SegmentFeed>()
  private readonly waiters: { offset: number; resolve: () => void }[] = []

  constructor(options: {
    files: Files
    directory: string
    settings: BinlogSettings
    segments: Segment[]
    position: BinlogPosition
    synced: number
    replicationId: string
    log: Log
    /** Called once with a sync failure: the process must end. */
    fatal: (error: unknown) => void
  }) {
    this.files = options.files
    this.directory = options.directory
    this.settings = options.settings
    this.segments = options.segments
    this.position = options.position
    this.syncedOffset = options.synced
    this.replicationId = options.replicationId
    this.log = options.log
    this.fatal = options.fatal
    const last = this.segments.at(-1)
    if (last === undefined) return
    this.file = this.files.openSync(last.path, 'update')
    this.files.syncDirectorySync(this.directory) // whoever made the file may have been killed before its name was on the medium
  }

  /** Where the next group will begin. */
  get end(): BinlogPosition {
    return this.position
  }

  get synced(): number {
    return this.syncedOffset
  }

  /** The first offset that there is. */
  get startOffset(): number {
    return this.segments[0]?.start ?? this.position.offset
  }

  /** Appends a group, or throws the file system's error with the log as it was. */
  append(group: OpenGroup, clockMs: number): void {
    this.mustBeSound()
    const body = group.close()
    const { offset, crc: before } = this.position
    const segment = this.writableSegment()
    const head = { replicationId: this.replicationId, offset, bodyLength: group.bodyLength, clockMs, synced: this.syncedOffset, before }
    const crc = writeGroupHead(group.head, head, body)
    const { whole } = group
    this.write(segment, whole)
    this.grown({ offset: offset + GROUP_HEAD_BYTES + group.bodyLength, crc }, 1, clockMs, whole)
  }

  /** Appends groups as another node has written them: whole ones, verified, that follow on the end and lead to `end`. Throws the file
   *  system's error with the log as it was. */
  appendGroups(bytes: Buffer, end: BinlogPosition, groups: number, clockMs: number): void {
    this.mustBeSound()
    if (end.offset !== this.position.offset + bytes.length) throw new Error('groups that do not follow on the end of the binlog')
    this.write(this.writableSegment(), [bytes])
    this.grown(end, groups, clockMs, [bytes])
  }

  /** Cuts off what `appendGroups` has added in this turn. */
  takeBack(position: BinlogPosition): void {
    const segment = this.segments.at(-1)
    const { offset } = position
    if (segment === undefined || offset < segment.start || offset > this.position.offset) throw new Error('no such place to go back to')
    this.cutBack(this.file as File, offset - segment.start)
    this.position = position
    segment.end = offset
    this.syncedOffset = Math.min(this.syncedOffset, offset)
    this.syncingTo = Math.min(this.syncingTo, offset) // what comes in the place of what was cut off is not covered by it
    for (const waiter of this.waiters) waiter.offset = Math.min(waiter.offset, offset)
    this.wakeWaiters()
    this.follower?.appended(offset, [])
  }

  /** The position at an offset; null where no group begins and the log does not end there, or where it is purged. One read. */
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

  /** Reads the log's bytes from an offset on, from its files. */
  openFeed(offset: number): BinlogFeed {
    const feed = new SegmentFeed(this.files, this.segments, offset, () => this.feeds.delete(feed))
    this.feeds.add(feed)
    return feed
  }

  /** Starts bringing all that is appended to the medium, unless that is under way. */
  sync(): void {
    if (this.syncedOffset === this.position.offset || this.file === null || this.hasFailed) return
    if (this.syncing !== null) this.syncWanted ||= this.syncingTo < this.position.offset
    else this.syncing = this.syncOnce(this.file)
  }

  /** Brings all that is appended to the medium before it returns. `onSynced` is not called. */
  syncNow(): void {
    this.mustBeSound()
    if (this.syncedOffset >= this.position.offset || this.file === null) return
    try {
      this.file.datasyncSync()
    } catch (error) {
      this.fail(error)
      throw error
    }
    this.setSynced(this.position.offset)
  }

  /** Resolves when everything before the offset is on the medium. */
  syncTo(offset: number): Promise<void> {
    if (this.syncedOffset >= offset) return Promise.resolve()
    return new Promise((resolve) => {
      this.waiters.push({ offset, resolve })
      this.sync()
    })
  }

  /** Deletes segments that recovery does not need (before the checkpointed offset), nobody has pinned, and retention has no room for. */
  purge(checkpointed: number, pinned: number, wallMs: number, room: 'by settings' | 'none' = 'by settings'): number {
    const needed = Math.min(checkpointed, pinned)
    let removed = 0
    while (this.segments.length > 1) {
      const oldest = this.segments[0] as Segment
      if (oldest.end > needed) break
      const kept = this.position.offset - oldest.start
      const withinSettings = kept <= this.settings.retentionBytes && wallMs - oldest.lastMs <= this.settings.retentionMs
      if (room === 'by settings' && withinSettings) break
      for (const feed of this.feeds) feed.leave(oldest)
      this.files.removeSync(oldest.path)
      this.segments.shift()
      this.files.syncDirectorySync(this.directory) // or a power loss could bring this one back and not the next: a gap
      removed++
      this.log.debug({ segment: oldest.path }, 'binlog segment purged')
    }
    return removed
  }

  /** Bytes of all segments. */
  get sizeBytes(): number {
    return this.position.offset - (this.segments[0]?.start ?? this.position.offset)
  }

  /** Syncs and closes. Nothing may be appended after. */
  async close(): Promise<void> {
    await this.syncTo(this.position.offset)
    await this.syncing
    this.closeFiles()
  }

  /** Goes on counting where another one ends, and tells whom that one told. */
  succeed(other: Binlog): void {
    this.bytesWritten = other.bytesWritten
    this.groupsWritten = other.groupsWritten
    this.syncs = other.syncs
    this.follower = other.follower
    this.onSynced = other.onSynced
  }

  /** Closes a log that is no longer anyone's. Whoever waits for a sync waits no longer. */
  async discard(): Promise<void> {
    this.follower = null
    this.onSynced = () => {}
    for (const { resolve } of this.waiters.splice(0)) resolve()
    this.syncWanted = false
    await this.syncing
    this.closeFiles()
  }

  private closeFiles(): void {
    for (const feed of [...this.feeds]) feed.close()
    this.file?.closeSync()
    this.file = null
  }

  private mustBeSound(): void {
    if (this.hasFailed) throw new Error('the binlog could not be synced; the process is to end')
  }

  /** Writes behind the end, or throws with the log as it was. */
  private write(segment: Segment, pieces: readonly Buffer[]): void {
    const file = this.file as File
    const at = this.position.offset - segment.start
    try {
      file.writeSync(pieces, at)
    } catch (error) {
      this.cutBack(file, at)
      throw error
    }
  }

  /** What has been written belongs to the log now. */
  private grown(end: BinlogPosition, groups: number, clockMs: number, pieces: readonly Buffer[]): void {
    const { offset } = this.position
    const segment = this.segments.at(-1) as Segment
    this.position = end
    segment.end = end.offset
    segment.lastMs = clockMs
    this.bytesWritten += end.offset - offset
    this.groupsWritten += groups
    if (segment.end - segment.start >= this.settings.fileSizeBytes && !this.rotationDue) {
      this.rotationDue = true
      this.sync() // most of the old segment goes to the medium before the turn that waits for the rest
    }
    this.follower?.appended(offset, pieces)
    this.tellSynced()
  }

  /** Takes away what a failed write may have left. Where even that fails, the next append overwrites it. */
  private cutBack(file: File, length: number): void {
    try {
      file.truncateSync(length)
    } catch (error) {
      this.log.warn({ error: String(error), file: file.path }, 'binlog could not be cut back after a failed write')
    }
  }

  /** A sync has failed: whether what it covered is on the medium cannot be known any more. */
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
        this.fail(error)
        return
      }
      this.syncs++
      this.setSynced(this.syncingTo)
      this.tellSynced()
      if (!this.syncWanted || this.file === null) break
      this.syncWanted = false
      file = this.file
    }
    this.syncing = null
  }

  private setSynced(offset: number): void {
    if (offset <= this.syncedOffset) return
    this.syncedOffset = offset
    this.syncedMoved = true
    this.wakeWaiters()
  }

  private wakeWaiters(): void {
    if (this.waiters.length === 0) return
    const ready = this.waiters.filter((waiter) => waiter.offset <= this.syncedOffset)
    const rest = this.waiters.filter((waiter) => waiter.offset > this.syncedOffset)
    this.waiters.length = 0
    this.waiters.push(...rest)
    for (const waiter of ready) waiter.resolve()
  }

  private tellSynced(): void {
    if (!this.syncedMoved) return
    this.syncedMoved = false
    this.onSynced()
  }

  /** The segment to append to: a new one where there is none or the last is full and most of it synced. */
  private writableSegment(): Segment {
    const last = this.segments.at(-1)
    if (last !== undefined && !(this.rotationDue && this.syncing === null)) return last
    const { offset } = this.position
    const isHuge = last !== undefined && offset - last.start > 2 * this.settings.fileSizeBytes
    if (last !== undefined && !isHuge && offset - this.syncedOffset > ROTATION_TAIL_BYTES) {
      this.sync() // the wait for what was written during the last one would be long; for what is written during this one it is shorter
      return last
    }
    if (last !== undefined) this.syncNow()
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
    this.rotationDue = false
    return segment
  }
}

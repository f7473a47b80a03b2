/**
 * Restores the state in which the last process ended. LevelDB is the state at offset P; the groups
 * after P are run again through the ordinary commands.
 *
 * - A bad group at or after the known synced watermark was never known to be durable. The log ends
 *   there: that group and all bytes after it are set aside and cut.
 * - A bad group before the watermark is damage: the start is refused.
 * - A gap is damage too. A segment begins only when the one before is durable, and the segment that
 *   holds the checkpoint's offset is never deleted.
 * - A log that ends before the known durable offset was cut short or replaced by an older copy.
 *
 * Only groups that this node wrote as a master prove what was durable here; received groups carry
 * their master's watermark. The witness and the clean end of the identity prove it for both.
 */

import { join } from 'node:path'
import { must } from '../../base/assert.ts'
import type { Clock } from '../../base/clock.ts'
import type { Files } from '../../base/files.ts'
import type { Log } from '../../base/log.ts'
import type { BinlogPosition } from '../binlog/group.ts'
import { BinlogReader, trustedSynced } from '../binlog/reader.ts'
import { listSegments, type Segment, segmentPath } from '../binlog/segments.ts'
import { type DataSet, levelLogsIn } from '../directory/directory.ts'
import { DamageError, RESTORE_ADVICE } from '../records/records.ts'
import { nextBatch, type ReplayBatch, type Replayer } from './replay-batches.ts'

/** The binlog after recovery, and the numbers of groups and commands that were replayed. */
export interface RecoveredLog {
  readonly segments: Segment[]
  readonly end: BinlogPosition
  readonly groups: number
  readonly commands: number
  /** Bytes that were cut from the end of the log. */
  readonly cutBytes: number
}

/** The position at which a replay starts, and the known facts about the log. */
export interface LogStart {
  /** The position of LevelDB's state. */
  readonly from: BinlogPosition
  /** The offset from which this node wrote the groups as a master; null if it wrote none. */
  readonly ownFrom: number | null
  /** An offset up to which the log is known to have been durable. */
  readonly durable: number
}

/** Advice for a binlog that lacks a part. */
const CUT_ADVICE =
  'restore the file from a backup, or see `haypile check DIR`; `haypile check DIR --cut` keeps the log before the damage, sets the rest aside in ' +
  '.cut files, and gives up the writes in it'

/** The longest time in ms between answers (LOADING) to clients. */
const SLICE_MS = 10

/** Pauses between groups, in which clients are answered. */
class Slices {
  private readonly clock: Clock
  private readonly progress: (offset: number) => void
  private endMs: number

  constructor(clock: Clock, progress: (offset: number) => void) {
    this.clock = clock
    this.progress = progress
    this.endMs = clock.monotonicMs() + SLICE_MS
  }

  get isOver(): boolean {
    return this.clock.monotonicMs() >= this.endMs
  }

  /** Lets clients be answered after a group that ends at `offset`. */
  async answerClients(offset: number): Promise<void> {
    this.progress(offset)
    await new Promise((resolve) => setImmediate(resolve))
    this.endMs = this.clock.monotonicMs() + SLICE_MS
  }
}

/**
 * Replays the log from a position to its end and cuts the files there. Calls `progress` with the
 * offset after each slice.
 */
export async function replayLog(
  files: Files,
  dataSet: DataSet,
  { from, ownFrom, durable }: LogStart,
  replayer: Replayer,
  log: Log,
  clock: Clock,
  progress: (offset: number, end: number) => void,
): Promise<RecoveredLog> {
  const directory = dataSet.binlog
  const segments = listSegments(files, directory)
  mustBeWhole(files, dataSet, segments, { from, durable })
  const last = segments.at(-1)
  const reader = new BinlogReader(files, segments, from)
  let synced = Math.max(from.offset, last?.start ?? 0, durable)
  let groups = 0
  let commands = 0
  const slices = new Slices(clock, (offset) => progress(offset, last?.end ?? 0))
  try {
    let batch = nextBatch(reader, replayer)
    for (;;) {
      const next: ReplayBatch | null = batch.last === null ? nextBatch(reader, replayer) : null
      replayer.ahead?.use(await batch.ahead)
      for (const group of batch.groups) {
        synced = Math.max(synced, trustedSynced(group.header, ownFrom))
        replayer.beginGroup(group.header)
        for (const args of group.commands) replayer.command(args)
        replayer.endGroup()
        groups++
        commands += group.commands.length
        if (slices.isOver) await slices.answerClients(group.end.offset)
      }
      replayer.ahead?.use(null)
      if (next !== null) {
        batch = next
        continue
      }
      const result = must(batch.last)
      if (result.type === 'end') return { segments, end: result.at, groups, commands, cutBytes: 0 }
      synced = Math.max(synced, reader.syncedAfterDamage(ownFrom))
      if (result.at.offset < synced) {
        throw new DamageError(
          `the binlog is damaged at offset ${result.at.offset} (${result.reason}) in ${result.segment?.path ?? directory}, ` +
            `which was once synced up to ${synced}; ${CUT_ADVICE}`,
        )
      }
      reader.close()
      const cutBytes = cutLog(files, directory, segments, result.at.offset)
      log.warn(
        { offset: result.at.offset, reason: result.reason, bytes: cutBytes },
        'binlog cut after its last whole group; the rest is kept in a .cut file',
      )
      return { segments, end: result.at, groups, commands, cutBytes }
    }
  } finally {
    replayer.ahead?.use(null)
    reader.close()
  }
}

/**
 * Throws DamageError, naming the files, unless the segments reach from the checkpoint to the known
 * end without a gap.
 */
function mustBeWhole(
  files: Files,
  dataSet: DataSet,
  segments: readonly Segment[],
  { from, durable }: Pick<LogStart, 'from' | 'durable'>,
): void {
  const { binlog, db } = dataSet
  const [first] = segments
  if (first !== undefined && first.start > from.offset) {
    const logs = dataSet.levelLogs ?? levelLogsIn(files, db)
    throw new DamageError(
      `the binlog begins at offset ${first.start} with ${first.path}, after the checkpoint at ${from.offset}: a segment of ${binlog} is missing, ` +
        `or LevelDB has lost newer checkpoints because its log in ${db} (${logs.join(', ')}) was removed, cut short or is an older copy; ` +
        RESTORE_ADVICE,
    )
  }
  for (const [index, { end, path }] of segments.entries()) {
    const next = segments[index + 1]
    if (next === undefined || end >= next.start) continue
    throw new DamageError(
      `the binlog is damaged at offset ${end}: nothing between it and segment ${next.start}, as ${path} was cut short or ` +
        `${segmentPath(binlog, end)} is missing; ${CUT_ADVICE}`,
    )
  }
  const known = Math.max(from.offset, durable)
  const end = segments.at(-1)?.end ?? 0
  if (end >= known) return
  const what = from.offset > end ? `before the checkpoint at ${from.offset}` : `and was once synced up to ${known}`
  const path = segments.at(-1)?.path
  const lost =
    path === undefined ? `there is no segment in ${binlog}` : `${path} was cut short or ${segmentPath(binlog, end)} in ${binlog} is missing`
  throw new DamageError(`the binlog ends at offset ${end}, ${what}: part of it is missing, as ${lost}; ${CUT_ADVICE}`)
}

/** Ends the log at an offset. The rest is kept in `.cut` files. Returns its length in bytes. */
export function cutLog(files: Files, directory: string, segments: Segment[], offset: number): number {
  let cut = 0
  while (segments.length > 0) {
    const segment = must(segments.at(-1))
    if (segment.end <= offset) break
    const aside = freeName(files, join(directory, `${String(Math.max(offset, segment.start)).padStart(20, '0')}.cut`))
    if (segment.start >= offset && segment.start > 0 && segments.length > 1) {
      cut += segment.end - segment.start
      files.renameSync(segment.path, aside)
      segments.pop()
    } else {
      const keep = Math.max(0, offset - segment.start)
      const file = files.openSync(segment.path, 'update')
      const rest = file.readSync(keep, segment.end - segment.start - keep)
      try {
        setAside(files, aside, rest)
        file.truncateSync(keep)
        file.datasyncSync()
      } finally {
        file.closeSync()
      }
      cut += rest.length
      segment.end = segment.start + keep
      break
    }
  }
  files.syncDirectorySync(directory)
  return cut
}

function setAside(files: Files, path: string, content: Buffer): void {
  const file = files.openSync(path, 'create')
  try {
    file.writeSync([content], 0)
    file.datasyncSync()
  } catch (error) {
    files.removeSync(path) // the file may be incomplete, on a full disk
    throw error
  } finally {
    file.closeSync()
  }
}

/** Returns the path, with a number appended if the name is taken. */
function freeName(files: Files, path: string): string {
  let name = path
  for (let number = 1; files.existsSync(name); number++) name = `${path}.${number}`
  return name
}

/**
 * From what is on disk to the state before the end: LevelDB is the state at offset P, the binlog's groups after P are run again through the
 * ordinary commands.
 *
 * The first bad group ends the log where nothing shows that it was ever on the medium as a whole: it and what follows are set aside and cut.
 * A bad group before the known synced watermark is damage, and the start is refused. So is a gap: a segment begins only when the one before
 * is on the medium, and the one that holds the checkpoint's offset is never deleted.
 *
 * Only groups that this node wrote as a master say what was on this medium. Those that it received carry its master's watermark.
 */
import { join } from 'node:path'
import type { BinlogPosition, GroupHeader } from './binlog/group.ts'
import { BinlogReader, trustedSynced } from './binlog/reader.ts'
import { listSegments, type Segment } from './binlog/segments.ts'
import type { Bytes } from './bytes.ts'
import type { Clock } from './clock.ts'
import { readCommand } from './command-codec.ts'
import type { Files } from './files.ts'
import type { Log } from './log.ts'
import { DamageError } from './records.ts'

export interface RecoveredLog {
  readonly segments: Segment[]
  readonly end: BinlogPosition
  readonly groups: number
  readonly commands: number
  readonly cutBytes: number
}

export interface LogStart {
  /** Where LevelDB stands. */
  readonly from: BinlogPosition
  /** From where on groups were written by this node as a master; null: none. */
  readonly ownFrom: number | null
}

/** How a group's commands are run again. */
export interface Replayer {
  begin(header: GroupHeader): void
  command(args: Bytes[]): void
  end(): void
}

/** Clients are answered (LOADING) at least so often, ms. */
const SLICE_MS = 10

/** Replays the log from a position to its end, and makes that the files' end. `progress` is told the offset now and then. */
export async function replayLog(
  files: Files,
  directory: string,
  { from, ownFrom }: LogStart,
  replayer: Replayer,
  log: Log,
  clock: Clock,
  progress: (offset: number, end: number) => void,
): Promise<RecoveredLog> {
  const segments = listSegments(files, directory)
  const last = segments.at(-1)
  if (from.offset > 0 && (last === undefined || last.end < from.offset)) {
    throw new DamageError(`the binlog ends at offset ${last?.end ?? 0}, before the checkpoint at ${from.offset}: part of it is missing`)
  }
  const reader = new BinlogReader(files, segments, from)
  let synced = Math.max(from.offset, last?.start ?? 0)
  let sliceEnd = clock.monotonicMs() + SLICE_MS
  let groups = 0
  let commands = 0
  try {
    for (;;) {
      const result = reader.next()
      if (result.type === 'group') {
        synced = Math.max(synced, trustedSynced(result.header, ownFrom))
        replayer.begin(result.header)
        commands += replayBody(result.body, replayer)
        replayer.end()
        groups++
        if (clock.monotonicMs() >= sliceEnd) {
          progress(result.end.offset, last?.end ?? 0)
          await new Promise((resolve) => setImmediate(resolve))
          sliceEnd = clock.monotonicMs() + SLICE_MS
        }
        continue
      }
      if (result.type === 'end') return { segments, end: result.at, groups, commands, cutBytes: 0 }
      synced = Math.max(synced, reader.syncedBehind(ownFrom))
      if (result.at.offset < synced) {
        throw new DamageError(
          `the binlog is damaged at offset ${result.at.offset} (${result.reason}), which was once synced up to ${synced}; ` +
            'see `haypile check DIR`; `haypile check DIR --cut` sets the log aside from there on and keeps what is before',
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
    reader.close()
  }
}

function replayBody(body: Buffer, replayer: Replayer): number {
  let start = 0
  let count = 0
  while (start < body.length) {
    const read = readCommand(body, start, body.length)
    if (read === null) throw new DamageError('a group of the binlog ends within a command, though its CRC is right')
    replayer.command(read.args)
    start = read.end
    count++
  }
  return count
}

/** Ends the log at an offset. What lies behind is kept in `.cut` files. Returns its length in bytes. */
export function cutLog(files: Files, directory: string, segments: Segment[], offset: number): number {
  let cut = 0
  while (segments.length > 0) {
    const segment = segments.at(-1) as Segment
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
      const kept = files.openSync(aside, 'create')
      kept.writeSync([rest], 0)
      kept.datasyncSync()
      kept.closeSync()
      file.truncateSync(keep)
      file.datasyncSync()
      file.closeSync()
      cut += rest.length
      segment.end = segment.start + keep
      break
    }
  }
  files.syncDirectorySync(directory)
  return cut
}

/** The path, or with a number behind it where something has that name. */
function freeName(files: Files, path: string): string {
  let name = path
  for (let number = 1; files.existsSync(name); number++) name = `${path}.${number}`
  return name
}

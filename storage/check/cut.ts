/**
 * `haypile check --cut`: removes the parts of a binlog that cannot be followed, and keeps all of
 * them in `.cut` files.
 *
 *   damage after the checkpoint           the log ends at the damage; the writes after it are lost
 *   damage before the checkpoint          the log up to the checkpoint is set aside; no data is
 *                                         lost, but replicas that need that part need a full sync
 *   the log does not hold the checkpoint  all of it is set aside, and an empty segment begins at
 *                                         the checkpoint
 */
import type { Files } from '../../base/files.ts'
import { listSegments, type Segment, segmentPath } from '../binlog/segments.ts'
import { cutLog } from '../recovery/recovery.ts'
import type { BinlogSummary } from './binlog.ts'

/**
 * Sets aside the parts of a checked binlog that recovery cannot use. Returns the repairs as
 * sentences.
 */
export function cutDamage(files: Files, directory: string, summary: BinlogSummary, checkpointOffset: number): string[] {
  const { damagedOffset, segments, end } = summary
  if (damagedOffset !== null && damagedOffset >= checkpointOffset) {
    const bytes = cutLog(files, directory, segments, damagedOffset)
    return [`binlog cut at offset ${damagedOffset}: ${bytes} bytes set aside in .cut files; writes logged there are lost`]
  }
  if (damagedOffset === null && end >= checkpointOffset && (segments[0]?.start ?? 0) <= checkpointOffset) return []
  return beginAt(files, directory, segments, checkpointOffset)
}

/** Makes a log that begins at the checkpoint, from the segments that follow it without a gap. */
function beginAt(files: Files, directory: string, segments: readonly Segment[], checkpointOffset: number): string[] {
  const done: string[] = []
  for (const segment of segments) {
    if (segment.start >= checkpointOffset) break
    if (segment.end > checkpointOffset) {
      copyTail(files, directory, segment, checkpointOffset)
      done.push(`the log after the checkpoint was copied to ${segmentPath(directory, checkpointOffset)}`)
    }
    done.push(setAside(files, segment, `it lies before the checkpoint at ${checkpointOffset}, so nothing is lost`))
  }
  const left = listSegments(files, directory)
  if (left[0]?.start !== checkpointOffset) {
    for (const segment of left)
      done.push(setAside(files, segment, 'it does not continue from the checkpoint; writes logged there are lost'))
    files.openSync(segmentPath(directory, checkpointOffset), 'create').closeSync()
    done.push(`an empty binlog begins at the checkpoint, offset ${checkpointOffset}`)
  }
  files.syncDirectorySync(directory)
  return done
}

function setAside(files: Files, { path }: Segment, why: string): string {
  const aside = path.replace(/\.log$/, '.cut')
  files.renameSync(path, aside)
  return `${path} set aside as ${aside}: ${why}`
}

const COPY_BYTES = 4 * 1024 * 1024

/** Copies the part of a segment from an offset on to a new segment. */
function copyTail(files: Files, directory: string, segment: Segment, offset: number): void {
  const source = files.openSync(segment.path, 'read')
  const copy = files.openSync(segmentPath(directory, offset), 'create')
  for (let at = offset; at < segment.end; at += COPY_BYTES) {
    copy.writeSync([source.readSync(at - segment.start, Math.min(COPY_BYTES, segment.end - at))], at - offset)
  }
  copy.datasyncSync()
  copy.closeSync()
  source.closeSync()
  files.syncDirectorySync(directory)
}

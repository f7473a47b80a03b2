/**
 * Verifies a binlog from its first segment to its end: every group's form, place, chain, CRC and commands; no gap; the checkpoint at the end
 * of a group. Behind damage the log cannot be followed, but where the damage lies before the checkpoint, what recovery needs is read from there.
 */
import { join } from 'node:path'
import type { BinlogPosition, GroupHeader } from './binlog/group.ts'
import { BinlogReader, trustedSynced } from './binlog/reader.ts'
import { listSegments, type Segment, segmentPath } from './binlog/segments.ts'
import type { CheckProgress, Findings } from './check-report.ts'
import { readCommand } from './command-codec.ts'
import type { Files } from './files.ts'
import { cutLog, type LogStart } from './recovery.ts'

export interface BinlogSummary {
  readonly segments: Segment[]
  readonly groups: number
  readonly commands: number
  /** Offset after the last whole group that can be reached. */
  readonly end: number
  /** Where the log can be followed no further; null where it can be to its end. */
  readonly damagedAt: number | null
}

export function checkBinlog(
  files: Files,
  directory: string,
  start: LogStart,
  findings: Findings,
  progress: (progress: CheckProgress) => void,
): BinlogSummary {
  const checkpoint = start.from
  const segments = listSegments(files, directory)
  for (const name of files.listSync(directory))
    if (name.endsWith('.cut')) findings.note(join(directory, name), 'set aside by an earlier cut')
  const first = segments[0]
  if (first === undefined) {
    if (checkpoint.offset > 0) findings.note(directory, `no segments; the log goes on from the checkpoint at ${checkpoint.offset}`)
    return { segments, groups: 0, commands: 0, end: checkpoint.offset, damagedAt: null }
  }
  const walk = walkLog(files, segments, null, start, findings, progress)
  if (first.start > checkpoint.offset)
    findings.damage(first.path, `the log begins at ${first.start}, behind the checkpoint at ${checkpoint.offset}: part of it is missing`)
  if (walk.damagedAt !== null && walk.damagedAt < checkpoint.offset) {
    const rest = walkLog(files, segments, checkpoint, start, findings, progress)
    if (rest.damagedAt === null) findings.note(directory, `from the checkpoint at ${checkpoint.offset} on, the log is whole`)
  } else if (walk.end < checkpoint.offset) {
    findings.damage(directory, `the log ends at ${walk.end}, before the checkpoint at ${checkpoint.offset}: part of it is missing`)
  }
  return { segments, ...walk }
}

function walkLog(
  files: Files,
  segments: readonly Segment[],
  from: BinlogPosition | null,
  { from: checkpoint, ownFrom }: LogStart,
  findings: Findings,
  progress: (progress: CheckProgress) => void,
): Omit<BinlogSummary, 'segments'> {
  const logStart = segments[0]?.start ?? 0
  const total = (segments.at(-1)?.end ?? 0) - logStart
  const reader = new BinlogReader(files, segments, from)
  let synced = 0
  let groups = 0
  let commands = 0
  let end = from?.offset ?? logStart
  try {
    for (;;) {
      const result = reader.next()
      if (result.type === 'end') return { groups, commands, end, damagedAt: null }
      if (result.type === 'bad') {
        const place = `binlog offset ${result.at.offset}`
        // What was never known to be on the medium may be torn by a loss of power: the next start cuts it.
        if (result.at.offset < Math.max(synced, checkpoint.offset, reader.syncedBehind(ownFrom))) findings.damage(place, result.reason)
        else findings.note(place, `${result.reason}; never known to be synced, the next start cuts the log here`)
        return { groups, commands, end, damagedAt: result.at.offset }
      }
      const { header } = result
      checkPosition({ offset: header.offset, crc: header.before }, checkpoint, findings)
      if (header.offset < checkpoint.offset && result.end.offset > checkpoint.offset)
        findings.damage(`binlog offset ${header.offset}`, `the checkpoint at ${checkpoint.offset} lies within this group`)
      commands += checkBody(header, result.body, findings)
      if (header.synced > header.offset) findings.damage(`binlog offset ${header.offset}`, `claims to be synced up to ${header.synced}`)
      synced = Math.max(synced, trustedSynced(header, ownFrom))
      end = result.end.offset
      checkPosition(result.end, checkpoint, findings)
      groups++
      if (groups % 1000 === 0) progress({ phase: 'binlog', done: end - logStart, total })
    }
  } finally {
    reader.close()
    progress({ phase: 'binlog', done: end - logStart, total })
  }
}

function checkPosition(position: BinlogPosition, checkpoint: BinlogPosition, findings: Findings): void {
  if (position.offset !== checkpoint.offset || position.crc === checkpoint.crc || position.offset === 0) return
  findings.damage(`binlog offset ${position.offset}`, 'the checkpoint was taken of another history: its CRC differs')
}

/** Commands of a group, which must be canonical and end in database 0. */
function checkBody(header: GroupHeader, body: Buffer, findings: Findings): number {
  const place = `binlog offset ${header.offset}`
  let count = 0
  let selected = '0'
  try {
    for (let at = 0; at < body.length; count++) {
      const command = readCommand(body, at, body.length)
      if (command === null) {
        findings.damage(place, 'the group ends within a command')
        return count
      }
      if (command.args[0] === 'SELECT') selected = command.args[1] ?? ''
      at = command.end
    }
  } catch (error) {
    findings.damage(place, error instanceof Error ? error.message : String(error))
    return count
  }
  if (count === 0) findings.damage(place, 'the group is empty')
  if (selected !== '0') findings.damage(place, `the group ends in database ${selected}`)
  return count
}

/**
 * Takes damage out of the log, keeping all of it in `.cut` files. Damage behind the checkpoint ends the log there: what follows is lost
 * to the data. Damage before it takes the beginning away: nothing of the data is lost, replicas that need that part are filled anew.
 */
export function cutDamage(files: Files, directory: string, summary: BinlogSummary, checkpointOffset: number): string[] {
  const { damagedAt, segments } = summary
  if (damagedAt === null) return []
  if (damagedAt >= checkpointOffset) {
    const bytes = cutLog(files, directory, segments, damagedAt)
    return [`binlog cut at offset ${damagedAt}: ${bytes} bytes set aside in .cut files; writes logged there are lost`]
  }
  const done: string[] = []
  for (const segment of segments) {
    if (segment.start >= checkpointOffset) break
    if (segment.end > checkpointOffset) {
      copyTail(files, directory, segment, checkpointOffset)
      done.push(`what follows the checkpoint copied to ${segmentPath(directory, checkpointOffset)}`)
    }
    const aside = segment.path.replace(/\.log$/, '.cut')
    files.renameSync(segment.path, aside)
    done.push(`${segment.path} set aside as ${aside}: it lies before the checkpoint at ${checkpointOffset}, so nothing is lost`)
  }
  files.syncDirectorySync(directory)
  return done
}

const COPY_BYTES = 4 * 1024 * 1024

/** A new segment of what an old one holds from an offset on. */
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

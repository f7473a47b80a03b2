/**
 * Verifies a binlog from its first segment to its end. Each group has a valid form, offset, chain,
 * CRC and commands; there is no gap; the checkpoint is at the end of a group. The log cannot be
 * followed past damage. If the damage lies before the checkpoint, a second pass reads the part that
 * recovery needs, which begins at the checkpoint.
 */
import { join } from 'node:path'
import { rethrowAssertion } from '../../base/assert.ts'
import { errorText } from '../../base/error-text.ts'
import type { Files } from '../../base/files.ts'
import { readCommand } from '../binlog/command-codec.ts'
import type { BinlogPosition, GroupHeader } from '../binlog/group.ts'
import { BinlogReader, trustedSynced } from '../binlog/reader.ts'
import { listSegments, type Segment } from '../binlog/segments.ts'
import type { LogStart } from '../recovery/recovery.ts'
import type { CheckProgress, Findings } from './report.ts'

/** The result of the check of a binlog. */
export interface BinlogSummary {
  readonly segments: Segment[]
  readonly groups: number
  readonly commands: number
  /** Offset after the last whole group that can be reached. */
  readonly end: number
  /**
   * The offset at which the log cannot be followed further; null if it can be followed to its end.
   */
  readonly damagedOffset: number | null
}

/** Verifies the binlog in a directory, and reports damage as findings. */
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
    const known = Math.max(checkpoint.offset, start.durable)
    if (known > 0) findings.damage(directory, `no segments, though the log was durable up to ${known}`)
    return { segments, groups: 0, commands: 0, end: 0, damagedOffset: null }
  }
  const walk = walkLog(files, segments, null, start, findings, progress)
  if (first.start > checkpoint.offset)
    findings.damage(first.path, `the log begins at ${first.start}, after the checkpoint at ${checkpoint.offset}: part of it is missing`)
  if (walk.damagedOffset !== null && walk.damagedOffset < checkpoint.offset) {
    const rest = walkLog(files, segments, checkpoint, start, findings, progress)
    if (rest.damagedOffset === null) findings.note(directory, `the log is complete from the checkpoint at ${checkpoint.offset} on`)
  } else if (walk.end < checkpoint.offset) {
    findings.damage(directory, `the log ends at ${walk.end}, before the checkpoint at ${checkpoint.offset}: part of it is missing`)
  } else if (walk.damagedOffset === null && walk.end < start.durable) {
    findings.damage(directory, `the log ends at ${walk.end}, and was once synced up to ${start.durable}: part of it is missing`)
  }
  return { segments, ...walk }
}

function walkLog(
  files: Files,
  segments: readonly Segment[],
  from: BinlogPosition | null,
  { from: checkpoint, ownFrom, durable }: LogStart,
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
      if (result.type === 'end') return { groups, commands, end, damagedOffset: null }
      if (result.type === 'bad') {
        const place = `binlog offset ${result.at.offset}`
        // A loss of power may tear bytes that were never known to be durable: the next start cuts
        // them.
        if (result.at.offset < Math.max(synced, durable, checkpoint.offset, reader.syncedAfterDamage(ownFrom)))
          findings.damage(place, result.reason)
        else findings.note(place, `${result.reason}; not known to be durable, so the next start cuts the log here`)
        return { groups, commands, end, damagedOffset: result.at.offset }
      }
      const { header } = result
      checkPosition({ offset: header.offset, crc: header.before }, checkpoint, findings)
      if (header.offset < checkpoint.offset && result.end.offset > checkpoint.offset)
        findings.damage(`binlog offset ${header.offset}`, `the checkpoint at ${checkpoint.offset} lies within this group`)
      commands += checkBody(header, result.body, findings)
      if (header.synced > header.offset)
        findings.damage(
          `binlog offset ${header.offset}`,
          `the head states that the log is durable up to ${header.synced}, past this offset`,
        )
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
  findings.damage(`binlog offset ${position.offset}`, 'the checkpoint belongs to another history: its CRC differs')
}

/** Returns the number of commands in a group, which must be canonical and end in database 0. */
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
    rethrowAssertion(error)
    findings.damage(place, errorText(error))
    return count
  }
  if (count === 0) findings.damage(place, 'the group is empty')
  if (selected !== '0') findings.damage(place, `the group ends in database ${selected}`)
  return count
}

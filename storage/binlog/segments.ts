/**
 * The files of a binlog: `<20-digit offset of the first byte>.log`, without gaps between them.
 * Parts that were cut off lie beside them as `<offset>.cut` files, which nothing reads.
 */
import { join } from 'node:path'
import { rethrowAssertion } from '../../base/assert.ts'
import type { File, Files } from '../../base/files.ts'
import type { Log } from '../../base/log.ts'
import { GROUP_HEAD_BYTES, readGroupHead } from './group.ts'

/** How large segments grow, and how long they are kept. */
export interface BinlogSettings {
  /** A segment that has grown to this many bytes is followed by a new one. */
  fileSizeBytes: number
  retentionBytes: number
  retentionMs: number
}

/** One file of the binlog. Offsets are in bytes from the beginning of the binlog. */
export interface Segment {
  readonly start: number
  /** Offset after the last byte. */
  end: number
  readonly path: string
  /** Wall time of the last group in ms; of the first one for segments found on disk. */
  lastMs: number
}

const SEGMENT_NAME = /^(\d{20})\.log$/

export const segmentPath = (directory: string, start: number) => join(directory, `${String(start).padStart(20, '0')}.log`)

/** Returns the segments in a directory, in order. Sizes are those of the files. */
export function listSegments(files: Files, directory: string): Segment[] {
  const segments: Segment[] = []
  for (const name of files.listSync(directory)) {
    const match = SEGMENT_NAME.exec(name)
    if (match === null) continue
    const path = join(directory, name)
    const file = files.openSync(path, 'read')
    const start = Number(match[1])
    const head = readGroupHead(file.readSync(0, GROUP_HEAD_BYTES), 0)
    segments.push({ start, end: start + file.sizeSync(), path, lastMs: head?.clockMs ?? 0 })
    file.closeSync()
  }
  return segments.sort((a, b) => a.start - b.start)
}

/**
 * Returns the segment that holds the byte at an offset. An offset between two segments belongs to
 * the later one; the offset after the end belongs to none.
 */
export function segmentAt(segments: readonly Segment[], offset: number): Segment | undefined {
  return segments.findLast(({ start, end }) => offset >= start && offset < end)
}

/**
 * Truncates a segment after a failed write, or to take groups back. A failure is only logged: the
 * next append overwrites the bytes.
 */
export function cutBack(file: File, length: number, log: Log): void {
  try {
    file.truncateSync(length)
  } catch (error) {
    rethrowAssertion(error)
    log.warn(
      { error: String(error), file: file.path },
      'cannot cut the binlog back after a failed write; the next append overwrites the rest',
    )
  }
}

/**
 * The binlog histories of a cluster: every position that any node has ever been at, with the SHA-1
 * of everything before it. Nodes distinguish histories by offset and chained CRC; this shows
 * whether that is enough.
 *
 * A track is the content of one node's binlog in these terms, group by group, read from its files.
 */
import { createHash } from 'node:crypto'
import type { Files } from '../../base/files.ts'
import { type BinlogPosition, GROUP_HEAD_BYTES, readGroupHead } from '../../storage/binlog/group.ts'
import type { Segment } from '../../storage/binlog/segments.ts'

interface Known {
  readonly parent: string | null
  readonly digest: string
  /** The content of the keyspace at this position; null until a node was compared there. */
  content: string | null
}

export const keyOf = ({ offset, crc }: BinlogPosition) => `${offset}:${crc.toString(16).padStart(8, '0')}`

const START: BinlogPosition = { offset: 0, crc: 0 }

/** Every position of every node, with the history that leads to it. */
export class Histories {
  private readonly known = new Map<string, Known>([[keyOf(START), { parent: null, digest: '', content: null }]])

  has(position: BinlogPosition): boolean {
    return this.known.has(keyOf(position))
  }

  /** Adds a group that leads from a known position to another. */
  add(before: BinlogPosition, after: BinlogPosition, group: Buffer): void {
    const parent = keyOf(before)
    const { digest: start } = this.get(before)
    const digest = createHash('sha1').update(start).update(group).digest('hex')
    const known = this.known.get(keyOf(after))
    if (known === undefined) this.known.set(keyOf(after), { parent, digest, content: null })
    else if (known.digest !== digest) throw new Error(`two histories have the position ${keyOf(after)}, with other bytes before it`)
  }

  /** Checks that the keyspace at a position is the same on every node. */
  checkContent(position: BinlogPosition, content: string): void {
    const known = this.get(position)
    if (known.content === null) known.content = content
    else if (known.content !== content) throw new Error(`two keyspaces at ${keyOf(position)}:\n${difference(known.content, content)}`)
  }

  /** All positions that lead to this one, which is included. */
  ancestors(position: BinlogPosition): ReadonlySet<string> {
    const found = new Set<string>()
    for (let key: string | null = keyOf(position); key !== null; key = this.known.get(key)?.parent ?? null) found.add(key)
    return found
  }

  private get(position: BinlogPosition): Known {
    const known = this.known.get(keyOf(position))
    if (known === undefined) throw new Error(`no node has ever been at ${keyOf(position)}`)
    return known
  }
}

/** The lines that only one of the two has. */
function difference(a: string, b: string): string {
  const [left, right] = [a.split('\n'), b.split('\n')]
  const only = (lines: string[], others: string[], mark: string) =>
    lines.filter((line) => !others.includes(line)).map((line) => `${mark} ${line.slice(0, 160)}`)
  return [...only(left, right, '<'), ...only(right, left, '>')].slice(0, 20).join('\n')
}

/** The positions in one node's binlog. */
export class Track {
  /** Ascending. The first is the start of the log, or the position that a full sync left. */
  private positions: BinlogPosition[] = [START]
  private crcs = new Map<number, number>([[0, 0]])

  get end(): BinlogPosition {
    return this.positions.at(-1) as BinlogPosition
  }

  get start(): BinlogPosition {
    return this.positions[0] as BinlogPosition
  }

  /** Undefined if no group ends there. */
  crcAt(offset: number): number | undefined {
    return this.crcs.get(offset)
  }

  /** The ends of the groups after an offset. */
  after(offset: number): BinlogPosition[] {
    let index = this.positions.length
    while (index > 0 && (this.positions[index - 1] as BinlogPosition).offset > offset) index--
    return this.positions.slice(index)
  }

  /** The ends of the groups that another log lacks; null if the two have no position in common. */
  missingFrom(other: Track): BinlogPosition[] | null {
    const common = this.positions.findLastIndex(({ offset, crc }) => other.crcAt(offset) === crc)
    return common < 0 ? null : this.positions.slice(common + 1)
  }

  restart(position: BinlogPosition): void {
    this.positions = [position]
    this.crcs = new Map([[position.offset, position.crc]])
  }

  /** Drops the positions after an offset, which a crash has lost. */
  cut(offset: number): void {
    while (this.end.offset > offset && this.positions.length > 1) this.crcs.delete((this.positions.pop() as BinlogPosition).offset)
  }

  /** Reads new groups. Returns their number. Throws unless they are whole and chained. */
  follow(files: Files, segments: readonly Segment[], end: BinlogPosition, histories: Histories, mustBeKnown: boolean): number {
    if (end.offset < this.end.offset) throw new Error(`the binlog has shrunk from ${this.end.offset} to ${end.offset}`)
    if (end.offset === this.end.offset) {
      if (end.crc !== this.end.crc) throw new Error(`the binlog ends at ${keyOf(end)} now, after ${keyOf(this.end)}`)
      return 0
    }
    const bytes = readRange(files, segments, this.end.offset, end.offset)
    let groups = 0
    for (let start = 0; start < bytes.length; groups++) {
      const head = readGroupHead(bytes, start)
      const before = this.end
      if (head === undefined || head.offset !== before.offset || head.before !== before.crc)
        throw new Error(`no group follows on ${keyOf(before)}`)
      const stop = start + GROUP_HEAD_BYTES + head.bodyLength
      if (stop > bytes.length) throw new Error(`half a group at ${before.offset}`)
      const after = { offset: before.offset + stop - start, crc: head.crc }
      if (mustBeKnown && !histories.has(after)) throw new Error(`a replica has a group of its own at ${keyOf(before)}`)
      histories.add(before, after, bytes.subarray(start, stop))
      this.positions.push(after)
      this.crcs.set(after.offset, after.crc)
      start = stop
    }
    if (keyOf(this.end) !== keyOf(end))
      throw new Error(`the binlog says that it ends at ${keyOf(end)}; its files end at ${keyOf(this.end)}`)
    return groups
  }
}

/** Raw bytes of the log. Throws if some are missing. */
export function readRange(files: Files, segments: readonly Segment[], from: number, before: number): Buffer {
  const pieces: Buffer[] = []
  let at = from
  for (const segment of segments) {
    if (segment.end <= at || segment.start >= before) continue
    if (segment.start > at) break
    const file = files.openSync(segment.path, 'read')
    const length = Math.min(before, segment.end) - at
    const piece = file.readSync(at - segment.start, length)
    file.closeSync()
    if (piece.length !== length) throw new Error(`${segment.path} is shorter than it should be`)
    pieces.push(piece)
    at += length
  }
  if (at !== before) throw new Error(`the binlog's files lack ${at} to ${before}`)
  return Buffer.concat(pieces)
}

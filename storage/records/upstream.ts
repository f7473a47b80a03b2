/**
 * The position of this node's data in the stream of a Redis master. Each group that a node writes
 * while it follows a Redis ends with it, and so does the meta record of a checkpoint. Data and
 * position are therefore durable together. On disk:
 *
 *   mark = "PING" text                               a command, which replicas and replay ignore
 *   text = "HPM1 " replid(40) " " offset " " database
 *
 *   replid    the history of the Redis master
 *   offset    bytes of its stream that the data contains, decimal
 *   database  that its stream has selected there, decimal
 *
 * A position counts only where its group is the last one of the log. A later group without a
 * position is a write of another source, and the data is no longer that of the Redis master.
 */
import { assert } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'

/** A position in the stream of a Redis master. */
export interface UpstreamPosition {
  readonly replicationId: string
  /** Bytes of the stream that the data contains. */
  readonly offset: number
  /** The database that the stream has selected there. */
  readonly database: number
}

/** A position, and the binlog offset at which the data is that of the position. */
export interface UpstreamMark extends UpstreamPosition {
  readonly at: number
}

const TEXT = /^HPM1 ([0-9a-f]{40}) (0|[1-9]\d{0,15}) (0|[1-9]\d{0,8})$/

/** Returns the command that records a position in the log. */
export function upstreamWords(position: UpstreamPosition): Bytes[] {
  assert(isUpstreamPosition(position), 'a position in a stream names its history, its offset and a database')
  const { replicationId, offset, database } = position
  return ['PING', `HPM1 ${replicationId} ${offset} ${database}`]
}

/** Returns the position that a logged command records; null for any other command. */
export function readUpstream(words: readonly Bytes[]): UpstreamPosition | null {
  if (words.length !== 2 || words[0] !== 'PING') return null
  const [, replicationId, offset, database] = TEXT.exec(words[1] ?? '') ?? []
  if (replicationId === undefined || !Number.isSafeInteger(Number(offset))) return null
  return { replicationId, offset: Number(offset), database: Number(database) }
}

/** Returns the position that the data has at a binlog offset, or null if the mark is of another. */
export function upstreamAt(mark: UpstreamMark | null, binlogOffset: number): UpstreamPosition | null {
  if (mark === null || mark.at !== binlogOffset) return null
  const { replicationId, offset, database } = mark
  return { replicationId, offset, database }
}

/** True if a value of unknown form is a position. */
export function isUpstreamPosition(value: unknown): value is UpstreamPosition {
  if (typeof value !== 'object' || value === null) return false
  const { replicationId, offset, database } = value as Partial<UpstreamPosition>
  const isWhole = (number: unknown) => Number.isSafeInteger(number) && (number as number) >= 0
  return typeof replicationId === 'string' && /^[0-9a-f]{40}$/.test(replicationId) && isWhole(offset) && isWhole(database)
}

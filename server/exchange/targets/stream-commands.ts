/**
 * A stream as the commands that make it:
 *
 *   stream    entries XSETID { group } [ { XDEL } XTRIM XSETID ]
 *   entries   { XADD } | XADD MAXLEN 0              the latter for a stream without entries
 *   group     XGROUP CREATE { XGROUP CREATECONSUMER } { XCLAIM }
 *
 * XCLAIM takes only entries that the stream has. Therefore an entry that is pending and was deleted
 * is added in its place, and deleted again once it is claimed. The ids of a stream's pending
 * entries are in memory meanwhile.
 */
import { must } from '../../../base/assert.ts'
import type { Bytes } from '../../../base/bytes.ts'
import type { RdbPendingEntry, RdbStreamId } from '../../../rdb/elements.ts'
import { numbersOf } from '../../../rdb/encodings/stream-ids.ts'
import type { RdbGroup, RdbStreamValue } from '../../../rdb/values.ts'
import { commandOf } from '../sources/connection.ts'

const FIRST_ID = '0-1'

type PendingById = ReadonlyMap<RdbStreamId, RdbPendingEntry>

/** Yields the commands of a stream that does not exist. */
export function* streamCommands(key: Bytes, stream: RdbStreamValue): Generator<Buffer> {
  const { count, lastId, entriesAdded, groups } = stream
  const pending = groups.map(pendingOf)
  const deleted: RdbStreamId[] = []
  yield* entryCommands(key, stream, pending, deleted)
  const length = BigInt(count + deleted.length)
  if (length === 0n) yield commandOf(['XADD', key, 'MAXLEN', '0', FIRST_ID, '', ''])
  const lastAdded = deleted.at(-1)
  const isAbove = lastAdded !== undefined && lastAdded > lastId
  yield setIdCommand(key, {
    ...stream,
    lastId: isAbove ? lastAdded : lastId,
    entriesAdded: length < entriesAdded ? entriesAdded : length,
  })
  for (const [index, group] of groups.entries()) yield* groupCommands(key, group, must(pending[index]))
  if (deleted.length > 0) yield* deletionCommands(key, stream, deleted)
}

const pendingOf = ({ pending }: RdbGroup): PendingById => new Map(Array.from(pending, (entry) => [entry.id, entry]))

/** Yields XADD for all entries and for the pending ones that are deleted, which it gathers. */
function* entryCommands(
  key: Bytes,
  { entries }: RdbStreamValue,
  pending: readonly PendingById[],
  deleted: RdbStreamId[],
): Generator<Buffer> {
  const missing = [...new Set(pending.flatMap((ids) => [...ids.keys()]))].sort((a, b) => (a < b ? -1 : 1))
  let at = 0
  const addBefore = function* (id: RdbStreamId | null): Generator<Buffer> {
    for (let next = missing[at]; next !== undefined && (id === null || next < id); next = missing[++at]) {
      deleted.push(next)
      yield commandOf(['XADD', key, idText(next), '', ''])
    }
  }
  for (const { id, fields } of entries) {
    yield* addBefore(id)
    if (missing[at] === id) at++
    yield commandOf(['XADD', key, idText(id), ...fields])
  }
  yield* addBefore(null)
}

/**
 * Deletes entries that were added for XCLAIM. Those before the first one are trimmed, since XDEL
 * would raise the greatest id that was deleted.
 */
function* deletionCommands(key: Bytes, stream: RdbStreamValue, deleted: readonly RdbStreamId[]): Generator<Buffer> {
  const { count, firstId } = stream
  if (count > 0) for (const id of deleted) if (id > firstId) yield commandOf(['XDEL', key, idText(id)])
  yield commandOf(['XTRIM', key, 'MAXLEN', '=', String(count)])
  yield setIdCommand(key, stream)
}

function setIdCommand(key: Bytes, { lastId, entriesAdded, maxDeletedId }: RdbStreamValue): Buffer {
  return commandOf(['XSETID', key, idText(lastId), 'ENTRIESADDED', String(entriesAdded), 'MAXDELETEDID', idText(maxDeletedId)])
}

function* groupCommands(key: Bytes, { name, lastId, entriesRead, consumers }: RdbGroup, pending: PendingById): Generator<Buffer> {
  yield commandOf(['XGROUP', 'CREATE', key, name, idText(lastId), 'ENTRIESREAD', String(entriesRead ?? -1)])
  for (const { name: consumer, pendingIds } of consumers) {
    yield commandOf(['XGROUP', 'CREATECONSUMER', key, name, consumer])
    for (const id of pendingIds) {
      const { deliveredAtMs, deliveryCount } = must(pending.get(id))
      const numbers = ['TIME', String(deliveredAtMs), 'RETRYCOUNT', String(deliveryCount)]
      yield commandOf(['XCLAIM', key, name, consumer, '0', idText(id), ...numbers, 'FORCE', 'JUSTID'])
    }
  }
}

const idText = (id: RdbStreamId): Bytes => numbersOf(id).join('-')

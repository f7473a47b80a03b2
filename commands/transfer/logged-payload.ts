/**
 * The payload with which RESTORE is logged. A Redis 7.0 that follows the log must read the value
 * that haypile has read. So a payload is logged as it came only if both read it alike, and
 * otherwise as one of version 10 that is written from the value.
 *
 * Redis takes a few payloads, even with `sanitize-dump-payload yes`, whose parts contradict each
 * other. It keeps the elements of a packed sorted set in any order, and then finds some of them by
 * rank but not by score. It keeps any id as the first one of a stream, and computes lags with it.
 * haypile sorts the elements and looks for the first entry.
 */
import { at, must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { RdbStreamId, RdbValuePart } from '../../rdb/elements.ts'
import { TYPE_STREAM_LISTPACKS_2, TYPE_ZSET_LISTPACK, TYPE_ZSET_ZIPLIST, VERSION_REDIS_7_0 } from '../../rdb/format/codes.ts'
import type { VerifiedPayload } from '../../rdb/payload.ts'
import type { DecodedValue } from '../../storage/exchange/incoming.ts'
import type { Entry } from '../../storage/keyspace/entry.ts'
import type { Context } from '../contract/context.ts'
import { payloadOf } from './dump.ts'

/** The types beyond this one came with version 11. A payload may claim an earlier version. */
const LAST_TYPE_OF_REDIS_7_0 = TYPE_STREAM_LISTPACKS_2
/** The first id of a stream without entries. */
const ZERO_ID = '\0'.repeat(16)

/** Returns true if Redis 7.0 reads the payload, and reads the value that was decoded from it. */
export function isReadAlike({ version, body }: VerifiedPayload, { parts }: DecodedValue): boolean {
  const type = must(body[0])
  if (version > VERSION_REDIS_7_0 || type > LAST_TYPE_OF_REDIS_7_0) return false
  if (type === TYPE_ZSET_LISTPACK || type === TYPE_ZSET_ZIPLIST) return parts.every(isInOrder)
  return type !== TYPE_STREAM_LISTPACKS_2 || statesItsFirstEntry(parts)
}

/** Returns true if the elements of a sorted set have the order of their scores and members. */
function isInOrder(part: RdbValuePart): boolean {
  if (part.kind !== 'sorted-set') return true
  const { members, scores } = part
  for (let i = 1; i < members.length; i++) {
    const before = at(scores, i - 1)
    const score = at(scores, i)
    if (before > score || (before === score && at(members, i - 1) > at(members, i))) return false
  }
  return true
}

/** Returns true if a stream states the id of its first entry, or zero for no entry. */
function statesItsFirstEntry(parts: readonly RdbValuePart[]): boolean {
  let firstId: RdbStreamId = ZERO_ID
  for (const part of parts) {
    if (part.kind === 'stream') return part.firstId === firstId
    if (part.kind === 'stream-entries' && firstId === ZERO_ID) firstId = at(part.entries, 0).id
  }
  return true
}

/** Returns a payload of version 10 for the value of an entry. */
export function rewritten({ server }: Context, { value }: Entry): Bytes {
  return Buffer.concat(payloadOf(value ?? '', server, 'redis 7.0')).latin1Slice()
}

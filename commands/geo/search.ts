/**
 * Finding members inside a circle or a box. STORE logs the set that it makes, because distances are
 * computed with sines, which differ between machines.
 */
import { type Bytes, detached } from '../../base/bytes.ts'
import { EVENT_SORTED_SET } from '../../storage/keyspace/key-events.ts'
import { newCollection } from '../../storage/values/collection.ts'
import { type ScoredMember, SortedSet } from '../../storage/values/sorted-set.ts'
import type { Context } from '../contract/context.ts'
import type { Reply } from '../contract/reply.ts'
import { deleteKey } from '../parsing/typed-access.ts'
import { cellsCovering, distanceWithin } from './areas.ts'
import { firstScoreOf, type Position, positionOf, scoresPerCell } from './geohash.ts'
import type { GeoSearch } from './search-options.ts'
import { distanceReply, positionReply } from './words.ts'

interface Found {
  readonly member: Bytes
  readonly score: number
  readonly position: Position
  /** In meters. */
  readonly distance: number
}

/** Answers a search, or stores its result. `source` is the set that is searched, if it exists. */
export function answerSearch(context: Context, source: SortedSet | undefined, search: GeoSearch): Reply {
  const found = source === undefined ? [] : find(source, search)
  if (search.store !== null) return store(context, found, search.store, search)
  return found.map((each) => shown(each, search))
}

function find(source: SortedSet, { shape, count, mayStopEarly, order }: GeoSearch): Found[] {
  if (shape === null) return []
  const found: Found[] = []
  const limit = mayStopEarly ? count : Number.POSITIVE_INFINITY
  for (const cell of cellsCovering(shape)) {
    if (found.length >= limit) break
    const first = firstScoreOf(cell)
    const end = first + scoresPerCell(cell.step)
    const cursor = source.cursor(source.rankFrom({ score: first, isExclusive: false }))
    while (found.length < limit && cursor.next()) {
      const { score } = cursor
      if (score >= end) break
      const position = positionOf(score)
      const distance = distanceWithin(shape, position)
      if (distance >= 0) found.push({ member: cursor.member, score, position, distance })
    }
  }
  // COUNT without ANY means the nearest results, so they are sorted even without an order.
  const wanted = order ?? (count > 0 && !mayStopEarly ? 'asc' : null)
  if (wanted === 'asc') found.sort((a, b) => a.distance - b.distance)
  else if (wanted === 'desc') found.sort((a, b) => b.distance - a.distance)
  return count > 0 && count < found.length ? found.slice(0, count) : found
}

function shown({ member, score, position, distance }: Found, { mustShowDistance, mustShowHash, mustShowPosition, unit }: GeoSearch): Reply {
  if (!mustShowDistance && !mustShowHash && !mustShowPosition) return member
  const reply: Reply[] = [member]
  if (mustShowDistance) reply.push(distanceReply(distance / unit))
  if (mustShowHash) reply.push(hashReply(score))
  if (mustShowPosition) reply.push(positionReply(position))
  return reply
}

/** The score as an integer; a bigint for the 54 bits on the very edge of the grid. */
function hashReply(score: number): Reply {
  return Number.isSafeInteger(Math.trunc(score)) ? Math.trunc(score) : BigInt(score)
}

function store(context: Context, found: readonly Found[], key: Bytes, { mustStoreDistance, storeEvent, unit }: GeoSearch): Reply {
  const { db, server } = context
  const hasDestination = db.find(key) !== undefined
  if (found.length === 0) {
    if (hasDestination) {
      deleteKey(context, key)
      context.effect('DEL', key)
    }
    return 0
  }
  const members: ScoredMember[] = found.map(({ member, score, distance }) => ({
    member: detached(member),
    score: mustStoreDistance ? distance / unit : score,
  }))
  if (hasDestination) context.effect('DEL', key)
  const words: Bytes[] = ['ZADD', key]
  for (const { member, score } of members) words.push(String(score), member)
  context.effectList(words)
  members.sort((a, b) => (a.member < b.member ? -1 : 1))
  const set = newCollection(db, SortedSet)
  set.load(members, server.config)
  db.set(key, set)
  context.notify(EVENT_SORTED_SET, storeEvent, key)
  context.countChanges(found.length)
  return found.length
}

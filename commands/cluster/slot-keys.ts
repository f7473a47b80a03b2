/** The keys of one hash slot, found by a walk in key order. */
import type { Bytes } from '../../base/bytes.ts'
import { slotOf } from '../../base/hash-slots.ts'
import type { Database } from '../../storage/keyspace/database.ts'
import type { Steps } from '../../storage/scan/steps.ts'
import { WALK_KEYS, type WalkStep, walk } from '../../storage/scan/walk.ts'

/** The place where the last walk for keys of a slot began to find some. */
interface SlotPlace {
  readonly slot: number
  readonly key: Bytes
}

const places = new WeakMap<Database, SlotPlace>()

/**
 * Returns up to `limit` keys of a slot. O(1) if there are none. Otherwise it reads the names of
 * keys until it has found as many as the slot has. It begins at the first key that the last walk
 * for this slot has found: a slot that is emptied by calls in a row costs one pass in all.
 */
export function* keysOfSlot(db: Database, slot: number, limit: number): Steps<Bytes[]> {
  const found: Bytes[] = []
  const wanted = Math.min(limit, db.keysInSlot(slot))
  if (wanted === 0) return found
  const place = places.get(db)
  const start = place?.slot === slot ? place.key : ''
  yield* collect(db, slot, { from: start }, wanted, found)
  if (start !== '') yield* collect(db, slot, { from: '', before: start }, wanted, found)
  const first = found[0]
  if (first !== undefined) places.set(db, { slot, key: first })
  return found
}

function* collect(
  db: Database,
  slot: number,
  range: { readonly from: Bytes; readonly before?: Bytes },
  wanted: number,
  found: Bytes[],
): Steps<void> {
  for (let next: Bytes | null = range.from; next !== null && found.length < wanted; ) {
    const step: WalkStep = yield* walk(db, { ...range, from: next }, WALK_KEYS, undefined, 'names')
    for (const { key } of step.keys) if (found.length < wanted && slotOf(key) === slot) found.push(key)
    next = step.next
  }
}

/**
 * A walk over the keys of one database, in key order or against it, step by step. The keys that
 * exist are
 *
 *   LevelDB's roots, minus keys whose resident entry is a tombstone, plus keys that LevelDB lacks
 *
 * This holds for one LevelDB snapshot while `keyspace.epoch` stays. A step takes its snapshot and
 * the epoch in one synchronous moment and reads. In a second synchronous moment it merges the
 * result with memory as it is then. If the epoch has moved, the step starts over. A batch may be
 * durable before its checkpoint has landed in memory. Its records are resident until then, its new
 * keys are listed, and its removals are tombstones: the merge is the same with it and without.
 *
 * A key that exists all through a walk is found exactly once. One that comes or goes meanwhile is
 * found at most once. No key becomes resident.
 */
import type { Bytes } from '../../base/bytes.ts'
import { detached } from '../../base/bytes.ts'
import type { Database } from '../keyspace/database.ts'
import type { NewKeys } from '../keyspace/new-keys.ts'
import type { RecordRange } from '../records/record-store.ts'
import {
  KIND_HASH,
  KIND_LIST,
  KIND_ROPE,
  KIND_SET,
  KIND_SORTED_SET,
  KIND_STREAM,
  KIND_STRING,
  ROOT_PREFIX_BYTES,
  readRecordKey,
  readRoot,
  rootRange,
} from '../records/records.ts'
import { Rope } from '../values/rope.ts'
import type { Value } from '../values/value.ts'
import { READ_AHEAD_KEYS, type ReadAhead } from './read-ahead.ts'
import { aTurn, readKeys, readRange, type Steps, waitFor } from './steps.ts'

/** The name of a value's type in TYPE. */
export type TypeName = 'string' | 'hash' | 'list' | 'set' | 'zset' | 'stream'

/** A key that a walk has found. */
export interface WalkedKey {
  readonly key: Bytes
  /** The deadline in ms since the epoch; 0 means none. */
  readonly expireAtMs: number
  /** Null if the walk needed names only and the key is on disk. */
  readonly type: TypeName | null
}

/**
 * The facts that a walk needs. `names` reads no values from LevelDB, unless a key of the database
 * has a deadline.
 */
export type WalkDetail = 'names' | 'all'

/** A range of keys in byte order. */
export interface KeyRange {
  /** The first key that the range may hold. */
  readonly from: Bytes
  /** The end of the range, exclusive; absent: no end. */
  readonly before?: Bytes
}

/** The result of one step of a walk. */
export interface WalkStep {
  /** Ascending, or descending when walking back. Expired keys are left out. */
  readonly keys: readonly WalkedKey[]
  /** The start of the next step's range, or its end when walking back; null at the end. */
  readonly next: Bytes | null
}

type WalkOrder = 'forward' | 'backward'

/** LevelDB is closed, or being closed and opened again: nothing can be read for now. */
export class StoreNotOpenError extends Error {
  override readonly name = 'StoreNotOpenError'
}

export const ALL_KEYS: KeyRange = { from: '' }
const END: WalkStep = { keys: [], next: null }

/** Keys sorted before other work gets a turn: about 2 ms. */
const SORTED_KEYS_PER_SLICE = 2000
/** Keys visited in one step of a whole walk. */
export const WALK_KEYS = 1000

const TYPE_NAMES: Readonly<Record<number, TypeName>> = {
  [KIND_STRING]: 'string',
  [KIND_ROPE]: 'string',
  [KIND_HASH]: 'hash',
  [KIND_LIST]: 'list',
  [KIND_SET]: 'set',
  [KIND_SORTED_SET]: 'zset',
  [KIND_STREAM]: 'stream',
}

/** Returns the name of a value's type, as TYPE replies it. */
export function typeNameOf(value: Value): TypeName {
  return typeof value === 'string' || value instanceof Rope ? 'string' : typeNameOfKind(value.kind)
}

/** Returns the type of a root record's kind, as TYPE names it. */
export function typeNameOfKind(kind: number): TypeName {
  const name = TYPE_NAMES[kind]
  if (name === undefined) throw new Error(`no type of kind ${kind}`)
  return name
}

/** Returns the range of the keys that begin with a prefix. */
export function prefixRange(prefix: Bytes): KeyRange {
  let end = prefix.length
  while (end > 0 && prefix.charCodeAt(end - 1) === 0xff) end--
  if (end === 0) return { from: prefix }
  return { from: prefix, before: prefix.slice(0, end - 1) + String.fromCharCode(prefix.charCodeAt(end - 1) + 1) }
}

/** Returns the first possible key after this one. */
export function keyAfter(key: Bytes): Bytes {
  return detached(`${key}\0`)
}

/**
 * Does one step: visits up to `count` keys, live or not. A dropped database has no keys. Throws
 * StoreNotOpenError.
 *
 * New keys are sorted first, in pieces, with turns for other work in between. Each piece is larger
 * by the number of keys that clients created in the turn before it, so the sorting ends. With
 * `ahead`, small steps share what they read.
 */
export function walk(db: Database, range: KeyRange, count: number, ahead?: ReadAhead, detail: WalkDetail = 'all'): Steps<WalkStep> {
  return walkOneStep(db, range, count, 'forward', detail, ahead)
}

/** Does one step from the end of the range towards its start. */
export function walkBack(db: Database, range: KeyRange, count: number): Steps<WalkStep> {
  return walkOneStep(db, range, count, 'backward', 'all')
}

function* walkOneStep(
  db: Database,
  range: KeyRange,
  count: number,
  order: WalkOrder,
  wanted: WalkDetail,
  ahead?: ReadAhead,
): Steps<WalkStep> {
  const { keyspace } = db
  let piece = SORTED_KEYS_PER_SLICE
  while (db.droppedIn === 0 && db.keyCountAtMost > 0) {
    if (!sortPending(db, piece)) {
      const before = db.newKeys.pendingCount
      yield* waitFor(aTurn)
      piece = SORTED_KEYS_PER_SLICE + Math.max(0, db.newKeys.pendingCount - before)
      continue
    }
    // Nothing waits between the last key sorted, the epoch and the snapshot.
    const { epoch } = keyspace
    // A key whose deadline changes in this epoch has an entry, which describes it.
    const detail = db.volatileCountAtMost === 0 ? wanted : 'all'
    const known = ahead?.find(db, range, count, detail) ?? null
    if (known !== null) return merge(db, range, count, known, order)
    const isShared = ahead !== undefined && count < READ_AHEAD_KEYS
    const most = isShared ? READ_AHEAD_KEYS : count
    const read = detail === 'names' ? readNames : readStored
    const stored = yield* unlessClosed<readonly WalkedKey[] | 'binary'>(read(db, range, count, most, order))
    if (stored === 'binary') continue
    if (keyspace.epoch !== epoch) continue
    if (stored === null) throw new StoreNotOpenError('the database is being reopened')
    if (isShared) ahead.addPiece(db, { epoch, range, keys: stored, isWhole: stored.length < count, detail })
    if (db.droppedIn === 0) return merge(db, range, count, stored.slice(0, count), order)
  }
  return END
}

/** Sorts up to `count` new keys, frozen ones included. Returns true if all are sorted. */
function sortPending(db: Database, count: number): boolean {
  const frozenSettled = db.frozenNewKeys?.sortPending(count) ?? true
  return db.newKeys.sortPending(count) && frozenSettled
}

/** Does all steps of a walk and passes the keys of each to `visit`. */
export function* walkAll(
  db: Database,
  range: KeyRange,
  visit: (keys: readonly WalkedKey[]) => void,
  detail: WalkDetail = 'all',
): Steps<void> {
  for (let next: Bytes | null = range.from; next !== null; ) {
    const step: WalkStep = yield* walk(db, { ...range, from: next }, WALK_KEYS, undefined, detail)
    visit(step.keys)
    next = step.next
  }
}

/**
 * Returns the first and the last key that LevelDB has of a database, or null if it has none. They
 * are only a hint, because the keys may have been deleted or have expired.
 */
export function* storedEdges(db: Database): Steps<readonly [first: Bytes, last: Bytes] | null> {
  const first = yield* unlessClosed(readStored(db, ALL_KEYS, 1, 1, 'forward'))
  const last = yield* unlessClosed(readStored(db, ALL_KEYS, 1, 1, 'backward'))
  const [from, to] = [first?.[0]?.key, last?.[0]?.key]
  return from === undefined || to === undefined ? null : [from, to]
}

/**
 * Returns the first `count` roots of the range (the last ones, backwards), unless it has fewer.
 * Roots up to `most` are included if they have been read with the others.
 */
function* readStored(db: Database, range: KeyRange, count: number, most: number, order: WalkOrder): Steps<readonly WalkedKey[]> {
  const records = yield* readRange(db.keyspace.records, recordRange(db, range, most, order), count)
  return records.map(([recordKey, value]) => storedKeyOf(recordKey, value))
}

/**
 * Like `readStored`, without values. Returns 'binary' if a key is not UTF-8: the keys have to be
 * read again, as bytes.
 */
function* readNames(db: Database, range: KeyRange, count: number, most: number, order: WalkOrder): Steps<readonly WalkedKey[] | 'binary'> {
  const form = db.hasBinaryKeys ? 'bytes' : 'text'
  const keys = yield* readKeys(db.keyspace.records, recordRange(db, range, most, order), count, form)
  if (keys !== null) return keys.map((key) => ({ key: key.slice(ROOT_PREFIX_BYTES), expireAtMs: 0, type: null }))
  db.hasBinaryKeys = true
  return 'binary'
}

/** Runs steps that read. Returns null if LevelDB was closed meanwhile. */
function* unlessClosed<T>(steps: Steps<T>): Steps<T | null> {
  try {
    return yield* steps
  } catch (error) {
    if (isNotOpen(error)) return null
    throw error
  }
}

function recordRange(db: Database, range: KeyRange, limit: number, order: WalkOrder): RecordRange {
  const bounds = rootRange(db.id, range.from, range.before)
  return order === 'backward' ? { ...bounds, limit, reverse: true } : { ...bounds, limit }
}

function storedKeyOf(recordKey: Buffer, value: Buffer): WalkedKey {
  const { key } = readRecordKey(recordKey) as { readonly key: Bytes }
  const root = readRoot(value)
  return { key, expireAtMs: root.expireAtMs, type: typeNameOfKind(root.kind) }
}

/** True if a read failed because LevelDB was closed, by a shutdown or during a reopening. */
export function isStoreNotOpen(error: unknown): boolean {
  return error instanceof StoreNotOpenError || isNotOpen(error)
}

function isNotOpen(error: unknown): boolean {
  const code = (error as { readonly code?: unknown }).code
  return code === 'LEVEL_DATABASE_NOT_OPEN' || code === 'LEVEL_ITERATOR_NOT_OPEN'
}

/**
 * Merges LevelDB's roots with the new keys. `stored` and the lists of new keys hold fewer than
 * `count` keys only at their end. Hence the first of the three heads is the next key, until `count`
 * keys are visited.
 */
function merge(db: Database, range: KeyRange, count: number, stored: readonly WalkedKey[], order: WalkOrder): WalkStep {
  const created = listed(db.newKeys, range, count, order)
  const frozen = db.frozenNewKeys === null ? [] : listed(db.frozenNewKeys, range, count, order)
  const keys: WalkedKey[] = []
  let [storedIndex, createdIndex, frozenIndex] = [0, 0, 0]
  let last: Bytes | undefined
  for (let looked = 0; looked < count; looked++) {
    const root = stored[storedIndex]
    const key = earlier(earlier(root?.key, created[createdIndex], order), frozen[frozenIndex], order)
    if (key === undefined || key < range.from || (range.before !== undefined && key >= range.before)) return { keys, next: null }
    last = key
    const isStored = root !== undefined && root.key === key
    const walked = describe(db, key, isStored ? root : undefined)
    if (walked !== undefined) keys.push(walked)
    if (isStored) storedIndex++
    if (created[createdIndex] === key) createdIndex++
    if (frozen[frozenIndex] === key) frozenIndex++
  }
  const lists = [stored, created, frozen]
  const left = lists.reduce((sum, list) => sum + list.length, 0) - storedIndex - createdIndex - frozenIndex
  const isEnd = left === 0 && lists.every((list) => list.length < count)
  if (isEnd || last === undefined) return { keys, next: null }
  return { keys, next: order === 'forward' ? keyAfter(last) : last }
}

function listed(keys: NewKeys, range: KeyRange, count: number, order: WalkOrder): readonly Bytes[] {
  return order === 'forward' ? keys.following(range.from, count) : keys.preceding(range.before, count)
}

/** Returns the key that a walk visits first. */
function earlier(a: Bytes | undefined, b: Bytes | undefined, order: WalkOrder): Bytes | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return a < b === (order === 'forward') ? a : b
}

/**
 * Returns a key as it is now, memory before disk, or undefined if it does not exist or is expired.
 */
function describe(db: Database, key: Bytes, root: WalkedKey | undefined): WalkedKey | undefined {
  const entry = db.resident(key)
  if (entry !== undefined) {
    if (entry.value === null || isPast(db, entry.expireAtMs)) return undefined
    return { key, expireAtMs: entry.expireAtMs, type: typeNameOf(entry.value) }
  }
  return root === undefined || isPast(db, root.expireAtMs) ? undefined : root
}

function isPast(db: Database, expireAtMs: number): boolean {
  return expireAtMs !== 0 && db.keyspace.isPast(expireAtMs)
}

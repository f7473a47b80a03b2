/**
 * Walks over the keyspace: SCAN, KEYS, RANDOMKEY. They read LevelDB without stopping the server, so
 * they block only their own client. Inside a transaction or a script the whole server waits, and
 * the reply shows that one moment.
 *
 * A literal prefix of a pattern bounds the walk, so `user:17:*` costs what it finds; a pattern
 * without special characters is one lookup.
 */
import { must } from '../../base/assert.ts'
import { type Bytes, lowerCase } from '../../base/bytes.ts'
import type { Random } from '../../base/clock.ts'
import type { Database } from '../../storage/keyspace/database.ts'
import { Entry } from '../../storage/keyspace/entry.ts'
import type { Steps } from '../../storage/scan/steps.ts'
import {
  ALL_KEYS,
  type KeyRange,
  prefixRange,
  storedEdges,
  type TypeName,
  typeNameOf,
  WALK_KEYS,
  type WalkedKey,
  type WalkStep,
  walk,
  walkAll,
} from '../../storage/scan/walk.ts'
import { type Command, command } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, syntaxError } from '../contract/errors.ts'
import { Options, requireClampedInteger } from '../parsing/args.ts'
import { type Glob, globOf, isLiteral, literalPrefix } from '../parsing/glob.ts'
import { loadingIfClosed } from '../parsing/loading-error.ts'

export const DEFAULT_COUNT = 10
const RANDOM_TRIES = 100
/** Keys read at a random position, of which one is drawn. */
const SEEK_KEYS = 32
/** Bytes that a draw varies after the common prefix of the first and last key. */
const DRAWN_BYTES = 6

export const invalidCursor = () => clientError('ERR invalid cursor')

interface ScanOptions {
  readonly pattern: Bytes | null
  readonly count: number
  readonly type: Bytes | null
}

function scanOptions(args: readonly Bytes[]): ScanOptions {
  const options = new Options(args, 2)
  let pattern: Bytes | null = null
  let count = DEFAULT_COUNT
  let type: Bytes | null = null
  while (options.more) {
    if (options.take('count')) count = requireClampedInteger(options.value())
    else if (options.take('match')) pattern = options.value()
    else if (options.take('type')) type = lowerCase(options.value())
    else throw syntaxError()
    if (count < 1) throw syntaxError()
  }
  return { pattern, count, type }
}

/**
 * True if the pattern matches every key. KEYS and SCAN treat `*` so, although as a glob it does not
 * match the empty key.
 */
export function matchesAll(pattern: Bytes | null): boolean {
  return pattern === null || pattern === '*'
}

/** The part of the range from `from` on that a pattern's literal prefix leaves. */
export function rangeOf(pattern: Bytes | null, from: Bytes): KeyRange {
  const range = matchesAll(pattern) ? ALL_KEYS : prefixRange(literalPrefix(must(pattern)))
  return from > range.from ? { ...range, from } : range
}

/** The one key that a literal pattern matches, in the form that a walk returns. */
function lookUp({ db, server }: Context, key: Bytes): readonly WalkedKey[] {
  if (server.cluster.hides(key)) return []
  const entry = db.lookup(key)
  if (entry === undefined || entry.value === null || isPast(entry)) return []
  return [{ key, expireAtMs: entry.expireAtMs, type: typeNameOf(entry.value) }]
}

function isPast({ db, expireAtMs }: Entry): boolean {
  return expireAtMs !== 0 && db.keyspace.isPast(expireAtMs)
}

/**
 * The key where a cursor continues; the start for 0. Throws for an unknown token and for one of
 * another database.
 */
function startOf({ server, db }: Context, cursor: Bytes): Bytes {
  if (isStart(cursor)) return ''
  const position = server.scanCursors.find(cursor)
  if (position === undefined || position.dbId !== db.id || position.key !== undefined) throw invalidCursor()
  return position.from
}

/** Returns the word unchanged. Throws if it cannot be a cursor. */
export function requireCursor(word: Bytes): Bytes {
  if (!/^\d{1,20}$/.test(word)) throw invalidCursor()
  return word
}

export function isStart(cursor: Bytes): boolean {
  return /^0+$/.test(cursor)
}

/**
 * In key order. Differences from Redis: a key is never returned twice; a cursor that this server
 * has not issued, or has forgotten, is an error.
 */
const scan = command({
  name: 'scan',
  group: 'generic',
  since: '2.8.0',
  summary: 'Iterates over the key names in the database.',
  complexity:
    'O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.',
  syntax: 'SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]',
  history: [['6.0.0', 'Added the `TYPE` subcommand.']],
  arity: -2,
  flags: ['readonly'],
  tips: ['nondeterministic_output', 'request_policy:special', 'response_policy:special'],
  *steps(context, args) {
    const { db, server } = context
    const cursor = requireCursor(args[1])
    const { pattern, count, type } = scanOptions(args)
    const from = startOf(context, cursor)
    server.storage.expireBeforeWalk()
    if (pattern !== null && isLiteral(pattern)) {
      const found = lookUp(context, literalPrefix(pattern)).filter((walked) => walked.key >= from && isOfType(walked.type, type))
      return ['0', found.map(({ key }) => key)]
    }
    const glob = matchesAll(pattern) ? null : globOf(must(pattern))
    const detail = type === null ? 'names' : 'all'
    const found: Bytes[] = []
    let range = rangeOf(pattern, from)
    let next: Bytes | null = range.from
    for (let left = count; left > 0 && next !== null; left -= WALK_KEYS) {
      const step = yield* loadingIfClosed(walk(db, range, Math.min(left, WALK_KEYS), server.scanCursors.ahead, detail))
      addMatches(found, shownKeys(context, step.keys), glob, type)
      next = step.next
      if (next !== null) range = { ...range, from: next }
    }
    if (!isStart(cursor)) server.scanCursors.spend(cursor)
    return [next === null ? '0' : server.scanCursors.issue(db.id, next), found]
  },
})

/** Returns the keys without those that a node of a cluster hides. */
export function shownKeys({ db, server: { cluster } }: Context, keys: readonly WalkedKey[]): readonly WalkedKey[] {
  return cluster.node === null || !cluster.hidesKeysOf(db) ? keys : keys.filter(({ key }) => !cluster.hides(key))
}

function isOfType(type: TypeName | null, wanted: Bytes | null): boolean {
  return wanted === null || type === wanted
}

function addMatches(found: Bytes[], keys: readonly WalkedKey[], glob: Glob | null, type: Bytes | null): void {
  for (const walked of keys) if ((glob === null || glob(walked.key)) && isOfType(walked.type, type)) found.push(walked.key)
}

/**
 * In key order. Not a snapshot: a key that appears or disappears meanwhile may be found or missed.
 */
const keysMatching = command({
  name: 'keys',
  group: 'generic',
  categories: ['dangerous'],
  since: '1.0.0',
  summary: 'Returns all key names that match a pattern.',
  complexity:
    'O(N) with N being the number of keys in the database, under the assumption that the key names in the database and the given pattern have limited length.',
  syntax: 'KEYS pattern',
  arity: 2,
  flags: ['readonly'],
  tips: ['request_policy:all_shards', 'nondeterministic_output_order'],
  *steps(context, args) {
    const { db } = context
    const pattern = args[1]
    if (isLiteral(pattern)) return lookUp(context, literalPrefix(pattern)).map(({ key }) => key)
    const glob = matchesAll(pattern) ? null : globOf(pattern)
    const found: Bytes[] = []
    yield* loadingIfClosed(walkAll(db, rangeOf(pattern, ''), (keys) => addMatches(found, shownKeys(context, keys), glob, null), 'names'))
    return found
  },
})

/**
 * Every key is equally likely while all keys are in memory. Otherwise a draw first chooses memory
 * or disk, weighted by their numbers of keys. On disk it seeks a random position between the first
 * and last key. That is not uniform: keys after a gap are drawn more often than keys close
 * together.
 */
const randomkey = command({
  name: 'randomkey',
  group: 'generic',
  since: '1.0.0',
  summary: 'Returns a random key name from the database.',
  complexity: 'O(1)',
  syntax: 'RANDOMKEY',
  arity: 1,
  flags: ['readonly'],
  tips: ['request_policy:all_shards', 'nondeterministic_output', 'response_policy:special'],
  steps(context) {
    context.server.storage.expireBeforeWalk()
    return loadingIfClosed(randomKey(context))
  },
})

/** A live key, or null if there is none. */
function* randomKey(context: Context): Steps<Bytes | null> {
  const { db, server } = context
  const { random, cluster } = server
  for (let tries = RANDOM_TRIES; tries > 0 && db.keyCountAtMost > 0 && db.droppedIn === 0; tries--) {
    const drawn = random() * db.keyCountAtMost
    const key =
      drawn < db.residentKeys
        ? randomResident(db, random)
        : drawn < db.keysInMemory
          ? randomPacked(db, random)
          : yield* seekRandom(db, random)
    if (key !== null && !cluster.hides(key)) return key
  }
  // Nearly all keys are past their deadline, or pages crowd them out. A walk finds any live key.
  for (let next: Bytes | null = ''; next !== null; ) {
    const step: WalkStep = yield* walk(db, { from: next }, WALK_KEYS)
    const keys = shownKeys(context, step.keys)
    if (keys.length > 0) return pick(keys, random).key
    next = step.next
  }
  return null
}

function pick<T>(list: readonly T[], random: Random): T {
  return must(list[Math.floor(random() * list.length)])
}

/** One draw from the residents; null for a page, a tombstone, or a key past its deadline. */
function randomResident({ residents }: Database, random: Random): Bytes | null {
  if (residents.length === 0) return null
  const resident = residents.at(Math.floor(random() * residents.length))
  return resident instanceof Entry && resident.value !== null && !isPast(resident) ? resident.key : null
}

/** One draw from the packed keys; null for an empty slot, or a key past its deadline. */
function randomPacked(db: Database, random: Random): Bytes | null {
  const key = db.packed.randomKey(random)
  return key === null || db.peek(key) === undefined ? null : key
}

function* seekRandom(db: Database, random: Random): Steps<Bytes | null> {
  const edges = yield* storedEdges(db)
  if (edges === null) return null
  const { keys, next } = yield* walk(db, { from: placeBetween(edges[0], edges[1], random) }, SEEK_KEYS)
  // Past the last key the first keys follow: otherwise no draw would ever return the very first
  // key.
  const crowd = next === null ? [...keys, ...(yield* walk(db, ALL_KEYS, SEEK_KEYS)).keys] : keys
  return crowd.length === 0 ? null : pick(crowd, random).key
}

/** A random key position between the first and the last key. */
function placeBetween(first: Bytes, last: Bytes, random: Random): Bytes {
  let shared = 0
  while (shared < first.length && first.charCodeAt(shared) === last.charCodeAt(shared)) shared++
  const low = drawnNumber(first, shared, 0)
  const high = drawnNumber(last, shared, 0xff)
  const drawn = low + Math.floor(random() * (high - low + 1))
  const place = Buffer.alloc(DRAWN_BYTES)
  place.writeUIntBE(drawn, 0, DRAWN_BYTES)
  const key = last.slice(0, shared) + place.latin1Slice()
  return key > last ? last : key
}

function drawnNumber(key: Bytes, from: number, padding: number): number {
  let value = 0
  for (let i = from; i < from + DRAWN_BYTES; i++) value = value * 256 + (i < key.length ? key.charCodeAt(i) : padding)
  return value
}

export const scans: readonly Command[] = [scan, keysMatching, randomkey]

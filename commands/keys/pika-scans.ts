/**
 * Pika's ordered scans over the keys of one type and over the fields of a hash. A scan covers an
 * inclusive range, forwards or backwards; `''` means no bound. There are no cursors: a reply begins
 * with the key or field to continue at, `''` at the end.
 *
 * MATCH filters the keys that LIMIT (COUNT) counts, as in SCAN: the limit bounds how many are
 * visited.
 *
 * `string_with_value` reads keys that no word of the request names, so the user must be allowed to
 * read each key whose value it returns.
 *
 * Differences from Pika: all types can be asked for, streams included. An inverted range gets an
 * error of its own, where Pika calls it a wrong type.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Steps } from '../../storage/scan/steps.ts'
import { type KeyRange, keyAfter, type TypeName, WALK_KEYS, type WalkStep, walk, walkBack } from '../../storage/scan/walk.ts'
import { Hash } from '../../storage/values/hash.ts'
import { type Args, type Command, command, firstKey, type KeyAccess } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, notAnInteger, syntaxError } from '../contract/errors.ts'
import type { Reply } from '../contract/reply.ts'
import { isToken, Options, requireSafeInteger } from '../parsing/args.ts'
import { type Glob, globOf } from '../parsing/glob.ts'
import { loadingIfClosed } from '../parsing/loading-error.ts'
import { readAs, stringOf, stringReply } from '../parsing/typed-access.ts'
import { shownKeys } from './scan.ts'

const DEFAULT_COUNT = 10
const READ_VALUE: readonly KeyAccess[] = ['RO', 'access']

type Order = 'forward' | 'backward'

const wrongRange = () => clientError('ERR Invalid argument: error in given range')

interface PikaScanOptions {
  readonly matches: Glob | null
  readonly count: number
}

/** Reads `[MATCH pattern] [LIMIT limit]`, with COUNT in place of LIMIT for some commands. */
function scanOptions(args: Args, from: number, counter: 'limit' | 'count'): PikaScanOptions {
  const options = new Options(args, from)
  let pattern: Bytes | null = null
  let count = DEFAULT_COUNT
  while (options.more) {
    if (options.take('match')) pattern = options.value()
    else if (options.take(counter)) count = requireSafeInteger(options.value(), 1, Number.MAX_SAFE_INTEGER, notAnInteger)
    else throw syntaxError()
  }
  return { matches: pattern === null || pattern === '*' ? null : globOf(pattern), count }
}

/**
 * The range between two inclusive ends; an empty end is unbounded. Throws if the ends are inverted.
 */
function rangeBetween(first: Bytes, last: Bytes, order: Order): KeyRange {
  const [low, high] = order === 'forward' ? [first, last] : [last, first]
  if (low !== '' && high !== '' && low > high) throw wrongRange()
  return high === '' ? { from: low } : { from: low, before: keyAfter(high) }
}

const TYPES: readonly TypeName[] = ['string', 'hash', 'set', 'zset', 'list', 'stream']

function requireType(word: Bytes): TypeName {
  const type = TYPES.find((name) => isToken(word, name))
  if (type === undefined) throw clientError(`ERR invalid DB for '${word.slice(0, 128)}'`)
  return type
}

interface KeyScan extends PikaScanOptions {
  readonly type: TypeName
  readonly mustShowValues: boolean
  /** Called before a key's value is read. Throws if the user may not read it. */
  readonly requireReadable: (key: Bytes) => void
}

/** Returns `[next, [key ...]]`, or keys and values alternating. */
function* scanKeys(context: Context, range: KeyRange, order: Order, scan: KeyScan): Steps<Reply> {
  const { db } = context
  const found: Reply[] = []
  let left = scan.count
  let rest: KeyRange | null = range
  // The step size grows, so that keys of other types are skipped by the thousand.
  for (let count = Math.min(WALK_KEYS, left + 1); rest !== null; count = Math.min(WALK_KEYS, count * 4)) {
    const step: WalkStep = yield* order === 'forward' ? walk(db, rest, count) : walkBack(db, rest, count)
    for (const { key, type } of shownKeys(context, step.keys)) {
      if (type !== scan.type) continue
      if (left-- <= 0) return [key, found]
      if (scan.matches !== null && !scan.matches(key)) continue
      if (!scan.mustShowValues) found.push(key)
      else {
        scan.requireReadable(key)
        db.keyspace.eviction.makeRoom()
        const entry = db.lookup(key)
        const value = entry === undefined ? null : stringOf(entry)
        if (value !== null) found.push(key, stringReply(value))
      }
    }
    if (step.next === null) rest = null
    else rest = order === 'forward' ? { ...rest, from: step.next } : { ...rest, before: step.next }
  }
  return ['', found]
}

function scanKeyRange(context: Context, args: Args, order: Order): Steps<Reply> {
  const mustShowValues = isToken(args[1], 'string_with_value')
  const type = mustShowValues ? 'string' : requireType(args[1])
  const options = scanOptions(args, 4, 'limit')
  const range = rangeBetween(args[2], args[3], order)
  const scanned = order === 'forward' ? pkscanrange : pkrscanrange
  const requireReadable = (key: Bytes) => context.server.acl.requireKey(context, scanned, args, key, READ_VALUE)
  return loadingIfClosed(scanKeys(context, range, order, { ...options, type, mustShowValues, requireReadable }))
}

/** Returns `[next, [field, value ...]]`. */
function scanFields({ db }: Context, key: Bytes, range: KeyRange, order: Order, { matches, count }: PikaScanOptions): Reply {
  const hash = readAs(db, key, Hash)
  if (hash === undefined) return ['', []]
  const tree = hash.fields
  const start = tree.lowerBound(range.from)
  const end = range.before === undefined ? tree.count : tree.lowerBound(range.before)
  const found: Reply[] = []
  if (start >= end) return ['', found]
  const cursor = order === 'forward' ? tree.cursor(start) : tree.cursor(end - 1, 'backward')
  let left = count
  for (let ranks = end - start; ranks > 0 && cursor.next(); ranks--) {
    const field = cursor.key
    const value = hash.liveValue(cursor.value)
    if (value === undefined) continue
    if (left-- <= 0) return [field, found]
    if (matches === null || matches(field)) found.push(field, value)
  }
  return ['', found]
}

const ofKeys = {
  group: 'generic',
  categories: ['keyspace'],
  since: '0.1.0',
  complexity: 'O(log(N)+M) with N being the number of keys and M the number of keys looked at, those of other types included.',
  flags: ['readonly'],
} as const

const pkscanrange: Command = command({
  ...ofKeys,
  name: 'pkscanrange',
  summary: 'Returns the keys of one type in a range, in order.',
  syntax: 'PKSCANRANGE type start end [MATCH pattern] [LIMIT limit]',
  arity: -4,
  steps: (context, args) => scanKeyRange(context, args, 'forward'),
})

const pkrscanrange: Command = command({
  ...ofKeys,
  name: 'pkrscanrange',
  summary: 'Returns the keys of one type in a range, in reverse order.',
  syntax: 'PKRSCANRANGE type start end [MATCH pattern] [LIMIT limit]',
  arity: -4,
  steps: (context, args) => scanKeyRange(context, args, 'backward'),
})

const scanx = command({
  ...ofKeys,
  name: 'scanx',
  summary: 'Returns keys of one type from a key on, in order.',
  syntax: 'SCANX type start [MATCH pattern] [COUNT count]',
  arity: -3,
  steps(context, args) {
    const type = requireType(args[1])
    const options = scanOptions(args, 3, 'count')
    const scan = { ...options, type, mustShowValues: false, requireReadable() {} }
    return loadingIfClosed(scanKeys(context, { from: args[2] }, 'forward', scan))
  },
})

const ofHash = {
  group: 'hash',
  since: '0.1.0',
  complexity: 'O(log(N)+M) with N being the number of fields of the hash and M the number of fields looked at.',
  flags: ['readonly'],
  keys: firstKey('RO', 'access'),
} as const

const pkhscanrange = command({
  ...ofHash,
  name: 'pkhscanrange',
  summary: 'Returns the fields and values of a hash in a range of fields, in order.',
  syntax: 'PKHSCANRANGE key start end [MATCH pattern] [LIMIT limit]',
  arity: -4,
  run(context, args) {
    const options = scanOptions(args, 4, 'limit')
    return scanFields(context, args[1], rangeBetween(args[2], args[3], 'forward'), 'forward', options)
  },
})

const pkhrscanrange = command({
  ...ofHash,
  name: 'pkhrscanrange',
  summary: 'Returns the fields and values of a hash in a range of fields, in reverse order.',
  syntax: 'PKHRSCANRANGE key start end [MATCH pattern] [LIMIT limit]',
  arity: -4,
  run(context, args) {
    const options = scanOptions(args, 4, 'limit')
    return scanFields(context, args[1], rangeBetween(args[2], args[3], 'backward'), 'backward', options)
  },
})

const hscanx = command({
  ...ofHash,
  name: 'hscanx',
  summary: 'Returns fields and values of a hash from a field on, in order.',
  syntax: 'HSCANX key start [MATCH pattern] [COUNT count]',
  arity: -3,
  run: (context, args) => scanFields(context, args[1], { from: args[2] }, 'forward', scanOptions(args, 3, 'count')),
})

export const pikaScans: readonly Command[] = [pkscanrange, pkrscanrange, scanx, pkhscanrange, pkhrscanrange, hscanx]

/**
 * SSCAN, HSCAN and ZSCAN: a walk over a collection's first tree in key order, synchronous and
 * bounded by COUNT.
 *
 * A cursor is a token, as in SCAN, for the first key that has not been visited. An element that
 * exists during the whole scan is returned exactly once, independently of concurrent changes. A
 * collection that Redis keeps in one piece (listpack, intset) is returned whole, with any cursor
 * and COUNT.
 *
 * Differences from Redis: no element is returned twice; a cursor that this server has not issued
 * for this key, or has forgotten, is an error.
 */
import type { Bytes } from '../../base/bytes.ts'
import { type KeyRange, keyAfter } from '../../storage/scan/walk.ts'
import type { TreeValue } from '../../storage/tree/tree.ts'
import type { Collection, CollectionClass } from '../../storage/values/collection.ts'
import { elementsOf } from '../../storage/values/packed-cursor.ts'
import type { Args } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, syntaxError } from '../contract/errors.ts'
import type { Reply } from '../contract/reply.ts'
import { Options, requireClampedInteger } from '../parsing/args.ts'
import { type Glob, globOf, isLiteral, literalPrefix } from '../parsing/glob.ts'
import { readAs } from '../parsing/typed-access.ts'
import { DEFAULT_COUNT, invalidCursor, isStart, matchesAll, rangeOf, requireCursor } from './scan.ts'

/** Adds an element to the reply, or nothing if it is past its deadline. */
type ElementReply<T extends Collection> = (found: Reply[], value: T, key: Bytes, treeValue: TreeValue) => void

export interface CollectionScan<T extends Collection> {
  readonly type: CollectionClass<T>
  readonly element: ElementReply<T>
  /** Adds an element without its value, for NOVALUES, which only HSCAN has. */
  readonly withoutValue?: ElementReply<T>
}

interface CollectionScanOptions<T extends Collection> {
  readonly pattern: Bytes | null
  readonly count: number
  readonly element: ElementReply<T>
}

/**
 * Reads `key cursor [MATCH pattern] [COUNT count]` from the second word of a request on. Returns
 * `[cursor, [element ...]]`.
 */
export function scanCollection<T extends Collection>(context: Context, args: Args, scan: CollectionScan<T>): Reply {
  const cursor = requireCursor(args[2])
  const value = readAs(context.db, args[1], scan.type)
  // Redis checks the options only if the key exists.
  if (value === undefined) return ['0', []]
  const options = scanOptions(args, scan)
  return isInOnePiece(value) ? walkWhole(value, options) : walkOn(context, args[1], cursor, value, options)
}

function scanOptions<T extends Collection>(args: Args, scan: CollectionScan<T>): CollectionScanOptions<T> {
  const options = new Options(args, 3)
  let pattern: Bytes | null = null
  let count = DEFAULT_COUNT
  let { element } = scan
  while (options.more) {
    if (options.take('count')) count = requireClampedInteger(options.value())
    else if (options.take('match')) pattern = options.value()
    else if (options.take('novalues')) {
      if (scan.withoutValue === undefined) throw clientError('ERR NOVALUES option can only be used in HSCAN')
      element = scan.withoutValue
    } else throw syntaxError()
    if (count < 1) throw syntaxError()
  }
  return { pattern, count, element }
}

function isInOnePiece({ encodingName }: Collection): boolean {
  return encodingName !== 'hashtable' && encodingName !== 'skiplist'
}

function walkWhole<T extends Collection>(value: T, { pattern, element }: CollectionScanOptions<T>): Reply {
  const found: Reply[] = []
  const glob = globOrNull(pattern)
  const cursor = elementsOf(value.object)
  while (cursor.next()) if (glob === null || glob(cursor.key)) element(found, value, cursor.key, cursor.value)
  return ['0', found]
}

function walkOn<T extends Collection>(context: Context, key: Bytes, token: Bytes, value: T, options: CollectionScanOptions<T>): Reply {
  const { pattern, count, element } = options
  const { db, server } = context
  const { from, before } = boundsOf(pattern, startOf(context, key, token))
  const found: Reply[] = []
  const glob = globOrNull(pattern)
  const tree = value.object.tree(0)
  const cursor = tree.cursor(tree.lowerBound(from))
  let next: Bytes | null = null
  for (let left = count; cursor.next() && (before === undefined || cursor.key < before); left--) {
    if (left === 0) {
      next = cursor.key
      break
    }
    if (glob === null || glob(cursor.key)) element(found, value, cursor.key, cursor.value)
  }
  if (!isStart(token)) server.scanCursors.spend(token)
  return [next === null ? '0' : server.scanCursors.issue(db.id, next, key), found]
}

/**
 * The key where a cursor continues; the start for 0. Throws for an unknown token and for one issued
 * for another key.
 */
function startOf({ server, db }: Context, key: Bytes, token: Bytes): Bytes {
  if (isStart(token)) return ''
  const position = server.scanCursors.find(token)
  if (position === undefined || position.dbId !== db.id || position.key !== key) throw invalidCursor()
  return position.from
}

function boundsOf(pattern: Bytes | null, from: Bytes): KeyRange {
  const range = rangeOf(pattern, from)
  return pattern !== null && isLiteral(pattern) ? { ...range, before: keyAfter(literalPrefix(pattern)) } : range
}

function globOrNull(pattern: Bytes | null): Glob | null {
  return pattern === null || matchesAll(pattern) ? null : globOf(pattern)
}

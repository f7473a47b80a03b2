/**
 * SORT and SORT_RO. STORE is logged as the list that it made. The patterns may read keys that
 * expire, and Redis does not define the order of equal weights.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Entry } from '../../storage/keyspace/entry.ts'
import { EVENT_LIST } from '../../storage/keyspace/key-events.ts'
import { newCollection } from '../../storage/values/collection.ts'
import { List } from '../../storage/values/list.ts'
import { type Args, type Command, command, firstKey, type KeySpec } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, syntaxError } from '../contract/errors.ts'
import { findSortKeys } from '../contract/key-finder.ts'
import type { Reply } from '../contract/reply.ts'
import { Options, requireClampedInteger } from '../parsing/args.ts'
import { deleteKey, stringReply } from '../parsing/typed-access.ts'
import { keptElements, requireSortable, type Sorting, sortedElements } from './sort-elements.ts'
import { lookUpPattern, type SortPattern, sortPatternOf, wholeOf } from './sort-patterns.ts'

/** Elements in one logged RPUSH. */
const MAX_LOGGED_ELEMENTS = 1024

interface SortOptions extends Sorting {
  /** False if any BY has no star: the elements are not sorted. */
  readonly isSorted: boolean
  readonly offset: number
  /** Negative for all. */
  readonly count: number
  readonly get: readonly SortPattern[]
  readonly destination: Bytes | null
}

function sortOptions(args: Args, access: 'read' | 'write', denialOf: (option: string) => Bytes | null): SortOptions {
  const options = new Options(args, 2)
  const get: SortPattern[] = []
  let kind: Sorting['kind'] = 'numeric'
  let order: Sorting['order'] = 'ascending'
  let by: SortPattern | null = null
  let isSorted = true
  let destination: Bytes | null = null
  let [offset, count] = [0, -1]
  while (options.more) {
    if (options.take('asc')) order = 'ascending'
    else if (options.take('desc')) order = 'descending'
    else if (options.take('alpha')) kind = 'alpha'
    else if (options.left > 2 && options.take('limit')) {
      offset = requireClampedInteger(options.value())
      count = requireClampedInteger(options.value())
    } else if (access === 'write' && options.take('store')) destination = options.value()
    else if (options.take('by')) {
      by = sortPatternOf(options.value())
      if (!by.hasStar) isSorted = false
      else requireLookUp(denialOf('BY'))
    } else if (options.take('get')) {
      get.push(sortPatternOf(options.value()))
      requireLookUp(denialOf('GET'))
    } else throw syntaxError()
  }
  return { kind, order, by, isSorted, offset, count, get, destination }
}

/** The selected elements, in order. */
function select({ db }: Context, entry: Entry | undefined, options: SortOptions): Bytes[] {
  if (entry === undefined) return []
  const value = requireSortable(entry)
  const { isSorted, order, offset, count } = options
  const from = Math.min(Math.max(offset, 0), value.size)
  const to = count < 0 ? value.size : Math.min(from + count, value.size)
  if (!isSorted) return keptElements(value, order, from, to)
  const elements = sortedElements(db, value, options)
  return from === 0 && to === value.size ? elements : elements.slice(from, to)
}

/**
 * BY and GET look up keys that no word of the request names, so they require a user who may read
 * every key.
 */
function requireLookUp(denial: Bytes | null): void {
  if (denial !== null) throw clientError(denial)
}

function sortKey(context: Context, args: Args, access: 'read' | 'write'): Reply {
  const { server, session } = context
  const { user } = session
  const options = sortOptions(args, access, (option) => {
    // The patterns may name keys of any slot.
    if (server.cluster.node !== null) return `ERR ${option} option of SORT denied in Cluster mode.`
    if (user.mayReadAllKeys(access === 'write' ? sort : sortRo, args)) return null
    return `ERR ${option} option of SORT denied due to insufficient ACL permissions.`
  })
  const elements = select(context, context.db.read(args[1]), options)
  if (options.destination !== null) return store(context, elements, options.get, options.destination)
  if (options.get.length === 0) return elements
  const found: Reply[] = []
  for (const element of elements) {
    for (const pattern of options.get) {
      const value = lookUpPattern(context.db, pattern, element)
      found.push(value === null ? null : stringReply(value))
    }
  }
  return found
}

/**
 * Stores the found values as a list, with an empty string for each missing one; deletes the key if
 * there are none. Returns the length.
 */
function store(context: Context, elements: readonly Bytes[], get: readonly SortPattern[], destination: Bytes): number {
  const { db, server } = context
  const items = get.length === 0 ? elements : lookUpAll(context, elements, get)
  if (db.find(destination) !== undefined) context.effect('DEL', destination)
  if (items.length === 0) {
    deleteKey(context, destination)
    return 0
  }
  const list = newCollection(db, List)
  for (const item of items) list.push('right', item, server.config)
  db.set(destination, list)
  for (let from = 0; from < items.length; from += MAX_LOGGED_ELEMENTS) {
    context.effect('RPUSH', destination, ...items.slice(from, from + MAX_LOGGED_ELEMENTS))
  }
  context.notify(EVENT_LIST, 'sortstore', destination)
  context.countChanges(items.length)
  return items.length
}

function lookUpAll({ db }: Context, elements: readonly Bytes[], get: readonly SortPattern[]): Bytes[] {
  const items: Bytes[] = []
  for (const element of elements) for (const pattern of get) items.push(wholeOf(lookUpPattern(db, pattern, element) ?? ''))
  return items
}

const ofPatterns: KeySpec = {
  access: ['RO', 'access'],
  notes: "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the key we sort",
  begin: { unknown: true },
  find: { unknown: true },
}
const ofDestination: KeySpec = {
  access: ['OW', 'update'],
  notes: "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the argument array",
  begin: { unknown: true },
  find: { unknown: true },
}

const both = {
  group: 'generic',
  categories: ['set', 'sortedset', 'list', 'dangerous'],
  complexity:
    'O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number of returned elements. When the elements are not sorted, complexity is O(N).',
  arity: -2,
} as const

const sort: Command = command({
  ...both,
  name: 'sort',
  since: '1.0.0',
  summary: 'Sorts the elements in a list, a set, or a sorted set, optionally storing the result.',
  syntax: 'SORT key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA] [STORE destination]',
  flags: ['write', 'denyoom'],
  keys: [...firstKey('RO', 'access'), ofPatterns, ofDestination],
  findKeys: findSortKeys,
  run: (context, args) => sortKey(context, args, 'write'),
})

const sortRo: Command = command({
  ...both,
  name: 'sort_ro',
  since: '7.0.0',
  summary: 'Returns the sorted elements of a list, a set, or a sorted set.',
  syntax: 'SORT_RO key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA]',
  flags: ['readonly'],
  keys: [...firstKey('RO', 'access'), ofPatterns],
  run: (context, args) => sortKey(context, args, 'read'),
})

export const sorts: readonly Command[] = [sort, sortRo]

/** Lists: LPOS, LREM and LINSERT, which look for values. */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { EVENT_LIST } from '../../storage/keyspace/key-events.ts'
import { List } from '../../storage/values/list.ts'
import { searchList } from '../../storage/values/list-search.ts'
import { type Args, type Command, command, firstKey } from '../contract/command.ts'
import { belowLongRange, clientError, syntaxError } from '../contract/errors.ts'
import { isToken, Options, requireClampedInteger, requireInteger } from '../parsing/args.ts'
import { dropIfEmpty, findAs, readAs } from '../parsing/typed-access.ts'

const ZERO_RANK = () =>
  clientError(
    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
  )

/** The match that is wanted first: 1 is the first from the head, -1 the first from the tail. */
function requireRank(word: Bytes): number {
  if (requireInteger(word) === -(2n ** 63n)) throw belowLongRange()
  const rank = requireClampedInteger(word)
  if (rank === 0) throw ZERO_RANK()
  return rank
}

function requireNotNegative(word: Bytes, name: Bytes): number {
  const error = () => clientError(`ERR ${name} can't be negative`)
  const value = requireClampedInteger(word, error)
  if (value < 0) throw error()
  return value
}

interface PositionOptions {
  readonly rank: number
  /** Null if the reply is one position, not an array. */
  readonly count: number | null
  readonly length: number
}

function positionOptionsOf(args: Args): PositionOptions {
  let rank = 1
  let count: number | null = null
  let length = 0
  const options = new Options(args, 3)
  while (options.more) {
    if (options.take('rank')) rank = requireRank(options.value())
    else if (options.take('count')) count = requireNotNegative(options.value(), 'COUNT')
    else if (options.take('maxlen')) length = requireNotNegative(options.value(), 'MAXLEN')
    else throw syntaxError()
  }
  return { rank, count: count === 0 ? Number.POSITIVE_INFINITY : count, length: length === 0 ? Number.POSITIVE_INFINITY : length }
}

const lpos = command({
  name: 'lpos',
  group: 'list',
  since: '6.0.6',
  summary: 'Returns the index of matching elements in a list.',
  complexity:
    'O(N) where N is the number of elements in the list, for the average case. When searching for elements near the head or the tail of the list, or when the MAXLEN option is provided, the command may run in constant time.',
  syntax: 'LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len]',
  arity: -3,
  flags: ['readonly'],
  keys: firstKey('RO', 'access'),
  run({ db }, args) {
    const { rank, count, length } = positionOptionsOf(args)
    const list = readAs(db, args[1], List)
    if (list === undefined) return count === null ? null : []
    const from = rank > 0 ? 'head' : 'tail'
    const found = searchList(list, args[2], { from, skip: Math.abs(rank) - 1, count: count ?? 1, length })
    return count === null ? (found[0] ?? null) : found
  },
})

const lrem = command({
  name: 'lrem',
  group: 'list',
  since: '1.0.0',
  summary: 'Removes elements from a list. Deletes the list if the last element was removed.',
  complexity: 'O(N+M) where N is the length of the list and M is the number of elements removed.',
  syntax: 'LREM key count element',
  arity: 4,
  flags: ['write'],
  keys: firstKey('RW', 'delete'),
  isVerbatim: true,
  run(context, args) {
    const count = requireClampedInteger(args[2])
    const list = findAs(context.db, args[1], List)
    if (list === undefined) return 0
    const found = searchList(list, args[3], {
      from: count < 0 ? 'tail' : 'head',
      skip: 0,
      count: count === 0 ? Number.POSITIVE_INFINITY : Math.abs(count),
      length: Number.POSITIVE_INFINITY,
    })
    if (count >= 0) found.reverse()
    // Removal runs from the last match to the first, so that earlier positions stay valid. Adjacent
    // matches are removed together.
    for (let i = 0; i < found.length; ) {
      const end = must(found[i]) + 1
      let start = end - 1
      for (i++; i < found.length && found[i] === start - 1; i++) start--
      list.removeRange(start, end, context.server.config)
    }
    if (found.length > 0) context.notify(EVENT_LIST, 'lrem', args[1])
    dropIfEmpty(list)
    return found.length
  },
})

const linsert = command({
  name: 'linsert',
  group: 'list',
  since: '2.2.0',
  summary: 'Inserts an element before or after another element in a list.',
  complexity:
    'O(N) where N is the number of elements to traverse before seeing the value pivot. This means that inserting somewhere on the left end on the list (head) can be considered O(1) and inserting somewhere on the right end (tail) is O(N).',
  syntax: 'LINSERT key <BEFORE | AFTER> pivot element',
  arity: 5,
  flags: ['write', 'denyoom'],
  keys: firstKey('RW', 'insert'),
  isVerbatim: true,
  run(context, args) {
    const isAfter = isToken(args[2], 'after')
    if (!isAfter && !isToken(args[2], 'before')) throw syntaxError()
    const list = findAs(context.db, args[1], List)
    if (list === undefined) return 0
    const [position] = searchList(list, args[3], { from: 'head', skip: 0, count: 1, length: Number.POSITIVE_INFINITY })
    if (position === undefined) return -1
    list.insert(isAfter ? position + 1 : position, args[4], context.server.config)
    context.notify(EVENT_LIST, 'linsert', args[1])
    return list.size
  },
})

export const listSearches: readonly Command[] = [lpos, lrem, linsert]

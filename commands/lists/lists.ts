/**
 * Lists: pushing, popping, and reading by position. moves.ts has the commands that move elements,
 * searches.ts those that look for values.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { EVENT_LIST } from '../../storage/keyspace/key-events.ts'
import { List, type ListEnd } from '../../storage/values/list.ts'
import { type Args, type Command, command, firstKey } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, noSuchKey, notPositive, wrongArity } from '../contract/errors.ts'
import { NULL_ARRAY, OK, type Reply } from '../contract/reply.ts'
import { requireClampedInteger } from '../parsing/args.ts'
import { dropIfEmpty, findAs, readList, writableAs } from '../parsing/typed-access.ts'

const PUSH_COMPLEXITY = 'O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.'

/** The event that a push to an end of a list is notified as. */
export function pushEvent(end: ListEnd): Bytes {
  return end === 'left' ? 'lpush' : 'rpush'
}

/** Notifies of a pop from an end of a list, and deletes the key if the list is empty. */
export function notifyOfPop(context: Context, key: Bytes, list: List, end: ListEnd): void {
  context.notify(EVENT_LIST, end === 'left' ? 'lpop' : 'rpop', key)
  dropIfEmpty(list)
}

function pushAll(context: Context, list: List, end: ListEnd, args: Args): Reply {
  const { config } = context.server
  for (let i = 2; i < args.length; i++) list.push(end, must(args[i]), config)
  context.notify(EVENT_LIST, pushEvent(end), args[1])
  context.countChanges(args.length - 2)
  return list.size
}

const pushes = {
  group: 'list',
  since: '1.0.0',
  complexity: PUSH_COMPLEXITY,
  history: [['2.4.0', 'Accepts multiple `element` arguments.']],
  arity: -3,
  flags: ['write', 'denyoom', 'fast'],
  keys: firstKey('RW', 'insert'),
  isVerbatim: true,
} as const

const lpush = command({
  ...pushes,
  name: 'lpush',
  summary: "Prepends one or more elements to a list. Creates the key if it doesn't exist.",
  syntax: 'LPUSH key element [element ...]',
  run: (context, args) => pushAll(context, writableAs(context.db, args[1], List), 'left', args),
})

const rpush = command({
  ...pushes,
  name: 'rpush',
  summary: "Appends one or more elements to a list. Creates the key if it doesn't exist.",
  syntax: 'RPUSH key element [element ...]',
  run: (context, args) => pushAll(context, writableAs(context.db, args[1], List), 'right', args),
})

function pushToExisting(context: Context, end: ListEnd, args: Args): Reply {
  const list = findAs(context.db, args[1], List)
  return list === undefined ? 0 : pushAll(context, list, end, args)
}

const pushesToExisting = {
  group: 'list',
  since: '2.2.0',
  complexity: PUSH_COMPLEXITY,
  history: [['4.0.0', 'Accepts multiple `element` arguments.']],
  arity: -3,
  flags: ['write', 'denyoom', 'fast'],
  keys: firstKey('RW', 'insert'),
  isVerbatim: true,
} as const

const lpushx = command({
  ...pushesToExisting,
  name: 'lpushx',
  summary: 'Prepends one or more elements to a list only when the list exists.',
  syntax: 'LPUSHX key element [element ...]',
  run: (context, args) => pushToExisting(context, 'left', args),
})

const rpushx = command({
  ...pushesToExisting,
  name: 'rpushx',
  summary: 'Appends an element to a list only when the list exists.',
  syntax: 'RPUSHX key element [element ...]',
  run: (context, args) => pushToExisting(context, 'right', args),
})

/** The count of LPOP and RPOP: 0 or more. */
function requireCount(word: Bytes): number {
  const count = requireClampedInteger(word, notPositive)
  if (count < 0) throw notPositive()
  return count
}

function popFrom(context: Context, end: ListEnd, args: Args): Reply {
  if (args.length > 2) return popMany(context, end, args)
  const list = findAs(context.db, args[1], List)
  if (list === undefined) return null
  const value = list.pop(end, context.server.config)
  notifyOfPop(context, args[1], list, end)
  return value
}

function popMany(context: Context, end: ListEnd, args: Args): Reply {
  if (args.length > 3) throw wrongArity(end === 'left' ? 'lpop' : 'rpop')
  const count = requireCount(args[2])
  const list = findAs(context.db, args[1], List)
  if (list === undefined) return NULL_ARRAY
  if (count === 0) return []
  const values = list.popMany(end, count, context.server.config)
  notifyOfPop(context, args[1], list, end)
  context.countChanges(values.length)
  return values
}

const pops = {
  group: 'list',
  since: '1.0.0',
  complexity: 'O(N) where N is the number of elements returned',
  history: [['6.2.0', 'Added the `count` argument.']],
  arity: -2,
  flags: ['write', 'fast'],
  keys: firstKey('RW', 'access', 'delete'),
  isVerbatim: true,
} as const

const lpop = command({
  ...pops,
  name: 'lpop',
  summary: 'Returns the first elements in a list after removing it. Deletes the list if the last element was popped.',
  syntax: 'LPOP key [count]',
  run: (context, args) => popFrom(context, 'left', args),
})

const rpop = command({
  ...pops,
  name: 'rpop',
  summary: 'Returns and removes the last elements of a list. Deletes the list if the last element was popped.',
  syntax: 'RPOP key [count]',
  run: (context, args) => popFrom(context, 'right', args),
})

const llen = command({
  name: 'llen',
  group: 'list',
  since: '1.0.0',
  summary: 'Returns the length of a list.',
  complexity: 'O(1)',
  syntax: 'LLEN key',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: firstKey('RO'),
  run: ({ db }, args) => readList(db, args[1])?.size ?? 0,
})

/** The position for an index that may count from the end; it may lie outside the list. */
function positionOf(index: number, size: number): number {
  return index < 0 ? size + index : index
}

const lrange = command({
  name: 'lrange',
  group: 'list',
  since: '1.0.0',
  summary: 'Returns a range of elements from a list.',
  complexity:
    'O(S+N) where S is the distance of start offset from HEAD for small lists, from nearest end (HEAD or TAIL) for large lists; and N is the number of elements in the specified range.',
  syntax: 'LRANGE key start stop',
  arity: 4,
  flags: ['readonly'],
  keys: firstKey('RO', 'access'),
  run({ db }, args) {
    const start = requireClampedInteger(args[2])
    const stop = requireClampedInteger(args[3])
    const list = readList(db, args[1])
    if (list === undefined) return []
    const { size } = list
    return list.slice(Math.max(0, positionOf(start, size)), Math.min(size, positionOf(stop, size) + 1))
  },
})

const lindex = command({
  name: 'lindex',
  group: 'list',
  since: '1.0.0',
  summary: 'Returns an element from a list by its index.',
  complexity:
    'O(N) where N is the number of elements to traverse to get to the element at index. This makes asking for the first or the last element of the list O(1).',
  syntax: 'LINDEX key index',
  arity: 3,
  flags: ['readonly'],
  keys: firstKey('RO', 'access'),
  run({ db }, args) {
    const list = readList(db, args[1])
    if (list === undefined) return null
    const index = positionOf(requireClampedInteger(args[2]), list.size)
    return index >= 0 ? (list.slice(index, Math.min(index + 1, list.size))[0] ?? null) : null
  },
})

const lset = command({
  name: 'lset',
  group: 'list',
  since: '1.0.0',
  summary: 'Sets the value of an element in a list by its index.',
  complexity: 'O(N) where N is the length of the list. Setting either the first or the last element of the list is O(1).',
  syntax: 'LSET key index element',
  arity: 4,
  flags: ['write', 'denyoom'],
  keys: firstKey('RW', 'update'),
  isVerbatim: true,
  run(context, args) {
    const list = findAs(context.db, args[1], List)
    if (list === undefined) throw noSuchKey()
    const index = positionOf(requireClampedInteger(args[2]), list.size)
    if (index < 0 || index >= list.size) throw clientError('ERR index out of range')
    list.set(index, args[3], context.server.config)
    context.notify(EVENT_LIST, 'lset', args[1])
    return OK
  },
})

const ltrim = command({
  name: 'ltrim',
  group: 'list',
  since: '1.0.0',
  summary: 'Removes elements from both ends a list. Deletes the list if all elements were trimmed.',
  complexity: 'O(N) where N is the number of elements to be removed by the operation.',
  syntax: 'LTRIM key start stop',
  arity: 4,
  flags: ['write'],
  keys: firstKey('RW', 'delete'),
  isVerbatim: true,
  run(context, args) {
    const { config } = context.server
    const start = requireClampedInteger(args[2])
    const stop = requireClampedInteger(args[3])
    const list = findAs(context.db, args[1], List)
    if (list === undefined) return OK
    const { size } = list
    const from = Math.max(0, positionOf(start, size))
    const to = Math.min(size, positionOf(stop, size) + 1)
    if (from >= to) list.removeRange(0, size, config)
    else {
      list.removeRange(to, size, config)
      list.removeRange(0, from, config)
    }
    context.notify(EVENT_LIST, 'ltrim', args[1]) // notified even if nothing was trimmed
    dropIfEmpty(list)
    return OK
  },
})

export const lists: readonly Command[] = [lpush, rpush, lpushx, rpushx, lpop, rpop, llen, lrange, lindex, lset, ltrim]

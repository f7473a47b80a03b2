/**
 * Lists: LMOVE and RPOPLPUSH move an element from one list to another; LMPOP pops from the first
 * non-empty list.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { EVENT_LIST } from '../../storage/keyspace/key-events.ts'
import { List, type ListEnd } from '../../storage/values/list.ts'
import { type Command, command, firstKey, type KeySpec, keyRange } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { type ClientError, notAKeyCount, notAnElementCount, syntaxError } from '../contract/errors.ts'
import { NULL_ARRAY, type Reply } from '../contract/reply.ts'
import { isToken, Options, requireClampedInteger } from '../parsing/args.ts'
import { findAs, writableAs } from '../parsing/typed-access.ts'
import { notifyOfPop, pushEvent } from './lists.ts'

/** The keys of the move commands: a source and a destination. */
export const moveKeys: readonly KeySpec[] = [...firstKey('RW', 'access', 'delete'), keyRange(2, 2, 1, 'RW', 'insert')]

/**
 * The keys of the commands that pop from one of several lists. The word at `index` is their number.
 */
export function countedKeys(index: number): readonly KeySpec[] {
  return [{ access: ['RW', 'access', 'delete'], begin: { index }, find: { countIndex: 0, first: 1, step: 1 } }]
}

export function requireListEnd(word: Bytes | undefined): ListEnd {
  if (isToken(word, 'left')) return 'left'
  if (isToken(word, 'right')) return 'right'
  throw syntaxError()
}

/**
 * Moves the element at one end of a list to an end of another list, or of the same one. Returns
 * null if the source does not exist.
 */
export function moveElement(context: Context, source: Bytes, destination: Bytes, from: ListEnd, to: ListEnd): Bytes | null {
  const { db, server } = context
  const list = findAs(db, source, List)
  if (list === undefined) return null
  findAs(db, destination, List) // throws WRONGTYPE
  const value = list.pop(from, server.config)
  const target = source === destination ? list : writableAs(db, destination, List)
  target.push(to, value, server.config)
  context.notify(EVENT_LIST, pushEvent(to), destination) // before the pop, as in Redis
  notifyOfPop(context, source, list, from)
  return value
}

const lmove = command({
  name: 'lmove',
  group: 'list',
  since: '6.2.0',
  summary: 'Returns an element after popping it from one list and pushing it to another. Deletes the list if the last element was moved.',
  complexity: 'O(1)',
  syntax: 'LMOVE source destination <LEFT | RIGHT> <LEFT | RIGHT>',
  arity: 5,
  flags: ['write', 'denyoom'],
  keys: moveKeys,
  isVerbatim: true,
  run(context, args) {
    const from = requireListEnd(args[3])
    const to = requireListEnd(args[4])
    return moveElement(context, args[1], args[2], from, to)
  },
})

const rpoplpush = command({
  name: 'rpoplpush',
  group: 'list',
  since: '1.2.0',
  summary:
    'Returns the last element of a list after removing and pushing it to another list. Deletes the list if the last element was popped.',
  complexity: 'O(1)',
  syntax: 'RPOPLPUSH source destination',
  docFlags: ['deprecated'],
  deprecatedSince: '6.2.0',
  replacedBy: '`LMOVE` with the `RIGHT` and `LEFT` arguments',
  arity: 3,
  flags: ['write', 'denyoom'],
  keys: moveKeys,
  isVerbatim: true,
  run: (context, args) => moveElement(context, args[1], args[2], 'right', 'left'),
})

export interface MultiPop {
  readonly keys: readonly Bytes[]
  readonly end: ListEnd
  readonly count: number
}

/** A 64-bit integer above zero. */
function requirePositive(word: Bytes, error: () => ClientError): number {
  const value = requireClampedInteger(word, error)
  if (value < 1) throw error()
  return value
}

/** Reads `numkeys key [key ...] <LEFT | RIGHT> [COUNT count]` from a position on. */
export function multiPopOf(args: readonly Bytes[], at: number): MultiPop {
  const keyCount = requirePositive(must(args[at]), notAKeyCount)
  const endAt = at + 1 + keyCount
  const end = requireListEnd(args[endAt])
  let count = -1
  const options = new Options(args, endAt + 1)
  while (options.more) {
    if (count > 0 || !options.take('count')) throw syntaxError()
    count = requirePositive(options.value(), notAnElementCount)
  }
  return { keys: args.slice(at + 1, endAt), end, count: Math.max(1, count) }
}

/** Pops elements of the first list that exists; null if none does. */
export function popFirst(context: Context, { keys, end, count }: MultiPop): Reply {
  const { db, server } = context
  for (const key of keys) {
    db.keyspace.eviction.makeRoom()
    const list = findAs(db, key, List)
    if (list === undefined) continue
    const values = list.popMany(end, count, server.config)
    notifyOfPop(context, key, list, end)
    context.countChanges(values.length)
    context.effect(end === 'left' ? 'LPOP' : 'RPOP', key, String(values.length))
    return [key, values]
  }
  return null
}

const lmpop = command({
  name: 'lmpop',
  group: 'list',
  since: '7.0.0',
  summary: 'Returns multiple elements from a list after removing them. Deletes the list if the last element was popped.',
  complexity: 'O(N+M) where N is the number of provided keys and M is the number of elements returned.',
  syntax: 'LMPOP numkeys key [key ...] <LEFT | RIGHT> [COUNT count]',
  arity: -4,
  flags: ['write', 'movablekeys'],
  keys: countedKeys(1),
  run: (context, args) => popFirst(context, multiPopOf(args, 1)) ?? NULL_ARRAY,
})

export const listMoves: readonly Command[] = [lmove, rpoplpush, lmpop]

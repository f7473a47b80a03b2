/**
 * Blocking list commands: BLPOP, BRPOP, BLMOVE, BRPOPLPUSH, BLMPOP. Each is logged as the
 * non-blocking command that does the same.
 */

import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { KIND_LIST } from '../../storage/records/records.ts'
import { List, type ListEnd } from '../../storage/values/list.ts'
import { type Args, type Command, command, type KeySpec, keyRange } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { NULL_ARRAY, type Reply } from '../contract/reply.ts'
import { requireTimeout } from '../parsing/timeouts.ts'
import { findAs } from '../parsing/typed-access.ts'
import { notifyOfPop } from './lists.ts'
import { countedKeys, moveElement, moveKeys, multiPopOf, popFirst, requireListEnd } from './moves.ts'

/** All words but the last, the timeout. */
const popKeys: readonly KeySpec[] = [keyRange(1, -2, 1, 'RW', 'access', 'delete')]

function waitFor(context: Context, keys: readonly Bytes[], timeoutMs: number): Reply {
  return context.block({ keys, kind: KIND_LIST, timeoutMs, onTimeout: NULL_ARRAY })
}

function popOrWait(context: Context, end: ListEnd, args: Args): Reply {
  const { db, server } = context
  const last = args.length - 1
  const timeoutMs = requireTimeout(must(args[last]))
  for (let i = 1; i < last; i++) {
    const key = must(args[i])
    db.keyspace.eviction.makeRoom()
    const list = findAs(db, key, List)
    if (list === undefined) continue
    const value = list.pop(end, server.config)
    notifyOfPop(context, key, list, end)
    context.effect(end === 'left' ? 'LPOP' : 'RPOP', key)
    return [key, value]
  }
  return waitFor(context, args.slice(1, last), timeoutMs)
}

const blpop = command({
  name: 'blpop',
  group: 'list',
  since: '2.0.0',
  summary:
    'Removes and returns the first element in a list. Blocks until an element is available otherwise. Deletes the list if the last element was popped.',
  complexity: 'O(N) where N is the number of provided keys.',
  syntax: 'BLPOP key [key ...] timeout',
  history: [['6.0.0', '`timeout` is interpreted as a double instead of an integer.']],
  arity: -3,
  flags: ['write', 'blocking'],
  keys: popKeys,
  run: (context, args) => popOrWait(context, 'left', args),
})

const brpop = command({
  name: 'brpop',
  group: 'list',
  since: '2.0.0',
  summary:
    'Removes and returns the last element in a list. Blocks until an element is available otherwise. Deletes the list if the last element was popped.',
  complexity: 'O(N) where N is the number of provided keys.',
  syntax: 'BRPOP key [key ...] timeout',
  history: [['6.0.0', '`timeout` is interpreted as a double instead of an integer.']],
  arity: -3,
  flags: ['write', 'blocking'],
  keys: popKeys,
  run: (context, args) => popOrWait(context, 'right', args),
})

const blmove = command({
  name: 'blmove',
  group: 'list',
  since: '6.2.0',
  summary:
    'Pops an element from a list, pushes it to another list and returns it. Blocks until an element is available otherwise. Deletes the list if the last element was moved.',
  complexity: 'O(1)',
  syntax: 'BLMOVE source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout',
  arity: 6,
  flags: ['write', 'denyoom', 'blocking'],
  keys: moveKeys,
  run(context, args) {
    const [, source, destination, whereFrom, whereTo] = args
    const from = requireListEnd(whereFrom)
    const to = requireListEnd(whereTo)
    const timeoutMs = requireTimeout(must(args[5]))
    const value = moveElement(context, source, destination, from, to)
    if (value === null) return waitFor(context, [source], timeoutMs)
    context.effect('LMOVE', source, destination, from.toUpperCase(), to.toUpperCase())
    return value
  },
})

const brpoplpush = command({
  name: 'brpoplpush',
  group: 'list',
  since: '2.2.0',
  summary:
    'Pops an element from a list, pushes it to another list and returns it. Block until an element is available otherwise. Deletes the list if the last element was popped.',
  complexity: 'O(1)',
  syntax: 'BRPOPLPUSH source destination timeout',
  docFlags: ['deprecated'],
  deprecatedSince: '6.2.0',
  replacedBy: '`BLMOVE` with the `RIGHT` and `LEFT` arguments',
  history: [['6.0.0', '`timeout` is interpreted as a double instead of an integer.']],
  arity: 4,
  flags: ['write', 'denyoom', 'blocking'],
  keys: moveKeys,
  run(context, args) {
    const [, source, destination, timeout] = args
    const timeoutMs = requireTimeout(timeout)
    const value = moveElement(context, source, destination, 'right', 'left')
    if (value === null) return waitFor(context, [source], timeoutMs)
    context.effect('RPOPLPUSH', source, destination)
    return value
  },
})

const blmpop = command({
  name: 'blmpop',
  group: 'list',
  since: '7.0.0',
  summary:
    'Pops the first element from one of multiple lists. Blocks until an element is available otherwise. Deletes the list if the last element was popped.',
  complexity: 'O(N+M) where N is the number of provided keys and M is the number of elements returned.',
  syntax: 'BLMPOP timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]',
  arity: -5,
  flags: ['write', 'blocking', 'movablekeys'],
  keys: countedKeys(2),
  run(context, args) {
    const pop = multiPopOf(args, 2)
    const timeoutMs = requireTimeout(args[1])
    return popFirst(context, pop) ?? waitFor(context, pop.keys, timeoutMs)
  },
})

export const blockingLists: readonly Command[] = [blpop, brpop, blmove, brpoplpush, blmpop]

/** Commands on whole databases: DBSIZE, FLUSHDB, FLUSHALL, SWAPDB. */
import type { Bytes } from '../../base/bytes.ts'
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import { type Command, command } from '../contract/command.ts'
import { clientError, databaseOutOfRange, syntaxError } from '../contract/errors.ts'
import { OK } from '../contract/reply.ts'
import { isToken, requireSafeInteger } from '../parsing/args.ts'
import { countingKeys, settleKeys } from '../parsing/settled-keys.ts'

const MIN_INT32 = -(2 ** 31)
const MAX_INT32 = 2 ** 31 - 1
const ALL_SHARDS_TIPS = ['request_policy:all_shards', 'response_policy:all_succeeded']

/**
 * Exact, so it waits for keys that are not settled. Keys past their deadline count until they are
 * deleted, as in Redis.
 */
const dbsize = command({
  name: 'dbsize',
  group: 'server',
  categories: ['keyspace'],
  since: '1.0.0',
  summary: 'Returns the number of keys in the database.',
  complexity: 'O(1)',
  syntax: 'DBSIZE',
  arity: 1,
  flags: ['readonly', 'fast'],
  tips: ['request_policy:all_shards', 'response_policy:agg_sum'],
  ...countingKeys,
  *steps({ keyspace, session, server: { cluster } }) {
    yield* settleKeys(keyspace)
    const db = keyspace.database(session.database)
    return cluster.hidesKeysOf(db) ? cluster.shownKeysOf(db) : db.keyCount
  },
})

const flush = {
  group: 'server',
  categories: ['keyspace', 'dangerous'],
  since: '1.0.0',
  history: [
    ['4.0.0', 'Added the `ASYNC` flushing mode modifier.'],
    ['6.2.0', 'Added the `SYNC` flushing mode modifier.'],
  ],
  arity: -1,
  flags: ['write'],
  tips: ALL_SHARDS_TIPS,
  isVerbatim: true,
} as const

/**
 * Both modes take O(1), because dropped data is cleared in the background. Throws for any other
 * word.
 */
function checkMode(args: readonly Bytes[]): void {
  if (args.length === 1) return
  if (args.length > 2 || !(isToken(args[1], 'async') || isToken(args[1], 'sync'))) throw syntaxError()
}

const flushdb = command({
  ...flush,
  name: 'flushdb',
  summary: 'Remove all keys from the current database.',
  complexity: 'O(N) where N is the number of keys in the selected database',
  syntax: 'FLUSHDB [ASYNC | SYNC]',
  run(context, args) {
    const { keyspace, db } = context
    checkMode(args)
    context.countChanges(db.keyCountAtMost)
    keyspace.flush(db.index)
    return OK
  },
})

/** Logged also if there were no keys, as in Redis. */
const flushall = command({
  ...flush,
  name: 'flushall',
  summary: 'Removes all keys from all databases.',
  complexity: 'O(N) where N is the total number of keys in all databases',
  syntax: 'FLUSHALL [ASYNC | SYNC]',
  run(context, args) {
    const { keyspace } = context
    checkMode(args)
    context.countChanges(keyspace.databases.reduce((sum, db) => sum + db.keyCountAtMost, 0))
    for (let index = 0; index < keyspace.databases.length; index++) keyspace.flush(index)
    return OK
  },
})

const swapdb = command({
  name: 'swapdb',
  group: 'server',
  categories: ['keyspace', 'dangerous'],
  since: '4.0.0',
  summary: 'Swaps two Redis databases.',
  complexity: 'O(N) where N is the count of clients watching or blocking on keys from both databases.',
  syntax: 'SWAPDB index1 index2',
  arity: 3,
  flags: ['write', 'fast'],
  isVerbatim: true,
  run({ keyspace }, args) {
    const first = requireInt32(args[1], 'ERR invalid first DB index')
    const second = requireInt32(args[2], 'ERR invalid second DB index')
    checkIndex(keyspace, first)
    checkIndex(keyspace, second)
    keyspace.swap(first, second)
    return OK
  },
})

function requireInt32(word: Bytes, error: Bytes): number {
  return requireSafeInteger(word, MIN_INT32, MAX_INT32, () => clientError(error))
}

function checkIndex(keyspace: Keyspace, index: number): void {
  if (keyspace.databases[index] === undefined) throw databaseOutOfRange()
}

export const databases: readonly Command[] = [dbsize, flushdb, flushall, swapdb]

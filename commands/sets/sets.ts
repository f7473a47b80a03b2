/** Sets: commands on single members. algebra.ts combines several sets, random.ts draws members. */
import { must } from '../../base/assert.ts'
import { EVENT_SET } from '../../storage/keyspace/key-events.ts'
import { SetValue } from '../../storage/values/set.ts'
import { type Command, command, firstKey } from '../contract/command.ts'
import { type Reply, SetReply } from '../contract/reply.ts'
import { type CollectionScan, scanCollection } from '../keys/collection-scan.ts'
import { dropIfEmpty, findAs, readAs, readMembers, writableAs } from '../parsing/typed-access.ts'

const sadd = command({
  name: 'sadd',
  group: 'set',
  since: '1.0.0',
  summary: "Adds one or more members to a set. Creates the key if it doesn't exist.",
  complexity: 'O(1) for each element added, so O(N) to add N elements when the command is called with multiple arguments.',
  syntax: 'SADD key member [member ...]',
  history: [['2.4.0', 'Accepts multiple `member` arguments.']],
  arity: -3,
  flags: ['write', 'denyoom', 'fast'],
  keys: firstKey('RW', 'insert'),
  element: 2,
  isVerbatim: true,
  run(context, args) {
    const { config } = context.server
    const set = writableAs(context.db, args[1], SetValue)
    let added = 0
    for (let i = 2; i < args.length; i++) if (set.add(must(args[i]), config)) added++
    if (added > 0) context.notify(EVENT_SET, 'sadd', args[1])
    context.countChanges(added)
    return added
  },
})

const srem = command({
  name: 'srem',
  group: 'set',
  since: '1.0.0',
  summary: 'Removes one or more members from a set. Deletes the set if the last member was removed.',
  complexity: 'O(N) where N is the number of members to be removed.',
  syntax: 'SREM key member [member ...]',
  history: [['2.4.0', 'Accepts multiple `member` arguments.']],
  arity: -3,
  flags: ['write', 'fast'],
  keys: firstKey('RW', 'delete'),
  element: 2,
  isVerbatim: true,
  run(context, args) {
    const set = findAs(context.db, args[1], SetValue)
    if (set === undefined) return 0
    let removed = 0
    for (let i = 2; i < args.length; i++) if (set.delete(must(args[i]))) removed++
    if (removed > 0) context.notify(EVENT_SET, 'srem', args[1])
    context.countChanges(removed)
    dropIfEmpty(set)
    return removed
  },
})

const sismember = command({
  name: 'sismember',
  group: 'set',
  since: '1.0.0',
  summary: 'Determines whether a member belongs to a set.',
  complexity: 'O(1)',
  syntax: 'SISMEMBER key member',
  arity: 3,
  flags: ['readonly', 'fast'],
  keys: firstKey('RO'),
  element: 2,
  run({ db }, args) {
    return readMembers(db, args[1])?.has(args[2]) === true ? 1 : 0
  },
})

const smismember = command({
  name: 'smismember',
  group: 'set',
  since: '6.2.0',
  summary: 'Determines whether multiple members belong to a set.',
  complexity: 'O(N) where N is the number of elements being checked for membership',
  syntax: 'SMISMEMBER key member [member ...]',
  arity: -3,
  flags: ['readonly', 'fast'],
  keys: firstKey('RO', 'access'),
  element: 2,
  run({ db }, args) {
    const set = readMembers(db, args[1])
    const found: Reply[] = []
    for (let i = 2; i < args.length; i++) found.push(set?.has(must(args[i])) === true ? 1 : 0)
    return found
  },
})

const scard = command({
  name: 'scard',
  group: 'set',
  since: '1.0.0',
  summary: 'Returns the number of members in a set.',
  complexity: 'O(1)',
  syntax: 'SCARD key',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: firstKey('RO'),
  run: ({ db }, args) => readMembers(db, args[1])?.size ?? 0,
})

const smembers = command({
  name: 'smembers',
  group: 'set',
  since: '1.0.0',
  summary: 'Returns all members of a set.',
  complexity: 'O(N) where N is the set cardinality.',
  syntax: 'SMEMBERS key',
  arity: 2,
  flags: ['readonly'],
  tips: ['nondeterministic_output_order'],
  keys: firstKey('RO', 'access'),
  run({ db }, args) {
    const members: Reply[] = []
    const cursor = readAs(db, args[1], SetValue)?.cursor()
    while (cursor?.next() === true) members.push(cursor.key)
    return new SetReply(members)
  },
})

const smove = command({
  name: 'smove',
  group: 'set',
  since: '1.0.0',
  summary: 'Moves a member from one set to another.',
  complexity: 'O(1)',
  syntax: 'SMOVE source destination member',
  arity: 4,
  flags: ['write', 'fast'],
  keys: [...firstKey('RW', 'access', 'delete'), { access: ['RW', 'insert'], begin: { index: 2 }, find: { last: 0, step: 1, limit: 0 } }],
  isVerbatim: true,
  run(context, args) {
    const { db, server } = context
    const [, from, to, member] = args
    // A missing source hides a destination of the wrong type, as in Redis.
    if (db.find(from) === undefined) return 0
    const source = findAs(db, from, SetValue)
    const destination = findAs(db, to, SetValue)
    if (source === undefined || !source.has(member)) return 0
    if (source === destination) return 1
    source.delete(member)
    context.notify(EVENT_SET, 'srem', from)
    dropIfEmpty(source)
    const isNew = (destination ?? writableAs(db, to, SetValue)).add(member, server.config)
    if (isNew) context.notify(EVENT_SET, 'sadd', to)
    context.countChanges(isNew ? 2 : 1)
    return 1
  },
})

const scanOfSets: CollectionScan<SetValue> = { type: SetValue, element: (found, _set, member) => found.push(member) }

const sscan = command({
  name: 'sscan',
  group: 'set',
  since: '2.8.0',
  summary: 'Iterates over members of a set.',
  complexity:
    'O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0. N is the number of elements inside the collection.',
  syntax: 'SSCAN key cursor [MATCH pattern] [COUNT count]',
  arity: -3,
  flags: ['readonly'],
  tips: ['nondeterministic_output'],
  keys: firstKey('RO', 'access'),
  run: (context, args) => scanCollection(context, args, scanOfSets),
})

export const sets: readonly Command[] = [sadd, srem, sismember, smismember, scard, smembers, smove, sscan]

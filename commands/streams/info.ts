/**
 * XINFO: the state of streams, groups and consumers.
 *
 * Difference from Redis: there is no radix tree here. Its figures are computed as for a tree with a
 * node per 100 entries.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Consumer } from '../../storage/values/streams/consumers.ts'
import { type ConsumerGroup, findGroup, groupCountOf, groupsOf } from '../../storage/values/streams/groups.ts'
import { idText, ZERO_ID } from '../../storage/values/streams/id.ts'
import { Stream } from '../../storage/values/streams/stream.ts'
import { type Args, type Command, command, keyRange } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, noSuchKey } from '../contract/errors.ts'
import { MapReply, type Reply } from '../contract/reply.ts'
import { isToken, requireClampedInteger } from '../parsing/args.ts'
import { helpReply } from '../parsing/help.ts'
import { readAs } from '../parsing/typed-access.ts'
import { noGroupOfKey } from './ids.ts'
import { entriesReply } from './replies.ts'

const shared = { group: 'stream', complexity: 'O(1)' } as const
const ofStream = { ...shared, since: '5.0.0', flags: ['readonly'], keys: [keyRange(2, 2, 1, 'RO', 'access')] } as const

const FULL_COUNT = 10
const NODE_ENTRIES = 100

function requireStream({ db }: Context, key: Bytes): Stream {
  const stream = readAs(db, key, Stream)
  if (stream === undefined) throw noSuchKey()
  return stream
}

const infoOfStream = command({
  ...ofStream,
  name: 'xinfo|stream',
  summary: 'Returns information about a stream.',
  syntax: 'XINFO STREAM key [FULL [COUNT count]]',
  arity: -3,
  history: [
    ['6.0.0', 'Added the `FULL` modifier.'],
    ['7.0.0', 'Added the `max-deleted-entry-id`, `entries-added`, `recorded-first-entry-id`, `entries-read` and `lag` fields'],
    ['7.2.0', 'Added the `active-time` field, and changed the meaning of `seen-time`.'],
  ],
  run(context, args) {
    const stream = requireStream(context, args[2])
    return args.length === 3 ? shortInfo(stream) : fullInfo(stream, fullCountOf(args))
  },
})

/** Reads the COUNT after FULL; Infinity for 0. */
function fullCountOf(args: Args): number {
  if (!isToken(args[3], 'full') || (args.length > 4 && (args.length !== 6 || !isToken(args[4], 'count'))))
    throw clientError(`ERR unknown subcommand or wrong number of arguments for '${args[1].slice(0, 128)}'. Try XINFO HELP.`)
  const count = args.length === 4 ? FULL_COUNT : requireClampedInteger(must(args[5]))
  if (count === 0) return Number.POSITIVE_INFINITY
  return count < 0 ? FULL_COUNT : count
}

function commonInfo(stream: Stream): Reply[] {
  const nodes = Math.ceil(stream.size / NODE_ENTRIES)
  return [
    ...['length', stream.size, 'radix-tree-keys', nodes, 'radix-tree-nodes', nodes + 1, 'last-generated-id', idText(stream.lastId)],
    ...['max-deleted-entry-id', idText(stream.maxDeletedId), 'entries-added', stream.entriesAdded],
    ...['recorded-first-entry-id', idText(stream.firstId)],
  ]
}

function shortInfo(stream: Stream): Reply {
  const [first = null] = entriesReply(stream, 0, 1, 'forward')
  const [last = null] = entriesReply(stream, stream.size - 1, 1, 'backward')
  return new MapReply([...commonInfo(stream), 'groups', groupCountOf(stream), 'first-entry', first, 'last-entry', last])
}

function fullInfo(stream: Stream, count: number): Reply {
  const entries = entriesReply(stream, 0, count, 'forward')
  const groups = groupsOf(stream).map((group) => fullGroup(group, count))
  return new MapReply([...commonInfo(stream), 'entries', entries, 'groups', groups])
}

function readOf({ entriesRead }: ConsumerGroup): Reply {
  return entriesRead === -1 ? null : entriesRead
}

function fullGroup(group: ConsumerGroup, count: number): Reply {
  const names = new Map<number, Bytes>()
  const { consumers } = group
  for (const consumer of consumers) names.set(consumer.number, consumer.name)
  const pending: Reply[] = []
  const range = group.pendingFrom(ZERO_ID)
  while (pending.length < count && range.next()) {
    const { id, pending: record } = range
    pending.push([idText(id), must(names.get(record.consumer)), record.deliveredAtMs, record.deliveries])
  }
  return new MapReply([
    ...['name', group.name, 'last-delivered-id', idText(group.lastId), 'entries-read', readOf(group), 'lag', group.lag],
    ...['pel-count', group.pendingCount, 'pending', pending, 'consumers', consumers.map((consumer) => fullConsumer(consumer, count))],
  ])
}

function fullConsumer(consumer: Consumer, count: number): Reply {
  const pending: Reply[] = []
  const range = consumer.pendingFrom(ZERO_ID)
  while (pending.length < count && range.next()) {
    const record = consumer.group.pending(range.id)
    if (record !== undefined) pending.push([idText(range.id), record.deliveredAtMs, record.deliveries])
  }
  return new MapReply([
    ...['name', consumer.name, 'seen-time', consumer.seenAtMs, 'active-time', consumer.activeAtMs],
    ...['pel-count', consumer.pendingCount, 'pending', pending],
  ])
}

const infoOfGroups = command({
  ...ofStream,
  name: 'xinfo|groups',
  summary: 'Returns a list of the consumer groups of a stream.',
  syntax: 'XINFO GROUPS key',
  arity: 3,
  history: [['7.0.0', 'Added the `entries-read` and `lag` fields']],
  run: (context, args) =>
    groupsOf(requireStream(context, args[2])).map(
      (group) =>
        new MapReply([
          ...['name', group.name, 'consumers', group.consumerCount, 'pending', group.pendingCount],
          ...['last-delivered-id', idText(group.lastId), 'entries-read', readOf(group), 'lag', group.lag],
        ]),
    ),
})

const infoOfConsumers = command({
  ...ofStream,
  name: 'xinfo|consumers',
  summary: 'Returns a list of the consumers in a consumer group.',
  syntax: 'XINFO CONSUMERS key group',
  arity: 4,
  tips: ['nondeterministic_output'],
  history: [['7.2.0', 'Added the `inactive` field.']],
  run(context, args) {
    const group = findGroup(requireStream(context, args[2]), args[3])
    if (group === undefined) throw noGroupOfKey(args[2], args[3])
    const { nowMs } = context
    return group.consumers.map((consumer) => {
      const inactive = consumer.activeAtMs === -1 ? -1 : Math.max(0, nowMs - consumer.activeAtMs)
      const idle = Math.max(0, nowMs - consumer.seenAtMs)
      return new MapReply(['name', consumer.name, 'pending', consumer.pendingCount, 'idle', idle, 'inactive', inactive])
    })
  },
})

const help = command({
  ...shared,
  name: 'xinfo|help',
  since: '5.0.0',
  summary: 'Returns helpful text about the different subcommands.',
  syntax: 'XINFO HELP',
  arity: 2,
  flags: ['loading', 'stale'],
  run: () =>
    helpReply('xinfo', [
      'CONSUMERS <key> <groupname>',
      '    Show consumers of <groupname>.',
      'GROUPS <key>',
      '    Show the stream consumer groups.',
      'STREAM <key> [FULL [COUNT <count>]',
      '    Show information about the stream.',
    ]),
})

const xinfo = command({
  name: 'xinfo',
  group: 'stream',
  since: '5.0.0',
  summary: 'A container for stream introspection commands.',
  complexity: 'Depends on subcommand.',
  syntax: 'XINFO',
  arity: -2,
  flags: [],
  subcommands: [infoOfConsumers, infoOfGroups, help, infoOfStream],
})

export const streamInfo: readonly Command[] = [xinfo]

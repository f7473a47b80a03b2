/** PUBLISH SPUBLISH PUBSUB. What is published goes into the log while replicas follow it, whose subscribers are told as well; nobody else needs it. */
import type { Bytes } from '../../base/bytes.ts'
import { type Command, type CommandFlag, command } from '../core/command.ts'
import type { Context } from '../core/context.ts'
import { clientError } from '../core/errors.ts'
import type { Reply } from '../core/reply.ts'
import { helpReply } from '../parsing/help.ts'

const FLAGS: readonly CommandFlag[] = ['pubsub', 'loading', 'stale', 'fast', 'may_replicate']
const LOOKING: readonly CommandFlag[] = ['pubsub', 'loading', 'stale']

/**
 * What sentinels say of themselves, every two seconds, and on every node, so that replicas have no need to be told by their master. Logged, it would make the
 * log of a master that has been replaced, and does not know yet, longer than that of the new one: a full sync for it and for all who still follow it.
 */
const HELLO = '__sentinel__:hello'

/** PUBLISH channel message. Unlike in Redis, what is said in Sentinel's own channel goes to no replica. */
const publish = command({
  name: 'publish',
  group: 'pubsub',
  since: '2.0.0',
  summary: 'Posts a message to a channel.',
  complexity:
    'O(N+M) where N is the number of clients subscribed to the receiving channel and M is the total number of subscribed patterns (by any client).',
  syntax: 'PUBLISH channel message',
  arity: 3,
  channels: { kind: 'channel', count: 'one' },
  flags: FLAGS,
  run(context, args) {
    context.isLogged = args[1] !== HELLO && context.server.replication.passesOn
    return context.server.pubsub.publish(args[1], args[2])
  },
})

/** SPUBLISH shardchannel message */
const spublish = command({
  name: 'spublish',
  group: 'pubsub',
  since: '7.0.0',
  summary: 'Post a message to a shard channel',
  complexity: 'O(N) where N is the number of clients subscribed to the receiving shard channel.',
  syntax: 'SPUBLISH shardchannel message',
  arity: 3,
  channels: { kind: 'channel', count: 'one' },
  flags: FLAGS,
  keys: [{ access: ['not_key'], begin: { index: 1 }, find: { last: 0, step: 1, limit: 0 } }],
  run(context, args) {
    context.isLogged = context.server.replication.passesOn
    return context.server.pubsub.publishToShard(args[1], args[2])
  },
})

function active({ server }: Context, kind: 'channel' | 'shard', args: readonly Bytes[]): Reply {
  if (args.length > 3) {
    throw clientError(`ERR unknown subcommand or wrong number of arguments for '${args[1]}'. Try PUBSUB HELP.`)
  }
  return [...server.pubsub.active(kind, args[2] ?? null)]
}

function counts({ server }: Context, kind: 'channel' | 'shard', args: readonly Bytes[]): Reply {
  return args.slice(2).flatMap((name) => [name, server.pubsub.subscriberCount(kind, name)])
}

/** PUBSUB CHANNELS [pattern] */
const channels = command({
  name: 'pubsub|channels',
  group: 'pubsub',
  since: '2.8.0',
  summary: 'Returns the active channels.',
  complexity:
    'O(N) where N is the number of active channels, and assuming constant time pattern matching (relatively short channels and patterns)',
  syntax: 'PUBSUB CHANNELS [pattern]',
  arity: -2,
  flags: LOOKING,
  run: (context, args) => active(context, 'channel', args),
})

/** PUBSUB NUMSUB [channel [channel ...]] */
const numsub = command({
  name: 'pubsub|numsub',
  group: 'pubsub',
  since: '2.8.0',
  summary: 'Returns a count of subscribers to channels.',
  complexity: 'O(N) for the NUMSUB subcommand, where N is the number of requested channels',
  syntax: 'PUBSUB NUMSUB [channel [channel ...]]',
  arity: -2,
  flags: LOOKING,
  run: (context, args) => counts(context, 'channel', args),
})

/** PUBSUB NUMPAT */
const numpat = command({
  name: 'pubsub|numpat',
  group: 'pubsub',
  since: '2.8.0',
  summary: 'Returns a count of unique pattern subscriptions.',
  complexity: 'O(1)',
  syntax: 'PUBSUB NUMPAT',
  arity: 2,
  flags: LOOKING,
  run: ({ server }) => server.pubsub.patternCount,
})

/** PUBSUB SHARDCHANNELS [pattern] */
const shardchannels = command({
  name: 'pubsub|shardchannels',
  group: 'pubsub',
  since: '7.0.0',
  summary: 'Returns the active shard channels.',
  complexity:
    'O(N) where N is the number of active shard channels, and assuming constant time pattern matching (relatively short shard channels).',
  syntax: 'PUBSUB SHARDCHANNELS [pattern]',
  arity: -2,
  flags: LOOKING,
  run: (context, args) => active(context, 'shard', args),
})

/** PUBSUB SHARDNUMSUB [shardchannel [shardchannel ...]] */
const shardnumsub = command({
  name: 'pubsub|shardnumsub',
  group: 'pubsub',
  since: '7.0.0',
  summary: 'Returns the count of subscribers of shard channels.',
  complexity: 'O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels',
  syntax: 'PUBSUB SHARDNUMSUB [shardchannel [shardchannel ...]]',
  arity: -2,
  flags: LOOKING,
  run: (context, args) => counts(context, 'shard', args),
})

/** PUBSUB HELP */
const help = command({
  name: 'pubsub|help',
  group: 'pubsub',
  since: '6.2.0',
  summary: 'Returns helpful text about the different subcommands.',
  complexity: 'O(1)',
  syntax: 'PUBSUB HELP',
  arity: 2,
  flags: ['loading', 'stale'],
  run: () => helpReply('pubsub', HELP),
})

const HELP = [
  'CHANNELS [<pattern>]',
  '    The channels that somebody is subscribed to, those that match a pattern, or all.',
  'NUMPAT',
  '    How many patterns somebody is subscribed to.',
  'NUMSUB [<channel> ...]',
  '    How many clients are subscribed to each of these channels, patterns left out.',
  'SHARDCHANNELS [<pattern>]',
  '    The same as CHANNELS, of shard channels.',
  'SHARDNUMSUB [<shardchannel> ...]',
  '    The same as NUMSUB, of shard channels.',
]

const pubsub = command({
  name: 'pubsub',
  group: 'pubsub',
  since: '2.8.0',
  summary: 'A container for Pub/Sub commands.',
  complexity: 'Depends on subcommand.',
  syntax: 'PUBSUB',
  arity: -2,
  flags: [],
  subcommands: [channels, numsub, numpat, shardchannels, shardnumsub, help],
})

export const publishing: readonly Command[] = [publish, spublish, pubsub]

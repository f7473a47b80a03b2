/**
 * PUBLISH SPUBLISH PUBSUB. While this node has replicas, messages are logged to reach the replicas'
 * subscribers. They are logged for no other reason.
 */
import type { Bytes } from '../../base/bytes.ts'
import { type Command, type CommandFlag, command } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError } from '../contract/errors.ts'
import type { Reply } from '../contract/reply.ts'
import { helpReply } from '../parsing/help.ts'

const PUBLISH_FLAGS: readonly CommandFlag[] = ['pubsub', 'loading', 'stale', 'fast', 'may_replicate']
const PUBSUB_FLAGS: readonly CommandFlag[] = ['pubsub', 'loading', 'stale']

/**
 * Sentinels publish here every two seconds, on every node, so replicas need no copy from their
 * master. Logging it would lengthen the log of a replaced master that does not know of its
 * successor. That master and all its followers would then need a full sync.
 */
const HELLO = '__sentinel__:hello'

/** Unlike in Redis, messages in Sentinel's own channel are not sent to replicas. */
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
  flags: PUBLISH_FLAGS,
  run(context, args) {
    context.isLogged = args[1] !== HELLO && context.server.replication.mustLogMessages
    return context.server.pubsub.publish(args[1], args[2])
  },
})

const spublish = command({
  name: 'spublish',
  group: 'pubsub',
  since: '7.0.0',
  summary: 'Post a message to a shard channel',
  complexity: 'O(N) where N is the number of clients subscribed to the receiving shard channel.',
  syntax: 'SPUBLISH shardchannel message',
  arity: 3,
  channels: { kind: 'channel', count: 'one' },
  flags: PUBLISH_FLAGS,
  keys: [{ access: ['not_key'], begin: { index: 1 }, find: { last: 0, step: 1, limit: 0 } }],
  run(context, args) {
    context.isLogged = context.server.replication.mustLogMessages
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

const channels = command({
  name: 'pubsub|channels',
  group: 'pubsub',
  since: '2.8.0',
  summary: 'Returns the active channels.',
  complexity:
    'O(N) where N is the number of active channels, and assuming constant time pattern matching (relatively short channels and patterns)',
  syntax: 'PUBSUB CHANNELS [pattern]',
  arity: -2,
  flags: PUBSUB_FLAGS,
  run: (context, args) => active(context, 'channel', args),
})

const numsub = command({
  name: 'pubsub|numsub',
  group: 'pubsub',
  since: '2.8.0',
  summary: 'Returns a count of subscribers to channels.',
  complexity: 'O(N) for the NUMSUB subcommand, where N is the number of requested channels',
  syntax: 'PUBSUB NUMSUB [channel [channel ...]]',
  arity: -2,
  flags: PUBSUB_FLAGS,
  run: (context, args) => counts(context, 'channel', args),
})

const numpat = command({
  name: 'pubsub|numpat',
  group: 'pubsub',
  since: '2.8.0',
  summary: 'Returns a count of unique pattern subscriptions.',
  complexity: 'O(1)',
  syntax: 'PUBSUB NUMPAT',
  arity: 2,
  flags: PUBSUB_FLAGS,
  run: ({ server }) => server.pubsub.patternCount,
})

const shardchannels = command({
  name: 'pubsub|shardchannels',
  group: 'pubsub',
  since: '7.0.0',
  summary: 'Returns the active shard channels.',
  complexity:
    'O(N) where N is the number of active shard channels, and assuming constant time pattern matching (relatively short shard channels).',
  syntax: 'PUBSUB SHARDCHANNELS [pattern]',
  arity: -2,
  flags: PUBSUB_FLAGS,
  run: (context, args) => active(context, 'shard', args),
})

const shardnumsub = command({
  name: 'pubsub|shardnumsub',
  group: 'pubsub',
  since: '7.0.0',
  summary: 'Returns the count of subscribers of shard channels.',
  complexity: 'O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels',
  syntax: 'PUBSUB SHARDNUMSUB [shardchannel [shardchannel ...]]',
  arity: -2,
  flags: PUBSUB_FLAGS,
  run: (context, args) => counts(context, 'shard', args),
})

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
  '    Lists the channels with subscribers: all, or those that match <pattern>.',
  'NUMPAT',
  '    Returns the number of patterns with subscribers.',
  'NUMSUB [<channel> ...]',
  '    Returns the number of subscribers of each channel, not counting patterns.',
  'SHARDCHANNELS [<pattern>]',
  '    Like CHANNELS, for shard channels.',
  'SHARDNUMSUB [<shardchannel> ...]',
  '    Like NUMSUB, for shard channels.',
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

/**
 * SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE. Each name gets its own
 * reply, which is a push in RESP3.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { type Args, type Command, type CommandFlag, command, type KeySpec } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { Message, NO_REPLY, type Reply, Sequence } from '../contract/reply.ts'
import type { ChannelKind } from '../contract/subscriptions.ts'

const FLAGS: readonly CommandFlag[] = ['pubsub', 'noscript', 'loading', 'stale']
/** Specs of shard channels: not keys, but placed in a cluster as keys are. */
const SHARD_CHANNELS: readonly KeySpec[] = [{ access: ['not_key'], begin: { index: 1 }, find: { last: -1, step: 1, limit: 0 } }]

/** Returns the replies in order. They are sent even if CLIENT REPLY has turned replies off. */
function answer({ session }: Context, messages: readonly Message[]): Reply {
  if (session.replyMode === 'on') return messages.length === 1 ? must(messages[0]) : new Sequence(messages)
  for (const message of messages) session.push(message)
  return NO_REPLY
}

const subscribing = (kind: ChannelKind, word: Bytes) => (context: Context, args: Args) => {
  const { session, server } = context
  const messages: Message[] = []
  for (const name of args.slice(1)) {
    server.pubsub.subscribe(session, kind, name)
    messages.push(new Message([word, name, session.subscriptions?.countOf(kind) ?? 0]))
  }
  return answer(context, messages)
}

const unsubscribing = (kind: ChannelKind, word: Bytes) => (context: Context, args: Args) => {
  const { session, server } = context
  const names = args.length > 1 ? args.slice(1) : [...(session.subscriptions?.[kind] ?? [])]
  const messages: Message[] = []
  for (const name of names) {
    server.pubsub.unsubscribe(session, kind, name)
    messages.push(new Message([word, name, session.subscriptions?.countOf(kind) ?? 0]))
  }
  if (names.length === 0) messages.push(new Message([word, null, session.subscriptions?.countOf(kind) ?? 0]))
  return answer(context, messages)
}

const subscribe = command({
  name: 'subscribe',
  group: 'pubsub',
  since: '2.0.0',
  summary: 'Listens for messages published to channels.',
  complexity: 'O(N) where N is the number of channels to subscribe to.',
  syntax: 'SUBSCRIBE channel [channel ...]',
  arity: -2,
  channels: { kind: 'channel', count: 'all' },
  flags: FLAGS,
  run: subscribing('channel', 'subscribe'),
})

const psubscribe = command({
  name: 'psubscribe',
  group: 'pubsub',
  since: '2.0.0',
  summary: 'Listens for messages published to channels that match one or more patterns.',
  complexity: 'O(N) where N is the number of patterns to subscribe to.',
  syntax: 'PSUBSCRIBE pattern [pattern ...]',
  arity: -2,
  channels: { kind: 'pattern', count: 'all' },
  flags: FLAGS,
  run: subscribing('pattern', 'psubscribe'),
})

const ssubscribe = command({
  name: 'ssubscribe',
  group: 'pubsub',
  since: '7.0.0',
  summary: 'Listens for messages published to shard channels.',
  complexity: 'O(N) where N is the number of shard channels to subscribe to.',
  syntax: 'SSUBSCRIBE shardchannel [shardchannel ...]',
  arity: -2,
  channels: { kind: 'channel', count: 'all' },
  flags: FLAGS,
  keys: SHARD_CHANNELS,
  run: subscribing('shard', 'ssubscribe'),
})

const unsubscribe = command({
  name: 'unsubscribe',
  group: 'pubsub',
  since: '2.0.0',
  summary: 'Stops listening to messages posted to channels.',
  complexity: 'O(N) where N is the number of channels to unsubscribe.',
  syntax: 'UNSUBSCRIBE [channel [channel ...]]',
  arity: -1,
  flags: FLAGS,
  run: unsubscribing('channel', 'unsubscribe'),
})

const punsubscribe = command({
  name: 'punsubscribe',
  group: 'pubsub',
  since: '2.0.0',
  summary: 'Stops listening to messages published to channels that match one or more patterns.',
  complexity: 'O(N) where N is the number of patterns to unsubscribe.',
  syntax: 'PUNSUBSCRIBE [pattern [pattern ...]]',
  arity: -1,
  flags: FLAGS,
  run: unsubscribing('pattern', 'punsubscribe'),
})

const sunsubscribe = command({
  name: 'sunsubscribe',
  group: 'pubsub',
  since: '7.0.0',
  summary: 'Stops listening to messages posted to shard channels.',
  complexity: 'O(N) where N is the number of shard channels to unsubscribe.',
  syntax: 'SUNSUBSCRIBE [shardchannel [shardchannel ...]]',
  arity: -1,
  flags: FLAGS,
  keys: SHARD_CHANNELS,
  run: unsubscribing('shard', 'sunsubscribe'),
})

export const subscriptions: readonly Command[] = [subscribe, psubscribe, ssubscribe, unsubscribe, punsubscribe, sunsubscribe]

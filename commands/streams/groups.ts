/** Consumer groups: creating and deleting groups and consumers, and acknowledging entries. */
import { must } from '../../base/assert.ts'
import { type Bytes, MAX_BYTES_LENGTH } from '../../base/bytes.ts'
import { EVENT_STREAM } from '../../storage/keyspace/key-events.ts'
import { type ConsumerGroup, createGroup, findGroup } from '../../storage/values/streams/groups.ts'
import { ZERO_ID } from '../../storage/values/streams/id.ts'
import { Stream } from '../../storage/values/streams/stream.ts'
import { type Args, type Command, command, firstKey, keyRange } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, stringTooLong } from '../contract/errors.ts'
import { OK } from '../contract/reply.ts'
import { type Int64, isToken, requireInteger } from '../parsing/args.ts'
import { helpReply } from '../parsing/help.ts'
import { findAs, readAs, writableAs } from '../parsing/typed-access.ts'
import { createConsumer } from './effects.ts'
import { noGroupOfKey, requireId, requireStrictId } from './ids.ts'

const shared = { group: 'stream', complexity: 'O(1)' } as const

const wrongSubcommand = (name: Bytes) =>
  clientError(`ERR unknown subcommand or wrong number of arguments for '${name.slice(0, 128)}'. Try XGROUP HELP.`)

interface GroupOptions {
  readonly mayMakeStream: boolean
  readonly entriesRead: Int64
}

/** Reads the options after the id of CREATE and SETID. */
function optionsOf(args: Args, takesMkstream: 'mkstream' | 'no-mkstream'): GroupOptions {
  let mayMakeStream = false
  let entriesRead: Int64 = -1
  for (let i = 5; i < args.length; i++) {
    if (takesMkstream === 'mkstream' && isToken(args[i], 'mkstream')) mayMakeStream = true
    else if (isToken(args[i], 'entriesread') && i + 1 < args.length) {
      entriesRead = requireInteger(must(args[++i]))
      if (entriesRead < -1) throw clientError('ERR value for ENTRIESREAD must be positive or -1')
    } else throw wrongSubcommand(args[1])
  }
  return { mayMakeStream, entriesRead }
}

function requireStream({ db }: Context, key: Bytes): Stream {
  const stream = findAs(db, key, Stream)
  if (stream !== undefined) return stream
  throw clientError(
    'ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.',
  )
}

function requireGroup(context: Context, args: Args): ConsumerGroup {
  const group = findGroup(requireStream(context, args[2]), args[3])
  if (group === undefined) throw noGroupOfKey(args[2], args[3])
  return group
}

const create = command({
  ...shared,
  name: 'xgroup|create',
  since: '5.0.0',
  summary: 'Creates a consumer group.',
  syntax: 'XGROUP CREATE key group <id | $> [MKSTREAM] [ENTRIESREAD entries-read]',
  arity: -5,
  flags: ['write', 'denyoom'],
  keys: [keyRange(2, 2, 1, 'RW', 'insert')],
  history: [['7.0.0', 'Added the `entries_read` named argument.']],
  isVerbatim: true,
  run(context, args) {
    const { mayMakeStream, entriesRead } = optionsOf(args, 'mkstream')
    // Storage puts a tag in front of the name.
    if (args[3].length >= MAX_BYTES_LENGTH) throw stringTooLong()
    const found = mayMakeStream ? findAs(context.db, args[2], Stream) : requireStream(context, args[2])
    if (args.length > 8) throw wrongSubcommand(args[1])
    const id = args[4] === '$' ? (found?.lastId ?? ZERO_ID) : requireStrictId(args[4])
    if (found !== undefined && findGroup(found, args[3]) !== undefined) throw clientError('BUSYGROUP Consumer Group name already exists')
    createGroup(found ?? writableAs(context.db, args[2], Stream), args[3], id, entriesRead)
    context.notify(EVENT_STREAM, 'xgroup-create', args[2])
    return OK
  },
})

const setId = command({
  ...shared,
  name: 'xgroup|setid',
  since: '5.0.0',
  summary: 'Sets the last-delivered ID of a consumer group.',
  syntax: 'XGROUP SETID key group <id | $> [ENTRIESREAD entries-read]',
  arity: -5,
  flags: ['write'],
  keys: [keyRange(2, 2, 1, 'RW', 'update')],
  history: [['7.0.0', 'Added the optional `entries_read` argument.']],
  isVerbatim: true,
  run(context, args) {
    const { entriesRead } = optionsOf(args, 'no-mkstream')
    const group = requireGroup(context, args)
    if (args.length > 7) throw wrongSubcommand(args[1])
    group.lastId = args[4] === '$' ? group.stream.lastId : requireId(args[4], 0)
    group.entriesRead = entriesRead
    group.save()
    context.notify(EVENT_STREAM, 'xgroup-setid', args[2])
    return OK
  },
})

const destroy = command({
  ...shared,
  name: 'xgroup|destroy',
  since: '5.0.0',
  summary: 'Destroys a consumer group.',
  complexity: "O(N) where N is the number of entries in the group's pending entries list (PEL).",
  syntax: 'XGROUP DESTROY key group',
  arity: 4,
  flags: ['write'],
  keys: [keyRange(2, 2, 1, 'RW', 'delete')],
  isVerbatim: true,
  run(context, args) {
    const group = findGroup(requireStream(context, args[2]), args[3])
    if (group === undefined) return 0
    group.destroy()
    context.notify(EVENT_STREAM, 'xgroup-destroy', args[2])
    context.db.signal(args[2]) // unblocks the group's blocked clients with an error
    return 1
  },
})

const addConsumer = command({
  ...shared,
  name: 'xgroup|createconsumer',
  since: '6.2.0',
  summary: 'Creates a consumer in a consumer group.',
  syntax: 'XGROUP CREATECONSUMER key group consumer',
  arity: 5,
  flags: ['write', 'denyoom'],
  keys: [keyRange(2, 2, 1, 'RW', 'insert')],
  isVerbatim: true,
  run(context, args) {
    const group = requireGroup(context, args)
    if (group.consumer(args[4]) !== undefined) return 0
    createConsumer(context, args[2], group, args[4])
    return 1
  },
})

const deleteConsumer = command({
  ...shared,
  name: 'xgroup|delconsumer',
  since: '5.0.0',
  summary: 'Deletes a consumer from a consumer group.',
  syntax: 'XGROUP DELCONSUMER key group consumer',
  arity: 5,
  flags: ['write'],
  keys: [keyRange(2, 2, 1, 'RW', 'delete')],
  isVerbatim: true,
  run(context, args) {
    const consumer = requireGroup(context, args).consumer(args[4])
    if (consumer === undefined) return 0
    const { pendingCount } = consumer
    consumer.delete()
    context.notify(EVENT_STREAM, 'xgroup-delconsumer', args[2])
    return pendingCount
  },
})

const help = command({
  ...shared,
  name: 'xgroup|help',
  since: '5.0.0',
  summary: 'Returns helpful text about the different subcommands.',
  syntax: 'XGROUP HELP',
  arity: 2,
  flags: ['loading', 'stale'],
  run: () =>
    helpReply('xgroup', [
      'CREATE <key> <groupname> <id|$> [option]',
      '    Create a new consumer group. Options are:',
      '    * MKSTREAM',
      '      Create the empty stream if it does not exist.',
      '    * ENTRIESREAD entries_read',
      "      Set the group's entries_read counter (internal use).",
      'CREATECONSUMER <key> <groupname> <consumer>',
      '    Create a new consumer in the specified group.',
      'DELCONSUMER <key> <groupname> <consumer>',
      '    Remove the specified consumer.',
      'DESTROY <key> <groupname>',
      '    Remove the specified group.',
      'SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]',
      '    Set the current group ID and entries_read counter.',
    ]),
})

const xgroup = command({
  name: 'xgroup',
  group: 'stream',
  since: '5.0.0',
  summary: 'A container for consumer groups commands.',
  complexity: 'Depends on subcommand.',
  syntax: 'XGROUP',
  arity: -2,
  flags: [],
  subcommands: [create, addConsumer, deleteConsumer, destroy, help, setId],
})

const xack = command({
  name: 'xack',
  group: 'stream',
  since: '5.0.0',
  summary: 'Returns the number of messages that were successfully acknowledged by the consumer group member of a stream.',
  complexity: 'O(1) for each message ID processed.',
  syntax: 'XACK key group id [id ...]',
  arity: -4,
  flags: ['write', 'fast'],
  keys: firstKey('RW', 'update'),
  isVerbatim: true,
  run({ db }, args) {
    const stream = readAs(db, args[1], Stream)
    const group = stream === undefined ? undefined : findGroup(stream, args[2])
    if (group === undefined) return 0
    const ids: Bytes[] = []
    for (let i = 3; i < args.length; i++) ids.push(requireStrictId(must(args[i])))
    let acknowledged = 0
    for (const id of ids) if (group.acknowledge(id)) acknowledged++
    return acknowledged
  },
})

export const streamGroups: readonly Command[] = [xgroup, xack]

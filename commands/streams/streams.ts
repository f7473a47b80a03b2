/** Streams as logs: adding, reading by id, deleting, trimming. */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { EVENT_STREAM } from '../../storage/keyspace/key-events.ts'
import { idOf, idText, MAX_ID, MAX_UINT64, msOf, nextId, plus, seqOf, ZERO_ID } from '../../storage/values/streams/id.ts'
import { packEntry } from '../../storage/values/streams/packed-entry.ts'
import { Stream } from '../../storage/values/streams/stream.ts'
import { type Args, type Command, command, firstKey } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, noSuchKey, syntaxError, wrongArity } from '../contract/errors.ts'
import { NULL_ARRAY, OK, type Reply } from '../contract/reply.ts'
import { type Int64, isToken, Options, requireClampedInteger, requireInteger } from '../parsing/args.ts'
import { findAs, readAs, writableAs } from '../parsing/typed-access.ts'
import { requireEnd, requireStart, requireStrictId, type WantedId } from './ids.ts'
import { entriesReply } from './replies.ts'
import { excessOf, pushTrim, TrimOptions } from './trimming.ts'

const xadd = command({
  name: 'xadd',
  group: 'stream',
  since: '5.0.0',
  summary: "Appends a new message to a stream. Creates the key if it doesn't exist.",
  complexity: 'O(1) when adding a new entry, O(N) when trimming where N being the number of entries evicted.',
  syntax: 'XADD key [NOMKSTREAM] [<MAXLEN | MINID> [= | ~] threshold [LIMIT count]] <* | id> field value [field value ...]',
  arity: -5,
  flags: ['write', 'denyoom', 'fast'],
  keys: [{ ...firstKey('RW', 'update')[0], notes: 'UPDATE instead of INSERT because of the optional trimming feature' }],
  tips: ['nondeterministic_output'],
  history: [
    ['6.2.0', 'Added the `NOMKSTREAM` option, `MINID` trimming strategy and the `LIMIT` option.'],
    ['7.0.0', 'Added support for the `<ms>-*` explicit ID form.'],
  ],
  isVerbatim: true,
  run: add,
})

function add(context: Context, args: Args): Reply {
  const { db } = context
  const key = args[1]
  const { trim, limit, wanted, mustExist, at } = TrimOptions.ofAddition(context, args)
  const from = at + 1
  if (args.length - from < 2 || (args.length - from) % 2 !== 0) throw wrongArity('xadd')
  if (wanted?.id === ZERO_ID) throw clientError('ERR The ID specified in XADD must be greater than 0-0')
  const found = findAs(db, key, Stream)
  if (found === undefined && mustExist) return null
  const last = found === undefined ? ZERO_ID : found.lastId
  if (last === MAX_ID) throw clientError('ERR The stream has exhausted the last possible ID, unable to add more items')
  const id = idAfter(last, wanted, context.nowMs)
  if (id === null || id <= last) throw clientError('ERR The ID specified in XADD is equal or smaller than the target stream top item')
  const entry = packEntry(args, from)
  if (entry === null) throw clientError('ERR Elements are too large to be stored')

  const stream = found ?? writableAs(db, key, Stream)
  stream.append(id, entry)
  context.notify(EVENT_STREAM, 'xadd', key)
  const excess = trim === null ? 0 : excessOf(context, stream, trim, limit)
  if (excess > 0) {
    stream.trim(excess)
    context.notify(EVENT_STREAM, 'xtrim', key)
  }
  const text = idText(id)
  if (wanted === null || wanted.id === null || trim?.isRough === true) {
    const words: Bytes[] = ['XADD', key]
    if (trim !== null) pushTrim(words, trim, stream)
    words.push(text)
    for (let i = from; i < args.length; i++) words.push(must(args[i]))
    context.effects = [words]
  }
  db.signal(key)
  return text
}

/** The id of a new entry; null if no higher id is left for the requested milliseconds. */
function idAfter(last: Bytes, wanted: WantedId | null, nowMs: number): Bytes | null {
  if (wanted === null) return nowMs > msOf(last) ? idOf(nowMs, 0) : nextId(last)
  if (wanted.id !== null) return wanted.id
  if (wanted.ms !== msOf(last)) return idOf(wanted.ms, 0)
  const seq = seqOf(last)
  return seq === MAX_UINT64 ? null : idOf(wanted.ms, plus(seq, 1))
}

const xlen = command({
  name: 'xlen',
  group: 'stream',
  since: '5.0.0',
  summary: 'Return the number of messages in a stream.',
  complexity: 'O(1)',
  syntax: 'XLEN key',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: firstKey('RO'),
  run: ({ db }, args) => readAs(db, args[1], Stream)?.size ?? 0,
})

const ofRange = {
  group: 'stream',
  since: '5.0.0',
  arity: -4,
  flags: ['readonly'],
  keys: firstKey('RO', 'access'),
  history: [['6.2.0', 'Added exclusive ranges.']],
} as const

const xrange = command({
  ...ofRange,
  name: 'xrange',
  summary: 'Returns the messages from a stream within a range of IDs.',
  complexity:
    'O(N) with N being the number of elements being returned. If N is constant (e.g. always asking for the first 10 elements with COUNT), you can consider it O(1).',
  syntax: 'XRANGE key start end [COUNT count]',
  run: (context, args) => range(context, args, args[2], args[3], 'forward'),
})

const xrevrange = command({
  ...ofRange,
  name: 'xrevrange',
  summary: 'Returns the messages from a stream within a range of IDs in reverse order.',
  complexity:
    'O(N) with N being the number of elements returned. If N is constant (e.g. always asking for the first 10 elements with COUNT), you can consider it O(1).',
  syntax: 'XREVRANGE key end start [COUNT count]',
  run: (context, args) => range(context, args, args[3], args[2], 'backward'),
})

function range({ db }: Context, args: Args, startWord: Bytes, endWord: Bytes, direction: 'forward' | 'backward'): Reply {
  const start = requireStart(startWord)
  const end = requireEnd(endWord)
  const count = requireCount(args)
  const stream = readAs(db, args[1], Stream)
  if (stream === undefined) return []
  if (count === 0) return NULL_ARRAY
  const from = stream.entries.lowerBound(start)
  const to = end === MAX_ID ? stream.size : stream.countUpTo(end)
  if (from >= to) return []
  return entriesReply(stream, direction === 'forward' ? from : to - 1, Math.min(count, to - from), direction)
}

/** Reads the COUNT of a range; -1, for no limit, becomes Infinity. */
function requireCount(args: Args): number {
  let count = -1
  for (let i = 4; i < args.length; i += 2) {
    const word = args[i + 1]
    if (word === undefined || !isToken(args[i], 'count')) throw syntaxError()
    count = Math.max(0, requireClampedInteger(word))
  }
  return count === -1 ? Number.POSITIVE_INFINITY : count
}

const xdel = command({
  name: 'xdel',
  group: 'stream',
  since: '5.0.0',
  summary: 'Returns the number of messages after removing them from a stream.',
  complexity: 'O(1) for each single item to delete in the stream, regardless of the stream size.',
  syntax: 'XDEL key id [id ...]',
  arity: -3,
  flags: ['write', 'fast'],
  keys: firstKey('RW', 'delete'),
  isVerbatim: true,
  run(context, args) {
    const stream = findAs(context.db, args[1], Stream)
    if (stream === undefined) return 0
    const ids: Bytes[] = []
    for (let i = 2; i < args.length; i++) ids.push(requireStrictId(must(args[i])))
    let deleted = 0
    for (const id of ids) if (stream.delete(id)) deleted++
    if (deleted > 0) context.notify(EVENT_STREAM, 'xdel', args[1])
    context.countChanges(deleted)
    return deleted
  },
})

const xtrim = command({
  name: 'xtrim',
  group: 'stream',
  since: '5.0.0',
  summary: 'Deletes messages from the beginning of a stream.',
  complexity:
    'O(N), with N being the number of evicted entries. Constant times are very small however, since entries are organized in macro nodes containing multiple entries that can be released with a single deallocation.',
  syntax: 'XTRIM key <MAXLEN | MINID> [= | ~] threshold [LIMIT count]',
  arity: -4,
  flags: ['write'],
  keys: firstKey('RW', 'delete'),
  tips: ['nondeterministic_output'],
  history: [['6.2.0', 'Added the `MINID` trimming strategy and the `LIMIT` option.']],
  isVerbatim: true,
  run(context, args) {
    const { trim, limit } = TrimOptions.ofTrimming(context, args)
    const stream = findAs(context.db, args[1], Stream)
    if (stream === undefined || trim === null) return 0
    const count = excessOf(context, stream, trim, limit)
    if (count === 0) return 0
    stream.trim(count)
    context.notify(EVENT_STREAM, 'xtrim', args[1])
    context.countChanges(count)
    if (trim.isRough) {
      const words: Bytes[] = ['XTRIM', args[1]]
      pushTrim(words, trim, stream)
      context.effects = [words]
    }
    return count
  },
})

const xsetid = command({
  name: 'xsetid',
  group: 'stream',
  since: '5.0.0',
  summary: 'An internal command for replicating stream values.',
  complexity: 'O(1)',
  syntax: 'XSETID key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]',
  arity: -3,
  flags: ['write', 'denyoom', 'fast'],
  keys: firstKey('RW', 'update'),
  history: [['7.0.0', 'Added the `entries_added` and `max_deleted_entry_id` arguments.']],
  isVerbatim: true,
  run(context, args) {
    const id = requireStrictId(args[2])
    let entriesAdded: Int64 = -1
    let maxDeletedId = ZERO_ID
    const options = new Options(args, 3)
    while (options.more) {
      if (options.left > 1 && options.take('entriesadded')) {
        entriesAdded = requireInteger(options.value())
        if (entriesAdded < 0) throw clientError('ERR entries_added must be positive')
      } else if (options.left > 1 && options.take('maxdeletedid')) {
        maxDeletedId = requireStrictId(options.value())
        if (id < maxDeletedId) throw clientError('ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id')
      } else throw syntaxError()
    }
    const stream = findAs(context.db, args[1], Stream)
    if (stream === undefined) throw noSuchKey()
    if (id < stream.maxDeletedId) throw clientError('ERR The ID specified in XSETID is smaller than current max_deleted_entry_id')
    if (stream.size > 0) {
      if (id < stream.lastPresentId) throw clientError('ERR The ID specified in XSETID is smaller than the target stream top item')
      if (entriesAdded !== -1 && stream.size > entriesAdded)
        throw clientError('ERR The entries_added specified in XSETID is smaller than the target stream length')
    }
    stream.setCounters(
      id,
      entriesAdded === -1 ? stream.entriesAdded : entriesAdded,
      maxDeletedId === ZERO_ID ? stream.maxDeletedId : maxDeletedId,
    )
    context.notify(EVENT_STREAM, 'xsetid', args[1])
    return OK
  },
})

export const streams: readonly Command[] = [xadd, xlen, xrange, xrevrange, xdel, xtrim, xsetid]

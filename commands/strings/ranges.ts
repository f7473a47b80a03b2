/** Parts of strings: length, ranges, appending. */
import { bufferOf } from '../../base/bytes.ts'
import { EVENT_STRING } from '../../storage/keyspace/key-events.ts'
import { appendString, writeString } from '../../storage/keyspace/string-writes.ts'
import { type Args, type Command, command, firstKey } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError } from '../contract/errors.ts'
import type { Reply } from '../contract/reply.ts'
import { requireClampedInteger } from '../parsing/args.ts'
import { readString, requireString, requireStringLength, sliceReply, stringOrEmpty } from '../parsing/typed-access.ts'

interface ByteRange {
  readonly start: number
  /** The position after the last byte. */
  readonly end: number
}

/**
 * The range from a first to a last position, negative ones counting from the end. Null if it is
 * empty.
 */
export function rangeWithin(first: number, last: number, length: number): ByteRange | null {
  return first < 0 && last < 0 && first > last ? null : clampedRange(first, last, length)
}

/**
 * The range for BITPOS. Unlike in `rangeWithin`, two positions before the start, in either order,
 * mean the first byte.
 */
export function clampedRange(first: number, last: number, length: number): ByteRange | null {
  const start = Math.max(first < 0 ? length + first : first, 0)
  const end = Math.min(Math.max(last < 0 ? length + last : last, 0) + 1, length)
  return start < end ? { start, end } : null
}

const strlen = command({
  name: 'strlen',
  group: 'string',
  since: '2.2.0',
  summary: 'Returns the length of a string value.',
  complexity: 'O(1)',
  syntax: 'STRLEN key',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: firstKey('RO'),
  run: ({ db }, args) => readString(db, args[1])?.length ?? 0,
})

const append = command({
  name: 'append',
  group: 'string',
  since: '2.0.0',
  summary: "Appends a string to the value of a key. Creates the key if it doesn't exist.",
  complexity:
    'O(1). The amortized time complexity is O(1) assuming the appended value is small and the already present value is of any size, since the dynamic string library used by Redis will double the free space available on every reallocation.',
  syntax: 'APPEND key value',
  arity: 3,
  flags: ['write', 'denyoom', 'fast'],
  keys: firstKey('RW', 'insert'),
  isVerbatim: true,
  run(context, args) {
    const { db } = context
    const [, key, suffix] = args
    const entry = db.find(key)
    if (entry === undefined) {
      db.create(key, suffix)
      context.notify(EVENT_STRING, 'append', key)
      return suffix.length
    }
    const length = requireString(entry).length + suffix.length
    requireStringLength(context, length)
    if (suffix.length > 0) {
      appendString(db, entry, suffix)
      entry.isModifiedInPlace = true
    }
    context.notify(EVENT_STRING, 'append', key)
    return length
  },
})

function readRange({ db }: Context, args: Args): Reply {
  const first = requireClampedInteger(args[2])
  const last = requireClampedInteger(args[3])
  const value = readString(db, args[1]) ?? ''
  const range = rangeWithin(first, last, value.length)
  return range === null ? '' : sliceReply(value, range.start, range.end)
}

const rangeComplexity =
  'O(N) where N is the length of the returned string. The complexity is ultimately determined by the returned length, but because creating a substring from an existing string is very cheap, it can be considered O(1) for small strings.'

const getrange = command({
  name: 'getrange',
  group: 'string',
  since: '2.4.0',
  summary: 'Returns a substring of the string stored at a key.',
  complexity: rangeComplexity,
  syntax: 'GETRANGE key start end',
  arity: 4,
  flags: ['readonly'],
  keys: firstKey('RO', 'access'),
  run: readRange,
})

const substr = command({
  name: 'substr',
  group: 'string',
  since: '1.0.0',
  summary: 'Returns a substring from a string value.',
  complexity: rangeComplexity,
  syntax: 'SUBSTR key start end',
  arity: 4,
  flags: ['readonly'],
  keys: firstKey('RO', 'access'),
  docFlags: ['deprecated'],
  deprecatedSince: '2.0.0',
  replacedBy: '`GETRANGE`',
  run: readRange,
})

const setrange = command({
  name: 'setrange',
  group: 'string',
  since: '2.2.0',
  summary: "Overwrites a part of a string value with another by an offset. Creates the key if it doesn't exist.",
  complexity:
    'O(1), not counting the time taken to copy the new string in place. Usually, this string is very small so the amortized complexity is O(1). Otherwise, complexity is O(M) with M being the length of the value argument.',
  syntax: 'SETRANGE key offset value',
  arity: 4,
  flags: ['write', 'denyoom'],
  keys: firstKey('RW', 'update'),
  isVerbatim: true,
  run(context, args) {
    const { db } = context
    const [, key, , part] = args
    const offset = requireClampedInteger(args[2])
    if (offset < 0) throw clientError('ERR offset is out of range')
    const entry = db.find(key)
    const { length } = stringOrEmpty(entry)
    if (part.length === 0) return length
    requireStringLength(context, offset + part.length)
    writeString(db, key, entry, offset, bufferOf(part)).isModifiedInPlace = true
    context.notify(EVENT_STRING, 'setrange', key)
    return Math.max(length, offset + part.length)
  },
})

export const stringRanges: readonly Command[] = [strlen, append, getrange, substr, setrange]

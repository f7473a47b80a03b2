/**
 * OBJECT: how a value is represented. None of it counts as a use of the key.
 *
 * Differences from Redis: a short string is `raw` after APPEND, SETRANGE or SETBIT only until it
 * leaves memory, and a copy does not inherit that.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Entry } from '../../storage/keyspace/entry.ts'
import { idleSecondsOf } from '../../storage/keyspace/last-use.ts'
import { Rope } from '../../storage/values/rope.ts'
import { type Command, command, keyRange } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError } from '../contract/errors.ts'
import type { Reply } from '../contract/reply.ts'
import { integerOf } from '../parsing/args.ts'
import { helpReply } from '../parsing/help.ts'

const MAX_EMBEDDED_BYTES = 44
/** Redis shares one object for each integer from 0 to below this. */
const SHARED_INTEGERS = 10_000
const SHARED_REFCOUNT = 2 ** 31 - 1

/**
 * The encoding that Redis would use for the value, under the settings in force when it last
 * changed.
 */
export function encodingOf(entry: Entry): Bytes {
  const { value, isModifiedInPlace } = entry
  if (value === null || value instanceof Rope) return 'raw'
  if (typeof value !== 'string') return value.encodingName
  if (isModifiedInPlace) return 'raw'
  if (integerOf(value) !== null) return 'int'
  return value.length <= MAX_EMBEDDED_BYTES ? 'embstr' : 'raw'
}

export function referenceCountOf(entry: Entry): number {
  const number = encodingOf(entry) === 'int' ? Number(entry.value) : -1
  return number >= 0 && number < SHARED_INTEGERS ? SHARED_REFCOUNT : 1
}

const notTracked = (what: string) =>
  clientError(
    `ERR An LFU maxmemory policy is ${what} not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.`,
  )

/** Answers for an entry; nil if the key does not exist. */
function ofEntry({ db }: Context, key: Bytes, answer: (entry: Entry) => Reply): Reply {
  const entry = db.peek(key)
  return entry === undefined ? null : answer(entry)
}

const shared = { group: 'generic', categories: ['keyspace'], complexity: 'O(1)' } as const
const ofKey = {
  ...shared,
  arity: 3,
  flags: ['readonly'],
  keys: [keyRange(2, 2, 1, 'RO')],
  tips: ['nondeterministic_output'],
} as const

const encoding = command({
  ...ofKey,
  name: 'object|encoding',
  since: '2.2.3',
  summary: 'Returns the internal encoding of a Redis object.',
  syntax: 'OBJECT ENCODING key',
  run: (context, args) => ofEntry(context, args[2], encodingOf),
})

const frequency = command({
  ...ofKey,
  name: 'object|freq',
  since: '4.0.0',
  summary: 'Returns the logarithmic access frequency counter of a Redis object.',
  syntax: 'OBJECT FREQ key',
  run: (context, args) =>
    ofEntry(context, args[2], ({ lastUse }) => {
      const { useCounter, monotonicSeconds } = context.keyspace
      if (useCounter === null) throw notTracked('not selected, access frequency')
      return useCounter.counterOf(lastUse, monotonicSeconds)
    }),
})

const help = command({
  ...shared,
  name: 'object|help',
  since: '6.2.0',
  summary: 'Returns helpful text about the different subcommands.',
  syntax: 'OBJECT HELP',
  arity: 2,
  flags: ['loading', 'stale'],
  run: () =>
    helpReply('object', [
      'ENCODING <key>',
      '    Return the kind of internal representation used in order to store the value',
      '    associated with a <key>.',
      'FREQ <key>',
      '    Return the access frequency index of the <key>. The returned integer is',
      '    proportional to the logarithm of the recent access frequency of the key.',
      'IDLETIME <key>',
      '    Return the idle time of the <key>, that is the approximated number of',
      '    seconds elapsed since the last access to the key.',
      'REFCOUNT <key>',
      '    Return the number of references of the value associated with the specified',
      '    <key>.',
    ]),
})

/**
 * Seconds since the last use of an existing key. For a key read from disk, the seconds since it was
 * read.
 */
function idleSeconds({ keyspace: { useCounter, monotonicSeconds } }: Context, entry: Entry): number {
  if (useCounter !== null) throw notTracked('selected, idle time')
  if (entry.lastUse === 0) entry.lastUse = monotonicSeconds
  return idleSecondsOf(entry.lastUse, monotonicSeconds)
}

const idleTime = command({
  ...ofKey,
  name: 'object|idletime',
  since: '2.2.3',
  summary: 'Returns the time since the last access to a Redis object.',
  syntax: 'OBJECT IDLETIME key',
  run: (context, args) => ofEntry(context, args[2], (entry) => idleSeconds(context, entry)),
})

const referenceCount = command({
  ...ofKey,
  name: 'object|refcount',
  since: '2.2.3',
  summary: 'Returns the reference count of a value of a key.',
  syntax: 'OBJECT REFCOUNT key',
  run: (context, args) => ofEntry(context, args[2], referenceCountOf),
})

const object = command({
  name: 'object',
  group: 'generic',
  since: '2.2.3',
  summary: 'A container for object introspection commands.',
  complexity: 'Depends on subcommand.',
  syntax: 'OBJECT',
  arity: -2,
  flags: [],
  subcommands: [encoding, frequency, help, idleTime, referenceCount],
})

export const objects: readonly Command[] = [object]

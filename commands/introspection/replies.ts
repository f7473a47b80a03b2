/** A declaration as COMMAND INFO and COMMAND DOCS show it, element by element as in Redis 7.2. */
import { categoriesOf } from '../contract/categories.ts'
import type { Command, CommandFlag, KeyAccess, KeySpec } from '../contract/command.ts'
import { MapReply, type Reply, SetReply, SimpleString } from '../contract/reply.ts'
import { type ArgumentDoc, argumentsOf } from './docs.ts'

/** Redis's order of flags. Redis does not show `may_replicate`. */
const FLAG_ORDER: readonly CommandFlag[] = [
  'write',
  'readonly',
  'denyoom',
  'admin',
  'pubsub',
  'noscript',
  'blocking',
  'loading',
  'stale',
  'skip_monitor',
  'skip_slowlog',
  'asking',
  'fast',
  'no_auth',
  'no_mandatory_keys',
  'no_async_loading',
  'no_multi',
  'movablekeys',
  'allow_busy',
]

const ACCESS_ORDER: readonly KeyAccess[] = [
  'RO',
  'RW',
  'OW',
  'RM',
  'access',
  'update',
  'insert',
  'delete',
  'not_key',
  'incomplete',
  'variable_flags',
]

const NO_SUBCOMMANDS = new SetReply([])

/**
 * Returns the ten elements of COMMAND INFO: name, arity, flags, first key, last key, step, ACL
 * categories, tips, key specs, subcommands.
 */
export function infoOf(command: Command): Reply {
  const range = legacyRange(command.keys ?? [])
  const flags = new Set(command.flags)
  if (range.isMovable) flags.add('movablekeys')
  return [
    command.name,
    command.arity,
    statuses(FLAG_ORDER.filter((flag) => flags.has(flag))),
    range.first,
    range.last,
    range.step,
    statuses(categoriesOf(command).map((category) => `@${category}`)),
    new SetReply(command.tips ?? []),
    new SetReply((command.keys ?? []).map(keySpecReply)),
    command.subcommands === undefined ? NO_SUBCOMMANDS : command.subcommands.map(infoOf),
  ]
}

/** Returns the map of COMMAND DOCS for one command. */
export function docsOf(command: Command): Reply {
  const flat: Reply[] = ['summary', command.summary, 'since', command.since, 'group', command.group]
  if (command.complexity !== undefined) flat.push('complexity', command.complexity)
  if (command.docFlags !== undefined) flat.push('doc_flags', statuses(command.docFlags))
  if (command.deprecatedSince !== undefined) flat.push('deprecated_since', command.deprecatedSince)
  if (command.replacedBy !== undefined) flat.push('replaced_by', command.replacedBy)
  if (command.history !== undefined) flat.push('history', new SetReply(command.history))
  const parts = argumentsOf(command)
  if (parts.length > 0 && command.subcommands === undefined) flat.push('arguments', parts.map(argumentReply))
  if (command.subcommands !== undefined)
    flat.push('subcommands', new MapReply(command.subcommands.flatMap((one) => [one.name, docsOf(one)])))
  return new MapReply(flat)
}

/** Returns how a key is accessed, as a set of words in Redis's order. */
export function keyAccessFlags(access: readonly KeyAccess[]): Reply {
  return statuses(ACCESS_ORDER.filter((word) => access.includes(word)))
}

function statuses(words: readonly string[]): Reply {
  return new SetReply(words.map((word) => new SimpleString(word)))
}

function argumentReply(argument: ArgumentDoc): Reply {
  const flat: Reply[] = ['name', argument.name, 'type', argument.type]
  if (argument.parts === undefined) flat.push('display_text', argument.name)
  if (argument.keySpecIndex !== undefined) flat.push('key_spec_index', argument.keySpecIndex)
  if (argument.token !== undefined) flat.push('token', argument.token)
  const flags: string[] = []
  if (argument.optional) flags.push('optional')
  if (argument.multiple) flags.push('multiple')
  if (argument.multipleToken) flags.push('multiple_token')
  if (flags.length > 0) flat.push('flags', statuses(flags))
  if (argument.parts !== undefined) flat.push('arguments', argument.parts.map(argumentReply))
  return new MapReply(flat)
}

function keySpecReply(spec: KeySpec): Reply {
  const flat: Reply[] = spec.notes === undefined ? [] : ['notes', spec.notes]
  flat.push('flags', keyAccessFlags(spec.access), 'begin_search', beginReply(spec), 'find_keys', findReply(spec))
  return new MapReply(flat)
}

function beginReply({ begin }: KeySpec): Reply {
  if ('index' in begin) return typedSpec('index', ['index', begin.index])
  if ('keyword' in begin) return typedSpec('keyword', ['keyword', begin.keyword, 'startfrom', begin.startFrom])
  return typedSpec('unknown', [])
}

function findReply({ find }: KeySpec): Reply {
  if ('last' in find) return typedSpec('range', ['lastkey', find.last, 'keystep', find.step, 'limit', find.limit])
  if ('countIndex' in find) return typedSpec('keynum', ['keynumidx', find.countIndex, 'firstkey', find.first, 'keystep', find.step])
  return typedSpec('unknown', [])
}

function typedSpec(type: string, spec: readonly Reply[]): Reply {
  return new MapReply(['type', type, 'spec', new MapReply(spec)])
}

interface LegacyRange {
  readonly first: number
  readonly last: number
  readonly step: number
  /** Some keys are outside the range. */
  readonly isMovable: boolean
}

/**
 * Returns first key, last key and step for clients older than key specs. They describe the only
 * spec with fixed positions, or several such specs that follow each other without a gap. All are
 * zero if there is no such range.
 */
function legacyRange(specs: readonly KeySpec[]): LegacyRange {
  let isMovable = false
  const ranges: { first: number; last: number; step: number }[] = []
  for (const { begin, find, access } of specs) {
    if (access.includes('incomplete')) isMovable = true
    if ('index' in begin && 'last' in find)
      ranges.push({ first: begin.index, last: find.last < 0 ? find.last : begin.index + find.last, step: find.step })
    else isMovable = true
  }
  if (specs.length === 1 && ranges[0] !== undefined) return { ...ranges[0], isMovable }
  let joined: { first: number; last: number; step: number } | undefined
  for (const range of ranges) {
    if (range.step !== 1 || (joined !== undefined && joined.last !== range.first - 1)) isMovable = true
    else joined = joined === undefined ? range : { ...joined, last: range.last }
  }
  return { ...(joined ?? { first: 0, last: 0, step: 0 }), isMovable }
}

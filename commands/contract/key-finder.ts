/**
 * Finds the keys of a request from the command's key specs, for prefetching, ACL and COMMAND
 * GETKEYS.
 *
 * A spec adds no keys if its keyword is absent or the arguments contradict it, such as a count of
 * keys past the request's end. The other specs still count: PFMERGE needs no source and still
 * changes its destination. Redis finds no key at all in such a request, so its ACL allows it.
 *
 * A spec with a keyword finds its first occurrence. That occurrence may be the value of another
 * option, or an option that a later one overrides. Each command with such a spec therefore has its
 * own finder, which reads the options as the command does.
 */
import type { Bytes } from '../../base/bytes.ts'
import { integerOf, isToken } from '../parsing/args.ts'
import type { Command, KeyAccess, KeySpec, KeyUse } from './command.ts'

/**
 * Returns the position of a request's first key, 0 if it has none. Allocates nothing for the common
 * spec, a fixed position.
 */
export function firstKeyOf(command: Command, args: readonly Bytes[]): number {
  const spec = command.keys?.[0]
  if (spec === undefined) return 0
  // MIGRATE has a finder of its own and names its keys elsewhere if the first position is empty.
  if (command.findKeys !== undefined || !('index' in spec.begin && 'last' in spec.find && isKey(spec))) return keysOf(command, args)[0] ?? 0
  return spec.begin.index < args.length ? spec.begin.index : 0
}

/** Returns the positions of the keys, in the order of the specs. */
export function keysOf(command: Command, args: readonly Bytes[]): number[] {
  return keyUsesOf(command, args).map((use) => use.position)
}

/**
 * Returns the keys and how they are accessed. A spec that the arguments contradict adds none; the
 * other specs still count.
 */
export function keyUsesOf(command: Command, args: readonly Bytes[]): readonly KeyUse[] {
  if (command.findKeys !== undefined) return command.findKeys(args) ?? []
  const uses: KeyUse[] = []
  for (const spec of command.keys ?? []) if (isKey(spec)) addUses(uses, spec, args)
  return uses
}

/**
 * Like `keyUsesOf`, but returns null if the arguments contradict any spec. COMMAND GETKEYS uses it.
 */
export function strictKeyUsesOf(command: Command, args: readonly Bytes[]): readonly KeyUse[] | null {
  return strictUsesOf(command, args, isKey)
}

/**
 * Returns the positions of all words that a cluster places in a slot: keys, and shard channels.
 * A request that its specs contradict has none.
 */
export function placedPositionsOf(command: Command, args: readonly Bytes[]): readonly number[] {
  return (strictUsesOf(command, args, () => true) ?? []).map((use) => use.position)
}

/** Returns what the chosen specs find; null if the arguments contradict one of them. */
function strictUsesOf(command: Command, args: readonly Bytes[], isChosen: (spec: KeySpec) => boolean): readonly KeyUse[] | null {
  if (command.findKeys !== undefined) return command.findKeys(args)
  const uses: KeyUse[] = []
  for (const spec of command.keys ?? []) if (isChosen(spec) && !addUses(uses, spec, args)) return null
  return uses
}

/** True if the command takes keys at all. */
export function takesKeys(command: Command): boolean {
  return command.keys?.some(isKey) ?? false
}

/** True if a spec finds keys; some specs find shard channels instead. */
function isKey(spec: KeySpec): boolean {
  return !spec.access.includes('not_key')
}

/** Adds the keys of one spec; returns false if the arguments contradict it. */
function addUses(uses: KeyUse[], spec: KeySpec, args: readonly Bytes[]): boolean {
  const begin = beginOf(spec, args)
  if (begin === null) return true
  const range = rangeOf(spec, begin, args)
  if (range === null) return false
  for (let position = range.first; position <= range.last; position += range.step) uses.push({ position, access: spec.access })
  return true
}

/** Returns where a spec's keys begin; null if its keyword does not occur. */
function beginOf(spec: KeySpec, args: readonly Bytes[]): number | null {
  const { begin } = spec
  if ('unknown' in begin) return null
  if ('index' in begin) return begin.index
  const keyword = begin.keyword.toLowerCase()
  const step = begin.startFrom < 0 ? -1 : 1
  // The keyword cannot be the last word: a key must follow.
  const start = begin.startFrom < 0 ? args.length + begin.startFrom : begin.startFrom
  for (let i = start; i > 0 && i < args.length - (step > 0 ? 1 : 0); i += step) if (isToken(args[i], keyword)) return i + 1
  return null
}

function rangeOf(spec: KeySpec, begin: number, args: readonly Bytes[]): { first: number; last: number; step: number } | null {
  const { find } = spec
  if ('unknown' in find) return null
  if ('last' in find) {
    const last = lastOf(find, begin, args.length)
    return begin < args.length && last < args.length && last >= begin ? { first: begin, last, step: find.step } : null
  }
  const count = integerOf(args[begin + find.countIndex] ?? '')
  if (count === null || count < 0 || count > args.length) return null
  const first = begin + find.first
  const last = first + (Number(count) - 1) * find.step
  return last < args.length ? { first, last, step: find.step } : null
}

function lastOf(find: { readonly last: number; readonly limit: number }, begin: number, length: number): number {
  if (find.last >= 0) return begin + find.last
  if (find.limit <= 1) return length + find.last
  // A limit of 2 means the first half of the remaining words, as in XREAD's keys and ids.
  return begin + Math.trunc((length - begin) / find.limit) + find.last
}

const READ_ACCESS: readonly KeyAccess[] = ['RO', 'access']
const OVERWRITE_ACCESS: readonly KeyAccess[] = ['OW', 'update']
const READ_WRITE_ACCESS: readonly KeyAccess[] = ['RW', 'access', 'update']

/** The options of SET that give the key a deadline. */
const DEADLINE_OPTIONS = ['pxat', 'ex', 'px', 'exat'] as const

/** True if a request sets its keys whatever they were: it reads nothing of them. */
export function overwritesBlindly({ name }: Command, args: readonly Bytes[]): boolean {
  if (name === 'set') return args.length === 3 || (args.length === 5 && DEADLINE_OPTIONS.some((option) => isToken(args[3], option)))
  return name === 'mset' || name === 'setex' || name === 'psetex'
}

/** SET also reads its key if GET is given. */
export function findSetKeys(args: readonly Bytes[]): readonly KeyUse[] {
  return [{ position: 1, access: args.some((word, i) => i >= 3 && isToken(word, 'get')) ? READ_WRITE_ACCESS : OVERWRITE_ACCESS }]
}

/** BITFIELD only reads if all its operations are GET. */
export function findBitfieldKeys(args: readonly Bytes[]): readonly KeyUse[] {
  let i = 2
  for (;;) {
    if (i + 2 < args.length && isToken(args[i], 'get')) i += 3
    else if (i + 1 < args.length && isToken(args[i], 'overflow')) i += 2
    else break
  }
  return [{ position: 1, access: i >= args.length ? READ_ACCESS : READ_WRITE_ACCESS }]
}

/** SORT uses the last STORE; the values of BY, GET and LIMIT are not options. */
export function findSortKeys(args: readonly Bytes[]): readonly KeyUse[] {
  const uses: KeyUse[] = [{ position: 1, access: READ_ACCESS }]
  for (let i = 2; i < args.length; i++) {
    if (isToken(args[i], 'limit')) i += 2
    else if (isToken(args[i], 'by') || isToken(args[i], 'get')) i++
    else if (isToken(args[i], 'store') && i + 1 < args.length) uses[1] = { position: ++i, access: OVERWRITE_ACCESS }
  }
  return uses
}

/**
 * GEORADIUS and GEORADIUSBYMEMBER use the last STORE or STOREDIST. `firstOption` is the position of
 * the first option.
 */
export function findRadiusKeys(firstOption: number): (args: readonly Bytes[]) => readonly KeyUse[] {
  return (args) => {
    const uses: KeyUse[] = [{ position: 1, access: READ_ACCESS }]
    for (let i = firstOption; i + 1 < args.length; i++) {
      if (isToken(args[i], 'count')) i++
      else if (isToken(args[i], 'store') || isToken(args[i], 'storedist')) uses[1] = { position: ++i, access: OVERWRITE_ACCESS }
    }
    return uses
  }
}

/**
 * XREAD and XREADGROUP: the first half of the words after STREAMS. A group, a consumer or a key may
 * also be called `streams`.
 */
export function findStreamKeys(args: readonly Bytes[]): readonly KeyUse[] | null {
  let i = 1
  while (i < args.length && !isToken(args[i], 'streams')) i += wordsOfOption(args[i])
  const first = i + 1
  const count = Math.trunc((args.length - first) / 2)
  if (count <= 0) return null
  return Array.from({ length: count }, (_, at) => ({ position: first + at, access: READ_ACCESS }))
}

/** The number of words that an option of XREAD or XREADGROUP takes. */
function wordsOfOption(option: Bytes | undefined): number {
  if (isToken(option, 'group')) return 3
  return isToken(option, 'count') || isToken(option, 'block') ? 2 : 1
}

/**
 * Derives the ACL categories of a command as Redis does: from its flags, its group, and the
 * categories that its declaration adds. COMMAND INFO lists them in the order of `CATEGORIES`.
 */
import type { Bytes } from '../../base/bytes.ts'
import { isToken } from '../parsing/args.ts'
import type { Command, Group } from './command.ts'

/** Every category, in Redis's order. */
export const CATEGORIES = [
  'keyspace',
  'read',
  'write',
  'set',
  'sortedset',
  'list',
  'hash',
  'string',
  'bitmap',
  'hyperloglog',
  'geo',
  'stream',
  'pubsub',
  'admin',
  'fast',
  'slow',
  'blocking',
  'dangerous',
  'connection',
  'transaction',
  'scripting',
] as const

export type Category = (typeof CATEGORIES)[number]

const CATEGORY_OF_GROUP: Readonly<Record<Group, Category | null>> = {
  generic: 'keyspace',
  string: 'string',
  bitmap: 'bitmap',
  connection: 'connection',
  server: null,
  hash: 'hash',
  list: 'list',
  set: 'set',
  'sorted-set': 'sortedset',
  stream: 'stream',
  geo: 'geo',
  hyperloglog: 'hyperloglog',
  transactions: 'transaction',
  scripting: 'scripting',
  cluster: null,
  pubsub: null, // the flag `pubsub` decides: PUBSUB HELP lacks it
}

const GROUP_CATEGORIES = new Set<string | null>(Object.values(CATEGORY_OF_GROUP))

/** Returns the category with this name (any case, without the @); null if there is none. */
export function categoryOf(name: Bytes): Category | null {
  return CATEGORIES.find((category) => isToken(name, category)) ?? null
}

/** Returns the categories of a command, without the @. */
export function categoriesOf(command: Command): readonly Category[] {
  const found = new Set<string>(command.categories)
  const declared = command.categories?.some((category) => GROUP_CATEGORIES.has(category)) ?? false
  const own = CATEGORY_OF_GROUP[command.group]
  // A container belongs to no group category, as in Redis; its subcommands do.
  if (own !== null && !declared && command.subcommands === undefined) found.add(own)
  const { flags } = command
  if (flags.includes('write')) found.add('write')
  if (flags.includes('readonly') && command.group !== 'scripting') found.add('read')
  if (flags.includes('admin')) found.add('admin').add('dangerous')
  if (flags.includes('pubsub')) found.add('pubsub')
  if (flags.includes('blocking')) found.add('blocking')
  found.add(flags.includes('fast') ? 'fast' : 'slow')
  return CATEGORIES.filter((category) => found.has(category))
}

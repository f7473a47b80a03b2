/**
 * A command is data: dispatch, COMMAND, ACL and the documentation all read its declaration.
 *
 * `syntax` is the usage line as Redis prints it; COMMAND DOCS derives the argument tree from it
 * (introspection/docs.ts).
 *
 * `run` is synchronous. A few commands must wait, mostly for the disk, and declare `steps` instead.
 * Run alone, such a command holds only its own client. As part of an EXEC or a script it runs
 * without a pause, and everything else waits.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import type { Steps } from '../../storage/scan/steps.ts'
import type { Context } from './context.ts'
import type { Reply } from './reply.ts'

/** The words of a request, the command's name first. The arity check guarantees the fixed words. */
export interface Args extends ReadonlyArray<Bytes> {
  readonly 0: Bytes
  readonly 1: Bytes
  readonly 2: Bytes
  readonly 3: Bytes
  readonly 4: Bytes
}

/** The flags that COMMAND INFO shows, in Redis's spelling. */
export type CommandFlag =
  | 'write'
  | 'readonly'
  | 'denyoom'
  | 'admin'
  | 'pubsub'
  | 'noscript'
  | 'blocking'
  | 'loading'
  | 'stale'
  | 'skip_monitor'
  | 'skip_slowlog'
  | 'fast'
  | 'no_auth'
  | 'may_replicate'
  | 'no_mandatory_keys'
  | 'no_async_loading'
  | 'no_multi'
  | 'allow_busy'
  | 'movablekeys'
  | 'asking'

export type Group =
  | 'generic'
  | 'string'
  | 'bitmap'
  | 'connection'
  | 'server'
  | 'hash'
  | 'list'
  | 'set'
  | 'sorted-set'
  | 'stream'
  | 'geo'
  | 'hyperloglog'
  | 'transactions'
  | 'scripting'
  | 'pubsub'
  | 'cluster'

/**
 * How a command uses a key, in the words of COMMAND INFO: RO, RW, OW or RM, then access, update,
 * insert, delete and so on.
 */
export type KeyAccess = 'RO' | 'RW' | 'OW' | 'RM' | 'access' | 'update' | 'insert' | 'delete' | 'not_key' | 'incomplete' | 'variable_flags'

export interface KeySpec {
  readonly access: readonly KeyAccess[]
  /** The free text that COMMAND INFO shows with the spec. */
  readonly notes?: string
  /**
   * `keyword`: keys begin after this word, searched from `startFrom` (negative: backwards from the
   * end). `unknown`: see `findKeys`.
   */
  readonly begin: { readonly index: number } | { readonly keyword: Bytes; readonly startFrom: number } | { readonly unknown: true }
  /**
   * `range`: every `step`-th word up to `last` (relative to the first key; negative counts from the
   * end); `limit` as in Redis. `counted`: the number of keys is at `countIndex`, and the keys begin
   * at `first`. Both are relative to `begin`.
   */
  readonly find:
    | { readonly last: number; readonly step: number; readonly limit: number }
    | { readonly countIndex: number; readonly first: number; readonly step: number }
    | { readonly unknown: true }
}

/** A word of a request that is a key. */
export interface KeyUse {
  readonly position: number
  readonly access: readonly KeyAccess[]
}

export interface Command {
  /** Lower case; a subcommand's name is `container|sub`. */
  readonly name: Bytes
  readonly group: Group
  readonly since: string
  readonly summary: string
  readonly complexity?: string
  /** The usage line as Redis prints it: `SET key value [NX | XX] ...`. */
  readonly syntax: string
  /** Number of words including the name; negative means at least that number. */
  readonly arity: number
  readonly flags: readonly CommandFlag[]
  readonly keys?: readonly KeySpec[]
  /**
   * Finds the keys instead of the specs, if these cannot: SORT's STORE, or accesses that depend on
   * options. Returns null for invalid arguments.
   */
  readonly findKeys?: (args: readonly Bytes[]) => readonly KeyUse[] | null
  /**
   * The position of the first element that the command looks up in the collection at its key;
   * `least` if the command takes the member with the least score. It serves to preload the element
   * only.
   */
  readonly element?: number | 'least'
  /** The words after the name that are channels or patterns of channels: only the first, or all. */
  readonly channels?: { readonly kind: 'channel' | 'pattern'; readonly count: 'one' | 'all' }
  /**
   * ACL categories beyond those that follow from group and flags, without the @. The category of
   * another group replaces that of the command's own group. WAIT, a generic command, has
   * `connection`.
   */
  readonly categories?: readonly string[]
  readonly history?: readonly (readonly [version: string, change: string])[]
  readonly tips?: readonly string[]
  readonly docFlags?: readonly ('deprecated' | 'syscmd')[]
  readonly deprecatedSince?: string
  readonly replacedBy?: string
  /**
   * The effect depends on arguments and keyspace alone, so the request's own bytes may be logged.
   */
  readonly isVerbatim?: boolean
  readonly subcommands?: readonly Command[]
  /** A container may lack it: then only its subcommands can be called. */
  readonly run?: (context: Context, args: Args) => Reply
  readonly steps?: (context: Context, args: Args) => Steps<Reply>
  /** Returns false if `steps` would wait for nothing now. Such a command then runs like others. */
  readonly mayWait?: (keyspace: Keyspace) => boolean
}

/** Checks the shape at compile time and returns the declaration unchanged. */
export function command(declaration: Command): Command {
  return declaration
}

/**
 * Returns a command's work as a generator. An error that `steps` throws before it returns is thrown
 * by the first `next`.
 */
export function* stepsOf({ steps }: Command, context: Context, args: readonly Bytes[]): Steps<Reply> {
  return yield* (must(steps) as (context: Context, args: readonly Bytes[]) => Steps<Reply>)(context, args)
}

/** The key spec of one key at position 1. */
export function firstKey(...access: KeyAccess[]): readonly [KeySpec] {
  return [{ access, begin: { index: 1 }, find: { last: 0, step: 1, limit: 0 } }]
}

/**
 * The key spec of every `step`-th word from position `first` to `last` (negative: counted from the
 * end of the request).
 */
export function keyRange(first: number, last: number, step: number, ...access: KeyAccess[]): KeySpec {
  return { access, begin: { index: first }, find: { last: last < 0 ? last : last - first, step, limit: 0 } }
}

/**
 * A command is declared as data, read by dispatch, COMMAND, ACL and the documentation alike, with one synchronous run function.
 *
 * `syntax` is the usage line as Redis prints it; COMMAND DOCS derives the argument tree from it (docs.ts).
 * A unit (a command, an EXEC, a script) runs start to end without suspending. `steps` is for the few that wait for the disk or the like by nature:
 * by themselves they hold only their own client; in a larger unit they run at one go, while everything waits for them.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Steps } from '../../storage/scan/steps.ts'
import type { Context } from './context.ts'
import type { Reply } from './reply.ts'

/** The words of a request, the command's name first. The arity check has made sure of the fixed ones. */
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

/** How a command uses a key, in the words of COMMAND INFO: RO, RW, OW or RM, then access, update, insert, delete ... */
export type KeyAccess = 'RO' | 'RW' | 'OW' | 'RM' | 'access' | 'update' | 'insert' | 'delete' | 'not_key' | 'incomplete' | 'variable_flags'

export interface KeySpec {
  readonly access: readonly KeyAccess[]
  /** What COMMAND INFO says besides. */
  readonly notes?: string
  /** `keyword`: the word after it, looked for from `startFrom` on (negative: from the end, backwards). `unknown`: see `findKeys`. */
  readonly begin: { readonly index: number } | { readonly keyword: Bytes; readonly startFrom: number } | { readonly unknown: true }
  /** `range`: keys up to `last` (relative to the first; negative counts from the end), every `step`-th, `limit` as in Redis.
   *  `counted`: a number of keys stands at `countIndex` and the keys from `first` on (both relative to begin). */
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
  /** Lower case; a subcommand's is `container|sub`. */
  readonly name: Bytes
  readonly group: Group
  readonly since: string
  readonly summary: string
  readonly complexity?: string
  /** As Redis prints it: `SET key value [NX | XX] ...`. */
  readonly syntax: string
  /** Number of words with the name; negative means at least that many. */
  readonly arity: number
  readonly flags: readonly CommandFlag[]
  readonly keys?: readonly KeySpec[]
  /** Finds the keys where the specs cannot: SORT's STORE, accesses that depend on options. Null for arguments that make no sense. */
  readonly findKeys?: (args: readonly Bytes[]) => readonly KeyUse[] | null
  /** The words after the name that are channels, or patterns of channels: the first one, or all. */
  readonly channels?: { readonly kind: 'channel' | 'pattern'; readonly count: 'one' | 'all' }
  /** ACL categories beyond those that follow from group and flags, without the @. One that stands for a group (`connection` of WAIT, a
   *  generic command) replaces that of the own group. */
  readonly categories?: readonly string[]
  readonly history?: readonly (readonly [version: string, change: string])[]
  readonly tips?: readonly string[]
  readonly docFlags?: readonly ('deprecated' | 'syscmd')[]
  readonly deprecatedSince?: string
  readonly replacedBy?: string
  /** The effect is a function of arguments and keyspace alone, so the request's own bytes may be logged. */
  readonly verbatim?: boolean
  readonly subcommands?: readonly Command[]
  /** Containers without a run answer through their subcommands only. */
  readonly run?: (context: Context, args: Args) => Reply
  readonly steps?: (context: Context, args: Args) => Steps<Reply>
}

/** Checks the shape at compile time and keeps the declaration as written. */
export function command(declaration: Command): Command {
  return declaration
}

/** A command's work as a generator from its first step on: whatever `steps` throws before it returns is thrown by the first `next`. */
export function* stepsOf({ steps }: Command, context: Context, args: readonly Bytes[]): Steps<Reply> {
  return yield* (steps as unknown as (context: Context, args: readonly Bytes[]) => Steps<Reply>)(context, args)
}

/** The one key at position 1. */
export function firstKey(...access: KeyAccess[]): readonly KeySpec[] {
  return [{ access, begin: { index: 1 }, find: { last: 0, step: 1, limit: 0 } }]
}

/** Keys from position `first` to `last` (negative: from the end of the request), every `step`-th. */
export function keyRange(first: number, last: number, step: number, ...access: KeyAccess[]): KeySpec {
  return { access, begin: { index: first }, find: { last: last < 0 ? last : last - first, step, limit: 0 } }
}

/**
 * A CommandRuntime holds the properties of a command that the executor reads for each request: its
 * flags as booleans, and its counters. `Runtimes` finds it by the words of a request.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Command, CommandFlag } from './command.ts'
import { findBitfieldKeys, findSetKeys } from './key-finder.ts'
import type { CommandTable } from './table.ts'

export interface CommandRuntime {
  readonly command: Command
  readonly isWrite: boolean
  /** True for write commands, and for others that may be logged: scripts, PFCOUNT, PUBLISH. */
  readonly mayWrite: boolean
  /**
   * True if the gates must be asked while writes are gated. They are asked for commands that may
   * write, and for EVAL_RO and the like, whose scripts have flags of their own.
   */
  readonly isWriteGated: boolean
  /**
   * When MONITOR shows a request. Scripts come before their commands, so that the output reads in
   * order.
   */
  readonly shown: 'before' | 'after' | 'never'
  readonly mayRunUnauthenticated: boolean
  /** True if it runs at once between MULTI and EXEC instead of being queued. */
  readonly isForTransactions: boolean
  readonly isForbiddenInMulti: boolean
  readonly isForbiddenInScripts: boolean
  /** True if a RESP2 client with subscriptions may run it. */
  readonly isForSubscribers: boolean
  readonly minimum: number
  /** The exact number of words; -1 if there may be more than `minimum`. */
  readonly exact: number
  /** The position of the first key; 0 if the command has none, or none at a fixed position. */
  readonly firstKey: number
  /** The position of the only word that a cluster places in a slot; 0 if there may be others. */
  readonly soleKey: number
  /** True if a cluster places words of the command in slots: keys, and shard channels. */
  readonly hasPlacedWords: boolean
  /** The distance between keys up to the end of the request; 0 if there is one key only. */
  readonly keyStep: number
  /**
   * The position of the first element that is looked up in the key's collection; 0 if none, -1 if
   * the member with the least score is taken.
   */
  readonly element: number
  readonly statistics: CommandCounters
}

export interface CommandCounters {
  calls: number
  micros: number
  rejected: number
  failed: number
}

/** Spellings of names kept for the next request; a client may send any mix of cases. */
const MAX_SPELLINGS = 2000
/** Finders of keys that look at the options for the access only. */
const KEEPS_POSITION: ReadonlySet<Command['findKeys']> = new Set([findSetKeys, findBitfieldKeys])
const FOR_TRANSACTIONS = new Set(['multi', 'exec', 'discard', 'watch', 'quit', 'reset'])
const SUBSCRIBING = ['subscribe', 'psubscribe', 'ssubscribe', 'unsubscribe', 'punsubscribe', 'sunsubscribe']
const FOR_SUBSCRIBERS = new Set([...SUBSCRIBING, 'ping', 'quit', 'reset'])

/** Finds the runtime record of a command by the words of a request. */
export class Runtimes {
  private readonly table: CommandTable
  private readonly byCommand = new Map<Command, CommandRuntime>()
  private readonly spellings = new Map<Bytes, CommandRuntime>()

  constructor(table: CommandTable, counters: (command: Command) => CommandCounters) {
    this.table = table
    for (const command of table.byName.values()) this.byCommand.set(command, runtimeOf(command, counters(command)))
  }

  /** Finds a command or a container by a request's first word. */
  find(name: Bytes): CommandRuntime | undefined {
    return this.spellings.get(name) ?? this.findAnyCase(name)
  }

  /**
   * Finds the command of a request, with its subcommand if the container has one. Returns undefined
   * if unknown.
   */
  resolve(args: readonly Bytes[]): CommandRuntime | undefined {
    const runtime = this.find(must(args[0]))
    if (runtime?.command.subcommands === undefined || args.length < 2) return runtime
    const subcommand = this.table.findSubcommand(runtime.command, must(args[1]))
    return subcommand === undefined ? runtime : this.byCommand.get(subcommand)
  }

  private findAnyCase(name: Bytes): CommandRuntime | undefined {
    const command = this.table.find(name)
    if (command === undefined) return undefined
    const runtime = this.byCommand.get(command)
    if (runtime !== undefined && this.spellings.size < MAX_SPELLINGS) this.spellings.set(name, runtime)
    return runtime
  }
}

function runtimeOf(command: Command, statistics: CommandCounters): CommandRuntime {
  const has = (flag: CommandFlag) => command.flags.includes(flag)
  return {
    command,
    isWrite: has('write'),
    mayWrite: has('write') || has('may_replicate'),
    isWriteGated: has('write') || has('may_replicate') || runsScript(command),
    shown: has('admin') ? 'never' : has('skip_monitor') ? 'before' : 'after',
    mayRunUnauthenticated: has('no_auth'),
    isForTransactions: FOR_TRANSACTIONS.has(command.name),
    isForbiddenInMulti: has('no_multi'),
    isForbiddenInScripts: has('noscript'),
    isForSubscribers: FOR_SUBSCRIBERS.has(command.name),
    minimum: Math.abs(command.arity),
    exact: command.arity > 0 ? command.arity : -1,
    ...keyPositions(command),
    soleKey: soleKeyOf(command),
    hasPlacedWords: command.keys !== undefined || command.findKeys !== undefined,
    element: command.element === 'least' ? -1 : (command.element ?? 0),
    statistics,
  }
}

/** Returns the fixed positions of a command's keys. */
function keyPositions({ keys }: Command): Pick<CommandRuntime, 'firstKey' | 'keyStep'> {
  const spec = keys?.[0]
  if (spec === undefined || !('index' in spec.begin && 'last' in spec.find) || spec.access.includes('not_key'))
    return { firstKey: 0, keyStep: 0 }
  return { firstKey: spec.begin.index, keyStep: spec.find.last === 0 ? 0 : spec.find.step }
}

/** Returns the position of the only word that the command's specs place in a slot; 0 if none. */
function soleKeyOf({ keys, findKeys }: Command): number {
  const [spec, ...others] = keys ?? []
  if (spec === undefined || others.length > 0 || (findKeys !== undefined && !KEEPS_POSITION.has(findKeys))) return 0
  return 'index' in spec.begin && 'last' in spec.find && spec.find.last === 0 ? spec.begin.index : 0
}

/** The command of a request that names none. */
export const UNKNOWN_COMMAND: CommandRuntime = runtimeOf(
  { name: '', group: 'generic', since: '', summary: '', syntax: '', arity: -1, flags: [] },
  { calls: 0, micros: 0, rejected: 0, failed: 0 },
)

/** True if a command runs others that it does not name. */
export function runsScript({ group, flags }: Command): boolean {
  return group === 'scripting' && flags.includes('no_mandatory_keys')
}

/** True if a request has the number of words that its command takes. */
export function hasRightArity(runtime: CommandRuntime, count: number): boolean {
  return runtime.exact >= 0 ? count === runtime.exact : count >= runtime.minimum
}

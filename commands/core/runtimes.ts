/** What the executor keeps of each command while the server runs, and how a request's words lead to it. */
import { type Bytes, lowerCase } from '../../base/bytes.ts'
import type { Command, CommandFlag } from './command.ts'
import type { CommandTable } from './table.ts'

export interface CommandRuntime {
  readonly command: Command
  readonly isWrite: boolean
  /** Whether it may write though it is no write command: scripts, PFCOUNT, PUBLISH. */
  readonly mayWrite: boolean
  /** Whether what stands in the way of writes may stand in its way: what may write, and scripts of commands that only read, by what they say of
   *  themselves. */
  readonly concernsWrites: boolean
  /** When a request is shown to MONITOR: scripts before what they do, so that it is read in its order. */
  readonly shown: 'before' | 'after' | 'never'
  readonly noAuth: boolean
  /** Whether it is run at once between MULTI and EXEC, not queued. */
  readonly isForTransactions: boolean
  readonly noMulti: boolean
  readonly isForbiddenInScripts: boolean
  /** Whether a client of RESP2 that is subscribed may run it. */
  readonly isForSubscribers: boolean
  readonly minimum: number
  /** Exact number of words, or -1. */
  readonly exact: number
  readonly statistics: CommandCounters
}

export interface CommandCounters {
  calls: number
  micros: number
  rejected: number
  failed: number
}

const KNOWN_SPELLINGS = 2000
const FOR_TRANSACTIONS = new Set(['multi', 'exec', 'discard', 'watch', 'quit', 'reset'])
const SUBSCRIBING = ['subscribe', 'psubscribe', 'ssubscribe', 'unsubscribe', 'punsubscribe', 'sunsubscribe']
const FOR_SUBSCRIBERS = new Set([...SUBSCRIBING, 'ping', 'quit', 'reset'])

export class Runtimes {
  private readonly table: CommandTable
  private readonly byCommand = new Map<Command, CommandRuntime>()
  private readonly spellings = new Map<Bytes, CommandRuntime>()

  constructor(table: CommandTable, counters: (command: Command) => CommandCounters) {
    this.table = table
    for (const command of table.byName.values()) this.byCommand.set(command, runtimeOf(command, counters(command)))
  }

  /** By a request's first word: a command or a container. */
  find(name: Bytes): CommandRuntime | undefined {
    return this.spellings.get(name) ?? this.findOtherwise(name)
  }

  /** The command of a request, or undefined; a container's subcommand where it has one. */
  resolve(args: readonly Bytes[]): CommandRuntime | undefined {
    const runtime = this.find(args[0] as Bytes)
    if (runtime?.command.subcommands === undefined || args.length < 2) return runtime
    const subcommand = this.table.findSubcommand(runtime.command, args[1] as Bytes)
    return subcommand === undefined ? runtime : this.byCommand.get(subcommand)
  }

  private findOtherwise(name: Bytes): CommandRuntime | undefined {
    if (name.length > 64 || name.includes('|')) return undefined
    const command = this.table.byName.get(lowerCase(name))
    if (command === undefined) return undefined
    const runtime = this.byCommand.get(command)
    if (runtime !== undefined && this.spellings.size < KNOWN_SPELLINGS) this.spellings.set(name, runtime)
    return runtime
  }
}

function runtimeOf(command: Command, statistics: CommandCounters): CommandRuntime {
  const has = (flag: CommandFlag) => command.flags.includes(flag)
  return {
    command,
    isWrite: has('write'),
    mayWrite: has('write') || has('may_replicate'),
    concernsWrites: has('write') || has('may_replicate') || runsScript(command),
    shown: has('admin') ? 'never' : has('skip_monitor') ? 'before' : 'after',
    noAuth: has('no_auth'),
    isForTransactions: FOR_TRANSACTIONS.has(command.name),
    noMulti: has('no_multi'),
    isForbiddenInScripts: has('noscript'),
    isForSubscribers: FOR_SUBSCRIBERS.has(command.name),
    minimum: Math.abs(command.arity),
    exact: command.arity > 0 ? command.arity : -1,
    statistics,
  }
}

/** Whether a command runs others that it does not name. */
export function runsScript({ group, flags }: Command): boolean {
  return group === 'scripting' && flags.includes('no_mandatory_keys')
}

/** Whether a request has as many words as its command takes. */
export function hasRightArity(runtime: CommandRuntime, count: number): boolean {
  return runtime.exact >= 0 ? count === runtime.exact : count >= runtime.minimum
}

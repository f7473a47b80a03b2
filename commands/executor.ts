/**
 * Runs requests: one ladder of checks (known, arity, authenticated, gates), then the command, then its reply and its log.
 *
 * While nothing is out of the ordinary `gated` is 'none' and costs one comparison. A gate can refuse a command with an error or tell the caller
 * to hold the client and offer the request again later.
 */
import type { OpenGroup } from '../storage/binlog/open-group.ts'
import { type Bytes, lowerCase } from '../storage/bytes.ts'
import type { Keyspace } from '../storage/keyspace.ts'
import { type BlockedClient, BlockedClients, type BlockedHandler } from './blocked-clients.ts'
import { BLOCKED, type BlockOptions } from './blocking.ts'
import type { Args, Command, CommandFlag } from './command.ts'
import { Context } from './context.ts'
import { ClientError, unknownSubcommand } from './errors.ts'
import type { ServerPort } from './ports.ts'
import type { Reply } from './reply.ts'
import type { Session } from './session.ts'

/** A client whose requests are run: a session that can be answered. */
export interface Client extends Session {
  reply(reply: Reply): void
  /** `text` with its code word. */
  replyError(text: Bytes): void
}

/** What the executor keeps of each command while the server runs. */
export interface CommandRuntime {
  readonly command: Command
  readonly isWrite: boolean
  /** Whether a request is shown to MONITOR. */
  readonly isShown: boolean
  readonly noAuth: boolean
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

/** Says why a command cannot run now: a text to refuse it with, 'hold' to keep it for later, or null. */
export type Gate = (runtime: CommandRuntime, args: readonly Bytes[], client: Client) => Bytes | 'hold' | null

/** What came of a request. 'held': it has not run and must be offered again. 'waiting': it will be answered later, and `resumed` says when. */
export type Outcome = 'done' | 'held' | 'waiting'

export interface ExecutorHooks {
  /** Counters of a command, made once. */
  counters(command: Command): CommandCounters
  /** After each command, with its duration in microseconds. */
  ran(runtime: CommandRuntime, client: Client, args: readonly Bytes[], micros: number): void
  /** A browser or the like has been made to speak to this port: its connection is to end before anything in the body is taken for a command. */
  attacked(client: Client): void
  /** An error reply of any kind. */
  failed(text: Bytes): void
  /** After each command while there are monitors, as in Redis. */
  monitor(client: Client, args: readonly Bytes[]): void
  /** A command that its client had to wait for is done: the client may go on. Called between units. */
  resumed(client: Client): void
  /** Something that only a bug or damage can cause came out of a command. Where it had changed something, what is in memory cannot be
   *  trusted while what is in the binlog can: the process must end. */
  broken(error: unknown, changed: boolean): void
}

const KNOWN_SPELLINGS = 2000

export class Executor {
  /** Before which commands `gate` must be asked. */
  gated: 'none' | 'writes' | 'all' = 'none'
  gate: Gate = () => null
  /** The same question without holding anybody: whether a command that has waited for its keys can run now. */
  isOpen: (runtime: CommandRuntime, args: readonly Bytes[], client: Client) => boolean = () => true
  monitors = 0
  /** Monotonic time at the end of the last command, ms. */
  clockMs = 0
  readonly context: Context
  readonly blockedClients: BlockedClients
  private readonly keyspace: Keyspace
  private readonly group: OpenGroup
  private readonly server: ServerPort
  private readonly hooks: ExecutorHooks
  private readonly monotonicMs: () => number
  private readonly groupStart: () => number
  private readonly runtimes = new Map<Command, CommandRuntime>()
  private readonly spellings = new Map<Bytes, CommandRuntime>()

  constructor(options: {
    keyspace: Keyspace
    group: OpenGroup
    server: ServerPort
    hooks: ExecutorHooks
    monotonicMs: () => number
    /** Binlog offset at which the open group will begin. */
    groupStart: () => number
  }) {
    this.keyspace = options.keyspace
    this.group = options.group
    this.server = options.server
    this.hooks = options.hooks
    this.monotonicMs = options.monotonicMs
    this.groupStart = options.groupStart
    this.context = new Context(this.keyspace, this.server)
    this.context.mayBlock = true
    this.blockedClients = new BlockedClients(this.keyspace, this.blockedHandler(), this.monotonicMs)
    for (const command of this.server.table.byName.values()) this.runtimes.set(command, this.makeRuntime(command))
  }

  /**
   * Runs one request. `raw` with its bounds is where the request stands in canonical encoding, or null. Everything a client can do wrong
   * is answered here.
   */
  execute(client: Client, args: Bytes[], raw: Buffer | null, start: number, end: number): Outcome {
    const runtime = this.spellings.get(args[0] as Bytes) ?? this.findRuntime(args)
    if (runtime === undefined || runtime.command.subcommands !== undefined) return this.executeRare(client, args)
    return this.dispatch(runtime, client, args, raw, start, end)
  }

  /** The command of a request, or undefined; a container's subcommand where it has one. */
  resolve(args: readonly Bytes[]): CommandRuntime | undefined {
    const runtime = this.spellings.get(args[0] as Bytes) ?? this.findRuntime(args)
    if (runtime?.command.subcommands === undefined || args.length < 2) return runtime
    const subcommand = this.server.table.findSubcommand(runtime.command, args[1] as Bytes)
    return subcommand === undefined ? runtime : this.runtimes.get(subcommand)
  }

  /** Runs a logged command again. Throws where it fails: what was logged once cannot. */
  replay(client: Client, args: Bytes[]): void {
    const runtime = this.resolve(args)
    const run = runtime?.command.run
    if (run === undefined) throw new Error(`the binlog holds a command that is unknown or cannot be replayed: ${args[0]}`)
    const { context } = this
    context.session = client
    context.db = this.keyspace.database(client.database)
    context.effects = null
    context.mayBlock = false
    context.mayChange = true
    run(context, args as unknown as Args)
    context.mayBlock = true
    this.group.reset()
  }

  /** To be called at the end of each unit: serves those who have waited for what it changed. */
  endUnit(): void {
    if (this.blockedClients.hasReady) this.blockedClients.serve()
  }

  /** To be called before a buffer that `raw` requests stood in changes: what the log still wants of it is copied. */
  settle(): void {
    this.group.settle()
  }

  private dispatch(runtime: CommandRuntime, client: Client, args: Bytes[], raw: Buffer | null, start: number, end: number): Outcome {
    const count = args.length
    if (runtime.exact >= 0 ? count !== runtime.exact : count < runtime.minimum) {
      return this.refuse(runtime, client, `ERR wrong number of arguments for '${runtime.command.name}' command`)
    }
    if (!client.authenticated && !runtime.noAuth) return this.refuse(runtime, client, 'NOAUTH Authentication required.')
    if (this.gated !== 'none' && (runtime.isWrite || this.gated === 'all')) {
      const verdict = this.gate(runtime, args, client)
      if (verdict === 'hold') return 'held'
      if (verdict !== null) return this.refuse(runtime, client, verdict)
    }
    client.lastCommand = runtime.command.name
    client.lastActiveMs = this.keyspace.now
    if (runtime.command.runAsync !== undefined) {
      void this.runAsync(runtime, client, args)
      return 'waiting'
    }
    const outcome = this.runSync(runtime, client, args, raw, start, end)
    const now = this.monotonicMs()
    const micros = (now - this.clockMs) * 1000
    this.clockMs = now
    if (outcome === 'done') this.ran(runtime, client, args, micros)
    if (this.monitors > 0 && runtime.isShown) this.hooks.monitor(client, args)
    if (this.blockedClients.hasReady) {
      this.blockedClients.serve()
      this.clockMs = this.monotonicMs() // not this client's time
    }
    return outcome
  }

  private ran(runtime: CommandRuntime, client: Client, args: readonly Bytes[], micros: number): void {
    runtime.statistics.calls++
    runtime.statistics.micros += micros
    this.hooks.ran(runtime, client, args, micros)
  }

  /** What is done to clients whose keys are ready, or whose time is up. */
  private blockedHandler(): BlockedHandler {
    return {
      isOpen: ({ runtime, args, client }) =>
        this.gated === 'none' || (this.gated === 'writes' && !runtime.isWrite) || this.isOpen(runtime, args, client),
      runAgain: (blocked) => this.runAgain(blocked),
      fail: ({ runtime, client }, text) => {
        runtime.statistics.failed++
        this.hooks.failed(text)
        client.replyError(text)
      },
      ended: ({ runtime, client, args, micros }) => {
        this.ran(runtime, client, args, micros)
        queueMicrotask(() => this.hooks.resumed(client))
      },
    }
  }

  private runAgain(blocked: BlockedClient): void {
    const { runtime, client, args, options } = blocked
    const started = this.monotonicMs()
    const outcome = this.runSync(runtime, client, (options.args ?? args) as Bytes[], null, 0, 0)
    blocked.micros += (this.monotonicMs() - started) * 1000
    if (outcome === 'done') this.blockedClients.finish(blocked)
  }

  private runSync(runtime: CommandRuntime, client: Client, args: Bytes[], raw: Buffer | null, start: number, end: number): Outcome {
    const { keyspace, context } = this
    const { command } = runtime
    const before = keyspace.changes
    keyspace.touching = !client.noTouch
    context.session = client
    context.db = keyspace.database(client.database)
    context.effects = null
    context.mayChange = this.gated === 'none'
    const { index } = context.db
    let reply: Reply
    try {
      reply = (command.run as NonNullable<Command['run']>)(context, args as unknown as Args)
    } catch (error) {
      this.failedRun(runtime, client, error, keyspace.changes !== before)
      return 'done'
    }
    if (keyspace.changes !== before) {
      client.lastWriteAt = this.groupStart()
      if (context.hasEffects) context.logEffects(this.group, index)
      else if (raw !== null && command.verbatim === true) this.group.raw(index, raw, start, end)
      else this.group.command(index, args)
    }
    if (reply === BLOCKED) {
      this.blockedClients.block(client, runtime, args, context.waitsFor as BlockOptions)
      return 'waiting'
    }
    client.reply(reply)
    return 'done'
  }

  private async runAsync(runtime: CommandRuntime, client: Client, args: Bytes[]): Promise<void> {
    const context = new Context(this.keyspace, this.server)
    context.session = client
    context.db = this.keyspace.database(client.database)
    const started = this.monotonicMs()
    const before = this.keyspace.changes
    try {
      const reply = (runtime.command.runAsync as NonNullable<Command['runAsync']>)(context, args as unknown as Args)
      // What it has done so far is a unit of this turn; it must change nothing after its first await.
      if (this.keyspace.changes !== before) {
        client.lastWriteAt = this.groupStart()
        context.logEffects(this.group, context.db.index)
      }
      client.reply(await reply)
    } catch (error) {
      this.failedRun(runtime, client, error, false)
    }
    this.ran(runtime, client, args, (this.monotonicMs() - started) * 1000)
    if (this.monitors > 0 && runtime.isShown) this.hooks.monitor(client, args)
    this.hooks.resumed(client)
  }

  private failedRun(runtime: CommandRuntime, client: Client, error: unknown, changed: boolean): void {
    runtime.statistics.failed++
    if (error instanceof ClientError && !changed) {
      this.hooks.failed(error.message)
      client.replyError(error.message)
      return
    }
    const text = `ERR internal error: ${error instanceof Error ? error.message : String(error)}`
    this.hooks.failed(text)
    client.replyError(text)
    this.hooks.broken(error, changed)
  }

  private refuse(runtime: CommandRuntime, client: Client, text: Bytes): Outcome {
    runtime.statistics.rejected++
    this.hooks.failed(text)
    client.replyError(text)
    return 'done'
  }

  /** Containers, unknown commands. */
  private executeRare(client: Client, args: Bytes[]): Outcome {
    const runtime = this.resolve(args)
    if (runtime === undefined) {
      if (isHttp(args[0] as Bytes)) this.hooks.attacked(client)
      else this.refuseUnknown(client, unknownCommand(args))
      return 'done'
    }
    const { command } = runtime
    const isContainer = command.subcommands !== undefined
    if (isContainer && args.length >= 2) return this.refuseUnknown(client, unknownSubcommand(args[1] as Bytes, command.name).message)
    if (isContainer && command.run === undefined && command.runAsync === undefined) {
      return this.refuse(runtime, client, `ERR wrong number of arguments for '${command.name}' command`)
    }
    return this.dispatch(runtime, client, args, null, 0, 0)
  }

  private refuseUnknown(client: Client, text: Bytes): Outcome {
    this.hooks.failed(text)
    client.replyError(text)
    return 'done'
  }

  private findRuntime(args: readonly Bytes[]): CommandRuntime | undefined {
    const name = args[0] as Bytes
    if (name.length > 64 || name.includes('|')) return undefined
    const command = this.server.table.byName.get(lowerCase(name))
    if (command === undefined) return undefined
    const runtime = this.runtimes.get(command)
    if (runtime !== undefined && this.spellings.size < KNOWN_SPELLINGS) this.spellings.set(name, runtime)
    return runtime
  }

  private makeRuntime(command: Command): CommandRuntime {
    const has = (flag: CommandFlag) => command.flags.includes(flag)
    return {
      command,
      isWrite: has('write'),
      isShown: !has('skip_monitor') && !has('admin'),
      noAuth: has('no_auth'),
      minimum: Math.abs(command.arity),
      exact: command.arity > 0 ? command.arity : -1,
      statistics: this.hooks.counters(command),
    }
  }
}

/** The first words of a POST request's lines. */
function isHttp(name: Bytes): boolean {
  const word = lowerCase(name)
  return word === 'post' || word === 'host:'
}

/** Redis's text: the name and the arguments, each cut to 128 bytes in all. */
function unknownCommand(args: readonly Bytes[]): Bytes {
  const name = (args[0] as Bytes).slice(0, 128)
  let shown = ''
  for (const word of args.slice(1)) {
    if (shown.length >= 128) break
    shown += `'${word.slice(0, 128 - shown.length)}' `
  }
  return `ERR unknown command '${name}', with args beginning with: ${shown}`
}

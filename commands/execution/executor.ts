/**
 * Runs requests: first the checks (known, arity, authenticated, allowed, gates), then the command,
 * then its reply and its log. In normal operation `gated` is 'none' and costs one comparison. A
 * gate refuses a command with an error, or makes the caller hold the client and retry later.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { OpenGroup } from '../../storage/binlog/open-group.ts'
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import { runLater, runNow } from '../../storage/scan/steps.ts'
import { type BlockedClient, BlockedClients, type BlockedHandler } from '../blocking/blocked-clients.ts'
import { Tracking } from '../clients/tracking.ts'
import type { BlockOptions } from '../contract/block-options.ts'
import { type Args, stepsOf } from '../contract/command.ts'
import { Context } from '../contract/context.ts'
import { ClientError, unknownSubcommand, wrongArity } from '../contract/errors.ts'
import type { ServerPort } from '../contract/ports.ts'
import { BLOCKED, ErrorReply, type Reply, SimpleString, SUSPENDED } from '../contract/reply.ts'
import { type CommandRuntime, hasRightArity, Runtimes } from '../contract/runtimes.ts'
import type { Client } from '../contract/session.ts'
import { endTransaction } from '../transactions/transactions.ts'
import type { ExecutorHooks, ExecutorOptions, Gate, Outcome } from './executor-hooks.ts'
import { onlyForSubscribers, strangerOf, unknownCommand } from './refusals.ts'
import { isUnitMark } from './unit.ts'
import { Units } from './units.ts'

/** A clock reading older than this at the end of a unit is replaced before the next unit. */
const MAX_READING_MS = 1

const QUEUED = new SimpleString('QUEUED')

/** Runs requests: checks, command, reply and log. */
export class Executor {
  /** The commands before which `gate` must be asked. */
  gated: 'none' | 'writes' | 'all' = 'none'
  gate: Gate = () => null
  /** Like `gate`, without holding: true if a command whose keys became ready can run now. */
  isOpen: (runtime: CommandRuntime, args: readonly Bytes[], client: Client) => boolean = () => true
  /** Why a unit's part is refused; null lets it run. Inside a unit nothing is held. */
  refusal: (runtime: CommandRuntime, args: readonly Bytes[], client: Client) => Bytes | null = () => null
  monitors = 0
  /** Monotonic time at the end of the last command, ms. */
  clockMs = 0
  /** Monotonic ms at the end of a unit's last part; a caller that works between parts sets it. */
  partMs = 0
  readonly context: Context
  readonly blockedClients: BlockedClients
  readonly units: Units
  readonly tracking: Tracking
  readonly runtimes: Runtimes
  private readonly keyspace: Keyspace
  private readonly group: OpenGroup
  private readonly server: ServerPort
  private readonly hooks: ExecutorHooks
  private readonly monotonicMs: () => number
  private readonly groupStart: () => number
  /** The request whose unit is suspended. */
  private suspended: { readonly runtime: CommandRuntime; readonly client: Client; readonly args: Bytes[] } | null = null

  constructor(options: ExecutorOptions) {
    this.keyspace = options.keyspace
    this.group = options.group
    this.server = options.server
    this.hooks = options.hooks
    this.monotonicMs = options.monotonicMs
    this.groupStart = options.groupStart
    this.context = new Context(this.keyspace, this.server)
    this.context.mayBlock = true
    this.units = new Units({
      keyspace: this.keyspace,
      group: this.group,
      context: this.context,
      runQueued: ({ runtime, args }) => this.runPart(runtime, this.context.session as Client, args),
    })
    this.context.units = this.units
    this.tracking = new Tracking(this.keyspace, this.server.random, (id) => this.server.clients.find(id))
    this.context.tracking = this.tracking
    this.blockedClients = new BlockedClients(this.keyspace, this.blockedHandler(), this.monotonicMs)
    this.runtimes = new Runtimes(this.server.table, this.hooks.counters)
  }

  /** Runs one request, answers every client error. `raw` is its canonical encoding, or null. */
  execute(client: Client, args: Bytes[], raw: Buffer | null, start: number, end: number): Outcome {
    const runtime = this.runtimes.find(args[0] as Bytes)
    if (runtime === undefined || runtime.command.subcommands !== undefined) return this.executeRare(client, args)
    return this.dispatch(runtime, client, args, raw, start, end)
  }

  /** Runs a logged command again. Throws if it fails: it has succeeded once. */
  replay(client: Client, args: Bytes[]): void {
    if (isUnitMark(args)) return // groups run whole, so marks mean nothing
    const run = this.runtimes.resolve(args)?.command.run
    if (run === undefined) throw new Error(`the binlog holds a command that is unknown or cannot be replayed: ${args[0]}`)
    const { context } = this
    context.begin(client, this.keyspace.database(client.database))
    context.mayBlock = false
    context.mayChange = true
    const before = this.keyspace.changes
    run(context, args as unknown as Args)
    if (this.keyspace.changes !== before) context.countOnce()
    if (this.tracking.isActive) this.tracking.settle()
    context.mayBlock = true
    this.group.reset()
  }

  /** Removes a leaving client from blocking, watching, tracking and publishing. */
  forget(client: Client): void {
    client.isLeaving = true
    this.tracking.disable(client)
    this.server.pubsub.forget(client)
    this.blockedClients.forget(client)
    endTransaction(client, this.units.watches)
  }

  /** Serves the blocked clients whose keys changed. REQUIRES: called at the end of each unit. */
  endUnit(): void {
    if (this.blockedClients.hasReady && this.units.current === null) this.blockedClients.serve()
  }

  /** Copies what the log needs of `raw` requests. REQUIRES: called before the buffer changes. */
  settle(): void {
    this.group.copyBorrowed()
  }

  private dispatch(runtime: CommandRuntime, client: Client, args: Bytes[], raw: Buffer | null, start: number, end: number): Outcome {
    if (!hasRightArity(runtime, args.length)) return this.refuse(runtime, client, wrongArity(runtime.command.name).message)
    if (!client.authenticated && !runtime.noAuth && !this.server.acl.isOpen)
      return this.refuse(runtime, client, 'NOAUTH Authentication required.')
    if (!client.user.isUnrestricted) {
      const refusal = this.refusalByAcl(runtime, client, args)
      if (refusal !== null) return this.refuse(runtime, client, refusal)
    }
    if (client.subscriptions !== null && client.resp === 2 && !runtime.isForSubscribers)
      return this.refuse(runtime, client, onlyForSubscribers(runtime.command.name))
    if (this.gated !== 'none' && (runtime.concernsWrites || this.gated === 'all' || client.transaction !== null)) {
      const verdict = this.gate(runtime, args, client)
      if (verdict === 'hold') return 'held'
      if (verdict !== null) return this.refuse(runtime, client, verdict)
    }
    if (client.transaction !== null && !runtime.isForTransactions) return this.queue(runtime, client, args)
    client.lastCommand = runtime.command.name
    client.lastActiveMs = this.clockMs
    if (runtime.command.steps !== undefined) {
      void this.runSteps(runtime, client, args)
      this.endOldReading(this.monotonicMs())
      return 'waiting'
    }
    if (this.monitors > 0 && runtime.shown === 'before') this.hooks.monitor(client, args)
    this.partMs = this.clockMs
    const outcome = this.runSync(runtime, client, args, raw, start, end)
    const now = this.monotonicMs()
    const micros = (now - this.clockMs) * 1000
    this.clockMs = now
    if (outcome === 'done') this.ran(runtime, client, args, micros)
    if (this.monitors > 0 && runtime.shown === 'after') this.hooks.monitor(client, args)
    if (now - this.keyspace.readAtMs > MAX_READING_MS) this.endOldReading(now)
    if (this.blockedClients.hasReady && this.units.current === null) {
      this.blockedClients.serve()
      this.clockMs = this.monotonicMs() // excludes the time spent on other clients
    }
    return outcome
  }

  /** Replaces an old clock reading. REQUIRES: called between units. */
  private endOldReading(nowMs: number): void {
    if (nowMs - this.keyspace.readAtMs <= MAX_READING_MS) return
    this.hooks.renewClock()
    this.clockMs = this.monotonicMs() // the renewal counts for no command
  }

  private ran(runtime: CommandRuntime, client: Client, args: readonly Bytes[], micros: number): void {
    runtime.statistics.calls++
    runtime.statistics.micros += micros
    this.hooks.ran(runtime, client, args, micros)
  }

  /** Serves blocked clients whose keys are ready or whose time is up. */
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

  private refusalByAcl({ command }: CommandRuntime, client: Client, args: readonly Bytes[]): Bytes | null {
    const context = client.transaction === null ? 'toplevel' : 'multi'
    client.lastCommand = command.name // ACL LOG shows it
    const refusal = this.server.acl.refusal(client, command, args, context, this.keyspace.nowMs)
    return refusal === null ? null : `NOPERM ${refusal.text}`
  }

  private runAgain(blocked: BlockedClient): void {
    const { runtime, client, args, options } = blocked
    const refusal = client.user.isUnrestricted ? null : this.refusalByAcl(runtime, client, args)
    if (refusal !== null) {
      this.blockedClients.forget(client)
      this.refuse(runtime, client, refusal)
      queueMicrotask(() => this.hooks.resumed(client))
      return
    }
    const started = this.monotonicMs()
    const outcome = this.runSync(runtime, client, (options.args ?? args) as Bytes[], null, 0, 0)
    const now = this.monotonicMs()
    blocked.micros += (now - started) * 1000
    if (outcome === 'done') this.blockedClients.finish(blocked)
    this.endOldReading(now)
  }

  /** Queues a request between MULTI and EXEC. */
  private queue(runtime: CommandRuntime, client: Client, args: Bytes[]): Outcome {
    if (runtime.noMulti) return this.refuse(runtime, client, 'ERR Command not allowed inside a transaction')
    client.lastActiveMs = this.clockMs
    client.transaction?.queue(runtime, args)
    client.reply(QUEUED)
    return 'done'
  }

  /** Runs a request as part of the current unit. An error is a normal reply here. */
  runPart(runtime: CommandRuntime, client: Client, args: Bytes[]): Reply {
    const gate = runtime.isWrite && this.gated !== 'none' && !client.isScript ? this.refusal(runtime, args, client) : null
    const refusal = gate ?? this.units.refusalOf(runtime)
    if (refusal !== null) return this.refusePart(runtime, refusal)
    if (this.monitors > 0 && runtime.shown === 'before') this.hooks.monitor(client, args)
    const { mayBlock } = this.context
    this.context.mayBlock = false
    const reply = this.tracking.isActive
      ? this.performTracked(runtime, client, args, null, 0, 0)
      : this.perform(runtime, client, args, null, 0, 0)
    this.context.mayBlock = mayBlock
    const now = this.monotonicMs()
    this.ran(runtime, client, args, (now - this.partMs) * 1000)
    this.partMs = now
    if (this.monitors > 0 && runtime.shown === 'after') this.hooks.monitor(client, args)
    return reply
  }

  private refusePart(runtime: CommandRuntime, text: Bytes): ErrorReply {
    runtime.statistics.rejected++
    this.hooks.failed(text)
    return new ErrorReply(text)
  }

  private runSync(runtime: CommandRuntime, client: Client, args: Bytes[], raw: Buffer | null, start: number, end: number): Outcome {
    const reply = this.tracking.isActive
      ? this.performTracked(runtime, client, args, raw, start, end)
      : this.perform(runtime, client, args, raw, start, end)
    if (reply === BLOCKED) {
      this.blockedClients.block(client, runtime, args, this.context.waitsFor as BlockOptions)
      return 'waiting'
    }
    if (reply === SUSPENDED) {
      this.suspended = { runtime, client, args }
      return 'waiting'
    }
    if (reply instanceof ErrorReply) client.replyError(reply.text)
    else client.reply(reply)
    if (this.tracking.isActive) this.tracking.answered(client, runtime.command)
    return 'done'
  }

  /** Ends the part that suspended a unit. The unit keeps its clock, so it gets its own group. */
  partEnded(part: Reply): void {
    this.hooks.renewClock()
    const { commands } = this.group
    const start = this.groupStart()
    this.keyspace.setClock(this.units.clockMs)
    const reply = this.units.partEnded(part)
    const hasWritten = this.group.commands !== commands
    this.hooks.renewClock()
    const { suspended } = this
    if (reply === SUSPENDED || suspended === null) return
    const { runtime, client, args } = suspended
    this.suspended = null
    if (hasWritten) client.lastWriteAt = start
    client.reply(reply)
    if (this.tracking.isActive) this.tracking.ended(client, runtime.command)
    this.ran(runtime, client, args, (this.monotonicMs() - this.partMs) * 1000)
    this.hooks.resumed(client)
    this.endUnit()
  }

  private performTracked(runtime: CommandRuntime, client: Client, args: Bytes[], raw: Buffer | null, start: number, end: number): Reply {
    const isWhole = this.tracking.begin(client)
    const reply = this.perform(runtime, client, args, raw, start, end)
    this.tracking.ran(runtime.command, args, isWhole && reply !== SUSPENDED)
    return reply
  }

  /** Runs a command and logs its effects. If it fails, the reply is an ErrorReply. */
  private perform(runtime: CommandRuntime, client: Client, args: Bytes[], raw: Buffer | null, start: number, end: number): Reply {
    const { keyspace, context } = this
    const { command } = runtime
    const before = keyspace.changes
    keyspace.isUseCounted = !client.noTouch
    context.begin(client, keyspace.database(client.database))
    context.mayChange = this.gated === 'none'
    const { index } = context.db
    let reply: Reply
    try {
      reply = command.run === undefined ? runNow(stepsOf(command, context, args)) : command.run(context, args as unknown as Args)
    } catch (error) {
      return this.failedRun(runtime, error, keyspace.changes !== before)
    }
    if (keyspace.changes !== before || context.isLogged) {
      if (this.units.current === null) client.lastWriteAt = this.groupStart() // units: at their end
      if (keyspace.changes !== before) context.countOnce()
      const log = this.units.current ?? this.group
      if (context.hasEffects) context.logEffects(log, index)
      else if (raw !== null && command.verbatim === true) this.group.raw(index, raw, start, end)
      else log.command(index, args)
    }
    return reply
  }

  private async runSteps(runtime: CommandRuntime, client: Client, args: Bytes[]): Promise<void> {
    const context = new Context(this.keyspace, this.server)
    context.begin(client, this.keyspace.database(client.database))
    context.mayBlock = true
    const started = this.monotonicMs()
    const before = this.keyspace.changes
    try {
      const reply = runLater(stepsOf(runtime.command, context, args))
      // The first step is a unit of this turn; after the first wait the command must change
      // nothing.
      if (this.keyspace.changes !== before) {
        client.lastWriteAt = this.groupStart()
        context.logEffects(this.group, context.db.index)
      }
      client.reply(await reply)
    } catch (error) {
      client.replyError(this.failedRun(runtime, error, false).text)
    }
    const now = this.monotonicMs()
    this.ran(runtime, client, args, (now - started) * 1000)
    if (this.tracking.isActive) this.tracking.answered(client, runtime.command)
    if (this.monitors > 0 && runtime.shown === 'after') this.hooks.monitor(client, args)
    this.endOldReading(now)
    this.hooks.resumed(client, runtime.command.flags.includes('readonly'))
  }

  private failedRun(runtime: CommandRuntime, error: unknown, changed: boolean): ErrorReply {
    runtime.statistics.failed++
    if (error instanceof ClientError && !changed) {
      this.hooks.failed(error.message)
      return new ErrorReply(error.message)
    }
    const text = `ERR internal error: ${error instanceof Error ? error.message : String(error)}`
    this.hooks.failed(text)
    this.hooks.broken(error, changed)
    return new ErrorReply(text)
  }

  /** Refuses a request, which spoils an open transaction; a refused EXEC ends it. */
  private refuse(runtime: CommandRuntime | null, client: Client, reason: Bytes): Outcome {
    if (runtime !== null) runtime.statistics.rejected++
    let text = reason
    if (runtime?.command.name === 'exec') {
      endTransaction(client, this.units.watches)
      text = `EXECABORT Transaction discarded because of: ${reason.replace(/^ERR /, '')}`
    } else if (client.transaction !== null) client.transaction.isSpoiled = true
    this.hooks.failed(text)
    client.replyError(text)
    if (this.tracking.isActive) this.tracking.answered(client, runtime?.command ?? null)
    return 'done'
  }

  /** Runs containers and answers unknown commands. */
  private executeRare(client: Client, args: Bytes[]): Outcome {
    const runtime = this.runtimes.resolve(args)
    if (runtime === undefined) {
      const stranger = strangerOf(args[0] as Bytes)
      if (stranger !== null) this.hooks.met(stranger, client)
      if (stranger !== 'http') this.refuse(null, client, unknownCommand(args))
      return 'done'
    }
    const { command } = runtime
    if (command.subcommands === undefined) return this.dispatch(runtime, client, args, null, 0, 0)
    if (args.length >= 2) return this.refuse(null, client, unknownSubcommand(args[1] as Bytes, command.name).message)
    if (command.run !== undefined || command.steps !== undefined) return this.dispatch(runtime, client, args, null, 0, 0)
    return this.refuse(runtime, client, wrongArity(command.name).message)
  }
}

/**
 * The first stage: finds a request's command and decides whether it runs. A request may be refused
 * (unknown, arity, authentication, permissions, gates), held by a gate, or queued after MULTI.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { clusterRefusal } from '../cluster/routing.ts'
import { unknownSubcommand, wrongArity } from '../contract/errors.ts'
import { SimpleString } from '../contract/reply.ts'
import { Request } from '../contract/request.ts'
import { hasRightArity, UNKNOWN_COMMAND } from '../contract/runtimes.ts'
import { endTransaction } from '../transactions/transactions.ts'
import type { Outcome } from './executor-hooks.ts'
import { isHttp, onlyForSubscribers, unknownCommand } from './refusals.ts'
import type { Shared } from './shared.ts'

const QUEUED = new SimpleString('QUEUED')

type AdmissionDependencies = Pick<
  Shared,
  'clock' | 'gating' | 'hooks' | 'keyspace' | 'recorder' | 'runtimes' | 'server' | 'tracking' | 'units'
>

/** Decides whether a request runs. */
export class Admission {
  private readonly clock: Shared['clock']
  private readonly gating: Shared['gating']
  private readonly hooks: Shared['hooks']
  private readonly keyspace: Shared['keyspace']
  private readonly recorder: Shared['recorder']
  private readonly runtimes: Shared['runtimes']
  private readonly server: Shared['server']
  private readonly tracking: Shared['tracking']
  private readonly units: Shared['units']

  constructor({ clock, gating, hooks, keyspace, recorder, runtimes, server, tracking, units }: AdmissionDependencies) {
    this.clock = clock
    this.gating = gating
    this.hooks = hooks
    this.keyspace = keyspace
    this.recorder = recorder
    this.runtimes = runtimes
    this.server = server
    this.tracking = tracking
    this.units = units
  }

  /** Returns null if the request must run; otherwise its outcome. */
  admit(request: Request): Outcome | null {
    const { client, args } = request
    const found = this.runtimes.find(args[0] as Bytes) // hot: each request
    if (found === undefined || found.command.subcommands !== undefined) {
      const outcome = this.resolve(request)
      if (outcome !== null) return outcome
    } else request.runtime = found
    const { runtime } = request
    if (!hasRightArity(runtime, args.length)) return this.refuse(request, wrongArity(runtime.command.name).message)
    if (!client.isAuthenticated && !runtime.mayRunUnauthenticated && !this.server.acl.isOpen)
      return this.refuse(request, 'NOAUTH Authentication required.')
    if (!client.user.isUnrestricted) {
      const denial = this.denialOf(request)
      if (denial !== null) return this.refuse(request, denial)
    }
    if (this.server.cluster.mustJudge) {
      const refusal = clusterRefusal(this.server.cluster, this.keyspace, request)
      if (refusal !== null) return this.redirect(request, refusal)
    }
    if (client.subscriptions !== null && client.resp === 2 && !runtime.isForSubscribers)
      return this.refuse(request, onlyForSubscribers(runtime.command.name))
    if (this.gating.gated !== 'none') {
      const verdict = this.gating.verdictOn(request)
      if (verdict === 'hold') return this.hold(request)
      if (verdict !== null) return this.refuse(request, verdict)
    }
    if (client.transaction !== null && !runtime.isForTransactions) return this.queue(request)
    client.lastCommand = runtime.command.name
    client.lastActiveMs = this.clock.startMs
    return null
  }

  /** Refuses a request, which spoils an open transaction; a refused EXEC ends it. */
  refuse({ runtime, client }: Request, reason: Bytes): Outcome {
    let text = reason
    if (runtime.command.name === 'exec') {
      endTransaction(client, this.units.watches)
      text = `EXECABORT Transaction discarded because of: ${reason.replace(/^ERR /, '')}`
    } else if (client.transaction !== null) client.transaction.isSpoiled = true
    this.recorder.recordRefusal(runtime, text)
    client.replyError(text)
    if (this.tracking.isActive) this.tracking.afterReply(client, runtime.command)
    return 'done'
  }

  /** Refuses a request for its slots. The refusal of an EXEC has this text alone. */
  private redirect(request: Request, text: Bytes): Outcome {
    const { runtime, client } = request
    if (runtime.command.name !== 'exec') return this.refuse(request, text)
    endTransaction(client, this.units.watches)
    this.recorder.recordRefusal(runtime, text)
    client.replyError(text)
    return 'done'
  }

  /** Returns why the client's user may not run the request; null if it may. */
  denialOf({ runtime: { command }, client, args }: Request): Bytes | null {
    if (client.user.isUnrestricted) return null
    const context = client.transaction === null ? 'toplevel' : 'multi'
    client.lastCommand = command.name // ACL LOG shows it
    const refusal = this.server.acl.refusal(client, command, args, context, this.keyspace.nowMs)
    return refusal === null ? null : `NOPERM ${refusal.text}`
  }

  /** Leaves a request with its client, which offers it again later. */
  private hold(request: Request): Outcome {
    request.raw = null // the next read overwrites the buffer, and the request must outlive that
    return 'held'
  }

  /** Queues a request between MULTI and EXEC. */
  private queue(request: Request): Outcome {
    const { client, args, runtime } = request
    if (runtime.isForbiddenInMulti) return this.refuse(request, 'ERR Command not allowed inside a transaction')
    client.lastActiveMs = this.clock.startMs
    client.transaction?.queue(new Request(client, args, runtime))
    client.reply(QUEUED)
    return 'done'
  }

  /**
   * Finds the command of a request whose first word names a container or nothing. Returns null if
   * there is one; otherwise the outcome of the request.
   */
  private resolve(request: Request): Outcome | null {
    const { args, client } = request
    const runtime = this.runtimes.resolve(args)
    request.runtime = UNKNOWN_COMMAND
    request.raw = null
    if (runtime === undefined) {
      if (!isHttp(must(args[0]))) return this.refuse(request, unknownCommand(args))
      this.hooks.onHttp(client)
      return 'done'
    }
    const { command } = runtime
    if (command.subcommands !== undefined && args.length >= 2)
      return this.refuse(request, unknownSubcommand(must(args[1]), command.name).message)
    request.runtime = runtime
    const runs = command.subcommands === undefined || command.run !== undefined || command.steps !== undefined
    return runs ? null : this.refuse(request, wrongArity(command.name).message)
  }
}

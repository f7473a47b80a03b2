/**
 * Runs requests in three stages:
 *
 *   admission    finds the command and checks: arity, authentication, permissions, gates, MULTI
 *   invocation   runs it on the database and logs its effects
 *   completion   replies, counts, shows it to monitors, serves blocked clients
 *
 * A few commands run in steps instead (walks.ts). An EXEC and a script run their commands as parts
 * of one unit (parts.ts). Recovery and replicas run logged commands again, without any check
 * (replay.ts).
 */
import type { Bytes } from '../../base/bytes.ts'
import type { BlockedClients } from '../blocking/blocked-clients.ts'
import { Tracking } from '../clients/tracking.ts'
import { Context } from '../contract/context.ts'
import type { Reply } from '../contract/reply.ts'
import type { Request } from '../contract/request.ts'
import { Runtimes } from '../contract/runtimes.ts'
import type { Client } from '../contract/session.ts'
import { endTransaction } from '../transactions/transactions.ts'
import { Admission } from './admission.ts'
import { CommandClock } from './command-clock.ts'
import { Completion } from './completion.ts'
import type { ExecutorOptions, Outcome } from './executor-hooks.ts'
import { Gating } from './gating.ts'
import { Invocation } from './invocation.ts'
import { Parts } from './parts.ts'
import { Recorder } from './recorder.ts'
import { replay } from './replay.ts'
import type { Shared } from './shared.ts'
import { Units } from './units.ts'
import { Walks } from './walks.ts'

/** Runs requests: admission, invocation, completion. */
export class Executor {
  readonly gating: Gating
  readonly clock: CommandClock
  readonly recorder: Recorder
  readonly context: Context
  readonly units: Units
  readonly tracking: Tracking
  readonly runtimes: Runtimes
  readonly blockedClients: BlockedClients
  private readonly admission: Admission
  private readonly invocation: Invocation
  private readonly completion: Completion
  private readonly parts: Parts
  private readonly walks: Walks
  private readonly shared: Shared

  constructor({ keyspace, group, server, hooks, gates, monotonicMs, groupStart }: ExecutorOptions) {
    const gating = new Gating(gates)
    const clock = new CommandClock({ keyspace, hooks, monotonicMs })
    const recorder = new Recorder(hooks)
    const context = new Context(keyspace, server)
    const units = new Units({
      keyspace,
      group,
      context,
      runQueued: (request) => this.parts.run(request),
      onSuspension: (isSuspended) => hooks.onSuspension(isSuspended),
    })
    const tracking = new Tracking(keyspace, server.random, (id) => server.clients.find(id))
    const runtimes = new Runtimes(server.table, hooks.counters)
    context.mayBlock = true
    context.units = units
    context.tracking = tracking
    this.gating = gating
    this.clock = clock
    this.recorder = recorder
    this.context = context
    this.units = units
    this.tracking = tracking
    this.runtimes = runtimes
    this.shared = { keyspace, group, server, hooks, groupStart, gating, clock, recorder, context, units, tracking, runtimes }
    this.admission = new Admission(this.shared)
    this.invocation = new Invocation(this.shared)
    this.completion = new Completion(this.shared, this.admission, this.invocation)
    this.blockedClients = this.completion.blockedClients
    this.parts = new Parts(this.shared, this.invocation)
    this.walks = new Walks(this.shared, this.invocation)
  }

  /** Runs one request and answers every client error. */
  execute(request: Request): Outcome {
    const outcome = this.admission.admit(request)
    if (outcome !== null) return outcome
    const { command } = request.runtime
    if (command.steps !== undefined && command.mayWait?.(this.shared.keyspace) !== false) {
      this.walks.start(request)
      return 'waiting'
    }
    this.recorder.show(request, 'before')
    this.clock.partStartMs = this.clock.startMs
    const reply = this.invocation.invoke(request)
    return this.completion.complete(request, reply)
  }

  /** Runs a request as a part of the current unit. If it fails, the reply is an ErrorReply. */
  runPart(request: Request): Reply {
    return this.parts.run(request)
  }

  /** Continues the suspended unit with the reply of the part that suspended it. */
  continueUnit(part: Reply): void {
    this.completion.continueUnit(part)
  }

  /** Runs a logged command again. Throws if it fails: it has succeeded once. */
  replay(client: Client, args: Bytes[]): void {
    replay(this.shared, client, args)
  }

  /** Serves the blocked clients whose keys changed. REQUIRES: called at the end of each unit. */
  serveBlocked(): void {
    this.completion.serveBlocked()
  }

  /**
   * Copies the requests that the open group holds as bytes of the read buffer. REQUIRES: called
   * before the buffer changes.
   */
  releaseReadBuffer(): void {
    this.shared.group.copyBorrowed()
  }

  /** Ends a client's blocking, watching, tracking and subscriptions when it disconnects. */
  forget(client: Client): void {
    client.isLeaving = true
    this.tracking.disable(client)
    this.shared.server.pubsub.forget(client)
    this.blockedClients.forget(client)
    endTransaction(client, this.units.watches)
  }
}

/**
 * The last stage: answers a request, records it, and serves the clients whose keys it has made
 * ready. Some commands are answered later: a blocked one when a key is ready, a suspended one when
 * its unit is over.
 */
import { must } from '../../base/assert.ts'
import type { BlockedClient, BlockedHandler } from '../blocking/blocked-clients.ts'
import { BlockedClients } from '../blocking/blocked-clients.ts'
import { BLOCKED, ErrorReply, type Reply, SUSPENDED } from '../contract/reply.ts'
import type { Request } from '../contract/request.ts'
import type { Admission } from './admission.ts'
import type { Outcome } from './executor-hooks.ts'
import type { Invocation } from './invocation.ts'
import type { Shared } from './shared.ts'

/** Answers and records requests, and ends those that have waited. */
export class Completion implements BlockedHandler {
  readonly blockedClients: BlockedClients
  private readonly clock: Shared['clock']
  private readonly context: Shared['context']
  private readonly recorder: Shared['recorder']
  private readonly tracking: Shared['tracking']
  private readonly units: Shared['units']
  private readonly shared: Shared
  private readonly admission: Admission
  private readonly invocation: Invocation
  /** The request whose unit is suspended. */
  private suspended: Request | null = null

  constructor(shared: Shared, admission: Admission, invocation: Invocation) {
    this.clock = shared.clock
    this.context = shared.context
    this.recorder = shared.recorder
    this.tracking = shared.tracking
    this.units = shared.units
    this.shared = shared
    this.admission = admission
    this.invocation = invocation
    this.blockedClients = new BlockedClients(shared.keyspace, this, shared.clock.monotonicMs)
  }

  /** Completes a request that has run between units. */
  complete(request: Request, reply: Reply): Outcome {
    const { clock, recorder } = this
    const outcome = this.answer(request, reply)
    const micros = clock.measureCommand()
    if (outcome === 'done') recorder.recordRun(request, micros)
    recorder.show(request, 'after')
    clock.renewIfOld(clock.startMs)
    if (this.blockedClients.hasReady && this.units.current === null) {
      this.blockedClients.serve()
      clock.startMs = clock.monotonicMs() // excludes the time spent on other clients
    }
    return outcome
  }

  /** Serves the blocked clients whose keys changed. REQUIRES: called at the end of each unit. */
  serveBlocked(): void {
    if (this.blockedClients.hasReady && this.units.current === null) this.blockedClients.serve()
  }

  /**
   * Continues the suspended unit with the reply of the part that suspended it. Answers the client
   * if the unit is over. The unit keeps its clock reading, so its effects get a group of their own.
   */
  continueUnit(part: Reply): void {
    const { group, groupStart, hooks, keyspace } = this.shared
    hooks.renewClock()
    const before = group.commands
    const start = groupStart()
    keyspace.setClock(this.units.clockMs)
    const reply = this.units.continueUnit(part)
    const hasWritten = group.commands !== before
    hooks.renewClock()
    const { suspended } = this
    if (reply === SUSPENDED || suspended === null) return
    const { runtime, client } = suspended
    this.suspended = null
    if (hasWritten) client.lastWriteOffset = start
    client.reply(reply)
    if (this.tracking.isActive) this.tracking.afterSuspension(client, runtime.command)
    this.recorder.recordRun(suspended, (this.clock.monotonicMs() - this.clock.partStartMs) * 1000)
    hooks.onResume(client)
    this.serveBlocked()
  }

  wake(): void {
    this.shared.hooks.onKeysReady()
  }

  mayServe({ retry }: BlockedClient): boolean {
    return this.shared.gating.mayServe(retry)
  }

  runAgain(blocked: BlockedClient): void {
    const { clock } = this
    const { client, request, retry } = blocked
    const denial = this.admission.denialOf(request)
    if (denial !== null) {
      this.blockedClients.forget(client)
      this.admission.refuse(request, denial)
      queueMicrotask(() => this.shared.hooks.onResume(client))
      return
    }
    const started = clock.monotonicMs()
    const outcome = this.answer(retry, this.invocation.invoke(retry))
    const endMs = clock.monotonicMs()
    blocked.micros += (endMs - started) * 1000
    if (outcome === 'done') this.blockedClients.finish(blocked)
    clock.renewIfOld(endMs)
  }

  fail({ request, client }: BlockedClient, text: string): void {
    this.recorder.recordFailure(request.runtime, text)
    client.replyError(text)
  }

  onAnswered({ request, client, micros }: BlockedClient): void {
    this.recorder.recordRun(request, micros)
    queueMicrotask(() => this.shared.hooks.onResume(client))
  }

  /** Sends the reply, or keeps the request of a client that waits. */
  private answer(request: Request, reply: Reply): Outcome {
    const { client } = request
    if (reply === BLOCKED) {
      request.raw = null
      this.blockedClients.block(request, must(this.context.waitsFor))
      return 'waiting'
    }
    if (reply === SUSPENDED) {
      this.suspended = request
      return 'waiting'
    }
    if (reply instanceof ErrorReply) client.replyError(reply.text)
    else client.reply(reply)
    if (this.tracking.isActive) this.tracking.afterReply(client, request.runtime.command)
    return 'done'
  }
}

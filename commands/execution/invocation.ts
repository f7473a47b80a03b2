/** The second stage: runs a command on its database, and logs its effects. */

import type { Bytes } from '../../base/bytes.ts'
import { errorText } from '../../base/error-text.ts'
import { runNow } from '../../storage/scan/steps.ts'
import { type Args, stepsOf } from '../contract/command.ts'
import { ClientError } from '../contract/errors.ts'
import { ErrorReply, type Reply, SUSPENDED } from '../contract/reply.ts'
import type { Request } from '../contract/request.ts'
import type { CommandRuntime } from '../contract/runtimes.ts'
import type { Shared } from './shared.ts'

type InvocationDependencies = Pick<
  Shared,
  'context' | 'gating' | 'group' | 'groupStart' | 'hooks' | 'keyspace' | 'recorder' | 'tracking' | 'units'
>

/** Runs commands and logs their effects. */
export class Invocation {
  private readonly context: Shared['context']
  private readonly gating: Shared['gating']
  private readonly group: Shared['group']
  private readonly groupStart: Shared['groupStart']
  private readonly hooks: Shared['hooks']
  private readonly keyspace: Shared['keyspace']
  private readonly recorder: Shared['recorder']
  private readonly tracking: Shared['tracking']
  private readonly units: Shared['units']

  constructor({ context, gating, group, groupStart, hooks, keyspace, recorder, tracking, units }: InvocationDependencies) {
    this.context = context
    this.gating = gating
    this.group = group
    this.groupStart = groupStart
    this.hooks = hooks
    this.keyspace = keyspace
    this.recorder = recorder
    this.tracking = tracking
    this.units = units
  }

  /** Runs a request. If it fails, the reply is an ErrorReply. */
  invoke(request: Request): Reply {
    if (!this.tracking.isActive) return this.run(request)
    const isWhole = this.tracking.beginRequest(request.client)
    const reply = this.run(request)
    this.tracking.afterCommand(request.runtime.command, request.args, isWhole && reply !== SUSPENDED)
    return reply
  }

  /** Returns the reply of a command that has thrown. Only a bug throws after a change. */
  failure(runtime: CommandRuntime, error: unknown, hasChanged: boolean): ErrorReply {
    const isRefusal = error instanceof ClientError && !hasChanged
    const text: Bytes = isRefusal ? error.message : `ERR internal error: ${errorText(error)}`
    this.recorder.recordFailure(runtime, text)
    if (!isRefusal) this.hooks.onBug(error, hasChanged)
    return new ErrorReply(text)
  }

  private run(request: Request): Reply {
    const { keyspace, context } = this
    const { runtime, client, args } = request
    const { command } = runtime
    const before = keyspace.changes
    keyspace.isUseCounted = !client.mustNotTouch
    context.prepare(client, keyspace.database(client.database))
    context.mayChange = this.gating.gated === 'none'
    const { index } = context.db
    let reply: Reply
    try {
      reply = command.run === undefined ? runNow(stepsOf(command, context, args)) : command.run(context, args as unknown as Args)
    } catch (error) {
      return this.failure(runtime, error, keyspace.changes !== before)
    }
    if (keyspace.changes !== before || context.isLogged) {
      // For a part, the end of its unit sets the offset.
      if (this.units.current === null) client.lastWriteOffset = this.groupStart()
      if (keyspace.changes !== before) context.countOnce()
      const log = this.units.current ?? this.group
      if (context.hasEffects) context.logEffects(log, index)
      // A part has no `raw`, so these bytes never belong to a larger unit.
      else if (request.raw !== null && command.isVerbatim === true) this.group.raw(index, request.raw, request.start, request.end)
      else log.command(index, args)
    }
    return reply
  }
}

/**
 * Runs commands that declare `steps`. Such a command waits for the disk between its steps; other
 * units run meanwhile.
 */
import { runLater } from '../../storage/scan/steps.ts'
import { stepsOf } from '../contract/command.ts'
import { Context } from '../contract/context.ts'
import type { Request } from '../contract/request.ts'
import type { Invocation } from './invocation.ts'
import type { Shared } from './shared.ts'

type WalksDependencies = Pick<Shared, 'clock' | 'group' | 'groupStart' | 'hooks' | 'keyspace' | 'recorder' | 'server' | 'tracking'>

/** Runs commands that declare `steps`. */
export class Walks {
  private readonly shared: WalksDependencies
  private readonly invocation: Invocation

  constructor(shared: WalksDependencies, invocation: Invocation) {
    this.shared = shared
    this.invocation = invocation
  }

  /** Runs the first step of a request. The reply comes after the last one. */
  start(request: Request): void {
    const { clock } = this.shared
    void this.run(request)
    clock.renewIfOld(clock.monotonicMs())
  }

  private async run(request: Request): Promise<void> {
    const { clock, group, groupStart, hooks, keyspace, recorder, server, tracking } = this.shared
    const { runtime, client, args } = request
    const context = new Context(keyspace, server)
    context.prepare(client, keyspace.database(client.database))
    context.mayBlock = true
    const started = clock.monotonicMs()
    const before = keyspace.changes
    try {
      const reply = runLater(stepsOf(runtime.command, context, args))
      // The first step is a unit of this turn. After its first wait a command must change nothing,
      // so its log is complete here.
      if (keyspace.changes !== before) {
        client.lastWriteOffset = groupStart()
        context.logEffects(group, context.db.index)
      }
      client.reply(await reply)
    } catch (error) {
      client.replyError(this.invocation.failure(runtime, error, false).text)
    }
    const endMs = clock.monotonicMs()
    recorder.recordRun(request, (endMs - started) * 1000)
    if (tracking.isActive) tracking.afterReply(client, runtime.command)
    recorder.show(request, 'after')
    clock.renewIfOld(endMs)
    hooks.onResume(client, runtime.command.flags.includes('readonly'))
  }
}

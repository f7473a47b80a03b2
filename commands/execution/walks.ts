/** Commands that run in steps, with waits for the disk between them and other units meanwhile. */
import { runLater } from '../../storage/scan/steps.ts'
import { stepsOf } from '../contract/command.ts'
import { Context } from '../contract/context.ts'
import type { Request } from '../contract/request.ts'
import type { Invocation } from './invocation.ts'
import type { Shared } from './shared.ts'

type Surroundings = Pick<Shared, 'clock' | 'group' | 'groupStart' | 'hooks' | 'keyspace' | 'recorder' | 'server' | 'tracking'>

/** Runs commands in steps. */
export class Walks {
  private readonly shared: Surroundings
  private readonly invocation: Invocation

  constructor(shared: Surroundings, invocation: Invocation) {
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
    context.begin(client, keyspace.database(client.database))
    context.mayBlock = true
    const started = clock.monotonicMs()
    const before = keyspace.changes
    try {
      const reply = runLater(stepsOf(runtime.command, context, args))
      // The first step is a unit of this turn; after the first wait the command must change
      // nothing.
      if (keyspace.changes !== before) {
        client.lastWriteOffset = groupStart()
        context.logEffects(group, context.db.index)
      }
      client.reply(await reply)
    } catch (error) {
      client.replyError(this.invocation.failure(runtime, error, false).text)
    }
    const nowMs = clock.monotonicMs()
    recorder.ran(request, (nowMs - started) * 1000)
    if (tracking.isActive) tracking.afterReply(client, runtime.command)
    recorder.show(request, 'after')
    clock.renewIfOld(nowMs)
    hooks.onResume(client, runtime.command.flags.includes('readonly'))
  }
}

/** Records requests: calls, times and errors for INFO and SLOWLOG, and MONITOR's lines. */
import type { Bytes } from '../../base/bytes.ts'
import type { Request } from '../contract/request.ts'
import type { CommandRuntime } from '../contract/runtimes.ts'
import type { ExecutorHooks, MonitorsPort } from './executor-hooks.ts'

/** Counts and times requests, and shows them to monitors. */
export class Recorder {
  private readonly hooks: ExecutorHooks
  private readonly monitors: MonitorsPort

  constructor(hooks: ExecutorHooks) {
    this.hooks = hooks
    this.monitors = hooks.monitors
  }

  /** Records a command that has run. */
  recordRun({ runtime, client, args }: Request, micros: number): void {
    runtime.statistics.calls++
    runtime.statistics.micros += micros
    this.hooks.onCommand(runtime, client, args, micros)
  }

  /** Records a command that was refused. */
  recordRefusal({ statistics }: CommandRuntime, text: Bytes): void {
    statistics.rejected++
    this.hooks.onErrorReply(text)
  }

  /** Records a command that has failed. */
  recordFailure({ statistics }: CommandRuntime, text: Bytes): void {
    statistics.failed++
    this.hooks.onErrorReply(text)
  }

  /** Shows a request to the monitors if its command is shown at this moment. */
  show({ runtime, client, args }: Request, when: CommandRuntime['shown']): void {
    if (this.monitors.count > 0 && runtime.shown === when) this.monitors.show(client, args)
  }
}

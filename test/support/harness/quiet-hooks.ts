/** The server around an executor in tests: hooks that do nothing, and replaceable gates. */
import type { ExecutorHooks } from '../../../commands/execution/executor-hooks.ts'
import { OPEN_GATES, type RequestGates } from '../../../commands/execution/gating.ts'

/** Hooks that do nothing, except for those given. */
export function quietHooks(hooks: Partial<ExecutorHooks> = {}): ExecutorHooks {
  const counters = { calls: 0, micros: 0, rejected: 0, failed: 0 }
  return {
    monitors: { count: 0, show() {} },
    counters: () => counters,
    onCommand() {},
    onHttp() {},
    onErrorReply() {},
    onResume() {},
    onKeysReady() {},
    onSuspension() {},
    renewClock() {},
    onBug() {},
    ...hooks,
  }
}

/** Gates of an executor that a test may replace. They are open at the start. */
export class ReplaceableGates implements RequestGates {
  current: RequestGates = OPEN_GATES

  ask: RequestGates['ask'] = (request) => this.current.ask(request)
  admit: RequestGates['admit'] = (request) => this.current.admit(request)
  refusal: RequestGates['refusal'] = (request) => this.current.refusal(request)
}

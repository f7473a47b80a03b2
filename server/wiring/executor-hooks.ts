/**
 * The executor's hooks. `executorHooks` connects it to the slow log, latencies and statistics,
 * `clientHooks` to turns, gates, monitors and the log.
 */
import { AssertionError } from '../../base/assert.ts'
import type { Log } from '../../base/log.ts'
import type { Executor } from '../../commands/execution/executor.ts'
import type { ExecutorHooks } from '../../commands/execution/executor-hooks.ts'
import type { RequestGates } from '../../commands/execution/gating.ts'
import type { Scripting } from '../../commands/scripting/scripting.ts'
import type { Storage } from '../../storage/storage.ts'
import type { Gates } from '../loop/gates.ts'
import type { Turn } from '../loop/turn.ts'
import type { LatencyMonitor } from '../metrics/latency.ts'
import type { Slowlog } from '../metrics/slowlog.ts'
import type { Statistics } from '../metrics/statistics.ts'
import type { Monitors } from '../network/monitors.ts'
import type { NodeState } from './node-state.ts'

interface Recorders {
  readonly slowlog: Slowlog
  readonly latency: LatencyMonitor
  readonly statistics: Statistics
  /** The clock of the turn. */
  readonly keyspace: { readonly nowMs: number }
}

/** The hooks that concern one client. */
type ClientHooks = Pick<ExecutorHooks, 'onHttp' | 'monitors' | 'onResume' | 'onKeysReady' | 'onSuspension' | 'renewClock' | 'onBug'>

export function executorHooks(
  { slowlog, latency, statistics, keyspace }: Recorders,
  { onHttp, monitors, onResume, onKeysReady, onSuspension, renewClock, onBug }: ClientHooks,
): ExecutorHooks {
  return {
    counters: (command) => statistics.counters(command),
    onCommand: (runtime, client, args, micros) => {
      const { command } = runtime
      latency.record(command.name, micros)
      if (micros >= slowlog.thresholdMicros && !command.flags.includes('skip_slowlog')) slowlog.record(args, micros, client, keyspace.nowMs)
      if (latency.enabled) latency.add(command.flags.includes('fast') ? 'fast-command' : 'command', micros / 1000)
    },
    onHttp,
    onErrorReply: (text) => statistics.error(text),
    monitors,
    onResume,
    onKeysReady,
    onSuspension,
    renewClock,
    onBug,
  }
}

/**
 * The parts that the hooks of a client's commands use; the later ones are built on the executor.
 */
export interface ClientHookParts {
  readonly log: Log
  readonly monitors: Monitors
  readonly storage: Pick<Storage, 'stalled'>
  /** Ends the process. */
  readonly exit: (status: number) => void
  readonly later: {
    readonly value: {
      readonly executor: Executor
      readonly turn: Turn
      readonly gates: Gates
      readonly scripting: Scripting
      readonly state: Pick<NodeState, 'replication'>
    }
  }
}

/** Returns the gates, which are built on the executor, for the executor. */
export function requestGates(later: { readonly value: { readonly gates: Gates } }): RequestGates {
  return {
    ask: (request) => later.value.gates.ask(request),
    admit: (request) => later.value.gates.admit(request),
    refusal: (request) => later.value.gates.refusal(request),
  }
}

/** Connects the executor to turns, gates, monitors and the log. */
export function clientHooks({ log, monitors, storage, exit, later }: ClientHookParts): ClientHooks {
  return {
    onHttp: (client) => {
      log.warn({ address: client.address }, 'possible attack: received HTTP on this port, closing the connection')
      client.close('now')
    },
    monitors,
    onResume: (client, hasWalked = false) => {
      const { turn, executor } = later.value
      if (hasWalked) turn.exposeUncommitted()
      client.asyncDone(hasWalked && executor.units.isSuspended)
    },
    // Deferred, since it comes in the middle of a unit, or while a master's group runs under
    // another clock.
    onKeysReady: () => queueMicrotask(() => later.value.turn.begin()),
    onSuspension: (isSuspended) => {
      const { turn, gates, scripting, state } = later.value
      if (isSuspended) state.replication?.link.suspend()
      else {
        state.replication?.link.resume()
        turn.exposeUncommitted()
      }
      gates.suspended(isSuspended ? () => scripting.runner.busyText : null)
    },
    renewClock: () => {
      const { turn, gates } = later.value
      turn.renewClock()
      if (storage.stalled !== null) gates.refresh() // the client's next request must see it
    },
    onBug: (error, hasChanged) => {
      const stack = error instanceof Error ? error.stack : String(error)
      const isFatal = hasChanged || error instanceof AssertionError
      const text = isFatal
        ? 'a command failed half way; exiting now, the next start recovers from the binlog'
        : 'a command failed because of a bug; it changed nothing, and its client got an error'
      log.error({ error: stack }, text)
      if (isFatal) exit(1)
    },
  }
}

/**
 * Connects the executor to the slow log, latencies and statistics. Hooks for connections are passed
 * through.
 */
import type { ExecutorHooks } from '../../commands/execution/executor-hooks.ts'
import type { LatencyMonitor } from '../metrics/latency.ts'
import type { Slowlog } from '../metrics/slowlog.ts'
import type { Statistics } from '../metrics/statistics.ts'

interface Recorders {
  readonly slowlog: Slowlog
  readonly latency: LatencyMonitor
  readonly statistics: Statistics
  /** The clock of the turn. */
  readonly keyspace: { readonly now: number }
}

export function executorHooks(
  { slowlog, latency, statistics, keyspace }: Recorders,
  { met, monitor, resumed, renewClock, broken }: Pick<ExecutorHooks, 'met' | 'monitor' | 'resumed' | 'renewClock' | 'broken'>,
): ExecutorHooks {
  return {
    counters: (command) => statistics.counters(command),
    ran: (runtime, client, args, micros) => {
      const { command } = runtime
      latency.record(command.name, micros)
      if (micros >= slowlog.thresholdMicros && !command.flags.includes('skip_slowlog')) slowlog.record(args, micros, client, keyspace.now)
      if (latency.enabled) latency.add(command.flags.includes('fast') ? 'fast-command' : 'command', micros / 1000)
    },
    met,
    failed: (text) => statistics.error(text),
    monitor,
    resumed,
    renewClock,
    broken,
  }
}

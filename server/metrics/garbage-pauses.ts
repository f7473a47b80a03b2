/**
 * The pauses of V8's garbage collector, for LATENCY: `gc-scavenge` (young objects),
 * `gc-mark-compact` (the whole heap), `gc-incremental` (a step of marking) and `gc-weak-callbacks`.
 * Nothing observes the collector while no event is recorded.
 */
import { constants, type NodeGCPerformanceDetail, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks'
import type { Config } from '../config/config.ts'
import type { LatencyMonitor } from './latency.ts'

const EVENTS: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'gc-scavenge',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'gc-mark-compact',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'gc-incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'gc-weak-callbacks',
}

/** Records pauses while LATENCY records events. */
export class GarbagePauses {
  private readonly latency: Pick<LatencyMonitor, 'add'>
  private observer: PerformanceObserver | null = null

  constructor(config: Config, latency: Pick<LatencyMonitor, 'add'>) {
    this.latency = latency
    config.observe('latency-monitor-threshold', (milliseconds) => (milliseconds === 0 ? this.stop() : this.start()))
  }

  /** Stops observing, when the server closes. */
  stop(): void {
    this.observer?.disconnect()
    this.observer = null
  }

  private start(): void {
    if (this.observer !== null) return
    this.observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) this.addPause(entry)
    })
    this.observer.observe({ entryTypes: ['gc'] })
  }

  private addPause({ detail, duration }: PerformanceEntry & { readonly detail?: NodeGCPerformanceDetail }): void {
    this.latency.add(EVENTS[detail?.kind ?? 0] ?? 'gc-other', duration)
  }
}

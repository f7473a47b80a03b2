/**
 * The figures of LATENCY: events above a threshold, and a histogram of each command's durations.
 *
 * A histogram is a row of counters in one typed array, so recording allocates nothing. Bucket b
 * counts durations up to (2^b * 1032 - 1) ns: powers of two of 1024 ns with some slack. Redis's
 * histograms, which are HdrHistograms (Tene), have that slack, so the printed bounds are Redis's.
 */
import { must } from '../../base/assert.ts'
import { type Bytes, lowerCase } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import type { LatencyPort } from '../../commands/contract/ports.ts'
import type { Config } from '../config/config.ts'

/** Samples kept of an event; at most one a second is added. */
const MAX_SAMPLES = 160
/** Kinds of events kept. The server itself defines them, and there are few. */
const MAX_EVENTS = 1000

const BUCKETS = 32
const FIRST_BUCKET_NANOS = 1032
/** Longer durations, from 37 minutes on, are in the last bucket. */
const LAST_BUCKET_UNITS = 2 ** (BUCKETS - 1)

interface Sample {
  /** Wall time. */
  readonly second: number
  readonly durationMs: number
  /** Monotonic time of the same moment, for the sample's age. */
  readonly atMs: number
}

interface Event {
  /** Oldest first. */
  readonly samples: Sample[]
  worst: number
}

/** Records the durations of commands and of other events. */
export class LatencyMonitor implements LatencyPort {
  private readonly clock: Clock
  private thresholdMs = Number.POSITIVE_INFINITY
  private isTracking = true
  private readonly timelines = new Map<Bytes, Event>()
  private readonly rows = new Map<Bytes, number>()
  private counts = new Float64Array(128 * BUCKETS)

  constructor(config: Config, clock: Clock) {
    this.clock = clock
    config.observe('latency-monitor-threshold', (milliseconds) => {
      this.thresholdMs = milliseconds === 0 ? Number.POSITIVE_INFINITY : milliseconds
    })
    config.observe('latency-tracking', (tracking) => {
      this.isTracking = tracking
    })
  }

  get enabled(): boolean {
    return this.thresholdMs !== Number.POSITIVE_INFINITY
  }

  /** Records an event's duration if it reaches the threshold. */
  add(event: Bytes, durationMs: number): void {
    if (durationMs < this.thresholdMs) return
    const timeline = this.timelines.get(event) ?? { samples: [], worst: 0 }
    if (!this.timelines.has(event)) {
      if (this.timelines.size >= MAX_EVENTS) return
      this.timelines.set(event, timeline)
    }
    const { samples } = timeline
    const took = Math.round(durationMs)
    const second = Math.floor(this.clock.wallMs() / 1000)
    const last = samples.at(-1)
    const atMs = this.clock.monotonicMs()
    timeline.worst = Math.max(timeline.worst, took)
    if (last?.second === second) samples[samples.length - 1] = { second, durationMs: Math.max(last.durationMs, took), atMs }
    else samples.push({ second, durationMs: took, atMs })
    if (samples.length > MAX_SAMPLES) samples.shift()
  }

  events(): Bytes[] {
    return [...this.timelines.keys()]
  }

  history(event: Bytes): readonly (readonly [number, number])[] {
    return this.samplesOf(event).map(({ second, durationMs }) => [second, durationMs])
  }

  samplesByAge(event: Bytes): readonly (readonly [number, number])[] {
    const monotonicMs = this.clock.monotonicMs()
    return this.samplesOf(event).map(({ durationMs, atMs }) => [Math.floor((monotonicMs - atMs) / 1000), durationMs])
  }

  latest(): (readonly [Bytes, number, number, number])[] {
    return [...this.timelines].map(([event, { samples, worst }]) => {
      const { second, durationMs } = must(samples.at(-1))
      return [event, second, durationMs, worst]
    })
  }

  reset(events: readonly Bytes[]): number {
    let forgotten = 0
    for (const event of events.length === 0 ? this.events() : events) if (this.timelines.delete(event)) forgotten++
    return forgotten
  }

  /** Records the duration of one run of a command (`get`, `config|set`). */
  record(command: Bytes, micros: number): void {
    if (!this.isTracking) return
    const row = this.rows.get(command) ?? this.addRow(command)
    const units = Math.min(Math.ceil((micros * 1000 + 1) / FIRST_BUCKET_NANOS), LAST_BUCKET_UNITS)
    this.counts[row + 32 - Math.clz32(units - 1)]! += 1 // hot: each request
  }

  /** Clears the histograms, for CONFIG RESETSTAT. */
  resetHistograms(): void {
    this.rows.clear()
    this.counts.fill(0)
  }

  histograms(names: readonly Bytes[]): (readonly [name: Bytes, calls: number, buckets: readonly (readonly [number, number])[]])[] {
    return this.recorded(names).map((name) => {
      let calls = 0
      const buckets: [number, number][] = []
      for (const [bucket, count] of this.row(name).entries()) {
        if (count === 0) continue
        calls += count
        buckets.push([bucketMicros(bucket), calls])
      }
      return [name, calls, buckets]
    })
  }

  /** Returns the commands that have a histogram. */
  commands(): Iterable<Bytes> {
    return this.rows.keys()
  }

  /**
   * Returns the duration, µs, that the given percentage of a command's runs does not exceed,
   * interpolated within a bucket.
   */
  percentile(command: Bytes, percent: number): number {
    const row = this.row(command)
    const total = row.reduce((sum, count) => sum + count, 0)
    const wanted = Math.max(1, (percent / 100) * total)
    let below = 0
    for (const [bucket, count] of row.entries()) {
      if (count > 0 && below + count >= wanted) {
        const high = (FIRST_BUCKET_NANOS * 2 ** bucket - 1) / 1000
        const low = bucket === 0 ? 0 : high / 2
        return low + (high - low) * ((wanted - below) / count)
      }
      below += count
    }
    return 0
  }

  /**
   * Returns the recorded commands of these names; a container stands for its subcommands. No names
   * mean all commands.
   */
  private recorded(names: readonly Bytes[]): Bytes[] {
    if (names.length === 0) return [...this.rows.keys()]
    const found = new Set<Bytes>()
    for (const given of names) {
      const name = lowerCase(given)
      if (this.rows.has(name)) found.add(name)
      else for (const known of this.rows.keys()) if (known.startsWith(`${name}|`)) found.add(known)
    }
    return [...found]
  }

  private samplesOf(event: Bytes): readonly Sample[] {
    return this.timelines.get(event)?.samples ?? []
  }

  private row(command: Bytes): Float64Array {
    const row = this.rows.get(command)
    return row === undefined ? new Float64Array(BUCKETS) : this.counts.subarray(row, row + BUCKETS)
  }

  private addRow(command: Bytes): number {
    const row = this.rows.size * BUCKETS
    if (row === this.counts.length) {
      const wider = new Float64Array(this.counts.length * 2)
      wider.set(this.counts)
      this.counts = wider
    }
    this.rows.set(command, row)
    return row
  }
}

/** Returns the upper bound of a bucket in whole microseconds. */
function bucketMicros(bucket: number): number {
  return Math.floor((FIRST_BUCKET_NANOS * 2 ** bucket - 1) / 1000)
}

/**
 * The progress of an import or export on standard error: a bar on a terminal, else a line each ten
 * seconds.
 */
import type { SingleBar } from 'cli-progress'
import type { Clock } from '../../base/clock.ts'
import { lazyPackage } from '../../base/lazy-package.ts'

const LINE_MS = 10_000
const BAR_MS = 100

export interface ProgressOptions {
  readonly clock: Clock
  readonly write: (text: string) => void
  readonly hasBar: boolean
  /** The kind of work, as in `importing`. */
  readonly action: string
  /** The unit of `total`: bytes of the source, or keys. */
  readonly unit: 'bytes' | 'keys'
  /** The amount of work; null where it is not known. */
  readonly total: number | null
}

/** Shows how much work is done, how fast, and how long the rest takes. */
export class Progress {
  /** The work done, in the unit. */
  done = 0
  /** The keys done. */
  keys = 0
  private readonly options: ProgressOptions
  private readonly startMs: number
  private shownMs: number
  private bar: SingleBar | null = null

  constructor(options: ProgressOptions) {
    this.options = options
    this.startMs = options.clock.monotonicMs()
    this.shownMs = this.startMs
  }

  get elapsedMs(): number {
    return this.options.clock.monotonicMs() - this.startMs
  }

  /** Shows the numbers if it is time. */
  show(): void {
    const { clock, hasBar } = this.options
    const nowMs = clock.monotonicMs()
    if (nowMs - this.shownMs < (hasBar ? BAR_MS : LINE_MS)) return
    this.shownMs = nowMs
    if (hasBar) this.showBar()
    else this.options.write(`haypile: ${this.line}\n`)
  }

  stop(): void {
    if (this.bar !== null) this.showBar()
    this.bar?.stop()
    this.bar = null
  }

  private get line(): string {
    const { action, unit, total } = this.options
    const seconds = this.elapsedMs / 1000
    const share = total === null || total === 0 ? '' : ` ${Math.floor((100 * this.done) / total)}%,`
    const left = total === null || this.done === 0 ? '' : `, ${Math.ceil(((total - this.done) * seconds) / this.done)} s left`
    const bytes = unit === 'bytes' ? ` ${mebibytes(this.done)} MiB,` : ''
    return `${action}:${share}${bytes} ${this.keys} keys, ${Math.round(this.keys / seconds)} keys/s${left}`
  }

  private showBar(): void {
    const { action, unit, total } = this.options
    const payload = { keys: this.keys, rate: Math.round((1000 * this.keys) / Math.max(1, this.elapsedMs)) }
    if (this.bar === null) {
      const amount = total === null ? '' : '{bar} {percentage}% '
      const eta = total === null ? '' : ' {eta_formatted}'
      const format = `${action} ${amount}{keys} keys, {rate} keys/s${eta}`
      const { SingleBar: Bar } = lazyPackage<typeof import('cli-progress')>('cli-progress')
      this.bar = new Bar({ format, stream: process.stderr, etaBuffer: unit === 'bytes' ? 100 : 1000 })
      this.bar.start(total ?? 1, 0, payload)
    }
    this.bar.update(Math.min(this.done, total ?? 0), payload)
  }
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1)
}

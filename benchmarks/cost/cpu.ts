/**
 * Reads the CPU time of a server's threads from /proc. The scheduler counts it in nanoseconds, so
 * short windows of requests can be measured.
 *
 *   main thread   the thread whose number is the process's
 *   compaction    LevelDB's background thread; it starts after haypile is ready, on one of libuv's
 *                 threads, whose name it inherits
 *   others        V8's and libuv's threads, Redis's background threads
 *
 * The whole process includes children that have ended: Redis forks one to rewrite its AOF.
 */
import { readdirSync, readFileSync } from 'node:fs'
import type { Program } from '../support/programs.ts'

export interface CpuTimes {
  readonly processMicros: number
  readonly mainMicros: number
  /** CPU time of LevelDB's compaction thread; 0 for Redis. */
  readonly compactionMicros: number
}

/** The kernel reports the CPU time of children in ticks, 100 a second on every Linux. */
const MICROS_PER_TICK = 10_000
/** Indices of cutime and cstime in /proc/PID/stat behind the program's name. */
const CHILD_FIELDS = [13, 14]

export class CpuMeter {
  private readonly directory: string
  private readonly mainThread: string
  private readonly isHaypile: boolean
  private readonly firstThreads: ReadonlySet<string>

  /** REQUIRES: the server has started and has not compacted anything. */
  constructor(program: Program) {
    this.directory = `/proc/${program.process.pid}`
    this.mainThread = String(program.process.pid)
    this.isHaypile = program.name === 'haypile'
    this.firstThreads = new Set(this.threads())
  }

  /** Returns the CPU time since the start of the process, or null without /proc. */
  read(): CpuTimes | null {
    const main = this.threadMicros(this.mainThread)
    if (main === null) return null
    let [all, compaction] = [this.childMicros(), 0]
    for (const thread of this.threads()) {
      const micros = this.threadMicros(thread) ?? 0
      all += micros
      if (this.isCompaction(thread)) compaction += micros
    }
    return { processMicros: all, mainMicros: main, compactionMicros: compaction }
  }

  private isCompaction(thread: string): boolean {
    if (!this.isHaypile || this.firstThreads.has(thread)) return false
    return this.text(`task/${thread}/comm`) !== this.text(`task/${this.mainThread}/comm`)
  }

  private threads(): string[] {
    try {
      return readdirSync(`${this.directory}/task`)
    } catch {
      return []
    }
  }

  private threadMicros(thread: string): number | null {
    const nanos = this.text(`task/${thread}/schedstat`)?.split(' ')[0]
    return nanos === undefined ? null : Number(nanos) / 1000
  }

  private childMicros(): number {
    const stat = this.text('stat') ?? ''
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return CHILD_FIELDS.reduce((sum, index) => sum + Number(fields[index] ?? 0) * MICROS_PER_TICK, 0)
  }

  /** Returns the text of a file of the process, or null if the process or thread has ended. */
  private text(file: string): string | null {
    try {
      return readFileSync(`${this.directory}/${file}`, 'latin1')
    } catch {
      return null
    }
  }
}

/** Returns the CPU time between two readings; null if one is missing. */
export function cpuBetween(before: CpuTimes | null, after: CpuTimes | null): CpuTimes | null {
  if (before === null || after === null) return null
  return {
    processMicros: after.processMicros - before.processMicros,
    mainMicros: after.mainMicros - before.mainMicros,
    compactionMicros: after.compactionMicros - before.compactionMicros,
  }
}

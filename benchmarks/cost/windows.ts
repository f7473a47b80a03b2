/**
 * Compares servers in short windows. All servers run at once, and windows of requests go to one and
 * to the other in turn, so that other work on the machine burdens all of them. A ratio is the
 * median of the ratios of the rounds.
 *
 *   round 1   first server | second server      time  -->
 *   round 2   second server | first server      every other round in reverse order
 *
 * Work that a server does after its window, such as a checkpoint, is measured until its next window
 * and reported as deferred.
 */
import { infoField, type Program } from '../support/programs.ts'
import { type Load, redisBenchmark } from '../support/redis-benchmark.ts'
import { type CpuMeter, cpuBetween } from './cpu.ts'
import { type Spread, spreadOf } from './spread.ts'

/** A server with its meter. */
export interface Subject {
  readonly program: Program
  readonly meter: CpuMeter
}

/** Figures for one request of one window. Null: the system does not give the figure. */
export interface Sample {
  readonly processMicros: number | null
  readonly mainMicros: number | null
  readonly compactionMicros: number | null
  readonly deferredMicros: number | null
  /** Reads that haypile counts: single ones, which LevelDB's cache or the page cache may answer. */
  readonly diskReads: number | null
  readonly requestsPerSecond: number
}

export interface WindowOptions {
  readonly rounds: number
  /** Runs before each window and is not measured. */
  readonly prepare?: (program: Program) => Promise<void>
}

type Figure = keyof Sample

/** The figures of a server in one test: of the rounds, the median and the middle half. */
interface ServerFigures extends Readonly<Record<Figure, Spread | null>> {
  readonly label: string
}

/** The ratios of a server's figures to those of the first server. */
interface Ratios extends Readonly<Partial<Record<Figure, Spread | null>>> {
  readonly label: string
  readonly to: string
}

export interface Comparison {
  readonly servers: readonly ServerFigures[]
  readonly ratios: readonly Ratios[]
}

const FIGURES: readonly Figure[] = ['processMicros', 'mainMicros', 'compactionMicros', 'deferredMicros', 'diskReads', 'requestsPerSecond']
const COMPARED: readonly Figure[] = ['processMicros', 'mainMicros', 'requestsPerSecond']

/** Measures one window of requests. */
export type Window = (program: Program) => Promise<{ readonly requests: number; readonly requestsPerSecond: number }>

/** Returns windows of redis-benchmark. */
export function benchmarkWindow(load: Load): Window {
  return async (program) => {
    const requestsPerSecond = (await redisBenchmark(program.port, load)).at(-1)?.requestsPerSecond ?? 0
    return { requests: load.requests, requestsPerSecond }
  }
}

export async function compare(subjects: readonly Subject[], window: Window, { rounds, prepare }: WindowOptions): Promise<Comparison> {
  const samples = new Map<Subject, Sample[]>(subjects.map((subject) => [subject, []]))
  const closings = new Map<Subject, () => void>()
  for (let round = 0; round < rounds; round++) {
    for (const subject of round % 2 === 0 ? subjects : [...subjects].reverse()) {
      closings.get(subject)?.()
      await prepare?.(subject.program)
      closings.set(subject, await measure(subject, window, samples.get(subject) ?? []))
    }
  }
  for (const close of closings.values()) close()
  return summarize(
    subjects.map((subject) => subject.program.label),
    subjects.map((subject) => samples.get(subject) ?? []),
  )
}

/**
 * Measures a window. The function that it returns adds the sample, with what was deferred. Throws
 * if the server refuses a request: refusals cost little.
 */
async function measure({ program, meter }: Subject, window: Window, samples: Sample[]): Promise<() => void> {
  const readsBefore = await diskReads(program)
  const errorsBefore = await errorReplies(program)
  const before = meter.read()
  const { requests, requestsPerSecond } = await window(program)
  const after = meter.read()
  const readsAfter = await diskReads(program)
  const errors = (await errorReplies(program)) - errorsBefore
  if (errors > 0) throw new Error(`${program.label} refused ${errors} of ${requests} requests`)
  const cpu = cpuBetween(before, after)
  return () => {
    const deferred = cpuBetween(after, meter.read())
    samples.push({
      processMicros: perRequest(cpu?.processMicros, requests),
      mainMicros: perRequest(cpu?.mainMicros, requests),
      compactionMicros: perRequest(cpu?.compactionMicros, requests),
      deferredMicros: perRequest(deferred?.processMicros, requests),
      diskReads: readsBefore === null || readsAfter === null ? null : (readsAfter - readsBefore) / requests,
      requestsPerSecond,
    })
  }
}

const perRequest = (total: number | undefined, requests: number) => (total === undefined ? null : total / requests)

/** Returns how often haypile has read LevelDB; null for Redis. */
async function diskReads(program: Program): Promise<number | null> {
  return program.name === 'haypile' ? infoField(program, 'storage', 'storage_disk_reads') : null
}

const errorReplies = (program: Program) => infoField(program, 'stats', 'total_error_replies')

/** Summarizes the samples of each server. The first server is what the others are compared with. */
export function summarize(labels: readonly string[], samples: readonly (readonly Sample[])[]): Comparison {
  const [firstLabel = '', ...otherLabels] = labels
  const [first = [], ...others] = samples
  const figuresOf = (label: string, of: readonly Sample[]) =>
    ({ label, ...record(FIGURES, (figure) => spreadOf(of.map((sample) => sample[figure]))) }) as ServerFigures
  const ratiosOf = (label: string, of: readonly Sample[]): Ratios => ({
    label,
    to: firstLabel,
    ...record(COMPARED, (figure) => spreadOf(of.map((sample, round) => ratio(sample[figure], first[round]?.[figure])))),
  })
  return {
    servers: labels.map((label, index) => figuresOf(label, samples[index] ?? [])),
    ratios: otherLabels.map((label, index) => ratiosOf(label, others[index] ?? [])),
  }
}

function ratio(value: number | null, base: number | null | undefined): number | null {
  return value === null || base === null || base === undefined || base === 0 ? null : value / base
}

function record<Value>(figures: readonly Figure[], of: (figure: Figure) => Value): Partial<Record<Figure, Value>> {
  return Object.fromEntries(figures.map((figure) => [figure, of(figure)])) as Partial<Record<Figure, Value>>
}

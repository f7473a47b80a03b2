/**
 * Measures collections far larger than `cache-memory`: loading, single requests, memory, and the
 * space left after a removal.
 */
import { batchesOf, Connection } from '../support/connection.ts'
import { endProgram, type Program, peakResidentBytes, residentBytes, startProgram } from '../support/programs.ts'
import { type LatencyRow, measureLatency } from './latency.ts'
import { type Kind, loadRequests, type Order } from './operations.ts'
import { type Removal, removals } from './removal.ts'

const COMMANDS_PER_WRITE = 10
const WINDOW = 50
/**
 * Bytes of a page. A collection's pages are evicted by reads of another one: as many reads as the
 * cache can hold pages.
 */
const PAGE_BYTES = 4096
const READS_PER_WRITE = 100
/** Request numbers from here on are in no measurement. */
const ELSEWHERE = 10_000_000

export interface HugeOptions {
  readonly kinds: readonly Kind[]
  readonly elements: number
  readonly order: Order
  readonly cacheBytes: number
  readonly samples: number
  /** Time for which PING is measured after each removal. */
  readonly watchMs: number
  readonly note: (text: string) => void
}

interface Phase {
  readonly name: string
  /** Null if nothing was loaded in this order. */
  readonly elementsPerSecond: number | null
  readonly residentBytes: number | null
  readonly peakBytes: number | null
}

export interface HugeResult {
  readonly elements: number
  readonly order: Order
  readonly cacheBytes: number
  readonly phases: Phase[]
  readonly latencies: LatencyRow[]
  readonly removals: Removal[]
}

export async function huge(options: HugeOptions): Promise<HugeResult> {
  const { kinds, elements, order, cacheBytes, samples, note } = options
  const program = await startProgram('haypile', ['--cache-memory', String(cacheBytes)])
  const phases: Phase[] = []
  const latencies: LatencyRow[] = []
  try {
    const connection = await Connection.open(program.port)
    for (const kind of kinds) {
      const elementsPerSecond = await load(connection, kind, 0, elements, order)
      phases.push(phaseOf(program, `${kind.name}: load`, elementsPerSecond))
      note(`${kind.name}: ${Math.round(elementsPerSecond)} elements/s loaded`)
    }
    for (const kind of kinds) {
      await displace(connection, kind, options)
      for (const operation of kind.operations) {
        const row = await measureLatency(connection, kind, operation, elements, samples)
        latencies.push(row)
        note(`${operation.name}: ${Math.round(row.cold.p50Us)} µs cold, ${Math.round(row.warm.p50Us)} µs warm`)
      }
      phases.push(phaseOf(program, `${kind.name}: single requests`, null))
    }
    const gone = await removals(program, connection, options)
    phases.push(phaseOf(program, 'removed', null))
    connection.close()
    return { elements, order, cacheBytes, phases, latencies, removals: gone }
  } finally {
    await endProgram(program)
  }
}

/** Loads elements and returns how many a second. Throws if some are missing at the end. */
export async function load(connection: Connection, kind: Kind, from: number, to: number, order: Order): Promise<number> {
  const startedAt = performance.now()
  await connection.pipeline(batchesOf(loadRequests(kind, from, to, order), COMMANDS_PER_WRITE), WINDOW)
  const seconds = (performance.now() - startedAt) / 1000
  const count = await connection.request(kind.count)
  if (count !== to) throw new Error(`the ${kind.name} has ${count} elements, not ${to}`)
  return (to - from) / seconds
}

/** Has the server read another collection until no page of this one can be in memory. */
async function displace(connection: Connection, kind: Kind, { kinds, elements, cacheBytes }: HugeOptions): Promise<void> {
  const read = kinds.find((each) => each !== kind)?.operations[0]
  if (read === undefined) return
  const requests = function* () {
    for (let k = 0; k < cacheBytes / PAGE_BYTES; k++) yield read.request(ELSEWHERE + k, elements)
  }
  await connection.pipeline(batchesOf(requests(), READS_PER_WRITE), 2 * READS_PER_WRITE)
}

function phaseOf(program: Program, name: string, elementsPerSecond: number | null): Phase {
  return { name, elementsPerSecond, residentBytes: residentBytes(program), peakBytes: peakResidentBytes(program) }
}

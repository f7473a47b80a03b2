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
const MAX_UNANSWERED = 50
/**
 * Bytes of a page. To evict a collection, another one is read: one read for each page that the
 * cache can hold.
 */
const PAGE_BYTES = 4096
const READS_PER_WRITE = 100
/** Requests with this number or a higher one are not measured. */
const FIRST_UNMEASURED_REQUEST = 10_000_000

export interface HugeOptions {
  readonly kinds: readonly Kind[]
  readonly elements: number
  readonly order: Order
  readonly cacheBytes: number
  readonly samples: number
  /** PING is measured for at least this long after each removal. */
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
    const measured = await removals(program, connection, options)
    phases.push(phaseOf(program, 'removed', null))
    connection.close()
    return { elements, order, cacheBytes, phases, latencies, removals: measured }
  } finally {
    await endProgram(program)
  }
}

/** Loads elements and returns the rate a second. Throws if some are missing at the end. */
export async function load(connection: Connection, kind: Kind, from: number, to: number, order: Order): Promise<number> {
  const startedAtMs = performance.now()
  await connection.pipeline(batchesOf(loadRequests(kind, from, to, order), COMMANDS_PER_WRITE), MAX_UNANSWERED)
  const seconds = (performance.now() - startedAtMs) / 1000
  const count = await connection.request(kind.count)
  if (count !== to) throw new Error(`the ${kind.name} has ${count} elements, not ${to}`)
  return (to - from) / seconds
}

/** Reads another collection until no page of this one is left in memory. */
async function displace(connection: Connection, kind: Kind, { kinds, elements, cacheBytes }: HugeOptions): Promise<void> {
  const read = kinds.find((each) => each !== kind)?.operations[0]
  if (read === undefined) return
  const requests = function* () {
    for (let k = 0; k < cacheBytes / PAGE_BYTES; k++) yield read.request(FIRST_UNMEASURED_REQUEST + k, elements)
  }
  await connection.pipeline(batchesOf(requests(), READS_PER_WRITE), 2 * READS_PER_WRITE)
}

function phaseOf(program: Program, name: string, elementsPerSecond: number | null): Phase {
  return { name, elementsPerSecond, residentBytes: residentBytes(program), peakBytes: peakResidentBytes(program) }
}

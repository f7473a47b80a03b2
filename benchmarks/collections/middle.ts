/** Measures operations in the middle of a long list, on both servers. */
import { Connection, encode } from '../support/connection.ts'
import { endProgram, type ProgramName, startProgram } from '../support/programs.ts'
import { load } from './huge.ts'
import { type Latencies, timeEach } from './latency.ts'
import { element, list } from './operations.ts'

export interface MiddleRow {
  readonly operation: string
  readonly found: readonly { readonly name: ProgramName; readonly latencies: Latencies }[]
}

export interface MiddleOptions {
  readonly elements: number
  readonly samples: number
  readonly names: readonly ProgramName[]
  readonly note: (text: string) => void
}

/**
 * Operations with the arguments of their k-th request. `at` is an index near the middle of the
 * list, and differs for each request.
 */
const OPERATIONS: readonly { readonly name: string; readonly words: (at: number, k: number) => readonly (string | number)[] }[] = [
  { name: 'LINDEX', words: (at) => ['LINDEX', list.key, at] },
  { name: 'LSET', words: (at, k) => ['LSET', list.key, at, `new:${k}`] },
  { name: 'LPOS', words: (at) => ['LPOS', list.key, element(at + 1)] },
  { name: 'LINSERT', words: (at, k) => ['LINSERT', list.key, 'BEFORE', element(at + 2), `inserted:${k}`] },
  { name: 'LREM', words: (at) => ['LREM', list.key, 1, element(at + 3)] },
  { name: 'LREM, from the end', words: (at) => ['LREM', list.key, -1, element(at + 4)] },
  { name: 'LPOS of an absent element', words: (_at, k) => ['LPOS', list.key, `absent:${k}`] },
]
/**
 * Distance between the elements of two requests, so that no two operations use the same element.
 */
const ELEMENT_DISTANCE = 8

/** Returns the length of the shortest list that has elements for this number of requests. */
export function minElementsOf(samples: number): number {
  return samples * ELEMENT_DISTANCE
}

/** REQUIRES: at least `minElementsOf(samples)` elements. */
export async function middle({ elements, samples, names, note }: MiddleOptions): Promise<MiddleRow[]> {
  const rows: (MiddleRow & { found: { name: ProgramName; latencies: Latencies }[] })[] = OPERATIONS.map(({ name }) => ({
    operation: name,
    found: [],
  }))
  for (const name of names) {
    const program = await startProgram(name)
    try {
      const connection = await Connection.open(program.port)
      await load(connection, list, 0, elements, 'ascending')
      const first = Math.floor(elements / 2 - (samples * ELEMENT_DISTANCE) / 2)
      for (const [index, operation] of OPERATIONS.entries()) {
        const requests = Array.from({ length: samples }, (_, k) => encode(operation.words(first + k * ELEMENT_DISTANCE, k)))
        const { latencies } = await timeEach(connection, requests)
        rows[index]?.found.push({ name, latencies })
        note(`${name} ${operation.name}: ${(latencies.p50Us / 1000).toFixed(2)} ms`)
      }
      connection.close()
    } finally {
      await endProgram(program)
    }
  }
  return rows
}

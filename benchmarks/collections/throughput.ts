/**
 * Runs redis-benchmark's tests of collections against both servers alternately. Each test begins
 * with a collection of the size that it needs.
 */
import { batchesOf, Connection, encode } from '../support/connection.ts'
import { endProgram, type Program, startProgram } from '../support/programs.ts'
import { alternately, type ThroughputOptions, type ThroughputRow } from '../throughput.ts'
import { scramble } from './operations.ts'

type Fill = 'list' | 'set' | 'sorted set'

interface Test {
  readonly name: string
  /** Share of the requests of a plain test: tests with large replies have fewer. */
  readonly share: number
  /**
   * The collection that the test removes elements from. For LRANGE redis-benchmark itself fills the
   * list.
   */
  readonly fill?: Fill
}

const TESTS: readonly Test[] = [
  { name: 'lpush', share: 1 },
  { name: 'rpush', share: 1 },
  { name: 'lpop', share: 1, fill: 'list' },
  { name: 'rpop', share: 1, fill: 'list' },
  { name: 'sadd', share: 1 },
  { name: 'hset', share: 1 },
  { name: 'spop', share: 1, fill: 'set' },
  { name: 'zadd', share: 1 },
  { name: 'zpopmin', share: 1, fill: 'sorted set' },
  { name: 'lrange_100', share: 0.5 },
  { name: 'lrange_300', share: 0.2 },
  { name: 'lrange_500', share: 0.1 },
  { name: 'lrange_600', share: 0.1 },
  { name: 'mset', share: 0.2 },
]
/** Keys of redis-benchmark's tests. */
const KEYS = ['mylist', 'myset', 'myhash', 'myzset']

const ELEMENTS_PER_COMMAND = 100
const COMMANDS_PER_WRITE = 10
const MAX_UNANSWERED = 100

export async function collectionsThroughput(
  options: ThroughputOptions & {
    /** Names of tests; null stands for all. */
    readonly only: readonly string[] | null
  },
): Promise<ThroughputRow[]> {
  const programs: Program[] = []
  try {
    for (const name of options.names) programs.push(await startProgram(name))
    const rows: ThroughputRow[] = []
    for (const pipeline of [1, 16]) {
      for (const test of TESTS) {
        if (options.only === null || options.only.includes(test.name)) rows.push(await measure(programs, test, pipeline, options))
      }
    }
    return rows
  } finally {
    for (const program of programs) await endProgram(program)
  }
}

function measure(programs: readonly Program[], test: Test, pipeline: number, options: ThroughputOptions): Promise<ThroughputRow> {
  const { clients, valueBytes, keys } = options
  const requests = Math.ceil((pipeline === 1 ? options.requests : options.pipelinedRequests) * test.share)
  const load = { tests: [test.name], requests, pipeline, clients, valueBytes, keys }
  // Adds a margin: redis-benchmark sends whole pipelines, so it may send a few more requests than
  // requested.
  const elements = requests + clients * pipeline
  return alternately(programs, load, options, (program) => prepare(program, test.fill, elements, valueBytes))
}

async function prepare(program: Program, fill: Fill | undefined, elements: number, valueBytes: number): Promise<void> {
  const connection = await Connection.open(program.port)
  try {
    await connection.ask('DEL', ...KEYS)
    if (fill !== undefined) await connection.pipeline(batchesOf(filling(fill, elements, valueBytes), COMMANDS_PER_WRITE), MAX_UNANSWERED)
  } finally {
    connection.close()
  }
}

function* filling(fill: Fill, elements: number, valueBytes: number): Generator<string> {
  const value = 'x'.repeat(valueBytes)
  for (let at = 0; at < elements; at += ELEMENTS_PER_COMMAND) {
    const words: (string | number)[] = fill === 'list' ? ['RPUSH', 'mylist'] : fill === 'set' ? ['SADD', 'myset'] : ['ZADD', 'myzset']
    for (let number = at; number < Math.min(elements, at + ELEMENTS_PER_COMMAND); number++) {
      const member = `element:${String(scramble(number)).padStart(12, '0')}`
      if (fill === 'list') words.push(value)
      else if (fill === 'set') words.push(member)
      else words.push(scramble(number ^ scramble(1)), member)
    }
    yield encode(words)
  }
}

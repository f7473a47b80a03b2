/** Measures scripts and functions with redis-benchmark, on both servers alternately. */
import { Connection } from './support/connection.ts'
import { loadKeys } from './support/load.ts'
import { endProgram, type Program, startProgram } from './support/programs.ts'
import { alternately, type ThroughputOptions, type ThroughputRow } from './throughput.ts'

const KEY = 'key:__rand_int__'
const FIVE_CALLS = `local v = redis.call('GET', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1])
redis.call('INCR', KEYS[2])
redis.call('EXPIRE', KEYS[2], 100)
return redis.call('GET', KEYS[2])`
const LIBRARY = `#!lua name=bench
redis.register_function{function_name='bench_get', callback=function(keys) return redis.call('GET', keys[1]) end, flags={'no-writes'}}`
const LOOP = 'local n = 0 for i = 1, 1000 do n = n + i % 7 end return n'

interface Test {
  readonly title: string
  readonly words: readonly string[]
  readonly share: number
}

function testsOf(sha: string): readonly Test[] {
  return [
    { title: 'EVAL of one GET', words: ['EVAL', "return redis.call('get', KEYS[1])", '1', KEY], share: 1 },
    { title: 'EVALSHA of one GET', words: ['EVALSHA', sha, '1', KEY], share: 1 },
    { title: 'FCALL of one GET', words: ['FCALL', 'bench_get', '1', KEY], share: 1 },
    { title: 'EVAL of 5 calls', words: ['EVAL', FIVE_CALLS, '2', KEY, 'n:__rand_int__', 'value'], share: 0.5 },
    { title: 'EVAL of a loop of 1000', words: ['EVAL', LOOP, '0'], share: 0.5 },
  ]
}

export async function scriptsThroughput(options: ThroughputOptions): Promise<ThroughputRow[]> {
  const programs: Program[] = []
  try {
    let sha = ''
    for (const name of options.names) {
      const program = await startProgram(name)
      programs.push(program)
      await loadKeys(program.port, options.keys, options.valueBytes)
      const connection = await Connection.open(program.port)
      sha = String(await connection.ask('SCRIPT', 'LOAD', "return redis.call('get', KEYS[1])"))
      await connection.ask('FUNCTION', 'LOAD', LIBRARY)
      connection.close()
    }
    const rows: ThroughputRow[] = []
    const { clients, valueBytes, keys } = options
    for (const pipeline of [1, 16]) {
      for (const { title, words, share } of testsOf(sha)) {
        const requests = Math.ceil((pipeline === 1 ? options.requests : options.pipelinedRequests) * share)
        rows.push(
          await alternately(programs, { tests: [], command: { title, words }, requests, pipeline, clients, valueBytes, keys }, options),
        )
      }
    }
    return rows
  } finally {
    for (const program of programs) await endProgram(program)
  }
}

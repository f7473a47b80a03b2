/**
 * Compares what requests cost on builds of haypile, or on redis-server. Prints tables.
 *
 *   npm run bench:compare -- A B [...] [--rounds N] [--quick] [--json] [--tests WORD,WORD]
 *                            [--protocol 2|3|both] [--pipeline 1|16|both] [--window N]
 *                            [--pipelined-window N] [--keys N] [--elements N]
 *
 * A and B are directories with a build (`dist/program/main.js`), or the word `redis`. The first one
 * is what the others are compared with. All run at once and are measured in turns, so the ratios
 * hold on a busy machine too; the absolute figures do not. benchmarks/README.md has the method and
 * the format of --json.
 */
import { existsSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { costTables } from './cost/cost-table.ts'
import { hotCosts } from './cost/hot.ts'
import { HOT_TESTS } from './cost/hot-tests.ts'
import { type Build, buildOf, isInstalled } from './support/programs.ts'
import { environment, environmentText } from './support/tables.ts'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    tests: { type: 'string' },
    protocol: { type: 'string', default: '3' },
    pipeline: { type: 'string', default: 'both' },
    window: { type: 'string' },
    'pipelined-window': { type: 'string' },
    keys: { type: 'string', default: '100000' },
    elements: { type: 'string', default: '100000' },
  },
})

function refuse(text: string): never {
  process.stderr.write(`${text}\n`)
  process.exit(1)
}

/** Returns the builds, with different labels: the last part of the path, or all of it. */
function buildsOf(words: readonly string[]): Build[] {
  const names = words.map((word) => (word === 'redis' ? word : basename(resolve(word))))
  return words.map((word, index) => {
    const name = names[index] as string
    const label = names.filter((each) => each === name).length === 1 ? name : `${word} (${index + 1})`
    if (word === 'redis') return { ...buildOf('redis'), label }
    // Builds from before the bundle have modules alone.
    const mainPaths = ['program', 'server'].map((folder) => join(resolve(word), 'dist', folder, 'main.js'))
    const mainPath = mainPaths.find((path) => existsSync(path))
    if (mainPath === undefined) return refuse(`${mainPaths[0]} is missing: build it first`)
    return { name: 'haypile', label, mainPath }
  })
}

/** Returns a flag's value as a count, or the default. */
function countOf(name: 'rounds' | 'window' | 'pipelined-window' | 'keys' | 'elements', defaultCount: number): number {
  const count = flags[name] === undefined ? defaultCount : Number(flags[name])
  return Number.isSafeInteger(count) && count > 0 ? count : refuse(`--${name} must be a positive integer`)
}

/** Returns the values that a flag names: one of them or both. */
function chosen<Value extends number>(name: 'protocol' | 'pipeline', values: readonly Value[]): readonly Value[] {
  const found = flags[name] === 'both' ? values : values.filter((value) => String(value) === flags[name])
  return found.length > 0 ? found : refuse(`--${name} must be ${values.join(', ')} or both`)
}

const builds = buildsOf(positionals)
if (builds.length < 2) refuse('two servers are needed: directories with a build, or the word redis')
if (!isInstalled('redis-benchmark')) refuse('redis-benchmark is not installed (Debian: redis-tools)')
const only = flags.tests?.split(',') ?? null
const unknown = only?.filter((name) => HOT_TESTS.every((test) => test.name !== name)) ?? []
if (unknown.length > 0) refuse(`unknown tests ${unknown.join(', ')}; known are ${HOT_TESTS.map(({ name }) => name).join(', ')}`)

const before = environment()
const { rows, versions } = await hotCosts(builds, {
  rounds: countOf('rounds', flags.quick ? 5 : 15),
  window: countOf('window', flags.quick ? 10_000 : 20_000),
  pipelinedWindow: countOf('pipelined-window', flags.quick ? 50_000 : 100_000),
  keys: countOf('keys', 100_000),
  elements: countOf('elements', 100_000),
  valueBytes: 64,
  clients: 50,
  protocols: chosen('protocol', [2, 3] as const),
  pipelines: chosen('pipeline', [1, 16]),
  only,
  note: (text) => void process.stderr.write(`${text}\n`),
})
const servers = builds.map(({ label }, index) => ({ label, version: versions[index] }))
const document = { format: 'haypile-compare-1', environment: before, servers, hot: rows }
process.stdout.write(
  flags.json ? `${JSON.stringify(document, null, 2)}\n` : `${[environmentText(before), ...costTables(rows)].join('\n\n')}\n`,
)

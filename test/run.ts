/**
 * Runs the test files whose paths contain one of the arguments, each in a process of its own, and
 * ends with a line `N passed, N failed`. Without arguments it runs all of them, and fast files
 * share a process, since loading the modules takes longer than their tests. A process that ends
 * with another status than 0, runs fewer tests than it declares, prints no total, overruns its time
 * or leaves a process running has failed.
 *
 * HAYPILE_OTHER_NODES names other Node programs, separated by colons. What runs in one process runs
 * with each of them, too, rooms of plain JavaScript with the last one. The tests of clients'
 * sockets run with the last one and io-threads 2. The total includes all of these.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SLOW_FILES } from './slow-files.ts'
import { outcomeOf } from './support/servers/file-outcome.ts'
import { endGroup } from './support/servers/process-group.ts'

interface Run {
  /** Several files share a process. */
  readonly files: readonly string[]
  /** A Node program. */
  readonly node: string
  /** Its version; empty for the one that runs this program. */
  readonly version: string
  /** The value of io-threads for the servers of the tests; empty for the default. */
  readonly ioThreads: string
}

/** Far more than any file takes, also on a machine that is busy with other things. */
const FILE_TIMEOUT_MS = 1_800_000
/**
 * A file whose tests are done and that has not ended by then has left something running, as one
 * does that fails in the middle.
 */
const END_TIMEOUT_MS = 30_000
/** Fast files that share a process. */
const FILES_A_BATCH = 24
/** Files that start servers and other programs wait most of their time: two run to a core. */
const MAX_LANES = 4
/** Files that run with one Node only: they take long, and what depends on Node is in the others. */
const WITH_ONE_NODE = /^(integration|interop|crash|simulation)\/|^storage\/recovery\/recovery-properties|^tidy/
/** Rooms that use JavaScript alone: they run with the default Node and the last of the others. */
const WITHOUT_NODE = /^(commands|lua|model|rdb|storage\/(tree|values))\//
/** Files that have a process of their own, since they start servers and programs. */
const NOT_BATCHED = /^(integration|interop|crash|simulation)\//

/**
 * Files that run again, with the last of the other Nodes, on servers whose sockets have threads of
 * their own.
 */
const WITH_IO_THREADS = /^integration\/(access\/listeners|clients\/(bad-input|blocking|clients|long-replies|pub-sub|tracking))\./

const { HAYPILE_OTHER_NODES: otherNodes = '' } = process.env
const root = fileURLToPath(new URL('.', import.meta.url))
const wanted = process.argv.slice(2)
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.js'))
  .filter((name) => wanted.length === 0 || wanted.some((word) => name.includes(word)))

let passed = 0
let failed = 0
let skipped = 0
/** Process groups of the files under way. A group has the number of its first process. */
const groups = new Set<number>()

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, async () => {
    await Promise.all([...groups].map((group) => endGroup(group, 0)))
    process.exit(1)
  })
}

/** All runs, the longest first. */
function runs(): Run[] {
  const secondsOf = (file: string) => SLOW_FILES[file.replace(/\.test\.js$/, '')] ?? 1
  const seconds = (run: Run) => run.files.reduce((sum, file) => sum + secondsOf(file), 0)
  const alone = (all: readonly string[]) => all.map((file) => [file])
  const isAlone = (file: string) => wanted.length > 0 || NOT_BATCHED.test(file) || secondsOf(file) > 1
  const grouped = (all: readonly string[]) => [...alone(all.filter(isAlone)), ...batchesOf(all.filter((file) => !isAlone(file)))]
  const made: Run[] = grouped(files).map((each) => ({ files: each, node: process.execPath, version: '', ioThreads: '' }))
  const others = otherNodes.split(':').filter((path) => path !== '')
  for (const node of others) {
    const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()
    const isLast = node === others.at(-1)
    const repeated = files.filter((file) => !WITH_ONE_NODE.test(file) && (isLast || !WITHOUT_NODE.test(file)))
    made.push(...grouped(repeated).map((each) => ({ files: each, node, version, ioThreads: '' })))
    if (!isLast) continue
    const threaded = alone(files.filter((file) => WITH_IO_THREADS.test(file)))
    made.push(...threaded.map((each) => ({ files: each, node, version, ioThreads: '2' })))
  }
  return made.sort((a, b) => seconds(b) - seconds(a) || (String(a.files) < String(b.files) ? -1 : 1))
}

/** Returns the files in batches of about the same size. */
function batchesOf(fast: readonly string[]): string[][] {
  const count = Math.ceil(fast.length / FILES_A_BATCH)
  const size = Math.ceil(fast.length / count)
  return Array.from({ length: count }, (_, index) => fast.slice(index * size, (index + 1) * size))
}

/** Runs the files of one process and adds up their counts. */
async function run({ files: each, node, version, ioThreads }: Run): Promise<void> {
  const started = Date.now()
  const paths = each.map((file) => join(root, file))
  const child = spawn(node, ['--enable-source-maps', ...(paths.length === 1 ? paths : [join(root, 'batch.js'), ...paths])], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_ENV: 'test', ...(ioThreads === '' ? {} : { HAYPILE_IO_THREADS: ioThreads }) },
    detached: true, // in a process group of its own
  })
  const group = child.pid as number
  groups.add(group)
  let output = ''
  let patienceMs = END_TIMEOUT_MS
  const timer = setTimeout(() => {
    output += `\noverran ${FILE_TIMEOUT_MS} ms\n`
    patienceMs = 0
    child.kill('SIGKILL')
  }, FILE_TIMEOUT_MS)
  child.stdout.on('data', (data) => {
    output += data
    if (!/^\s*Duration: /m.test(output)) return
    setTimeout(() => child.kill('SIGTERM'), END_TIMEOUT_MS).unref()
  })
  child.stderr.on('data', (data) => (output += data))
  const closed = once(child, 'close')
  const [status] = await once(child, 'exit')
  clearTimeout(timer)
  const left = await endGroup(group, patienceMs)
  groups.delete(group)
  await closed // all output is here
  for (const line of left) output += `\nleft running: ${line}\n`
  const last = each.length === 1 ? '' : `... ${each.at(-1)}`
  const name = [version, each[0], last, ioThreads === '' ? '' : `io-threads ${ioThreads}`].filter((part) => part !== '').join(' ')
  report(name, output, status === 0 && left.length === 0, Date.now() - started)
}

function report(name: string, output: string, isClean: boolean, tookMs: number): void {
  const outcome = outcomeOf(output, isClean)
  passed += outcome.passed
  failed += outcome.failed
  skipped += outcome.skipped
  const verdict = outcome.failed === 0 ? 'ok  ' : 'FAIL'
  console.log(`${verdict} ${name.padEnd(56)} ${String(outcome.passed).padStart(4)} passed ${(tookMs / 1000).toFixed(1)} s`)
  if (outcome.failed > 0) console.log(outcome.text)
  else for (const line of outcome.text.split('\n')) if (line.startsWith('SKIPPED')) console.log(`     ${line}`)
}

const queue = runs()
async function lane(): Promise<void> {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) await run(next)
}
await Promise.all(Array.from({ length: Math.min(MAX_LANES, 2 * availableParallelism()) }, lane))
if (files.length === 0) console.log('no test file matches')
if (skipped > 0) console.log(`${skipped} skipped`)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || files.length === 0 ? 1 : 0

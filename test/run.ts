/**
 * Runs the test files whose paths contain one of the arguments (all of them without), each in a process of its own, two at a time, and
 * ends with a line `N passed, N failed`. A file that ends with another status than 0, prints no total, overruns its time or leaves a process
 * running has failed.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { endGroup } from './support/servers/process-group.ts'

/** Far more than any file takes, also on a machine that is busy with other things. */
const FILE_TIMEOUT_MS = 1_800_000
/** A file whose tests are done and that has not ended by then has left something running, as one does that fails in the middle. */
const END_TIMEOUT_MS = 30_000

const root = fileURLToPath(new URL('.', import.meta.url))
const wanted = process.argv.slice(2)
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.js'))
  .filter((name) => wanted.length === 0 || wanted.some((word) => name.includes(word)))
  .sort()

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

/** Runs one file and adds up its counts. */
async function run(file: string): Promise<void> {
  const started = Date.now()
  const child = spawn(process.execPath, ['--enable-source-maps', join(root, file)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_ENV: 'test' },
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
  report(file, output, status === 0 && left.length === 0, Date.now() - started)
}

function report(file: string, output: string, isClean: boolean, tookMs: number): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is taken away
  const plain = output.replace(/\u001b\[[0-9;]*m/g, '')
  const count = (what: string) => Number(new RegExp(`^\\s*${what}:\\s+(\\d+)`, 'm').exec(plain)?.[1] ?? 0)
  const [total, good, omitted] = [count('Total'), count('Passed'), count('Skipped')]
  const bad = Math.max(total - good - omitted, isClean && total > 0 ? 0 : 1)
  passed += good
  failed += bad
  skipped += omitted
  const verdict = bad === 0 ? 'ok  ' : 'FAIL'
  console.log(`${verdict} ${relative('.', file).padEnd(48)} ${String(good).padStart(4)} passed ${(tookMs / 1000).toFixed(1)} s`)
  if (bad > 0) console.log(plain)
  else for (const line of plain.split('\n')) if (line.startsWith('SKIPPED')) console.log(`     ${line}`)
}

const queue = files.slice()
async function worker(): Promise<void> {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) await run(file)
}
await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, worker))
if (files.length === 0) console.log('no test file matches')
if (skipped > 0) console.log(`${skipped} skipped`)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || files.length === 0 ? 1 : 0

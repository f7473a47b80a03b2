/**
 * Runs the test files whose paths contain one of the arguments (all of them without), each in a process of its own, two at a time, and
 * ends with a line `N passed, N failed`. A file that ends with another status than 0, prints no total or overruns its time has failed.
 */
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const FILE_TIMEOUT_MS = 600_000
/** A file whose tests are done and that has not ended by then has left something running, as one does that fails in the middle. */
const END_TIMEOUT_MS = 10_000

const root = fileURLToPath(new URL('.', import.meta.url))
const wanted = process.argv.slice(2)
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.js'))
  .filter((name) => wanted.length === 0 || wanted.some((word) => name.includes(word)))
  .sort()

let passed = 0
let failed = 0
let skipped = 0

/** Runs one file and adds up its counts. */
function run(file: string): Promise<void> {
  const started = Date.now()
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--enable-source-maps', join(root, file)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_ENV: 'test' },
    })
    let output = ''
    const timer = setTimeout(() => {
      output += `\noverran ${FILE_TIMEOUT_MS} ms\n`
      child.kill('SIGKILL')
    }, FILE_TIMEOUT_MS)
    child.stdout.on('data', (data) => {
      output += data
      if (!/^\s*Duration: /m.test(output)) return
      setTimeout(() => child.kill('SIGTERM'), END_TIMEOUT_MS).unref()
    })
    child.stderr.on('data', (data) => (output += data))
    child.on('close', (status) => {
      clearTimeout(timer)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is taken away
      const plain = output.replace(/\u001b\[[0-9;]*m/g, '')
      const total = Number(/^\s*Total:\s+(\d+)/m.exec(plain)?.[1] ?? 0)
      const good = Number(/^\s*Passed:\s+(\d+)/m.exec(plain)?.[1] ?? 0)
      const left = Number(/^\s*Skipped:\s+(\d+)/m.exec(plain)?.[1] ?? 0)
      const bad = Math.max(total - good - left, status === 0 && total > 0 ? 0 : 1)
      passed += good
      failed += bad
      skipped += left
      console.log(
        `${bad === 0 ? 'ok  ' : 'FAIL'} ${relative('.', file).padEnd(48)} ${String(good).padStart(4)} passed ${((Date.now() - started) / 1000).toFixed(1)} s`,
      )
      if (bad > 0) console.log(plain)
      else for (const line of plain.split('\n')) if (line.startsWith('SKIPPED')) console.log(`     ${line}`)
      resolve()
    })
  })
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

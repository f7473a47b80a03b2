/**
 * How the program gets a heap of V8 for the configured cache. See machine.ts for the amount of data
 * that fits into a heap.
 *
 * V8 reads `--max-old-space-size` when the process starts, ignores later changes of the flag, and
 * ends a process whose heap is full. So the program replaces itself by one that has the flag
 * (`execve`, in Node 22.15 and later: same process id, same standard streams). Without `execve`
 * (Node 20, or inside another program), or with a limit that somebody has set, `cache-memory` is
 * lowered to what the heap holds.
 *
 * By default V8 lets the heap grow to twice its used size before it collects. Pages come and go, so
 * most of that would be garbage (with cache-memory 256mb the process had 1,030 MB instead of 570).
 * The program sets V8 to collect sooner; no difference in speed was measurable. An embedded server
 * leaves that flag to its host process.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Log } from '../../base/log.ts'
import { keepBelow } from '../config/ceiling.ts'
import type { Config } from '../config/config.ts'
import { defaultCacheBytes, type Machine } from '../config/key.ts'
import { cacheBytesIn, heapLimitBytes, heapMebibytesFor, machineMemoryBytes, thisMachine } from './machine.ts'

/** Growth of the heap beyond its used size before it is collected, percent. */
const GROWTH_PERCENT = 20

const HINT = 'for more, start node with --max-old-space-size=MEGABYTES; Node 22.15 and later need no flag'
const LIMIT_FLAG = /--max[-_]old[-_]space[-_]size(?:[-_]percentage)?\b/

/** The facts that defaults depend on, for the program, which can still get a larger heap. */
export function machineOfProgram(): Machine {
  return mayRestart() ? { memoryBytes: machineMemoryBytes() } : thisMachine()
}

/** True if the program can replace itself and its heap limit was not set by the operator. */
function mayRestart(): boolean {
  // Standard input can be read only once.
  const readsStandardInput = process.argv.slice(2).includes('-')
  return typeof process.execve === 'function' && !isLimitChosen() && !readsStandardInput
}

function isLimitChosen(): boolean {
  const { NODE_OPTIONS: options = '' } = process.env
  return [...process.execArgv, options].some((word) => LIMIT_FLAG.test(word))
}

/**
 * Replaces this process by one whose heap holds the configured cache, if its own does not; then it
 * does not return. REQUIRES: nothing is open yet.
 */
export function restartIfHeapIsSmall(config: Config): void {
  const wanted = Math.max(config.number('cache-memory'), config.number('dirty-limit'))
  if (wanted <= cacheBytesIn(heapLimitBytes()) || !mayRestart()) return
  const flag = `--max-old-space-size=${heapMebibytesFor(wanted)}`
  // glibc keeps freed memory in an arena for each thread: one arena needs a fifth less memory.
  const environment = { MALLOC_ARENA_MAX: '1', ...process.env }
  process.execve?.(process.execPath, [process.execPath, flag, ...process.execArgv, ...process.argv.slice(1)], environment)
}

/**
 * Lowers `cache-memory` and `dirty-limit` to what the heap holds, logs that, and makes CONFIG SET
 * refuse more. `heapBytes` is the heap's limit.
 */
export function fitCacheToHeap(config: Config, log: Log, heapBytes = heapLimitBytes()): void {
  const holds = cacheBytesIn(heapBytes)
  for (const name of ['cache-memory', 'dirty-limit'] as const)
    keepBelow(config, log, {
      name,
      allowed: (bytes) => Math.min(bytes, holds),
      refusal: () => `the heap of this process holds ${holds} bytes at most; ${HINT}`,
      why: `the heap of this process holds no more; ${HINT}`,
      fields: { heapBytes },
    })
}

/** Logs that the heap keeps the default of `cache-memory` below a quarter of the memory. */
export function logSmallDefault(config: Config, log: Log): void {
  const heapBytes = heapLimitBytes()
  const cacheBytes = config.number('cache-memory')
  if (cacheBytes !== cacheBytesIn(heapBytes) || cacheBytes >= defaultCacheBytes({ memoryBytes: machineMemoryBytes() })) return
  log.info({ cacheBytes, heapBytes }, `cache-memory is limited by the heap of this process; ${HINT}`)
}

/** Makes V8 collect sooner. The flag applies to the whole process. */
export function collectSooner(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`)
}

/**
 * Collects V8's heap now, so that garbage of the start does not count as memory in use. The time
 * grows with the heap: 30 ms of CPU time before any data is loaded.
 */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  setFlagsFromString('--no-expose-gc')
  collect()
}

/**
 * Collects V8's heap and returns what is free to the system. Node 22 and later return also the
 * space for new objects: after a load that was 100 MB. The heap is collected several times.
 */
export function releaseHeap(): void {
  collectGarbage()
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: { type: 'major'; flavor: 'last-resort' }) => void
  setFlagsFromString('--no-expose-gc')
  collect({ type: 'major', flavor: 'last-resort' })
}

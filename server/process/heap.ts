/**
 * V8's heap: how much of the data fits into it, and how the program gets a heap that holds what is
 * configured.
 *
 * V8 reads `--max-old-space-size` when the process starts; setting the flag later changes nothing, and a
 * process whose heap is full ends. So the program replaces itself by one that has the flag (`execve`, in
 * Node 22.15 and later: same process id, same standard streams). Where it cannot, as in Node 20, inside
 * another program, or where somebody has set the limit, `cache-memory` is lowered to what the heap holds.
 *
 * V8 would also let the heap grow to twice what is in use before it collects. Pages come and go, so most
 * of that would be garbage (with cache-memory 256mb the process had 1,030 MB instead of 570). The program
 * tells it to collect sooner; no difference in speed could be measured. An embedded server leaves that
 * flag to its host, whose process it is.
 */
import { totalmem } from 'node:os'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import type { Log } from '../../base/log.ts'
import { keepBelow } from '../config/ceiling.ts'
import type { Config } from '../config/config.ts'
import { defaultCacheBytes, type Machine } from '../config/key.ts'

const MEBIBYTE = 1024 * 1024
/** By how much more than is in use the heap grows before it is collected, percent. */
const GROWTH_PERCENT = 20
/** Bytes of heap for each byte of the working set: its growth, and a checkpoint's records. */
const HEAP_PER_CACHE = 2
/** The server itself, scripts' values, and requests under way. */
const MAX_BASE_BYTES = 512 * MEBIBYTE
/** Share of a small heap that the server itself needs, where that is less than MAX_BASE_BYTES. */
const BASE_SHARE = 0.4

const HINT = 'for more, start node with --max-old-space-size=MEGABYTES; Node 22.15 and later need no flag'
const LIMIT_FLAG = /--max[-_]old[-_]space[-_]size(?:[-_]percentage)?\b/

/** The limit of this process's heap, bytes. */
const heapLimitBytes = () => getHeapStatistics().heap_size_limit

/** Bytes of cache (or of changes that are not in LevelDB yet) that a heap of this limit holds. */
export function cacheBytesIn(limitBytes: number): number {
  const base = Math.min(MAX_BASE_BYTES, limitBytes * BASE_SHARE)
  return Math.floor((limitBytes - base) / HEAP_PER_CACHE / MEBIBYTE) * MEBIBYTE
}

/** The limit of a heap that holds so many bytes of cache, in V8's unit. */
export function heapMebibytesFor(cacheBytes: number): number {
  return Math.ceil((cacheBytes * HEAP_PER_CACHE + MAX_BASE_BYTES) / MEBIBYTE)
}

/** Memory of the machine, or of the container where that is less. */
function machineMemoryBytes(): number {
  const constrained = process.constrainedMemory() ?? 0
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}

/** The machine as the defaults see it, in a process whose heap is as it is. */
export function thisMachine(): Machine {
  return { memoryBytes: machineMemoryBytes(), heapCacheBytes: cacheBytesIn(heapLimitBytes()) }
}

/** The machine as the program's defaults see it: the program can still get the heap that it needs. */
export function machineOfProgram(): Machine {
  return mayRestart() ? { memoryBytes: machineMemoryBytes() } : thisMachine()
}

/** Whether the program can replace itself, and nobody has set the limit of its heap. */
function mayRestart(): boolean {
  const readsStandardInput = process.argv.slice(2).includes('-') // which can be read once
  return typeof process.execve === 'function' && !isLimitChosen() && !readsStandardInput
}

function isLimitChosen(): boolean {
  const { NODE_OPTIONS: options = '' } = process.env
  return [...process.execArgv, options].some((word) => LIMIT_FLAG.test(word))
}

/**
 * Replaces this process by one whose heap holds the configured cache, if its own does not; it does not
 * return then. REQUIRES: nothing is open yet.
 */
export function restartIfHeapIsSmall(config: Config): void {
  const wanted = Math.max(config.number('cache-memory'), config.number('dirty-limit'))
  if (wanted <= cacheBytesIn(heapLimitBytes()) || !mayRestart()) return
  const flag = `--max-old-space-size=${heapMebibytesFor(wanted)}`
  process.execve?.(process.execPath, [process.execPath, flag, ...process.execArgv, ...process.argv.slice(1)], process.env)
}

/**
 * Lowers `cache-memory` and `dirty-limit` to what the heap holds, says so, and has CONFIG SET refuse more.
 * `heapBytes` is the heap's limit.
 */
export function fitCacheToHeap(config: Config, log: Log, heapBytes = heapLimitBytes()): void {
  const holds = cacheBytesIn(heapBytes)
  for (const name of ['cache-memory', 'dirty-limit'])
    keepBelow(config, log, {
      name,
      allowed: (bytes) => Math.min(bytes, holds),
      refusal: () => `the heap of this process holds ${holds} bytes at most; ${HINT}`,
      why: `the heap of this process holds no more; ${HINT}`,
      fields: { heapBytes },
    })
}

/** Logs that the default of `cache-memory` is less than a quarter of the memory, where the heap is why. */
export function logSmallDefault(config: Config, log: Log): void {
  const heapBytes = heapLimitBytes()
  const cacheBytes = config.number('cache-memory')
  if (cacheBytes !== cacheBytesIn(heapBytes) || cacheBytes >= defaultCacheBytes({ memoryBytes: machineMemoryBytes() })) return
  log.info({ cacheBytes, heapBytes }, `cache-memory is what the heap of this process holds; ${HINT}`)
}

/** Has V8 collect sooner than it would by itself. A flag of the whole process. */
export function collectSooner(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`)
}

/**
 * The machine that the process runs on: its memory, and the cache that V8's heap holds. Defaults
 * depend on both. See heap.ts for how the program gets a larger heap.
 */
import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import type { Machine } from '../config/key.ts'

const MEBIBYTE = 1024 * 1024
/** Bytes of heap for each byte of the working set: its growth, and a checkpoint's records. */
const HEAP_PER_CACHE = 2
/** Heap for the server itself, scripts' values, and requests under way. */
const MAX_BASE_BYTES = 512 * MEBIBYTE
/** Share of a small heap for the server itself, if less than MAX_BASE_BYTES. */
const BASE_SHARE = 0.4

/** The limit of this process's heap, bytes. */
export const heapLimitBytes = () => getHeapStatistics().heap_size_limit

/**
 * Returns the bytes of cache (or of changes not yet in LevelDB) that fit into a heap of this limit.
 */
export function cacheBytesIn(limitBytes: number): number {
  const base = Math.min(MAX_BASE_BYTES, limitBytes * BASE_SHARE)
  return Math.floor((limitBytes - base) / HEAP_PER_CACHE / MEBIBYTE) * MEBIBYTE
}

/** Returns the heap limit for this much cache, in V8's unit. */
export function heapMebibytesFor(cacheBytes: number): number {
  return Math.ceil((cacheBytes * HEAP_PER_CACHE + MAX_BASE_BYTES) / MEBIBYTE)
}

/** Memory of the machine, or of the container if that is less. */
export function machineMemoryBytes(): number {
  const constrained = process.constrainedMemory() ?? 0
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}

/** The facts that defaults depend on, for a process that keeps its heap. */
export function thisMachine(): Machine {
  return { memoryBytes: machineMemoryBytes(), heapCacheBytes: cacheBytesIn(heapLimitBytes()) }
}

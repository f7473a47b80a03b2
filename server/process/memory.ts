/**
 * What the process takes up. Nothing here opens a file when it is asked: `process.memoryUsage()` does, and throws where every
 * descriptor is taken, which is when an operator looks.
 */
import { openSync, readSync } from 'node:fs'
import { getHeapStatistics } from 'node:v8'

export interface HeapUsage {
  /** V8's heap, bytes in use and reserved. */
  readonly usedBytes: number
  readonly totalBytes: number
  /** Outside of the heap and held by objects in it. */
  readonly externalBytes: number
}

export function heapUsage(): HeapUsage {
  const { used_heap_size: usedBytes, total_heap_size: totalBytes, external_memory: externalBytes } = getHeapStatistics()
  return { usedBytes, totalBytes, externalBytes }
}

const content = Buffer.alloc(4096)
/** Open for as long as the process runs; null where the system has no such file. */
const status = openStatus()

/** Bytes of the process that are in memory. */
export function residentBytes(): number {
  if (status === null) return process.memoryUsage.rss() // takes no descriptor where there is no /proc
  const text = content.latin1Slice(0, readSync(status, content, 0, content.length, 0))
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024
}

function openStatus(): number | null {
  try {
    return openSync('/proc/self/status', 'r')
  } catch {
    return null
  }
}

/**
 * The process's memory. Nothing here opens a file when it is called. `process.memoryUsage()` does,
 * and throws once every descriptor is in use, which is when an operator looks.
 */
import { openSync, readSync } from 'node:fs'
import { getHeapStatistics } from 'node:v8'

export interface HeapUsage {
  /** V8's heap: bytes in use; `totalBytes` are reserved. */
  readonly usedBytes: number
  readonly totalBytes: number
  /** Bytes outside the heap, held by objects in it. */
  readonly externalBytes: number
}

export function heapUsage(): HeapUsage {
  const { used_heap_size: usedBytes, total_heap_size: totalBytes, external_memory: externalBytes } = getHeapStatistics()
  return { usedBytes, totalBytes, externalBytes }
}

const content = Buffer.alloc(4096)
/** Open while the process runs; null on a system without this file. */
const status = openStatus()

/** The process's memory that is in RAM, bytes. */
export interface ResidentMemory {
  readonly totalBytes: number
  /** Without mapped files. Without /proc it is all of it. */
  readonly anonymousBytes: number
}

export function residentMemory(): ResidentMemory {
  if (status === null) {
    const totalBytes = process.memoryUsage.rss() // needs no descriptor without /proc
    return { totalBytes, anonymousBytes: totalBytes }
  }
  const text = content.latin1Slice(0, readSync(status, content, 0, content.length, 0))
  const totalBytes = Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024
  const anonymous = /^RssAnon:\s+(\d+) kB/m.exec(text)?.[1]
  return { totalBytes, anonymousBytes: anonymous === undefined ? totalBytes : Number(anonymous) * 1024 }
}

function openStatus(): number | null {
  try {
    return openSync('/proc/self/status', 'r')
  } catch {
    return null
  }
}

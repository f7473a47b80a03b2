/**
 * How much V8 may take. The limit of the old generation leaves the working set room for its growth, for a checkpoint's records and for the
 * server itself. Below it, V8 would collect when the heap has grown by a share that it chooses, up to twice what was in use; as pages come and go, that is
 * garbage for the most part (with cache-memory 256mb the process had 1,030 MB instead of 570). So it is told to collect sooner; no
 * difference in speed could be measured.
 *
 * These are flags of the whole process: the program sets them, an embedded server leaves them to its host.
 */
import { setFlagsFromString } from 'node:v8'

const MEBIBYTE = 1024 * 1024
/** By how much more than is in use the heap grows before it is collected, percent. */
const GROWTH_PERCENT = 20

export function setHeapLimits(cacheBytes: number): void {
  setFlagsFromString(`--max-old-space-size=${Math.ceil((cacheBytes * 2) / MEBIBYTE) + 512}`)
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`)
}

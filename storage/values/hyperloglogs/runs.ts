/**
 * The sparse form of a HyperLogLog: runs of equal registers, from the first register to the last.
 *
 *   00LLLLLL            L + 1 registers of height 0
 *   01LLLLLL LLLLLLLL   L + 1 registers of height 0, up to 16384
 *   1HHHHHLL            L + 1 registers of height H + 1
 *
 * One set of registers can be written in many ways, depending on the order in which elements came.
 * Runs are split and joined exactly as in Redis, so that values have the same bytes. A raised
 * register splits its run in up to three. Then neighbours of one height become one run if that is
 * short enough, in up to five runs from the previous one on.
 */

// hot: runs once for each run of a sketch

export const MAX_RUN_HEIGHT = 32
/** The longest run of one height, and of zeros in one byte. */
const MAX_RUN_LENGTH = 4
const MAX_SHORT_ZEROS = 64
const MAX_RUNS_SEARCHED = 5

const HEIGHT_BIT = 0x80
const LONG_BIT = 0x40

/** Returns the bytes of the run that begins with this code. */
export function runBytes(code: number): 1 | 2 {
  return (code & 0xc0) === LONG_BIT ? 2 : 1
}

/** Returns the number of registers in a run. */
export function runLength(runs: Uint8Array, at: number): number {
  const code = runs[at] as number
  if ((code & HEIGHT_BIT) !== 0) return (code & 3) + 1
  return (code & LONG_BIT) !== 0 ? (((code & 0x3f) << 8) | (runs[at + 1] as number)) + 1 : (code & 0x3f) + 1
}

/** Returns the height of a run's registers. */
export function runHeight(code: number): number {
  return (code & HEIGHT_BIT) !== 0 ? ((code >>> 2) & 31) + 1 : 0
}

function heightRun(height: number, length: number): number {
  return HEIGHT_BIT | ((height - 1) << 2) | (length - 1)
}

function writeZeros(into: Uint8Array, at: number, length: number): number {
  if (length <= MAX_SHORT_ZEROS) {
    into[at] = length - 1
    return at + 1
  }
  into[at] = LONG_BIT | ((length - 1) >>> 8)
  into[at + 1] = (length - 1) & 0xff
  return at + 2
}

/**
 * The bytes that `splitRun` has left. Up to two are for the registers before the raised one, one is
 * for it, and up to two for those after it.
 */
export const replacement: Uint8Array = new Uint8Array(5)

/**
 * Raises one register of the run at a position, whose first register is `first`. Leaves the bytes
 * that replace the run in `replacement` and returns their number.
 */
export function splitRun(runs: Uint8Array, at: number, first: number, index: number, height: number): number {
  const code = runs[at] as number
  const before = index - first
  const after = first + runLength(runs, at) - 1 - index
  const old = runHeight(code)
  let end = 0
  if (before > 0) {
    if (old === 0) end = writeZeros(replacement, end, before)
    else replacement[end++] = heightRun(old, before)
  }
  replacement[end++] = heightRun(height, 1)
  if (after > 0) {
    if (old === 0) end = writeZeros(replacement, end, after)
    else replacement[end++] = heightRun(old, after)
  }
  return end
}

/** Joins neighbouring runs of one height from a position on. Returns the new end. */
export function joinRuns(runs: Uint8Array, from: number, end: number): number {
  let last = end
  let at = from
  for (let looked = 0; at < last && looked < MAX_RUNS_SEARCHED; looked++) {
    const code = runs[at] as number
    if ((code & HEIGHT_BIT) === 0) {
      at += runBytes(code)
      continue
    }
    const next = at + 1 < last ? (runs[at + 1] as number) : 0
    const length = (code & 3) + (next & 3) + 2
    if ((code & ~3) === (next & ~3) && length <= MAX_RUN_LENGTH) {
      runs[at + 1] = heightRun(runHeight(code), length)
      runs.copyWithin(at, at + 1, last)
      last--
    } else at++
  }
  return last
}

/**
 * Raises registers to the heights in the runs. Returns true if the runs cover exactly all
 * registers.
 */
export function raiseFromRuns(runs: Uint8Array, from: number, end: number, registers: Uint8Array): boolean {
  let register = 0
  for (let at = from; at < end; ) {
    const code = runs[at] as number
    const length = runLength(runs, at)
    const height = runHeight(code)
    at += runBytes(code)
    if (height > 0) {
      if (register + length > registers.length) return false
      for (let i = register; i < register + length; i++) if ((registers[i] as number) < height) registers[i] = height
    }
    register += length
  }
  return register === registers.length
}

/** Returns the runs as PFDEBUG DECODE shows them. */
export function describeRuns(runs: Uint8Array, from: number, end: number): string {
  const words: string[] = []
  for (let at = from; at < end; at += runBytes(runs[at] as number)) {
    const code = runs[at] as number
    const length = runLength(runs, at)
    if (runHeight(code) > 0) words.push(`v:${runHeight(code)},${length}`)
    else words.push(`${runBytes(code) === 2 ? 'Z' : 'z'}:${length}`)
  }
  return words.join(' ')
}

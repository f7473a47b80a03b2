/**
 * The sparse form of a HyperLogLog: runs of equal registers, from the first register to the last.
 *
 *   00LLLLLL            so many zeros and one
 *   01LLLLLL LLLLLLLL   the same, of up to 16384
 *   1HHHHHLL            registers of height H + 1, L + 1 of them
 *
 * One set of registers can be written in many ways, and which one it is depends on the order in which elements came. So that values are the
 * same bytes here as on a Redis, runs are split, and put together again, exactly as there: where a register is raised its run is split in
 * up to three; then neighbours of one height, up to five runs from the one before, become one where that is short enough.
 */
export const HIGHEST_IN_RUN = 32
/** The longest run of one height, and of zeros in one byte. */
const LONGEST_RUN = 4
const LONGEST_SHORT_ZEROS = 64
const RUNS_LOOKED_AT = 5

const HEIGHT_BIT = 0x80
const LONG_BIT = 0x40

/** Bytes of the run at a position. */
export function runBytes(code: number): 1 | 2 {
  return (code & 0xc0) === LONG_BIT ? 2 : 1
}

/** Registers of a run. */
export function runLength(runs: Uint8Array, at: number): number {
  const code = runs[at] as number
  if ((code & HEIGHT_BIT) !== 0) return (code & 3) + 1
  return (code & LONG_BIT) !== 0 ? (((code & 0x3f) << 8) | (runs[at + 1] as number)) + 1 : (code & 0x3f) + 1
}

/** Height of the registers of a run. */
export function runHeight(code: number): number {
  return (code & HEIGHT_BIT) !== 0 ? ((code >>> 2) & 31) + 1 : 0
}

function heightRun(height: number, length: number): number {
  return HEIGHT_BIT | ((height - 1) << 2) | (length - 1)
}

function writeZeros(into: Uint8Array, at: number, length: number): number {
  if (length <= LONGEST_SHORT_ZEROS) {
    into[at] = length - 1
    return at + 1
  }
  into[at] = LONG_BIT | ((length - 1) >>> 8)
  into[at + 1] = (length - 1) & 0xff
  return at + 2
}

/** Up to two bytes of zeros, one of a height, two of zeros. */
const split = new Uint8Array(5)

/**
 * Raises one register of the run at a position, whose first register is `first`, and leaves what replaces the run in `replacement`.
 * Returns how many bytes that has.
 */
export function splitRun(runs: Uint8Array, at: number, first: number, index: number, height: number): number {
  const code = runs[at] as number
  const before = index - first
  const after = first + runLength(runs, at) - 1 - index
  const old = runHeight(code)
  let end = 0
  if (before > 0) {
    if (old === 0) end = writeZeros(split, end, before)
    else split[end++] = heightRun(old, before)
  }
  split[end++] = heightRun(height, 1)
  if (after > 0) {
    if (old === 0) end = writeZeros(split, end, after)
    else split[end++] = heightRun(old, after)
  }
  return end
}

/** What `splitRun` has left. */
export const replacement: Uint8Array = split

/** Joins neighbouring runs of one height from a position on. Returns the new end. */
export function joinRuns(runs: Uint8Array, from: number, end: number): number {
  let last = end
  let at = from
  for (let looked = 0; at < last && looked < RUNS_LOOKED_AT; looked++) {
    const code = runs[at] as number
    if ((code & HEIGHT_BIT) === 0) {
      at += runBytes(code)
      continue
    }
    const next = at + 1 < last ? (runs[at + 1] as number) : 0
    const length = (code & 3) + (next & 3) + 2
    if ((code & ~3) === (next & ~3) && length <= LONGEST_RUN) {
      runs[at + 1] = heightRun(runHeight(code), length)
      runs.copyWithin(at, at + 1, last)
      last--
    } else at++
  }
  return last
}

/** Raises registers to those that the runs spell. Returns whether they spell all registers, no more and no fewer. */
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

/** The runs as PFDEBUG DECODE shows them. */
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

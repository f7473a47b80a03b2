/** HyperLogLogs as values of keys, for their commands. */
import type { Bytes } from '../../base/bytes.ts'
import type { Database } from '../../storage/keyspace/database.ts'
import type { Entry } from '../../storage/keyspace/entry.ts'
import {
  EMPTY_SKETCH,
  estimate,
  HEADER_BYTES,
  isSketch,
  MAX_SKETCH_BYTES,
  REGISTERS,
} from '../../storage/values/hyperloglogs/hyperloglog.ts'
import type { Sketch } from '../../storage/values/hyperloglogs/sketch.ts'
import { clientError } from '../contract/errors.ts'
import { requireString } from '../parsing/typed-access.ts'

// hot: runs once for each register of a sketch

export const corrupt = () => clientError('INVALIDOBJ Corrupted HLL object detected')

/**
 * The HyperLogLog of an entry. Throws WRONGTYPE for any other value, and `corrupt` for a sketch
 * that is far too long.
 */
export function requireSketch(entry: Entry): Bytes {
  const value = requireString(entry)
  const head = typeof value === 'string' ? value : value.read(0, HEADER_BYTES).latin1Slice()
  if (!isSketch(head, value.length)) throw clientError('WRONGTYPE Key is not a valid HyperLogLog string value.')
  if (value.length > MAX_SKETCH_BYTES) throw corrupt()
  return value as Bytes
}

/**
 * The HyperLogLog of a key that is about to be written; an empty one if the key does not exist.
 * Throws WRONGTYPE.
 */
export function findSketch(db: Database, key: Bytes): { readonly entry: Entry | undefined; readonly value: Bytes } {
  const entry = db.find(key)
  return { entry, value: entry === undefined ? EMPTY_SKETCH : requireSketch(entry) }
}

/** Stores the sketch's value at a key, which keeps its deadline. */
export function storeSketch(db: Database, key: Bytes, entry: Entry | undefined, sketch: Sketch): void {
  const { value } = sketch
  if (entry === undefined) db.create(key, value).isModifiedInPlace = true
  else {
    db.replace(entry, value)
    entry.isModifiedInPlace = true
  }
}

const registers = new Uint8Array(REGISTERS)
/** The number of registers of each height. */
const heights = new Uint32Array(64)

/** The estimate from registers. */
export function cardinalityOfRegisters(of: Uint8Array): number {
  heights.fill(0)
  for (let index = 0; index < REGISTERS; index++) {
    const height = of[index] as number
    heights[height] = (heights[height] as number) + 1
  }
  return estimate(heights)
}

/** The estimate from a sketch; null if the sketch is corrupt. */
export function cardinalityOf(sketch: Sketch): number | null {
  registers.fill(0)
  return sketch.raiseInto(registers) ? cardinalityOfRegisters(registers) : null
}

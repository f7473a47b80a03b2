/**
 * Positions as scores, encoded as in Redis. Longitude and latitude are each cut into 2^26 steps.
 * Their bits are interleaved, latitude's in the even places. The result has 52 bits, exact in a
 * double. Scores with a common prefix of bits lie in the same cell.
 *
 * Latitudes end where those of web maps do. The encoding uses only sums, products and quotients,
 * which every machine computes alike: a score may be logged.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'

export const MAX_LONGITUDE = 180
export const MAX_LATITUDE = 85.05112878
export const STEPS = 26

export interface Position {
  readonly longitude: number
  readonly latitude: number
}

/** Cells each way, by step. These powers of two are asked for often enough to be kept. */
const CELLS: readonly number[] = Array.from({ length: STEPS + 1 }, (_, step) => 2 ** step)

/** A position's cell in a grid of 2^step cells each way. */
export interface Cell {
  readonly step: number
  readonly longitude: number
  readonly latitude: number
}

export interface Area {
  readonly minLongitude: number
  readonly maxLongitude: number
  readonly minLatitude: number
  readonly maxLatitude: number
}

export function cellOf({ longitude, latitude }: Position, step: number): Cell {
  const cells = must(CELLS[step])
  return {
    step,
    longitude: Math.floor(((longitude + MAX_LONGITUDE) / (2 * MAX_LONGITUDE)) * cells),
    latitude: Math.floor(((latitude + MAX_LATITUDE) / (2 * MAX_LATITUDE)) * cells),
  }
}

export function areaOf({ step, longitude, latitude }: Cell): Area {
  const cells = must(CELLS[step])
  return {
    minLongitude: -MAX_LONGITUDE + (longitude / cells) * (2 * MAX_LONGITUDE),
    maxLongitude: -MAX_LONGITUDE + ((longitude + 1) / cells) * (2 * MAX_LONGITUDE),
    minLatitude: -MAX_LATITUDE + (latitude / cells) * (2 * MAX_LATITUDE),
    maxLatitude: -MAX_LATITUDE + ((latitude + 1) / cells) * (2 * MAX_LATITUDE),
  }
}

/** The least score in a cell. The next cell starts 4^(26 - step) above. */
export function firstScoreOf(cell: Cell): number {
  return interleave(cell) * scoresPerCell(cell.step)
}

export function scoresPerCell(step: number): number {
  const side = must(CELLS[STEPS - step])
  return side * side
}

export function scoreOf(position: Position): number {
  return interleave(cellOf(position, STEPS))
}

/**
 * The middle of the cell that a score encodes. A score that encodes no position is accepted and
 * read as Redis reads it on x86.
 */
export function positionOf(score: number): Position {
  const exact = score >= 0 && score < 2 ** 53 ? Math.floor(score) : -1
  const bits = exact < 0 ? wordsOf(score) : { low: exact % 2 ** 32, high: Math.floor(exact / 2 ** 32) }
  const cell = {
    step: STEPS,
    longitude: (evenBits(bits.low >>> 1) | (evenBits(bits.high >>> 1) << 16)) >>> 0,
    latitude: (evenBits(bits.low) | (evenBits(bits.high) << 16)) >>> 0,
  }
  const area = areaOf(cell)
  return {
    longitude: within((area.minLongitude + area.maxLongitude) / 2, MAX_LONGITUDE),
    latitude: within((area.minLatitude + area.maxLatitude) / 2, MAX_LATITUDE),
  }
}

/** A double converted to an unsigned 64-bit integer the way x86 does. */
function wordsOf(score: number): { readonly low: number; readonly high: number } {
  const isOutside = !(score > -(2 ** 63) && score < 2 ** 64)
  const bits = isOutside ? (score < 0 ? 2n ** 63n : 0n) : BigInt.asUintN(64, BigInt(Math.trunc(score)))
  return { low: Number(bits & 0xffff_ffffn), high: Number(bits >> 32n) }
}

function within(degrees: number, limit: number): number {
  return Math.min(Math.max(degrees, -limit), limit)
}

/** Interleaves the bits of both: 52, or 54 for a position on the very edge. */
function interleave({ longitude, latitude }: Cell): number {
  const low = spread(latitude & 0x1fff) | (spread(longitude & 0x1fff) << 1)
  const high = spread(latitude >>> 13) + 2 * spread(longitude >>> 13)
  return high * 2 ** 26 + low
}

/** Puts a zero before each of up to 16 bits. */
function spread(bits: number): number {
  let result = (bits | (bits << 8)) & 0x00ff00ff
  result = (result | (result << 4)) & 0x0f0f0f0f
  result = (result | (result << 2)) & 0x33333333
  return (result | (result << 1)) & 0x55555555
}

/** Gathers the bits in the even places of a word. */
function evenBits(word: number): number {
  let result = word & 0x55555555
  result = (result | (result >>> 1)) & 0x33333333
  result = (result | (result >>> 2)) & 0x0f0f0f0f
  result = (result | (result >>> 4)) & 0x00ff00ff
  return (result | (result >>> 8)) & 0xffff
}

const ALPHABET = '0123456789bcdefghjkmnpqrstuvwxyz'
const GEOHASH_LETTERS = 11

/**
 * The standard geohash of 11 letters, whose latitudes reach the poles. The last letter carries no
 * information, as in Redis.
 */
export function standardGeohash({ longitude, latitude }: Position): Bytes {
  let bits = interleave({
    step: STEPS,
    longitude: Math.floor(((longitude + 180) / 360) * 2 ** STEPS),
    latitude: Math.floor(((latitude + 90) / 180) * 2 ** STEPS),
  })
  bits = Math.floor(bits / 4) % 2 ** 50
  let letters = '0'
  for (let letter = 1; letter < GEOHASH_LETTERS; letter++) {
    letters = ALPHABET.charAt(bits % 32) + letters
    bits = Math.floor(bits / 32)
  }
  return letters
}

const EARTH_RADIUS_METERS = 6372797.560856
const RADIANS = Math.PI / 180

/**
 * The distance of two positions on a sphere, in meters (haversine). Sines differ between machines
 * in the last bit, so a distance must not be logged.
 */
export function distanceOf(a: Position, b: Position): number {
  const sine = Math.sin((b.longitude * RADIANS - a.longitude * RADIANS) / 2)
  if (sine === 0) return latitudeDistance(a, b)
  const from = a.latitude * RADIANS
  const to = b.latitude * RADIANS
  const sineOfLatitudes = Math.sin((to - from) / 2)
  const square = sineOfLatitudes * sineOfLatitudes + Math.cos(from) * Math.cos(to) * sine * sine
  return 2 * EARTH_RADIUS_METERS * Math.asin(Math.sqrt(square))
}

/** The distance of two latitudes along a meridian, in meters. */
export function latitudeDistance(a: Position, b: Position): number {
  return EARTH_RADIUS_METERS * Math.abs(b.latitude * RADIANS - a.latitude * RADIANS)
}

/** The degrees of latitude that a distance in meters spans. */
export function degreesOf(meters: number): number {
  return meters / EARTH_RADIUS_METERS / RADIANS
}

/** The degrees of longitude that a distance in meters spans at a latitude. */
export function longitudeDegreesOf(meters: number, latitude: number): number {
  return meters / EARTH_RADIUS_METERS / Math.cos(latitude * RADIANS) / RADIANS
}

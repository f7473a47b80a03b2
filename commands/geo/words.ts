/** Reads positions and distances from requests, and writes them into replies. */
import type { Bytes } from '../../base/bytes.ts'
import { clientError } from '../contract/errors.ts'
import { type Reply, WrittenDouble } from '../contract/reply.ts'
import { isToken, requireFloat } from '../parsing/args.ts'
import { MAX_LATITUDE, MAX_LONGITUDE, type Position } from './geohash.ts'

/**
 * Reads a longitude and a latitude. Throws Redis's errors for a word that is no number and for
 * positions outside the grid.
 */
export function requirePosition(longitudeWord: Bytes, latitudeWord: Bytes): Position {
  const longitude = requireFloat(longitudeWord)
  const latitude = requireFloat(latitudeWord)
  if (Math.abs(longitude) <= MAX_LONGITUDE && Math.abs(latitude) <= MAX_LATITUDE) return { longitude, latitude }
  throw clientError(`ERR invalid longitude,latitude pair ${sixDecimals(longitude)},${sixDecimals(latitude)}`)
}

/** Formats a number like C's %f. */
function sixDecimals(value: number): Bytes {
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf'
  return Math.abs(value) < 1e21 ? value.toFixed(6) : `${BigInt(value)}.000000`
}

/** Reads a unit. Returns its length in meters. */
export function requireUnit(word: Bytes): number {
  if (isToken(word, 'm')) return 1
  if (isToken(word, 'km')) return 1000
  if (isToken(word, 'ft')) return 0.3048
  if (isToken(word, 'mi')) return 1609.34
  throw clientError('ERR unsupported unit provided. please use M, KM, FT, MI')
}

/** A distance as Redis shows it: four decimals. */
export function distanceReply(distance: number): Reply {
  const scaled = roundToEven(distance * 10_000)
  const whole = Math.floor(scaled / 10_000)
  return `${whole}.${String(scaled - whole * 10_000).padStart(4, '0')}`
}

function roundToEven(value: number): number {
  const rounded = Math.round(value)
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}

/** Longitude and latitude as Redis shows them: seventeen decimals, without zeros at the end. */
export function positionReply({ longitude, latitude }: Position): Reply {
  return [new WrittenDouble(seventeenDecimals(longitude)), new WrittenDouble(seventeenDecimals(latitude))]
}

function seventeenDecimals(value: number): Bytes {
  const digits = value.toFixed(17).replace(/\.?0+$/, '')
  return digits === '-0' ? '0' : digits
}

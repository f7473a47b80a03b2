/** Reads time-outs, with Redis's errors. */
import type { Bytes } from '../../base/bytes.ts'
import { clientError } from '../contract/errors.ts'
import { floatOf, MAX_INT64, requireInteger } from './args.ts'
import { longDoubleOf } from './decimal.ts'

/** About 2^63 ms after 1970, counted from now. */
const MAX_TIMEOUT_MS = Number(MAX_INT64) - 2e12
const notAnInteger = () => clientError('ERR timeout is not an integer or out of range')
const isNegative = () => clientError('ERR timeout is negative')
const outOfRange = () => clientError('ERR timeout is out of range')

/** Reads a time-out in seconds, with fractions, and returns ms; 0 means none. */
export function requireTimeout(word: Bytes): number {
  const timeoutMs = Math.ceil(secondsOf(word) * 1000)
  if (timeoutMs > MAX_TIMEOUT_MS) throw outOfRange()
  if (timeoutMs < 0) throw isNegative()
  return timeoutMs + 0 // turns -0 into 0
}

/** Redis reads a long double: a value that no double can hold is far too long, or nearly zero. */
function secondsOf(word: Bytes): number {
  const seconds = floatOf(word)
  if (seconds !== null) return seconds
  const exact = longDoubleOf(word)
  if (exact === null) throw clientError('ERR timeout is not a float or out of range')
  if (typeof exact === 'string' || exact.exponent > 0) return word.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  return word.startsWith('-') ? -Number.MIN_VALUE : Number.MIN_VALUE
}

/** Reads a time-out in whole ms; 0 means none. */
export function requireTimeoutMs(word: Bytes, nowMs: number): number {
  const timeout = requireInteger(word, notAnInteger)
  if (timeout < 0) throw isNegative()
  if (timeout > MAX_INT64 - BigInt(nowMs)) throw outOfRange()
  return Number(timeout)
}

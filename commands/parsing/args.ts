/**
 * Reads the words of a request with Redis's strictness. The `...Of` functions return null if
 * parsing fails; the `require...` functions throw the client error that Redis sends.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { type ClientError, clientError, notAFloat, notAnInteger, syntaxError } from '../contract/errors.ts'
import { hexadecimalDouble } from './decimal.ts'

/**
 * A signed 64-bit integer: a number if that is exact, else a bigint. Each value has one form, so
 * `===` compares.
 */
export type Int64 = number | bigint

export const MIN_INT64 = -(2n ** 63n)
export const MAX_INT64 = 2n ** 63n - 1n

/** An integer of at most this many digits is always a safe integer. */
const SAFE_DIGITS = 15
/** "-9223372036854775808" */
const MAX_INTEGER_LENGTH = 20

const ZERO = 48
const ONE = 49
const NINE = 57
const MINUS = 45

/**
 * Returns the 64-bit integer that the bytes spell in Redis's only form: no plus, no spaces, no
 * leading zeros, no minus before zero.
 */
export function integerOf(bytes: Bytes): Int64 | null {
  const length = bytes.length
  if (length === 0 || length > MAX_INTEGER_LENGTH) return null
  const negative = bytes.charCodeAt(0) === MINUS
  const from = negative ? 1 : 0
  const first = bytes.charCodeAt(from)
  if (first === ZERO) return length === 1 ? 0 : null
  if (!(first >= ONE && first <= NINE)) return null
  let value = first - ZERO
  for (let i = from + 1; i < length; i++) {
    const code = bytes.charCodeAt(i)
    if (code < ZERO || code > NINE) return null
    value = value * 10 + (code - ZERO)
  }
  if (length - from <= SAFE_DIGITS || Number.isSafeInteger(value)) return negative ? -value : value
  const exact = BigInt(bytes)
  return exact >= MIN_INT64 && exact <= MAX_INT64 ? exact : null
}

/**
 * Returns a 64-bit integer. Throws "value is not an integer or out of range", or the given error.
 */
export function requireInteger(bytes: Bytes, error: () => ClientError = notAnInteger): Int64 {
  const value = integerOf(bytes)
  if (value === null) throw error()
  return value
}

/**
 * Returns an integer from `min` to `max`, both safe integers. Throws the given error for a
 * non-integer and for a value out of range. Without `error`, throws Redis's two texts.
 */
export function requireSafeInteger(bytes: Bytes, min: number, max: number, error?: () => ClientError): number {
  const value = requireInteger(bytes, error)
  if (value < min || value > max)
    throw error === undefined ? clientError(`ERR value is out of range, value must between ${min} and ${max}`) : error()
  return Number(value)
}

/**
 * Returns a 64-bit integer clamped to the safe range. For positions, counts and lengths, where
 * anything above 2^53 means "the end".
 */
export function requireClampedInteger(bytes: Bytes, error: () => ClientError = notAnInteger): number {
  const value = requireInteger(bytes, error)
  if (typeof value === 'number') return value
  return value < 0n ? Number.MIN_SAFE_INTEGER : Number.MAX_SAFE_INTEGER
}

/** Returns the exact sum; null if it exceeds 64 bits. */
export function addInt64(a: Int64, b: Int64): Int64 | null {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b
    if (Number.isSafeInteger(sum)) return sum
  }
  return int64Of(BigInt(a) + BigInt(b))
}

/** Returns the negation; null for -2^63, the only value without one. */
export function negateInt64(value: Int64): Int64 | null {
  if (typeof value === 'number') return value === 0 ? 0 : -value
  return int64Of(-value)
}

/** Returns a bigint in the form that Int64 requires; null if it exceeds 64 bits. */
export function int64Of(value: bigint): Int64 | null {
  if (value < MIN_INT64 || value > MAX_INT64) return null
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
}

const FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const FLOAT_ZERO = /^[+-]?[0.]+(?:[eE]|$)/
const INFINITE = /^[+-]?inf(?:inity)?$/i

/**
 * Returns the double that C's strtod reads from all of the bytes. Returns null for spaces, NaN,
 * overflow, and underflow to zero.
 */
export function floatOf(bytes: Bytes): number | null {
  if (FLOAT.test(bytes)) {
    const value = Number(bytes)
    if (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY) return null
    return value === 0 && !FLOAT_ZERO.test(bytes) ? null : value
  }
  if (INFINITE.test(bytes)) return bytes.charCodeAt(0) === MINUS ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  return hexadecimalDouble(bytes)
}

/**
 * Returns a double, infinities included. Throws "value is not a valid float", or the given error.
 */
export function requireFloat(bytes: Bytes, error: () => ClientError = notAFloat): number {
  const value = floatOf(bytes)
  if (value === null) throw error()
  return value
}

/** True if the bytes equal `token` (given in lower case), ignoring case. */
export function isToken(bytes: Bytes | undefined, token: Bytes): boolean {
  if (bytes === undefined || bytes.length !== token.length) return false
  for (let i = 0; i < token.length; i++) {
    const code = bytes.charCodeAt(i)
    const wanted = token.charCodeAt(i)
    if (code !== wanted && !(code >= 65 && code <= 90 && code + 32 === wanted)) return false
  }
  return true
}

/**
 * Returns the name or address of a machine, without the brackets that may surround an IPv6 address.
 * Returns null for bytes that could not stand as one word in a line.
 */
export function hostOf(bytes: Bytes): Bytes | null {
  const host = /^\[([\dA-Fa-f:.]*:[!-~]*)\]$/.exec(bytes)?.[1] ?? bytes
  return /^[!-Z\\^-~]{1,255}$/.test(host) ? host : null
}

/**
 * Yields the words from position `from` on, two by two. Throws a syntax error for an odd number of
 * words. Fast loops use indexes instead.
 */
export function* pairs(args: readonly Bytes[], from: number): Iterable<readonly [first: Bytes, second: Bytes]> {
  if ((args.length - from) % 2 !== 0) throw syntaxError()
  for (let i = from; i < args.length; i += 2) yield [must(args[i]), must(args[i + 1])]
}

/**
 * Walks the options of a request, word by word:
 *
 *   const options = new Options(args, 3)
 *   while (options.more) {
 *     if (options.take('nx')) condition = 'nx'
 *     else if (options.take('ex')) seconds = requireInteger(options.value())
 *     else throw syntaxError()
 *   }
 */
export class Options {
  private readonly args: readonly Bytes[]
  private position: number

  constructor(args: readonly Bytes[], from: number) {
    this.args = args
    this.position = from
  }

  get more(): boolean {
    return this.position < this.args.length
  }

  /** The number of remaining words. */
  get left(): number {
    return this.args.length - this.position
  }

  /** The position of the next word in the request. */
  get at(): number {
    return this.position
  }

  /** Skips the next word if it is this token (given in lower case), and returns true. */
  take(token: Bytes): boolean {
    if (!isToken(this.args[this.position], token)) return false
    this.position++
    return true
  }

  /** Returns the next word. Throws a syntax error if there is none. */
  value(): Bytes {
    const word = this.args[this.position]
    if (word === undefined) throw syntaxError()
    this.position++
    return word
  }
}

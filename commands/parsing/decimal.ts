/**
 * The arithmetic of INCRBYFLOAT, HINCRBYFLOAT and similar commands. Redis computes in C's long
 * double. On x86 that is the x87's 80-bit format: a 64-bit mantissa and exponents down to 2^-16445.
 * Redis's replies show that format's rounding: 0.1 + 0.2 is 0.3. This file therefore computes in
 * that format, exactly, over bigints. It parses and rounds, adds and rounds, then prints 17
 * decimals ("%.17Lf") without trailing zeros.
 */
import type { Bytes } from '../../base/bytes.ts'
import { incrementNotFinite, notAFloat } from '../contract/errors.ts'

/**
 * A binary floating-point format: a mantissa of `bits` bits, times two to an exponent between the
 * bounds.
 */
interface Format {
  readonly bits: number
  readonly minExponent: number
  readonly maxExponent: number
}

const LONG_DOUBLE: Format = { bits: 64, minExponent: -16445, maxExponent: 16320 }
const DOUBLE: Format = { bits: 53, minExponent: -1074, maxExponent: 971 }

/** mantissa * 2^exponent with a signed mantissa, or an infinity. */
export type LongDouble = { readonly mantissa: bigint; readonly exponent: number } | 'inf' | '-inf'

/** digits * base^exponent; the digits are unsigned. */
interface Written {
  readonly isNegative: boolean
  readonly digits: bigint
  readonly base: 2 | 10
  readonly exponent: number
}

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i
const HEXADECIMAL = /^([+-]?)0x([0-9a-f]*)(?:\.([0-9a-f]*))?(?:p([+-]?\d+))?$/i
const INFINITE = /^([+-]?)inf(?:inity)?$/i

/** The size in bytes of the buffer in which Redis parses a long double, without its final NUL. */
const MAX_DECIMAL_LENGTH = 5 * 1024 - 1
/** Beyond these powers of ten, both formats overflow or underflow. */
const MAX_POWER = 4940
const MIN_POWER = -4980

/**
 * Redis's string2ld: returns the long double that a text spells. Returns null for other texts,
 * overflow and underflow to zero.
 */
export function longDoubleOf(bytes: Bytes): LongDouble | null {
  if (bytes.length > MAX_DECIMAL_LENGTH) return null
  const infinite = INFINITE.exec(bytes)
  if (infinite !== null) return infinite[1] === '-' ? '-inf' : 'inf'
  const written = writtenOf(bytes)
  if (written === null) return null
  const rounded = round(written, LONG_DOUBLE)
  return rounded === 'too-large' || rounded === 'too-small' ? null : rounded
}

/** Returns the sum as the x87 computes it; null if it is infinite or not a number. */
export function addLongDoubles(a: LongDouble, b: LongDouble): LongDouble | null {
  if (typeof a === 'string' || typeof b === 'string') return null
  const exponent = Math.min(a.exponent, b.exponent)
  const sum = (a.mantissa << BigInt(a.exponent - exponent)) + (b.mantissa << BigInt(b.exponent - exponent))
  const rounded = round({ isNegative: sum < 0n, digits: sum < 0n ? -sum : sum, base: 2, exponent }, LONG_DOUBLE)
  return rounded === 'too-large' || rounded === 'too-small' ? null : rounded
}

/**
 * Redis's human-readable ld2string: at most 17 decimals, no exponent, no trailing zeros, no minus
 * before zero.
 */
export function printLongDouble(value: LongDouble): Bytes {
  if (typeof value === 'string') return value
  const { mantissa, exponent } = value
  const magnitude = mantissa < 0n ? -mantissa : mantissa
  const digits =
    exponent >= 0 ? (magnitude << BigInt(exponent)) * 10n ** 17n : divideToEven(magnitude * 10n ** 17n, 1n << BigInt(-exponent))
  if (digits === 0n) return '0'
  const padded = digits.toString().padStart(18, '0')
  const decimals = padded.slice(-17).replace(/0+$/, '')
  return `${mantissa < 0n ? '-' : ''}${padded.slice(0, -17)}${decimals === '' ? '' : `.${decimals}`}`
}

/**
 * Returns `a` plus `b` as INCRBYFLOAT stores it. Throws Redis's errors for a text that is no float
 * and for a sum that is not finite.
 */
export function addFloatText(a: Bytes, b: Bytes): Bytes {
  const left = longDoubleOf(a)
  const right = longDoubleOf(b)
  if (left === null || right === null) throw notAFloat()
  const sum = addLongDoubles(left, right)
  if (sum === null) throw incrementNotFinite()
  return printLongDouble(sum)
}

/**
 * Returns the double that C's hexadecimal notation (0x1.8p3) spells; null for other texts and
 * values out of range.
 */
export function hexadecimalDouble(bytes: Bytes): number | null {
  if (!HEXADECIMAL.test(bytes)) return null
  const written = writtenOf(bytes)
  const rounded = written === null ? 'too-large' : round(written, DOUBLE)
  if (written === null || rounded === 'too-large' || rounded === 'too-small') return null
  if (rounded.mantissa === 0n) return written.isNegative ? -0 : 0
  return Number(rounded.mantissa) * 2 ** rounded.exponent
}

function writtenOf(bytes: Bytes): Written | null {
  const decimal = DECIMAL.exec(bytes)
  const match = decimal ?? HEXADECIMAL.exec(bytes)
  if (match === null) return null
  const [, sign, whole = '', fraction = '', power = '0'] = match
  if (whole === '' && fraction === '') return null
  const isNegative = sign === '-'
  if (decimal !== null) return { isNegative, digits: BigInt(whole + fraction), base: 10, exponent: Number(power) - fraction.length }
  return { isNegative, digits: BigInt(`0x${whole}${fraction}`), base: 2, exponent: Number(power) - 4 * fraction.length }
}

type Rounded = { readonly mantissa: bigint; readonly exponent: number }

/** Rounds to the nearest value of the format, ties to the even mantissa. */
function round(written: Written, format: Format): Rounded | 'too-large' | 'too-small' {
  const { digits, base, isNegative } = written
  if (digits === 0n) return { mantissa: 0n, exponent: 0 }
  // Checked before computing any power: 1e999999999 must cost nothing.
  const powerOfTen = digits.toString(16).length * Math.log10(16) + written.exponent * Math.log10(base)
  if (powerOfTen > MAX_POWER) return 'too-large'
  if (powerOfTen < MIN_POWER) return 'too-small'
  const scale = BigInt(base) ** BigInt(Math.abs(written.exponent))
  const numerator = written.exponent >= 0 ? digits * scale : digits
  const denominator = written.exponent >= 0 ? 1n : scale
  // The quotient is between 2^(highest-1) and 2^(highest+1), so the mantissa has `format.bits` bits
  // or one more.
  const highest = bitLength(numerator) - bitLength(denominator)
  const above = scaledQuotient(numerator, denominator, Math.max(highest - format.bits, format.minExponent))
  const exponent = Math.max(highest - format.bits + (above.quotient >> BigInt(format.bits) > 0n ? 1 : 0), format.minExponent)
  const { numerator: n, denominator: d } = scaledQuotient(numerator, denominator, exponent)
  let mantissa = divideToEven(n, d)
  let shifted = exponent
  if (mantissa >> BigInt(format.bits) > 0n) {
    mantissa >>= 1n
    shifted++
  }
  if (mantissa === 0n) return 'too-small'
  if (shifted > format.maxExponent) return 'too-large'
  return { mantissa: isNegative ? -mantissa : mantissa, exponent: shifted }
}

/**
 * Returns numerator / denominator / 2^exponent as a fraction of integers, with its integer part.
 */
function scaledQuotient(numerator: bigint, denominator: bigint, exponent: number) {
  const n = exponent < 0 ? numerator << BigInt(-exponent) : numerator
  const d = exponent > 0 ? denominator << BigInt(exponent) : denominator
  return { numerator: n, denominator: d, quotient: n / d }
}

/** Rounds a non-negative fraction to the nearest integer, ties to even. */
function divideToEven(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator
  const twice = (numerator - quotient * denominator) * 2n
  if (twice < denominator || (twice === denominator && (quotient & 1n) === 0n)) return quotient
  return quotient + 1n
}

function bitLength(value: bigint): number {
  const hexadecimal = value.toString(16)
  return (hexadecimal.length - 1) * 4 + (32 - Math.clz32(Number.parseInt(hexadecimal.charAt(0), 16)))
}

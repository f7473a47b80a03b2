/**
 * Numbers as C prints and reads them, in the C locale: `%.Ng` of printf, and strtod. It reads the
 * longest beginning of a text that is a number.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'

/**
 * The number of digits that suffices to tell a tie in rounding from a value close to one. A double
 * that is not a tie differs from it within this many digits.
 */
const TIE_DIGITS = 40

/**
 * Powers of ten by their exponent. Below the last one, C prints all digits of an integer, and
 * JavaScript prints no exponent.
 */
const POWERS: readonly number[] = Array.from({ length: 16 }, (_, exponent) => 10 ** exponent)

/**
 * Returns the value with `precision` significant digits (1 to 15), as `%.{precision}g` prints it.
 */
export function generalFormat(value: number, precision: number): Bytes {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value < 0 ? '-inf' : 'inf'
  const magnitude = Math.abs(value)
  if (magnitude >= 1e-4 && magnitude < must(POWERS[precision])) {
    if (Number.isInteger(value)) return String(value)
    // JavaScript prints the fewest digits that tell the double from others. If these are few
    // enough, C prints the same ones.
    const shortest = String(value)
    if (shortest.length <= precision + 1) return shortest
  }
  const sign = value < 0 ? '-' : ''
  const rounded = roundedDigits(magnitude, precision)
  const mark = rounded.indexOf('e')
  const exponent = Number(rounded.slice(mark + 1))
  const digits = rounded.slice(0, mark).replace('.', '').replace(/0+$/, '')
  return sign + (exponent < -4 || exponent >= precision ? scientific(digits, exponent) : positional(digits, exponent))
}

function scientific(digits: string, exponent: number): string {
  const fraction = digits.length > 1 ? `.${digits.slice(1)}` : ''
  const size = String(Math.abs(exponent)).padStart(2, '0')
  return `${digits[0]}${fraction}e${exponent < 0 ? '-' : '+'}${size}`
}

function positional(digits: string, exponent: number): string {
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')
  return digits.length > exponent + 1 ? `${whole}.${digits.slice(exponent + 1)}` : whole
}

/** Like toExponential, but rounds ties to the even digit, as C does. */
function roundedDigits(value: number, precision: number): string {
  const longer = value.toExponential(precision)
  const mark = longer.indexOf('e')
  const text = value.toExponential(precision - 1)
  if (longer[mark - 1] !== '5') return text
  const exact = value.toExponential(precision + TIE_DIGITS)
  const isTie = exact.startsWith(longer.slice(0, mark)) && /^0+e/.test(exact.slice(mark))
  const keptIsEven = Number(longer[mark - 2] === '.' ? longer[mark - 3] : longer[mark - 2]) % 2 === 0
  if (!isTie || !keptIsEven) return text
  const kept = longer.slice(0, mark - 1)
  return (kept.endsWith('.') ? kept.slice(0, -1) : kept) + longer.slice(mark)
}

/** The result of strtod: the number, and the offset after it. */
export interface NumberRead {
  readonly value: number
  readonly end: number
}

const DECIMAL = /[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?/iy
const HEXADECIMAL = /([-+]?)0x(?:([\da-f]+)\.?([\da-f]*)|\.([\da-f]+))(?:p([-+]?\d+))?/iy
const INFINITE = /([-+]?)inf(?:inity)?/iy
const NOT_A_NUMBER = /[-+]?nan(?:\(\w*\))?/iy

/**
 * Reads the number that begins at a position; null if none does. Does not skip leading white space.
 */
export function readNumber(text: Bytes, position: number): NumberRead | null {
  const hexadecimal = matchAt(HEXADECIMAL, text, position)
  if (hexadecimal !== null) return { value: hexadecimalValue(hexadecimal), end: HEXADECIMAL.lastIndex }
  const decimal = matchAt(DECIMAL, text, position)
  if (decimal !== null) return { value: Number(decimal[0]), end: DECIMAL.lastIndex }
  const infinite = matchAt(INFINITE, text, position)
  if (infinite !== null) return { value: infinite[1] === '-' ? -Infinity : Infinity, end: INFINITE.lastIndex }
  if (matchAt(NOT_A_NUMBER, text, position) !== null) return { value: Number.NaN, end: NOT_A_NUMBER.lastIndex }
  return null
}

function matchAt(pattern: RegExp, text: Bytes, position: number): RegExpExecArray | null {
  pattern.lastIndex = position
  return pattern.exec(text)
}

function hexadecimalValue([, sign, whole = '', fraction = '', onlyFraction = '', power = '0']: RegExpExecArray): number {
  const places = fraction.length + onlyFraction.length
  const mantissa = Number(BigInt(`0x${whole}${fraction}${onlyFraction}`))
  const value = timesPowerOfTwo(mantissa, Number(power) - 4 * places)
  return sign === '-' ? -value : value
}

/**
 * Multiplies in steps: a power of two may be too large or too small for a double although the
 * product is not.
 */
function timesPowerOfTwo(value: number, exponent: number): number {
  let product = value
  let left = exponent
  while (left > 1000 && product !== 0 && Number.isFinite(product)) {
    product *= 2 ** 1000
    left -= 1000
  }
  while (left < -1000 && product !== 0) {
    product *= 2 ** -1000
    left += 1000
  }
  return product === 0 || !Number.isFinite(product) ? product : product * 2 ** left
}

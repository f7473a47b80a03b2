/** Scores as text, the way Redis 7.0 packs them. */
import type { Bytes } from '../../base/bytes.ts'

/** Whole scores up to this magnitude are packed as integers. */
const MAX_WHOLE = 2 ** 62
const DIGITS = 17
/** More digits than a double has that lies in the middle between two numbers of 17 digits. */
const EXACT_DIGITS = 100

/** Returns a score with all digits that it may need to be read back, as C's `%.17g` does. */
export function scoreText(score: number): Bytes {
  if (!Number.isFinite(score)) return score > 0 ? 'inf' : '-inf'
  if (Number.isInteger(score) && Math.abs(score) <= MAX_WHOLE) return BigInt(score).toString()
  const sign = score < 0 ? '-' : ''
  const { digits, exponent } = rounded(Math.abs(score))
  if (exponent < -4 || exponent >= DIGITS) {
    const power = String(Math.abs(exponent)).padStart(2, '0')
    return `${sign}${withoutZeros(`${digits[0]}.${digits.slice(1)}`)}e${exponent < 0 ? '-' : '+'}${power}`
  }
  if (exponent < 0) return `${sign}${withoutZeros(`0.${'0'.repeat(-exponent - 1)}${digits}`)}`
  return sign + withoutZeros(`${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`)
}

/**
 * Returns 17 digits. In the middle between two numbers, C takes the even one, and JavaScript takes
 * the larger one.
 */
function rounded(value: number): { readonly digits: string; readonly exponent: number } {
  const [exact, exactPower] = digitsOf(value, EXACT_DIGITS)
  const isTie = /^50*$/.test(exact.slice(DIGITS))
  if (isTie && Number(exact[DIGITS - 1]) % 2 === 0) return { digits: exact.slice(0, DIGITS), exponent: exactPower }
  const [digits, exponent] = digitsOf(value, DIGITS - 1)
  return { digits, exponent }
}

function digitsOf(value: number, decimals: number): readonly [digits: string, exponent: number] {
  const [mantissa, power] = value.toExponential(decimals).split('e') as [string, string]
  return [mantissa.replace('.', ''), Number(power)]
}

function withoutZeros(text: string): string {
  return text.replace(/\.?0+$/, '')
}

import type { Bytes } from '../../base/bytes.ts'

/** Redis prints whole doubles up to this magnitude as integers (util.c, double2ll). */
const WHOLE_LIMIT = 2 ** 62

/**
 * Returns a double as Redis 7.2 prints it in replies (util.c, d2string). Whole numbers up to 2^62
 * have all digits. Others have the shortest digits that read back identically. They are laid out as
 * by the fpconv library: `0.1`, `1.5e+300`, `1e-7`, `12345.678`, `1.2345678901234567e+4`; also
 * `inf`, `-inf`, `nan`, `-0`.
 */
export function formatDouble(value: number): Bytes {
  if (Number.isNaN(value)) return 'nan'
  if (value === Infinity) return 'inf'
  if (value === -Infinity) return '-inf'
  if (Object.is(value, -0)) return '-0'
  if (Number.isSafeInteger(value)) return String(value)
  if (Number.isInteger(value) && Math.abs(value) <= WHOLE_LIMIT) return BigInt(value).toString()
  return value < 0 ? `-${layOut(-value)}` : layOut(value)
}

/**
 * value = 0.digits... * 10^point. Written without an exponent in the cases where fpconv does so.
 */
function layOut(value: number): Bytes {
  const [mantissa, power] = value.toExponential().split('e') as [string, string]
  const digits = mantissa.replace('.', '')
  const exponent = Number(power)
  const point = exponent + 1
  const trailing = point - digits.length // zeros to append; if negative, the number of decimals
  if (trailing >= 0 && exponent < digits.length + 7) return digits + '0'.repeat(trailing)
  if (trailing < 0 && (trailing > -7 || Math.abs(exponent) < 4)) {
    return point <= 0 ? `0.${'0'.repeat(-point)}${digits}` : `${digits.slice(0, point)}.${digits.slice(point)}`
  }
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${Math.abs(exponent)}`
}

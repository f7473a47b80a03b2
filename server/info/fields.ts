/** Formats the lines of INFO. */
import type { Bytes } from '../../base/bytes.ts'

export type Fields = readonly (readonly [name: Bytes, value: Bytes | number])[]

export function fields(list: Fields): Bytes {
  return list.map(([name, value]) => `${name}:${value}\r\n`).join('')
}

/** Formats a flag as INFO writes it. */
export const flag = (is: boolean) => (is ? 1 : 0)

/** Replaces characters that would break a line or a field, in names that clients can choose. */
export function safe(name: Bytes): Bytes {
  return name.replace(/[#:\n\r]/g, '_')
}

const UNITS = ['K', 'M', 'G', 'T', 'P'] as const

/** Formats bytes: 1536 is `1.50K`. */
export function humanBytes(bytes: number): string {
  if (bytes < 1024) return `${Math.max(0, Math.round(bytes))}B`
  let value = bytes / 1024
  let unit = 0
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024
  return `${value.toFixed(2)}${UNITS[unit]}`
}

export const ratio = (part: number, whole: number) => (whole > 0 ? part / whole : 0).toFixed(2)

export const percentage = (part: number, whole: number) => `${ratio(part * 100, whole)}%`

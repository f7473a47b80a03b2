/**
 * INFO as tables. A row is a field's name, and its value or the function that reads it from the
 * parts of the server. `group` computes once what several rows read.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { InfoSource } from './source.ts'

/** One field. A value of null leaves it out. */
type Row<S> = readonly [name: Bytes, value: Bytes | number | ((source: S) => Bytes | number | null)]

/** Returns any number of lines as text. */
type Lines<S> = (source: S) => Bytes

/** A section's fields in order; a function in the place of a row returns lines. */
export type Rows<S = InfoSource> = readonly (Row<S> | Lines<S>)[]

/** Part of a section: text that never changes, or a field's name with its colon and its value. */
type LinePart<S> = Bytes | { readonly name: Bytes; readonly read: (source: S) => Bytes | number | null } | Lines<S>

/** Returns the rows as one function. Values that never change become text here, once. */
export function linesOf<S>(rows: Rows<S>): Lines<S> {
  const parts: LinePart<S>[] = []
  for (const row of rows) {
    const part = typeof row === 'function' ? row : partOf(row)
    const last = parts.at(-1)
    if (typeof part === 'string' && typeof last === 'string') parts[parts.length - 1] = last + part
    else parts.push(part)
  }
  return (source) => {
    let text = ''
    for (const part of parts) {
      if (typeof part === 'string') text += part
      else if (typeof part === 'function') text += part(source)
      else {
        const value = part.read(source)
        if (value !== null) text += `${part.name}${value}\r\n`
      }
    }
    return text
  }
}

function partOf<S>([name, value]: Row<S>): LinePart<S> {
  return typeof value === 'function' ? { name: `${name}:`, read: value } : line(name, value)
}

/** Returns the lines of rows that read what `prepare` returns; no lines if that is null. */
export function group<S, T>(prepare: (source: S) => T | null, rows: Rows<T>): Lines<S> {
  const lines = linesOf(rows)
  return (source) => {
    const prepared = prepare(source)
    return prepared === null ? '' : lines(prepared)
  }
}

/** Returns one field as INFO writes it. */
export const line = (name: Bytes, value: Bytes | number): Bytes => `${name}:${value}\r\n`

/** Returns a line for each item. */
export function each<T>(items: Iterable<T>, lineOf: (item: T, index: number) => Bytes): Bytes {
  return Array.from(items, lineOf).join('')
}

/** Formats a flag as INFO writes it. */
export const flag = (is: boolean) => (is ? 1 : 0)

/** Formats a duration in whole seconds; null, for none, is -1. */
export const seconds = (milliseconds: number | null) => (milliseconds === null ? -1 : Math.max(0, Math.floor(milliseconds / 1000)))

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

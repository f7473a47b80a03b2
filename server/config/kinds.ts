/**
 * The kinds of configuration values: how each is read from words, printed for CONFIG GET, and
 * written to a file. Error texts are Redis's. They follow "CONFIG SET failed (possibly related to
 * argument 'x') - ".
 */

import { resolve } from 'node:path'
import { at, must } from '../../base/assert.ts'
import { type Bytes, bytesOfText, lowerCase, textOf } from '../../base/bytes.ts'

export interface BufferLimit {
  /** Bytes; 0 means none. */
  readonly hard: number
  /** Bytes; 0 means none. */
  readonly soft: number
  readonly softSeconds: number
}

export type BufferLimitClass = 'normal' | 'replica' | 'pubsub'
export type BufferLimits = Readonly<Record<BufferLimitClass, BufferLimit>>

export type ConfigValue = number | boolean | Bytes | readonly Bytes[] | readonly number[] | BufferLimits

/** A value is refused. The message gives the reason, in Redis's words where Redis has any. */
export class ConfigRefused extends Error {
  override readonly name = 'ConfigRefused'
}

export interface Kind<V extends ConfigValue = ConfigValue> {
  /** The format of the value with its range, for `haypile help`. */
  readonly describe: string
  /**
   * `many`: a value has any number of words, which CONFIG SET takes as one argument with spaces.
   */
  readonly takes: 'one' | 'many'
  /** The reason that a kind refuses values which Redis or Pika accepts. */
  readonly refuses?: string
  /**
   * Parses words. `previous` is the value to build on: the current one, or undefined to start anew.
   * Throws ConfigRefused.
   */
  parse(words: readonly Bytes[], previous: V | undefined): V
  /** Prints the value for CONFIG GET. */
  print(value: V): Bytes
  /** Returns what follows the name in a file, one item a line. */
  lines(value: V): readonly Bytes[]
}

/** A kind of one word. */
export function oneWord<V extends ConfigValue>(
  describe: string,
  parse: (word: Bytes) => V,
  print: (value: V) => Bytes,
  line: (value: V) => Bytes = print,
): Kind<V> {
  return {
    describe,
    takes: 'one',
    parse(words) {
      if (words.length !== 1) throw new ConfigRefused('wrong number of arguments')
      return parse(at(words, 0))
    },
    print,
    lines: (value) => [quoted(line(value))],
  }
}

export const MAX_INT32 = 2 ** 31 - 1
export const MAX_UINT32 = 2 ** 32 - 1
/**
 * 2^63 - 1, as Redis's limits print it. As a number it is 2^63: from 2^53 on, values keep 53 bits.
 */
export const MAX_INT64 = 9_223_372_036_854_775_807n

type Limit = number | bigint

function requireRange(value: bigint, minimum: Limit, maximum: Limit): number {
  if (value < minimum || value > maximum) throw new ConfigRefused(`argument must be between ${minimum} and ${maximum} inclusive`)
  return Number(value)
}

function printNumber(maximum: Limit): (value: number) => Bytes {
  return (value) => {
    if (Number.isSafeInteger(value)) return String(value)
    const whole = BigInt(value)
    return String(whole > maximum ? maximum : whole)
  }
}

function describeRange(what: string, minimum: Limit, maximum: Limit): string {
  if (maximum === MAX_INT64) return minimum === 0 ? what : `${what} from ${minimum}`
  return `${what} ${minimum} to ${maximum}`
}

/** A whole number from `minimum` to `maximum`. */
export function integer(minimum: Limit, maximum: Limit): Kind<number> {
  return oneWord(
    describeRange('integer', minimum, maximum),
    (word) => {
      if (!/^(0|-?[1-9]\d{0,18})$/.test(word)) throw new ConfigRefused("argument couldn't be parsed into an integer")
      return requireRange(BigInt(word), minimum, maximum)
    },
    printNumber(maximum),
  )
}

const MEMORY_UNITS: Readonly<Record<string, bigint>> = {
  '': 1n,
  b: 1n,
  k: 1000n,
  kb: 1n << 10n,
  m: 1_000_000n,
  mb: 1n << 20n,
  g: 1_000_000_000n,
  gb: 1n << 30n,
}

/**
 * Returns the bytes of `64mb`, `1g` or `100`; null if the word is no size. Redis's units: k m g are
 * powers of 1000, kb mb gb of 1024; `''` is 0.
 */
export function memoryBytesOf(word: Bytes): bigint | null {
  const parts = /^(\d{0,19})([a-z]*)$/.exec(lowerCase(word))
  const unit = MEMORY_UNITS[parts?.[2] ?? 'none']
  if (parts === null || unit === undefined) return null
  return BigInt(must(parts[1])) * unit
}

/** Returns the shortest exact spelling: 67108864 is 64mb. */
export function memoryText(bytes: number): Bytes {
  for (const [unit, size] of [
    ['gb', 2 ** 30],
    ['mb', 2 ** 20],
    ['kb', 2 ** 10],
  ] as const)
    if (bytes >= size && bytes % size === 0 && bytes / size < 1e6) return `${bytes / size}${unit}`
  return printNumber(MAX_INT64)(bytes)
}

/** A size in bytes. */
export function memory(minimum: number, maximum: Limit = MAX_INT64): Kind<number> {
  const least = minimum === 0 ? '' : ` from ${memoryText(minimum)}`
  const most = maximum === MAX_INT64 ? '' : ` to ${memoryText(Number(maximum))}`
  return oneWord(
    `memory${least}${most}`,
    (word) => {
      const bytes = memoryBytesOf(word)
      if (bytes === null) throw new ConfigRefused('argument must be a memory value')
      return requireRange(bytes, minimum, maximum)
    },
    printNumber(maximum),
    memoryText,
  )
}

export const flag: Kind<boolean> = oneWord(
  'yes or no',
  (word) => {
    const lower = lowerCase(word)
    if (lower !== 'yes' && lower !== 'no') throw new ConfigRefused("argument must be 'yes' or 'no'")
    return lower === 'yes'
  },
  (value) => (value ? 'yes' : 'no'),
)

export const text: Kind<Bytes> = oneWord(
  'text',
  (word) => word,
  (value) => value,
)

/** A path, made absolute when it is read, so that a later change of directory does not matter. */
export const directory: Kind<Bytes> = oneWord(
  'path',
  (word) => bytesOfText(resolve(textOf(word))),
  (value) => value,
)

/** One word of a list. */
export function choice<const W extends Bytes>(...words: readonly W[]): Kind<W> {
  return oneWord(
    words.join(', '),
    (word) => requireChoice(lowerCase(word), words),
    (value) => value,
  )
}

export function requireChoice<W extends Bytes>(word: Bytes, words: readonly W[]): W {
  const found = words.find((one) => one === word)
  if (found === undefined) throw new ConfigRefused(`argument(s) must be one of the following: ${words.join(', ')}`)
  return found
}

/** For a feature that does not exist here: only the neutral value is accepted. */
export function only<const W extends Bytes>(value: W, why: string): Kind<W> {
  const kind = oneWord<W>(
    value === '' ? 'empty' : `${value} only`,
    (word) => {
      if (lowerCase(word) !== value) throw new ConfigRefused(why)
      return value
    },
    () => value,
  )
  return { ...kind, refuses: why }
}

/** For a directive that a file must not contain at all. */
export function none(why: string): Kind<Bytes> {
  return {
    describe: 'nothing',
    takes: 'many',
    refuses: why,
    parse(words) {
      if (words.some((word) => word !== '')) throw new ConfigRefused(why)
      return ''
    },
    print: () => '',
    lines: () => [],
  }
}

/** The word, in quotes where a configuration file needs them. */
export function quoted(word: Bytes): Bytes {
  if (/^[!-~]+$/.test(word) && !/["'\\#]/.test(word)) return word
  const inner = word.replace(/[^ -~]|["\\]/g, (char) => ESCAPED[char] ?? `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
  return `"${inner}"`
}

const ESCAPED: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

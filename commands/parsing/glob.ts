/**
 * The patterns of KEYS, SCAN, PSUBSCRIBE and CONFIG GET. `*` matches any bytes, `?` one byte,
 * `[a-z]` and `[^a-z]` one byte of a class, `\x` x itself. They match as in Redis, oddities
 * included:
 * - `*` does not match the empty string.
 * - In ranges, bytes from 0x80 up come before ASCII (C's chars are signed there).
 * - `[` without `]` extends to the pattern's end.
 * - Escapes inside a class are always case-sensitive.
 *
 * Compiling a pattern gives one element for each byte of the subject, except for stars. Matching
 * backtracks to the last star only: a star that takes the least leaves the most for the rest. The
 * cost is therefore at most pattern length times subject length. A pattern with more than a
 * thousand stars before its end matches nothing, as in Redis since 7.2.6.
 */
import type { Bytes } from '../../base/bytes.ts'

/**
 * Redis recurses once for each star that is not the last element, and gives up beyond this depth.
 */
const MAX_STARS = 1000

const STAR = 42
const QUESTION = 63
const OPEN = 91
const BACKSLASH = 92
const CLOSE = 93
const CARET = 94
const DASH = 45

/** A byte, the set of bytes of a class or of `?` (256 flags), or a star. */
type Element = number | Uint8Array | '*'

const ANY = new Uint8Array(256).fill(1)

/** A compiled pattern: true if it matches the subject. */
export type Glob = (subject: Bytes) => boolean

/** Compiles a pattern for matching against several subjects. */
export function globOf(pattern: Bytes, letters: 'exact' | 'ignore-case' = 'exact'): Glob {
  if (letters === 'exact') {
    const literal = literalPrefix(pattern)
    if (isLiteral(pattern)) return (subject) => subject === literal
    if (isPrefix(pattern)) return (subject) => subject.length > 0 && subject.startsWith(literal)
  }
  const elements = compile(pattern, letters)
  if (starsBeforeEnd(elements) > MAX_STARS) return () => false
  return (subject) => matchElements(elements, subject)
}

/** True if `subject` matches `pattern`. */
export function globMatches(pattern: Bytes, subject: Bytes): boolean {
  return globOf(pattern)(subject)
}

/** True if `subject` matches `pattern`, ignoring the case of ASCII letters. */
export function globMatchesIgnoringCase(pattern: Bytes, subject: Bytes): boolean {
  return globOf(pattern, 'ignore-case')(subject)
}

/**
 * Returns the prefix of every match: the pattern up to its first special byte, escapes resolved.
 */
export function literalPrefix(pattern: Bytes): Bytes {
  let prefix = ''
  for (let i = 0; i < pattern.length; i++) {
    const code = pattern.charCodeAt(i)
    if (code === STAR || code === QUESTION || code === OPEN) return prefix
    if (code === BACKSLASH && i + 1 < pattern.length) i++
    prefix += pattern.charAt(i)
  }
  return prefix
}

/** True if the pattern matches only one subject, its literal prefix. */
export function isLiteral(pattern: Bytes): boolean {
  return firstSpecial(pattern) === pattern.length
}

/**
 * True if the pattern is a literal and a final star, so that it matches every subject with its
 * literal prefix.
 */
function isPrefix(pattern: Bytes): boolean {
  return firstSpecial(pattern) === pattern.length - 1 && pattern.charCodeAt(pattern.length - 1) === STAR
}

/**
 * Returns the position of the first star, question mark or class; the pattern's length if there is
 * none.
 */
function firstSpecial(pattern: Bytes): number {
  for (let i = 0; i < pattern.length; i++) {
    const code = pattern.charCodeAt(i)
    if (code === STAR || code === QUESTION || code === OPEN) return i
    if (code === BACKSLASH) i++
  }
  return pattern.length
}

function starsBeforeEnd(elements: readonly Element[]): number {
  let stars = 0
  for (let i = 0; i < elements.length - 1; i++) if (elements[i] === '*') stars++
  return stars
}

function matchElements(elements: readonly Element[], subject: Bytes): boolean {
  if (subject.length === 0) return elements.length === 0
  let at = 0
  let position = 0
  let afterStar = -1
  let starTook = 0
  while (position < subject.length) {
    const element = elements[at]
    if (element === '*') {
      afterStar = ++at
      starTook = position
    } else if (element !== undefined && holds(element, subject.charCodeAt(position))) {
      at++
      position++
    } else if (afterStar >= 0) {
      at = afterStar
      position = ++starTook
    } else return false
  }
  while (elements[at] === '*') at++
  return at === elements.length
}

function holds(element: number | Uint8Array, code: number): boolean {
  return typeof element === 'number' ? element === code : element[code] === 1
}

function compile(pattern: Bytes, letters: 'exact' | 'ignore-case'): Element[] {
  const elements: Element[] = []
  for (let i = 0; i < pattern.length; i++) {
    const code = pattern.charCodeAt(i)
    if (code === STAR) {
      if (elements.at(-1) !== '*') elements.push('*')
    } else if (code === QUESTION) elements.push(ANY)
    else if (code === OPEN) {
      const { members, last } = compileClass(pattern, i + 1, letters)
      elements.push(members)
      i = last
    } else {
      if (code === BACKSLASH && i + 1 < pattern.length) i++
      elements.push(literalElement(pattern.charCodeAt(i), letters))
    }
  }
  return elements
}

function literalElement(code: number, letters: 'exact' | 'ignore-case'): Element {
  if (letters === 'exact') return code
  const members = new Uint8Array(256)
  for (let other = 0; other < 256; other++) if (toLowerCase(other) === toLowerCase(code)) members[other] = 1
  return members
}

/**
 * Compiles the class whose first byte after the bracket is at `from`. `last` is the position of its
 * closing bracket, or of the pattern's last byte.
 */
function compileClass(pattern: Bytes, from: number, letters: 'exact' | 'ignore-case') {
  const members = new Uint8Array(256)
  let i = from
  const negated = pattern.charCodeAt(i) === CARET
  if (negated) i++
  for (; i < pattern.length; i++) {
    const code = pattern.charCodeAt(i)
    if (code === BACKSLASH && i + 1 < pattern.length) members[pattern.charCodeAt(++i)] = 1
    else if (code === CLOSE) break
    else if (i + 2 < pattern.length && pattern.charCodeAt(i + 1) === DASH) {
      addRange(members, code, pattern.charCodeAt(i + 2), letters)
      i += 2
    } else addRange(members, code, code, letters)
  }
  if (negated) for (let code = 0; code < 256; code++) members[code] = members[code] === 1 ? 0 : 1
  return { members, last: Math.min(i, pattern.length - 1) }
}

function addRange(members: Uint8Array, first: number, second: number, letters: 'exact' | 'ignore-case'): void {
  const folded = letters === 'exact' ? (code: number) => code : toLowerCase
  const swapped = signed(first) > signed(second)
  const low = signed(folded(swapped ? second : first))
  const high = signed(folded(swapped ? first : second))
  for (let code = 0; code < 256; code++) {
    const value = signed(folded(code))
    if (value >= low && value <= high) members[code] = 1
  }
}

function toLowerCase(code: number): number {
  return code >= 65 && code <= 90 ? code + 32 : code
}

/** Converts a byte to C's char on x86. */
function signed(code: number): number {
  return (code << 24) >> 24
}

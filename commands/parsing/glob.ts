/**
 * The patterns of KEYS, SCAN, PSUBSCRIBE, CONFIG GET: `*` any bytes, `?` one byte, `[a-z]` and `[^a-z]` one of a class, `\x` x itself.
 * They match as Redis's do, oddities included: `*` does not match the empty string, bytes from 0x80 up come before ASCII in ranges
 * (chars are signed there), `[` without `]` runs to the pattern's end, and escapes inside a class heed case always.
 *
 * A pattern is compiled once to one element a byte of the subject, stars apart. Matching backtracks to the last star only, which is enough: a
 * star that takes as little as it can leaves the most for what follows. So the cost is at most pattern length times subject length.
 * A pattern with more than a thousand stars before its end matches nothing, as in Redis since 7.2.6.
 */
import type { Bytes } from '../../base/bytes.ts'

/** Redis goes one call deeper for each star that is not the last element, and gives up beyond this depth. */
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

/** Whether a subject matches a pattern that was compiled. */
export type Glob = (subject: Bytes) => boolean

/** Compiles a pattern, for matching it against more than one subject. */
export function globOf(pattern: Bytes, letters: 'exact' | 'ignore case' = 'exact'): Glob {
  if (letters === 'exact') {
    const literal = literalPrefix(pattern)
    if (isLiteral(pattern)) return (subject) => subject === literal
    if (isPrefix(pattern)) return (subject) => subject.length > 0 && subject.startsWith(literal)
  }
  const elements = compile(pattern, letters)
  if (starsBeforeEnd(elements) > MAX_STARS) return () => false
  return (subject) => matchElements(elements, subject)
}

/** Whether `subject` matches `pattern`. */
export function globMatches(pattern: Bytes, subject: Bytes): boolean {
  return globOf(pattern)(subject)
}

/** Whether `subject` matches `pattern`, ASCII letters of either case being the same. */
export function globMatchesIgnoringCase(pattern: Bytes, subject: Bytes): boolean {
  return globOf(pattern, 'ignore case')(subject)
}

/** What every match begins with: the pattern up to its first special byte, escapes resolved. */
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

/** Whether the pattern matches one subject only, its literal prefix. */
export function isLiteral(pattern: Bytes): boolean {
  return firstSpecial(pattern) === pattern.length
}

/** Whether the pattern is a literal followed by one star: its matches are all that begins with its literal prefix. */
function isPrefix(pattern: Bytes): boolean {
  return firstSpecial(pattern) === pattern.length - 1 && pattern.charCodeAt(pattern.length - 1) === STAR
}

/** Where the first star, question mark or class is; the pattern's length where there is none. */
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

function compile(pattern: Bytes, letters: 'exact' | 'ignore case'): Element[] {
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

function literalElement(code: number, letters: 'exact' | 'ignore case'): Element {
  if (letters === 'exact') return code
  const members = new Uint8Array(256)
  for (let other = 0; other < 256; other++) if (lowered(other) === lowered(code)) members[other] = 1
  return members
}

/** The class whose first byte after the bracket is at `from`; `last` is where its closing bracket is, or the pattern's last byte. */
function compileClass(pattern: Bytes, from: number, letters: 'exact' | 'ignore case') {
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

function addRange(members: Uint8Array, first: number, second: number, letters: 'exact' | 'ignore case'): void {
  const folded = letters === 'exact' ? (code: number) => code : lowered
  const swapped = signed(first) > signed(second)
  const low = signed(folded(swapped ? second : first))
  const high = signed(folded(swapped ? first : second))
  for (let code = 0; code < 256; code++) {
    const value = signed(folded(code))
    if (value >= low && value <= high) members[code] = 1
  }
}

function lowered(code: number): number {
  return code >= 65 && code <= 90 ? code + 32 : code
}

/** A byte as C's char on x86. */
function signed(code: number): number {
  return (code << 24) >> 24
}

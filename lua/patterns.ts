/**
 * Lua's patterns, with a limit on the work of one match. Lua's own matcher backtracks without a
 * limit, and nothing can interrupt a function of C: one call of string.find may practically never
 * end. So a pattern is examined first. Lua's matcher runs if its worst case is harmless for the
 * subject. Otherwise the matcher here runs, which counts its steps.
 *
 *   item    = class [ "*" | "+" | "-" | "?" ] | "%b" x y | "%f" set | "%" digit | "(" | ")"
 *   class   = char | "." | "%" letter | set
 *   pattern = [ "^" ] { item } [ "$" ]
 *
 * The worst case is a product. Its factors are the number of places where a match may begin, the
 * subject's length for every quantifier that repeats, and two for every "?".
 */
import type { Bytes } from '../base/bytes.ts'

/** The maximum number of steps of one match: about half a second. */
const MAX_STEPS = 20_000_000
/** Lua's own matcher runs if its worst case has at most this many steps. */
export const HARMLESS_STEPS = 2_000_000
/**
 * If the number of steps grows only linearly with the subject, Lua's matcher may take this many
 * times more. It is many times faster than the matcher here.
 */
const LINEAR_FACTOR = 32
/** Bytes of work that one step here counts as (see LuaModule.charge). */
export const STEP_BYTES = 16
const MAX_CAPTURES = 32
const MAX_PATTERN_DEPTH = 5000
const MAX_KNOWN_SHAPES = 1000

const PERCENT = 37
const OPEN = 40
const CLOSE = 41
const STAR = 42
const PLUS = 43
const MINUS = 45
const DOT = 46
const QUESTION = 63
const OPEN_SET = 91
const CLOSE_SET = 93
const CARET = 94
const DOLLAR = 36

interface PatternShape {
  readonly repeats: number
  readonly options: number
  readonly isAnchored: boolean
  /** True if the pattern has no error for any subject. Others are left to the matcher here. */
  readonly isSound: boolean
}

const shapes = new Map<Bytes, PatternShape>()

/**
 * Returns the figures that a pattern's cost depends on. Quantifiers are counted generously: a wrong
 * count costs time, and no result depends on it.
 */
export function shapeOf(pattern: Bytes): PatternShape {
  let shape = shapes.get(pattern)
  if (shape !== undefined) return shape
  const counts = { repeats: 0, options: 0, captures: 0, open: 0 }
  const isSound = count(pattern, counts) && counts.open === 0 && counts.captures <= MAX_CAPTURES
  shape = { repeats: counts.repeats, options: counts.options, isAnchored: pattern.charCodeAt(0) === CARET, isSound }
  if (shapes.size >= MAX_KNOWN_SHAPES) shapes.clear()
  shapes.set(pattern, shape)
  return shape
}

/** Counts the parts of a pattern. Returns false if it is malformed. */
function count(pattern: Bytes, counts: { repeats: number; options: number; captures: number; open: number }): boolean {
  for (let i = 0; i < pattern.length; i++) {
    const code = pattern.charCodeAt(i)
    if (code === STAR || code === PLUS || code === MINUS) counts.repeats++
    else if (code === QUESTION) counts.options++
    else if (code === OPEN) {
      counts.captures++
      counts.open++
    } else if (code === CLOSE) {
      if (--counts.open < 0) return false
    } else if (code === PERCENT) {
      const next = pattern.charCodeAt(++i)
      if (Number.isNaN(next) || next === 98 || next === 102 || isDigit(next)) return false
    } else if (code === OPEN_SET) {
      i = setEnd(pattern, i)
      if (i < 0) return false
    }
  }
  return true
}

/** Returns the offset of the bracket that closes a set, or -1 for none. */
function setEnd(pattern: Bytes, open: number): number {
  let i = open + 1
  if (pattern.charCodeAt(i) === CARET) i++
  do {
    if (i >= pattern.length) return -1
    if (pattern.charCodeAt(i++) === PERCENT) i++
  } while (pattern.charCodeAt(i) !== CLOSE_SET)
  return i
}

/**
 * Returns the steps of Lua's matcher in the worst case for a subject of this length; Infinity if
 * that matcher must not run.
 */
export function worstCaseSteps({ repeats, options, isAnchored, isSound }: PatternShape, length: number, harmlessSteps: number): number {
  if (!isSound) return Number.POSITIVE_INFINITY
  const power = repeats + (isAnchored ? 0 : 1)
  const steps = 2 ** options * (length + 1) ** power
  return steps <= (power <= 1 ? harmlessSteps * LINEAR_FACTOR : harmlessSteps) ? steps : Number.POSITIVE_INFINITY
}

/** An error that a script makes with a pattern. The text is Lua's. */
export class PatternError extends Error {
  override readonly name = 'PatternError'
}

/** A capture. Its length is POSITION for `()`, and OPENED while the capture has no end. */
interface Capture {
  start: number
  length: number
}
const OPENED = -1
const POSITION = -2

/** Matches one pattern against one subject within a limit of steps. */
export class Matcher {
  private readonly subject: Bytes
  private readonly pattern: Bytes
  private captures: Capture[] = []
  private readonly steps: number
  private stepsLeft: number
  private depth = 0

  constructor(subject: Bytes, pattern: Bytes, steps = MAX_STEPS) {
    this.subject = subject
    this.pattern = pattern
    this.steps = steps
    this.stepsLeft = steps
  }

  /** Returns where a match that begins at `start` ends, or -1. Reads the pattern from `from` on. */
  matchAt(start: number, from: number): number {
    this.captures = []
    this.depth = 0
    return this.match(start, from)
  }

  /** Steps taken by this matcher. */
  get stepsTaken(): number {
    return this.steps - this.stepsLeft
  }

  get captureCount(): number {
    return this.captures.length
  }

  /** Returns a capture: its text, or a position counted from 1. */
  capture(index: number): Bytes | number {
    const capture = this.captures[index]
    if (capture === undefined) throw new PatternError('invalid capture index')
    if (capture.length === POSITION) return capture.start + 1
    if (capture.length === OPENED) throw new PatternError('unfinished capture')
    return this.subject.slice(capture.start, capture.start + capture.length)
  }

  private match(start: number, from: number): number {
    if (++this.depth > MAX_PATTERN_DEPTH) throw new PatternError('pattern too complex')
    try {
      return this.matchItems(start, from)
    } finally {
      this.depth--
    }
  }

  private matchItems(start: number, from: number): number {
    const { pattern, subject } = this
    let s = start
    let p = from
    for (;;) {
      this.step()
      if (p >= pattern.length) return s
      const code = pattern.charCodeAt(p)
      if (code === OPEN) return this.matchOpen(s, p)
      if (code === CLOSE) return this.matchClose(s, p + 1)
      if (code === DOLLAR && p + 1 === pattern.length) return s === subject.length ? s : -1
      if (code === PERCENT) {
        const next = pattern.charCodeAt(p + 1)
        if (next === 98) {
          s = this.matchBalance(s, p + 2)
          if (s < 0) return -1
          p += 4
          continue
        }
        if (next === 102) {
          p = this.matchFrontier(s, p + 2)
          if (p < 0) return -1
          continue
        }
        if (next >= 48 && next <= 57) {
          s = this.matchCaptured(s, next)
          if (s < 0) return -1
          p += 2
          continue
        }
      }
      const end = this.classEnd(p)
      const quantifier = pattern.charCodeAt(end)
      if (quantifier === STAR) return this.expandMost(s, p, end, 0)
      if (quantifier === PLUS) return this.expandMost(s, p, end, 1)
      if (quantifier === MINUS) return this.expandLeast(s, p, end)
      const isHere = s < subject.length && this.isOfClass(subject.charCodeAt(s), p, end)
      if (quantifier === QUESTION) {
        if (isHere) {
          const found = this.match(s + 1, end + 1)
          if (found >= 0) return found
        }
        p = end + 1
        continue
      }
      if (!isHere) return -1
      s++
      p = end
    }
  }

  private step(): void {
    if (--this.stepsLeft < 0) throw new PatternError('pattern too complex')
  }

  private matchOpen(s: number, p: number): number {
    const isPosition = this.pattern.charCodeAt(p + 1) === CLOSE
    if (this.captures.length >= MAX_CAPTURES) throw new PatternError('too many captures')
    this.captures.push({ start: s, length: isPosition ? POSITION : OPENED })
    const found = this.match(s, isPosition ? p + 2 : p + 1)
    if (found < 0) this.captures.pop()
    return found
  }

  private matchClose(s: number, p: number): number {
    const capture = this.captures.findLast(({ length }) => length === OPENED)
    if (capture === undefined) throw new PatternError('invalid pattern capture')
    capture.length = s - capture.start
    const found = this.match(s, p)
    if (found < 0) capture.length = OPENED
    return found
  }

  private matchBalance(s: number, p: number): number {
    const { subject, pattern } = this
    if (p + 1 >= pattern.length) throw new PatternError('unbalanced pattern')
    const open = pattern.charCodeAt(p)
    const close = pattern.charCodeAt(p + 1)
    if (s >= subject.length || subject.charCodeAt(s) !== open) return -1
    let level = 1
    for (let i = s + 1; i < subject.length; i++) {
      this.step()
      const code = subject.charCodeAt(i)
      if (code === close) {
        if (--level === 0) return i + 1
      } else if (code === open) level++
    }
    return -1
  }

  /** Returns the offset in the pattern where matching continues, or -1. */
  private matchFrontier(s: number, p: number): number {
    const { subject, pattern } = this
    if (pattern.charCodeAt(p) !== OPEN_SET) throw new PatternError("missing '[' after '%f' in pattern")
    const end = this.classEnd(p)
    const before = s === 0 ? 0 : subject.charCodeAt(s - 1)
    const here = s < subject.length ? subject.charCodeAt(s) : 0
    return !this.isOfSet(before, p, end - 1) && this.isOfSet(here, p, end - 1) ? end : -1
  }

  private matchCaptured(s: number, digit: number): number {
    const capture = this.captures[digit - 49]
    if (capture === undefined || capture.length === OPENED) throw new PatternError('invalid capture index')
    if (capture.length === POSITION) return -1
    const text = this.subject.slice(capture.start, capture.start + capture.length)
    this.stepsLeft -= text.length
    return this.subject.startsWith(text, s) ? s + text.length : -1
  }

  private expandMost(s: number, p: number, end: number, least: number): number {
    const { subject } = this
    let count = 0
    while (s + count < subject.length && this.isOfClass(subject.charCodeAt(s + count), p, end)) {
      this.step()
      count++
    }
    for (; count >= least; count--) {
      const found = this.match(s + count, end + 1)
      if (found >= 0) return found
    }
    return -1
  }

  private expandLeast(start: number, p: number, end: number): number {
    const { subject } = this
    for (let s = start; ; s++) {
      const found = this.match(s, end + 1)
      if (found >= 0) return found
      if (s >= subject.length || !this.isOfClass(subject.charCodeAt(s), p, end)) return -1
    }
  }

  private classEnd(p: number): number {
    const { pattern } = this
    const code = pattern.charCodeAt(p)
    if (code === PERCENT) {
      if (p + 1 >= pattern.length) throw new PatternError("malformed pattern (ends with '%')")
      return p + 2
    }
    if (code !== OPEN_SET) return p + 1
    const end = setEnd(pattern, p)
    if (end < 0) throw new PatternError("malformed pattern (missing ']')")
    return end + 1
  }

  private isOfClass(code: number, p: number, end: number): boolean {
    const first = this.pattern.charCodeAt(p)
    if (first === DOT) return true
    if (first === PERCENT) return isOfLetter(code, this.pattern.charCodeAt(p + 1))
    return first === OPEN_SET ? this.isOfSet(code, p, end - 1) : first === code
  }

  /**
   * Returns true for a character that is in the set at `p`. `last` is the offset of the closing
   * bracket.
   */
  private isOfSet(code: number, p: number, last: number): boolean {
    const { pattern } = this
    let i = p + 1
    const isWanted = pattern.charCodeAt(i) !== CARET
    if (!isWanted) i++
    for (; i < last; i++) {
      const item = pattern.charCodeAt(i)
      if (item === PERCENT) {
        if (isOfLetter(code, pattern.charCodeAt(++i))) return isWanted
      } else if (pattern.charCodeAt(i + 1) === MINUS && i + 2 < last) {
        if (item <= code && code <= pattern.charCodeAt(i + 2)) return isWanted
        i += 2
      } else if (item === code) return isWanted
    }
    return !isWanted
  }
}

const between = (code: number, low: number, high: number) => code >= low && code <= high
const isAlpha = (code: number) => between(code | 32, 97, 122)
const isDigit = (code: number) => between(code, 48, 57)

/** Character classes by their lower-case letter, in C's locale. */
const LETTERS: Readonly<Record<string, (code: number) => boolean>> = {
  a: isAlpha,
  c: (code) => code < 32 || code === 127,
  d: isDigit,
  l: (code) => between(code, 97, 122),
  p: (code) => between(code, 33, 126) && !isAlpha(code) && !isDigit(code),
  s: (code) => code === 32 || between(code, 9, 13),
  u: (code) => between(code, 65, 90),
  w: (code) => isAlpha(code) || isDigit(code),
  x: (code) => isDigit(code) || between(code | 32, 97, 102),
  z: (code) => code === 0,
}

function isOfLetter(code: number, letter: number): boolean {
  const test = LETTERS[String.fromCharCode(letter).toLowerCase()]
  if (test === undefined) return letter === code
  return test(code) === letter >= 97
}

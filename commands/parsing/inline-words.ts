/**
 * Inline requests: a line of words as a user types it, with quotes as Redis reads them.
 *
 *   word    = { plain | quoted } ; a quoted part ends its word; white space or the end must follow
 *   "..."   \n \r \t \b \a \xHH; \ before any other character stands for that character
 *   '...'   only \' is special
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' }

/** White space as in C's isspace, used between words and after a closing quote. */
const isSpace = (char: string) => char === ' ' || (char >= '\t' && char <= '\r')

/**
 * True for a character that ends a plain word. Redis omits \v and \f here, so they stay part of the
 * word.
 */
const endsWord = (char: string) => char === ' ' || char === '\n' || char === '\r' || char === '\t'

const HEX_PAIR = /^[0-9a-fA-F]{2}$/

/**
 * Returns the words of a line without its line end. Returns null if a quote is not closed or a
 * character directly follows a closing quote.
 */
export function splitInline(line: Bytes): Bytes[] | null {
  const words: Bytes[] = []
  let at = 0
  for (;;) {
    while (at < line.length && isSpace(must(line[at]))) at++
    if (at === line.length) return words
    // Joining codes makes a new string: a slice would keep the whole line alive.
    const codes: number[] = []
    while (at < line.length && !endsWord(must(line[at]))) {
      const char = must(line[at])
      if (char === '"' || char === "'") {
        const after = char === '"' ? readDoubleQuoted(line, at + 1, codes) : readSingleQuoted(line, at + 1, codes)
        if (after === -1 || (after < line.length && !isSpace(must(line[after])))) return null
        at = after
        break
      }
      codes.push(line.charCodeAt(at++))
    }
    words.push(Buffer.from(codes).latin1Slice())
  }
}

/**
 * Appends the quoted bytes to `codes`. Returns the index after the closing quote, or -1 if there is
 * none.
 */
function readDoubleQuoted(line: Bytes, start: number, codes: number[]): number {
  let at = start
  while (at < line.length) {
    const char = must(line[at])
    if (char === '"') return at + 1
    const hex = line.slice(at + 2, at + 4)
    if (char === '\\' && line[at + 1] === 'x' && HEX_PAIR.test(hex)) {
      codes.push(Number.parseInt(hex, 16))
      at += 4
    } else if (char === '\\' && at + 1 < line.length) {
      const escaped = must(line[at + 1])
      codes.push((ESCAPES[escaped] ?? escaped).charCodeAt(0))
      at += 2
    } else {
      codes.push(line.charCodeAt(at++))
    }
  }
  return -1
}

/** Like readDoubleQuoted, for single quotes. */
function readSingleQuoted(line: Bytes, start: number, codes: number[]): number {
  let at = start
  while (at < line.length) {
    if (line[at] === "'") return at + 1
    if (line[at] === '\\' && line[at + 1] === "'") at++
    codes.push(line.charCodeAt(at++))
  }
  return -1
}

/**
 * Finds the places where code assumes a value that may be undefined. Those are a non-null `!`, and
 * a cast of an element or of a look-up's result to a type without undefined.
 */
import type { Source } from './sources.ts'

/** Methods that return undefined where there is nothing. */
const LOOK_UPS = ['get', 'at', 'pop', 'shift', 'find']

export interface Assumption {
  /** Counted from 1. */
  readonly line: number
  /** True if a comment `// hot: why` explains it. */
  readonly isExplained: boolean
}

/**
 * Returns the assumptions of a file. A comment `// hot:` at the end of a line explains that line.
 * On a line of its own it explains what follows in its block: the lines that are indented at least
 * as far, and at column 0 the rest of the file.
 */
export function assumptionsOf({ text, code }: Pick<Source, 'text' | 'code'>): Assumption[] {
  const explained = explainedLines(text.split('\n'))
  return [...nonNulls(code), ...casts(code)]
    .map((at) => code.slice(0, at).split('\n').length)
    .sort((a, b) => a - b)
    .map((line) => ({ line, isExplained: explained.has(line) }))
}

function explainedLines(lines: readonly string[]): Set<number> {
  const explained = new Set<number>()
  let indent = -1
  for (const [index, line] of lines.entries()) {
    const own = line.search(/\S/)
    if (own !== -1 && own < indent) indent = -1
    if (/^\s*\/\/ hot: \S/.test(line)) indent = own
    if (indent !== -1 || /\S.* \/\/ hot: \S/.test(line)) explained.add(index + 1)
  }
  return explained
}

function nonNulls(code: string): number[] {
  return [...code.matchAll(/[\w$)\]]!(?![=\w'"])/g)].map(({ index }) => index)
}

function casts(code: string): number[] {
  const found = code.matchAll(/[)\]] as (?!const\b|unknown\b)(?=([^\n]*))/g)
  return [...found]
    .filter(({ index, 1: type = '' }) => !/^[^,;)=]*\b(undefined|null)\b/.test(type) && mayBeMissing(code, index))
    .map(({ index }) => index)
}

/** True if the bracket at `end` closes an access to an element, or the arguments of a look-up. */
function mayBeMissing(code: string, end: number): boolean {
  const before = code.slice(0, openingOf(code, end))
  if (code[end] === ']') return /[\w$)\]]$/.test(before)
  return new RegExp(`\\.(${LOOK_UPS.join('|')})$`).test(before)
}

function openingOf(code: string, end: number): number {
  let depth = 0
  for (let at = end; at >= 0; at--) {
    if (code[at] === ')' || code[at] === ']') depth++
    else if (code[at] === '(' || code[at] === '[') depth--
    if (depth === 0) return at
  }
  return 0
}

/**
 * The arguments of calls in TypeScript source, as text. Strings, templates, regular expressions,
 * comments and brackets are recognised, which is enough for checks of style.
 */

export interface Call {
  /** Counted from 1. */
  readonly line: number
  readonly args: readonly string[]
}

const OPENING = '([{'
const CLOSING = ')]}'
/**
 * Strings, templates without nested ones, comments, and regular expressions: a slash after `(`,
 * `,`, `=`, `:` or `>`.
 */
const OPAQUE = /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/y
const PATTERN = /\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y

/** Every call of the function that is written `name`. */
export function callsOf(name: string, source: string): Call[] {
  const calls: Call[] = []
  const head = new RegExp(`(?<![\\w$])${name.replaceAll('.', '\\s*\\.\\s*')}\\(`, 'g')
  for (const match of source.matchAll(head))
    calls.push({ line: source.slice(0, match.index).split('\n').length, args: argumentsFrom(source, match.index + match[0].length) })
  return calls
}

/** The arguments from behind the opening bracket to the bracket that closes it. */
function argumentsFrom(source: string, from: number): string[] {
  const args: string[] = []
  let depth = 0
  let start = from
  let before = '('
  for (let at = from; at < source.length; ) {
    const opaque = matchAt(OPAQUE, source, at) ?? ('(,=:>'.includes(before) ? matchAt(PATTERN, source, at) : undefined)
    if (opaque !== undefined) {
      at += opaque.length
      before = opaque.startsWith('/*') || opaque.startsWith('//') ? before : "'"
      continue
    }
    const char = source[at] as string
    if (depth === 0 && (char === ',' || char === ')')) {
      args.push(source.slice(start, at).trim())
      start = at + 1
      if (char === ')') break
    } else if (OPENING.includes(char)) depth++
    else if (CLOSING.includes(char)) depth--
    if (!/\s/.test(char)) before = char
    at++
  }
  return args.at(-1) === '' ? args.slice(0, -1) : args
}

function matchAt(pattern: RegExp, source: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.exec(source)?.[0]
}

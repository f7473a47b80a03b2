/**
 * The comments of TypeScript sources, and the sentences in them. Strings, templates and regular
 * expressions are recognised well enough to find where a comment begins.
 */

export interface Comment {
  /** The line of the comment's first character, counted from 1. */
  readonly line: number
  /** Opened by two asterisks, so editors show it. */
  readonly isDoc: boolean
  /** The lines without the marks of the comment. */
  readonly lines: readonly string[]
}

export interface Sentence {
  /** The line of the first word, counted from 1. */
  readonly line: number
  readonly words: readonly string[]
}

const COMMENT = /\/\*[\s\S]*?\*\/|\/\/[^\n]*/y
const TEXT = /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/y
const PATTERN = /\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y
/** The characters and words that a regular expression, and no division, follows. */
const BEFORE_PATTERN = /(?:[(,=:[!&|?{};>]|\breturn|^)$/
/** A row of a table, a picture or a grammar: more than one space inside, or no words. */
const FIGURE = /\S {2,}\S|^ {2,}|^[^A-Za-z]*$/

/** Returns every comment of a source. Lines of `//` below each other are one comment. */
export function commentsOf(source: string): Comment[] {
  const comments: Comment[] = []
  let line = 1
  let counted = 0
  for (const { start, text } of spansOf(source)) {
    line += source.slice(counted, start).split('\n').length - 1
    counted = start
    const isBlock = text.startsWith('/*')
    const lines = isBlock ? text.slice(2, -2).replace(/^\*/, '').split('\n').map(withoutAsterisk) : [text.slice(2).replace(/^ /, '')]
    const last = comments.at(-1)
    const isAlone = /(?:^|\n)[ \t]*$/.test(source.slice(0, start))
    if (!isBlock && isAlone && last !== undefined && !last.isDoc && last.line + last.lines.length === line)
      comments[comments.length - 1] = { ...last, lines: [...last.lines, ...lines] }
    else comments.push({ line, isDoc: text.startsWith('/**'), lines })
  }
  return comments
}

const withoutAsterisk = (line: string) => line.replace(/^\s*\*? ?/, '').trimEnd()

function spansOf(source: string): { start: number; text: string }[] {
  const found: { start: number; text: string }[] = []
  const templates: number[] = []
  let depth = 0
  let before = ''
  for (let at = 0; at < source.length; ) {
    const char = source[at] as string
    const comment = char === '/' ? matchAt(COMMENT, source, at) : undefined
    if (comment !== undefined) {
      found.push({ start: at, text: comment })
      at += comment.length
      continue
    }
    const opaque = opaqueAt(source, at, char, before)
    if (opaque !== undefined) {
      at += opaque.length
      before = "'"
      continue
    }
    if (char === '`' || (char === '}' && templates.at(-1) === depth)) {
      if (char === '}') templates.pop()
      at = endOfTemplate(source, at + 1)
      if (source[at - 1] === '{') templates.push(depth)
      before = source[at - 1] === '{' ? '{' : "'"
      continue
    }
    if (char === '{') depth++
    if (char === '}') depth--
    if (!/\s/.test(char)) before = before.slice(-8) + char
    else if (/\w$/.test(before) && !/\breturn$/.test(before)) before = 'x'
    at++
  }
  return found
}

/** Returns the string or the regular expression that begins at an offset, if one does. */
function opaqueAt(source: string, at: number, char: string, before: string): string | undefined {
  if (char === "'" || char === '"') return matchAt(TEXT, source, at)
  return char === '/' && BEFORE_PATTERN.test(before) ? matchAt(PATTERN, source, at) : undefined
}

/**
 * Returns the offset behind the backquote that ends a template, or behind the brace of its next
 * value.
 */
function endOfTemplate(source: string, from: number): number {
  for (let at = from; at < source.length; at++) {
    if (source[at] === '\\') at++
    else if (source[at] === '`') return at + 1
    else if (source[at] === '$' && source[at + 1] === '{') return at + 2
  }
  return source.length
}

function matchAt(pattern: RegExp, source: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.exec(source)?.[0]
}

/** Returns the sentences of a comment. Pictures, grammars and blocks of code are none. */
export function sentencesOf({ line, lines }: Comment): Sentence[] {
  const sentences: Sentence[] = []
  let words: string[] = []
  let start = line
  let isCode = false
  const end = () => {
    if (words.length > 0) sentences.push({ line: start, words })
    words = []
  }
  lines.forEach((text, index) => {
    if (text.startsWith('```')) isCode = !isCode
    if (isCode || FIGURE.test(text) || /^(?:[-*] |\d+\. )/.test(text)) end()
    if (isCode || FIGURE.test(text) || text.startsWith('```')) return
    for (const word of text.split(' ').filter((part) => /\w/.test(part))) {
      if (words.length === 0) start = line + index
      words.push(word)
      if (/[.!?][)"'`]*$/.test(word) && !/^(?:e\.g|i\.e|vs|etc)\.$/.test(word)) end()
    }
  })
  end()
  return sentences
}

/**
 * The rules of CONTRIBUTING.md for comments that a machine can judge. Each takes one source and
 * returns its violations as `path:line: text`.
 */

import { type Comment, commentsOf, sentencesOf } from './comments.ts'
import type { Source } from './sources.ts'

const MAX_COLUMNS = 100
export const MAX_WORDS = 35
/**
 * Openings that refer to something outside of the comment, which an editor's hover does not show.
 */
const OPENING = /^(?:Of|The same|It|Those|What|Whether|So)\b/
/** Phrases that only the authors of this code understand at first sight. */
const DIALECT = new RegExp(
  `\\b(?:${[
    'so (?:many|much|long|often)',
    'whoever',
    "(?:nobody|none|somebody)'s",
    'on the medium',
    'told of',
    'trying on',
    'pass(?:ed|es)? over',
    'signs? of life',
    'goes on with',
    'what (?:stands|comes|is there)',
    'comes? of it',
    'be it',
    'has got',
    'lets? go of',
    'is over with',
    'in the place of whom',
    'as far as that goes',
    'all that there is',
    'puts? (?:in|out) again',
  ].join('|')})\\b`,
  'i',
)
/** Openings of titles that leave the subject to the reader. */
const TITLE_OPENING = /^(?:what|who|whose|whom|whoever|where|it|they|those|this|the same)\b/i
const TITLE = /^ *test\((?:\w+\()?(['"`].*)$/gm
const FILE = /(?<![\w*{}<>.-])(?:[\w-]+\/)*[\w-]+(?:\.[\w-]+)*\.ts\b/g

const at = ({ path }: Source, line: number, text: string) => `${path}:${line}: ${text}`
const startOf = ({ lines }: Comment) => lines.join(' ').trim()
const isDirective = (comment: Comment) => startOf(comment).startsWith('biome-ignore')

/** Lines of comments that are wider than a hundred columns. */
export function wideComments(source: Source): string[] {
  const text = source.text.split('\n')
  return commentsOf(source.text)
    .filter((comment) => !isDirective(comment))
    .flatMap(({ line, lines }) =>
      lines.flatMap((_, index) => {
        const columns = [...(text[line - 1 + index] as string)].length
        return columns > MAX_COLUMNS ? [at(source, line + index, `${columns} columns`)] : []
      }),
    )
}

/** Doc comments whose first word has its subject elsewhere. */
export function openings(source: Source): string[] {
  return commentsOf(source.text)
    .filter((comment) => comment.isDoc && OPENING.test(startOf(comment)))
    .map((comment) => at(source, comment.line, startOf(comment)))
}

/** Phrases of the house dialect. */
export function dialect(source: Source): string[] {
  return commentsOf(source.text).flatMap((comment) => {
    const found = DIALECT.exec(startOf(comment))
    return found === null ? [] : [at(source, comment.line, found[0])]
  })
}

/** The titles of tests, with their quotes and what follows them on the line. */
const titlesOf = ({ text }: Source) =>
  [...text.matchAll(TITLE)].map(({ 1: title, index }) => ({ title: title as string, line: text.slice(0, index).split('\n').length }))

/** Titles of tests with phrases of the house dialect. */
export function dialectInTitles(source: Source): string[] {
  return titlesOf(source).flatMap(({ title, line }) => {
    const found = DIALECT.exec(title)
    return found === null ? [] : [at(source, line, found[0])]
  })
}

/** Titles of tests that do not begin with their subject. */
export function openingsOfTitles(source: Source): string[] {
  return titlesOf(source).flatMap(({ title, line }) => {
    const found = TITLE_OPENING.exec(title.slice(1))
    return found === null ? [] : [at(source, line, found[0])]
  })
}

/** Names of sources in comments that no source has. A name may leave out the folders before it. */
export function absentFiles(source: Source, paths: readonly string[]): string[] {
  return commentsOf(source.text).flatMap((comment) =>
    [...comment.lines.join('\n').matchAll(FILE)]
      .map(([name]) => name)
      .filter((name) => !paths.some((path) => path === name || path.endsWith(`/${name}`)))
      .map((name) => at(source, comment.line, name)),
  )
}

/** Sentences in doc comments that are too long to be read once. */
export function longSentences(source: Source, most = MAX_WORDS): string[] {
  return commentsOf(source.text)
    .filter(({ isDoc }) => isDoc)
    .flatMap(sentencesOf)
    .filter(({ words }) => words.length > most)
    .map(({ line, words }) => at(source, line, `${words.length} words: ${words.slice(0, 8).join(' ')} ...`))
}

/**
 * Exported classes without a doc comment of their own. The file's header is not shown with them.
 */
export function bareClasses(source: Source): string[] {
  const lines = source.text.split('\n')
  const ends = new Set(commentsOf(source.text).flatMap(({ isDoc, line, lines: { length } }) => (isDoc ? [line + length] : [])))
  return lines.flatMap((line, index) =>
    /^export (?:abstract )?class \w/.test(line) && !ends.has(index + 1) ? [at(source, index + 1, line.slice(0, 60))] : [],
  )
}

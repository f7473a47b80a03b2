/** The rules for comments that a machine can judge, each with an example that it catches. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  absentFiles,
  bareClasses,
  dialect,
  dialectInTitles,
  longSentences,
  MAX_WORDS,
  openings,
  openingsOfTitles,
  wideComments,
} from './support/tidy/comment-rules.ts'
import { commentsOf, sentencesOf } from './support/tidy/comments.ts'
import { isProduct, none, type Source, sources } from './support/tidy/sources.ts'

/** The length that authors aim at; longer sentences are counted and printed. */
const AIM_WORDS = 25

const files = sources()
const paths = files.map(({ path }) => path)

/** A source of one file, for the examples. */
const example = (text: string): Source => ({ path: 'a.ts', layer: 'base', text, code: text })
const words = (count: number) => Array.from({ length: count }, () => 'word').join(' ')

test('comments are found between strings, templates and regular expressions, with their lines', () => {
  const text = [
    "const a = 'http://a' // one",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: an example of a source.
    'const b = `// ${"}"} /* no */` + /[/]\\/\\/*/.source',
    '/** two.',
    ' * three */',
    '// four',
    '// five',
    'const c = 4 / 2 // six',
  ].join('\n')
  assert.equal(
    commentsOf(text).map(({ line, isDoc, lines }) => [line, isDoc, lines.map((one) => one.trim())]),
    [
      [1, false, ['one']],
      [3, true, ['two.', 'three']],
      [5, false, ['four', 'five']],
      [7, false, ['six']],
    ],
  )
})

test('sentences end at a full stop and between items; pictures and code are none', () => {
  const comment = '/**\n * One two (three).\n * Four\n * five e.g. six:\n *\n * - seven\n *\n *   a  ->  b\n */'
  assert.equal(
    commentsOf(comment)
      .flatMap(sentencesOf)
      .map(({ line, words: found }) => [line, found.join(' ')]),
    [
      [2, 'One two (three).'],
      [3, 'Four five e.g. six:'],
      [6, 'seven'],
    ],
  )
})

test('comments have at most 100 columns', () => {
  const wide = 'x'.repeat(100)
  assert.equal(wideComments(example(`/**\n * ${wide}\n */\nconst a = '${wide}'\n// ${wide.slice(3)}\n`)), ['a.ts:2: 103 columns'])
  none('wide comments', files.flatMap(wideComments))
})

test('a doc comment names its subject: an editor shows it alone', () => {
  const text = '/** Of the element. */\n/** Offsets of elements. */\n/**\n * What is kept.\n */\n// It is.\n'
  assert.equal(openings(example(text)), ['a.ts:1: Of the element.', 'a.ts:3: What is kept.'])
  none('openings without a subject', files.flatMap(openings))
})

test('comments have no phrases of the house dialect', () => {
  assert.equal(dialect(example("// Past so\n// many bytes.\n\n// Nobody's.\n// Many bytes are durable.\n")), [
    'a.ts:1: so many',
    "a.ts:4: Nobody's",
  ])
  none('dialect', files.flatMap(dialect))
})

test('titles of tests have no phrases of the house dialect', () => {
  const text = "test('a key, whoever reads it', () => {\n  test(named(`so many bytes`), () => {})\n})\ntest('bytes', () => {})\n"
  assert.equal(dialectInTitles(example(text)), ['a.ts:1: whoever', 'a.ts:2: so many'])
  none('dialect', files.flatMap(dialectInTitles))
})

test('a title of a test begins with its subject', () => {
  const text = "test('what is kept', () => {\n  test(named(`Who asks`), () => {})\n})\ntest('whatever', () => {})\n"
  assert.equal(openingsOfTitles(example(text)), ['a.ts:1: what', 'a.ts:2: Who'])
  none('titles without a subject', files.flatMap(openingsOfTitles))
})

test('comments name no source that is not there', () => {
  const text = '/** See b.ts, c/b.ts and d/b.ts; a.test.ts. */\n// `c/gone.ts` (*.ts, {a,b}.ts)\n'
  assert.equal(absentFiles(example(text), ['a/c/b.ts']), ['a.ts:1: d/b.ts', 'a.ts:1: a.test.ts', 'a.ts:2: c/gone.ts'])
  none(
    'sources that are not there',
    files.flatMap((file) => absentFiles(file, paths)),
  )
})

test(`a sentence of a doc comment has at most ${MAX_WORDS} words`, () => {
  const text = `/**\n * ${words(MAX_WORDS)}.\n * Then ${words(MAX_WORDS)}.\n */`
  assert.equal(longSentences(example(text)), [`a.ts:3: ${MAX_WORDS + 1} words: Then ${words(7)} ...`])
  const long = files.flatMap((file) => longSentences(file, AIM_WORDS)).length
  console.log(`sentences of more than ${AIM_WORDS} words in doc comments: ${long}`)
  none(
    'long sentences',
    files.flatMap((file) => longSentences(file)),
  )
})

test('an exported class of the product has a doc comment of its own', () => {
  const text =
    '/** Header. */\nimport a from "a"\nexport class A {}\n/** B. */\nexport class B {}\nclass C {}\nexport abstract class D {}\n'
  assert.equal(bareClasses(example(text)), ['a.ts:3: export class A {}', 'a.ts:7: export abstract class D {}'])
  none('classes', files.filter(isProduct).flatMap(bareClasses))
})

test.run()

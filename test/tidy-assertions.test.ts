/**
 * Holds the rules of base/assert.ts. A value that must be there is asserted with `must` or `at`,
 * not assumed by a cast.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { HOT_ASSUMPTIONS, OTHER_ASSUMPTIONS, RDB_ASSUMPTIONS } from './assumed-values.ts'
import { type Assumption, assumptionsOf } from './support/tidy/assumed-values.ts'
import { isProduct, sources } from './support/tidy/sources.ts'

const files = sources().filter(isProduct)
const isExplained = (one: Assumption) => one.isExplained

/** Returns the number of places in each file that has any. */
function countsOf(places: (file: (typeof files)[number]) => number): Record<string, number> {
  const counts = files.map((file) => [file.path, places(file)] as const)
  return Object.fromEntries(counts.filter(([, count]) => count > 0).sort(([a], [b]) => (a < b ? -1 : 1)))
}

test('a cast takes the place of must or at only in hot code, with a comment and a line in the table', () => {
  assert.equal(
    countsOf((file) => assumptionsOf(file).filter(isExplained).length),
    HOT_ASSUMPTIONS,
  )
})

test('no other cast says that an element or the result of a look-up is there', () => {
  assert.equal(
    countsOf((file) => assumptionsOf(file).filter((one) => !isExplained(one)).length),
    { ...OTHER_ASSUMPTIONS, ...RDB_ASSUMPTIONS },
  )
})

test('the rule finds what assumes a value, and nothing else', () => {
  const linesOf = (text: string) => assumptionsOf({ text, code: text.replace(/ *\/\/.*/g, '') })
  const assumes = ['list[i] as T', 'f(x)[0] as T', 'rows[a[0]] as T', 'map.get(key(1)) as T', 'heap.pop() as T', 'args[i]!', 'f(a!, 1)']
  for (const code of assumes) assert.is(linesOf(code).length, 1, code)
  const plain = ['[a, b] as T', 'x as T', 'map.get(k) as T | undefined', 'list[i] as const', 'parse(text) as T', 'a !== b', 'if (!a[0])']
  for (const code of plain) assert.is(linesOf(code).length, 0, code)
  assert.is(linesOf('f(a[0] as T, a[1] as T)').length, 2)
  const explained = ['a[0] as T', '  // hot: each key', '  a[1] as T', '', '    a[2] as T', '}', 'a[3] as T', 'a[4] as T // hot: each key']
  assert.equal(
    linesOf(explained.join('\n')).filter(isExplained),
    [3, 5, 8].map((line) => ({ line, isExplained: true })),
  )
})

test.run()

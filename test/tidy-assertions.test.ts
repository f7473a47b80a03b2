/**
 * Holds the rules of base/assert.ts. A value that must be there is asserted with `must` or `at`,
 * not assumed by a cast. No `catch` goes on after a failed assertion.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { HOT_ASSUMPTIONS, OTHER_ASSUMPTIONS } from './assumed-values.ts'
import { BROAD_CATCHES } from './broad-catches.ts'
import { type Assumption, assumptionsOf } from './support/tidy/assumed-values.ts'
import { broadCatchesOf } from './support/tidy/broad-catches.ts'
import { isProduct, sources } from './support/tidy/sources.ts'

const files = sources().filter(isProduct)
const isExplained = (one: Assumption) => one.isExplained

/** Returns the number of places in each file that has any. */
function countsOf(places: (file: (typeof files)[number]) => number): Record<string, number> {
  const counts = files.map((file) => [file.path, places(file)] as const)
  return Object.fromEntries(counts.filter(([, count]) => count > 0).sort(([a], [b]) => (a < b ? -1 : 1)))
}

test('a cast replaces must or at only in hot code, with a comment and a line in the table', () => {
  assert.equal(
    countsOf((file) => assumptionsOf(file).filter(isExplained).length),
    HOT_ASSUMPTIONS,
  )
})

test('no other cast assumes that an element or a look-up result exists', () => {
  assert.equal(
    countsOf((file) => assumptionsOf(file).filter((one) => !isExplained(one)).length),
    OTHER_ASSUMPTIONS,
  )
})

test('the rule finds casts that assume a value, and no others', () => {
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

test('a catch goes on after certain errors only, or calls rethrowAssertion first, or has a reason in the table', () => {
  const found = files.map((file) => [file.path, broadCatchesOf(file)] as const).filter(([, lines]) => lines.length > 0)
  const places = found.flatMap(([path, lines]) => lines.map((line) => `${path}:${line}`))
  assert.equal(
    Object.fromEntries(found.map(([path, lines]) => [path, lines.length])),
    Object.fromEntries(Object.entries(BROAD_CATCHES).map(([path, reasons]) => [path, reasons.length])),
    `broad catches:\n  ${places.join('\n  ')}`,
  )
})

test('the rule finds what goes on after any error, and nothing else', () => {
  const countOf = (code: string) => broadCatchesOf({ code }).length
  const goesOn = [
    'log.warn(error)',
    'throw clientError(text(error))',
    'if (error instanceof ConfigError) throw error\n  return []',
    'return error',
  ]
  for (const body of goesOn) assert.is(countOf(`try {\n  f()\n} catch (error) {\n  ${body}\n}`), 1, body)
  assert.is(countOf('try {\n  f()\n} catch {\n  return null\n}'), 1)
  for (const code of [
    'f().catch(() => {})',
    'f().catch((error) => log.warn(error))',
    'f().then(g, (error) => {\n  h(error)\n})',
    'f().catch(ignore)',
  ])
    assert.is(countOf(code), 1, code)
  const passesOn = [
    'rethrowAssertion(error)\n  return null',
    'close()\n  throw error',
    'if (!(error instanceof DamageError)) throw error\n  return null',
    "if (error.code !== 'ENOENT') throw error\n  return null",
    'if (isKnown(error)) return null\n  throw error',
    'throw error instanceof RuleError ? clientError(error.text) : error',
    'report(place, damageText(error))',
  ]
  for (const body of passesOn) assert.is(countOf(`try {\n  f()\n} catch (error) {\n  ${body}\n}`), 0, body)
  for (const code of [
    'f().catch(rethrowAssertion)',
    'f().catch((error) => {\n  rethrowAssertion(error)\n  h()\n})',
    'f().then(g)',
    'f().then(g, rethrowAssertion)',
  ])
    assert.is(countOf(code), 0, code)
})

test.run()

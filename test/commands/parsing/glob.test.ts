/** Glob patterns match as in Redis, in bounded time. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { globMatches, globMatchesIgnoringCase, globOf, isLiteral, literalPrefix } from '../../../commands/parsing/glob.ts'
import { seeded } from '../../support/generators/seed.ts'

/** Pattern, subject, and true if Redis 7.0.15 matches them (asked with KEYS). */
const CASES: readonly (readonly [pattern: string, subject: string, matches: boolean])[] = [
  ['abc', 'abc', true],
  ['abc', 'abcd', false],
  ['a*c', 'abbbc', true],
  ['a*', 'a', true],
  ['**', 'abc', true],
  ['*', '', false],
  ['', '', true],
  ['a?c', 'abc', true],
  ['a?c', 'ac', false],
  ['h[ae]llo', 'hello', true],
  ['h[ae]llo', 'hillo', false],
  ['h[^e]llo', 'hello', false],
  ['h[^e]llo', 'hallo', true],
  ['[a-c]x', 'bx', true],
  ['[c-a]x', 'bx', true],
  ['[a-c]x', 'dx', false],
  ['[a\\-c]', '-', true],
  ['[a\\-c]', 'b', false],
  ['\\*', '*', true],
  ['\\*', 'a', false],
  ['a\\', 'a\\', true],
  ['[a', 'a', true],
  ['[', 'a', false],
  ['[^', 'a', true],
  ['[]', ']', false],
  ['[a-]', 'b', false],
  ['[a-]', '^', true],
  ['[\x80-a]', 'A', true],
  ['[a-\xff]', 'b', false],
  ['[^a]*b', 'xxb', true],
  ['*a*b*c*', '1a2b3c4', true],
  ['*abab', 'ababab', true],
]

for (const [pattern, subject, matches] of CASES)
  test(`${JSON.stringify(pattern)} ${matches ? 'matches' : 'does not match'} ${JSON.stringify(subject)}`, () => {
    assert.is(globMatches(pattern, subject), matches)
  })

test('letters ignore case on request, except when escaped in a class', () => {
  assert.ok(globMatchesIgnoringCase('MAX*', 'maxmemory'))
  assert.ok(globMatchesIgnoringCase('[A-C]?', 'bX'))
  assert.ok(globMatchesIgnoringCase('\\A', 'a'))
  assert.not.ok(globMatchesIgnoringCase('[\\A]', 'a'))
  assert.not.ok(globMatches('MAX*', 'maxmemory'))
})

test('many stars take at most pattern times subject steps', () => {
  const subject = 'a'.repeat(20_000)
  assert.not.ok(globMatches(`${'a*'.repeat(50)}b`, subject))
  assert.ok(globMatches(`${'a*'.repeat(50)}a`, subject))
})

test('a literal prefix ends before the first special byte, with escapes resolved', () => {
  assert.is(literalPrefix('user:*'), 'user:')
  assert.is(literalPrefix('a\\*b?c'), 'a*b')
  assert.is(literalPrefix('[ab]c'), '')
  assert.is(literalPrefix('abc'), 'abc')
  assert.is(literalPrefix('a\\'), 'a\\')
  assert.ok(isLiteral('a\\*b'))
  assert.ok(isLiteral('a\\'))
  assert.ok(isLiteral(''))
  assert.not.ok(isLiteral('a*'))
})

test('every match begins with the literal prefix, and a literal pattern matches only itself', () => {
  const { integer, pick } = seeded('glob')
  const word = (letters: readonly string[], length: number) => Array.from({ length }, () => pick(letters)).join('')
  for (let round = 0; round < 5000; round++) {
    const pattern = word(['a', 'b', '*', '?', '[', ']', '^', '-', '\\'], integer(6))
    const subject = word(['a', 'b', '*', '\\', '-'], integer(5))
    const prefix = literalPrefix(pattern)
    const matches = globOf(pattern)(subject)
    if (matches) assert.ok(subject.startsWith(prefix), JSON.stringify([pattern, subject]))
    if (isLiteral(pattern)) assert.is(matches, subject === prefix, JSON.stringify([pattern, subject]))
    if (!pattern.includes('[')) assert.is(globOf(pattern, 'ignore-case')(subject), matches, JSON.stringify([pattern, subject]))
  }
})

test('a pattern with more than a thousand stars before its end matches nothing, as in Redis', () => {
  const subject = 'a'.repeat(50_000)
  assert.is(globMatches('*?'.repeat(50_000), subject), false)
  assert.is(globMatches('*?'.repeat(1001), subject), false)
  assert.is(globMatches('*?'.repeat(1000), subject), true)
  assert.is(globMatches(`${'*a'.repeat(1000)}*`, subject), true)
  assert.is(globMatches('*'.repeat(50_000), subject), true)
  assert.is(globOf('*?'.repeat(1001), 'ignore-case')(subject), false)
})

test.run()

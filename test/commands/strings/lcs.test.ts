/** LCS: the subsequence, its matches and its limits. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { lcsCommands } from '../../../commands/strings/lcs.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { seeded } from '../../support/generators/seed.ts'
import { harness } from '../../support/harness/harness.ts'

function made(a: string, b: string, config = {}) {
  const h = harness([strings, lcsCommands], { config })
  h.run('MSET', 'a', a, 'b', b)
  return h
}

test('LCS returns the subsequence, its length or its matches', () => {
  const { plain } = made('ohmytext', 'mynewtext')
  assert.is(plain('LCS', 'a', 'b'), 'mytext')
  assert.is(plain('LCS', 'a', 'b', 'LEN'), 6)
  const text = [
    [4, 7],
    [5, 8],
  ]
  const my = [
    [2, 3],
    [0, 1],
  ]
  assert.equal(plain('LCS', 'a', 'b', 'IDX'), ['matches', [text, my], 'len', 6])
  assert.equal(plain('LCS', 'a', 'b', 'IDX', 'MINMATCHLEN', '4'), ['matches', [text], 'len', 6])
  assert.equal(plain('LCS', 'a', 'b', 'IDX', 'MINMATCHLEN', '-4', 'WITHMATCHLEN'), [
    'matches',
    [
      [...text, 4],
      [...my, 2],
    ],
    'len',
    6,
  ])
})

test('missing keys count as empty strings', () => {
  const { plain } = made('a', '')
  assert.is(plain('LCS', 'a', 'none'), '')
  assert.is(plain('LCS', 'b', 'none', 'LEN'), 0)
  assert.equal(plain('LCS', 'a', 'b', 'IDX'), ['matches', [], 'len', 0])
})

test('invalid options are refused', () => {
  const { error } = made('a', 'b')
  assert.is(error('LCS', 'a', 'b', 'LEN', 'IDX'), 'ERR If you want both the length and indexes, please just use IDX.')
  assert.is(error('LCS', 'a', 'b', 'MINMATCHLEN'), 'ERR syntax error')
  assert.is(error('LCS', 'a', 'b', 'MINMATCHLEN', 'x'), 'ERR value is not an integer or out of range')
  assert.is(error('LCS', 'a', 'b', 'FOO'), 'ERR syntax error')
})

test('a table beyond proto-max-bulk-len is refused before it is allocated', () => {
  const refusal = 'ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len'
  const config = { 'proto-max-bulk-len': 4 * 101 * 101 }
  assert.is(made('a'.repeat(100), 'a'.repeat(100), config).plain('LCS', 'a', 'b', 'LEN'), 100)
  assert.is(made('a'.repeat(100), 'a'.repeat(101), config).error('LCS', 'a', 'b', 'LEN'), refusal)
  assert.is(made('a'.repeat(2 ** 25), 'a'.repeat(2 ** 25)).error('LCS', 'a', 'b'), refusal)
})

test('matches cover the subsequence and cannot be extended', () => {
  const { integer } = seeded('lcs')
  const letters = () => Array.from({ length: integer(40) }, () => 'abc'.charAt(integer(3))).join('')
  for (let round = 0; round < 200; round++) {
    const [a, b] = [letters(), letters()]
    const { plain } = made(a, b)
    const common = plain('LCS', 'a', 'b') as string
    const [, matches, , length] = plain('LCS', 'a', 'b', 'IDX') as [string, [[number, number], [number, number]][], string, number]
    assert.is(common.length, length)
    const texts = matches.map(([[from, to]]) => a.slice(from, to + 1)).reverse()
    assert.is(texts.join(''), common)
    for (const [[a1, a2], [b1, b2]] of matches) {
      assert.is(a.slice(a1, a2 + 1), b.slice(b1, b2 + 1))
      assert.ok(a1 === 0 || b1 === 0 || a[a1 - 1] !== b[b1 - 1])
    }
  }
})

test.run()

/** Ranges of sorted sets by rank, score and member. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { Double } from '../../../commands/contract/reply.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { objects } from '../../../commands/keys/object.ts'
import { sortedSetRanges } from '../../../commands/sorted-sets/ranges.ts'
import { sortedSetRemoval } from '../../../commands/sorted-sets/removal.ts'
import { sortedSets } from '../../../commands/sorted-sets/sorted-sets.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { seeded } from '../../support/generators/seed.ts'
import { type HarnessOptions, harness } from '../../support/harness/harness.ts'

const CONFIG = { 'zset-max-listpack-entries': 4, 'zset-max-listpack-value': 8 }
const WRONGTYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value'
const NO_SCORE = 'ERR min or max is not a float'
const NO_MEMBER = 'ERR min or max not valid string range item'
const NO_INTEGER = 'ERR value is not an integer or out of range'

function made(options: HarnessOptions = {}) {
  const made = harness([sortedSets, sortedSetRanges, sortedSetRemoval, strings, keys, objects], { config: CONFIG, ...options })
  return { ...made, line: (text: string) => made.run(...text.split(' ')), refusal: (text: string) => made.error(...text.split(' ')) }
}

/** Returns a server with z: a to f with scores 1 to 6, and lex: a to f with score 0. */
function filled(options: HarnessOptions = {}) {
  const world = made(options)
  world.line('ZADD z 1 a 2 b 3 c 4 d 5 e 6 f')
  world.line('ZADD lex 0 a 0 b 0 c 0 d 0 e 0 f')
  world.line('SET s x')
  world.logged()
  return world
}

const members = (letters: string) => (letters === '' ? [] : letters.split(''))

function answers(cases: readonly (readonly [line: string, letters: string])[]): void {
  const { line } = filled()
  for (const [request, letters] of cases) assert.equal(line(request), members(letters), request)
}

test('ZRANGE by rank counts from either end and clamps to the bounds', () => {
  answers([
    ['ZRANGE z 0 -1', 'abcdef'],
    ['ZRANGE z 1 2', 'bc'],
    ['ZRANGE z -2 -1', 'ef'],
    ['ZRANGE z -100 100', 'abcdef'],
    ['ZRANGE z 4 9223372036854775807', 'ef'],
    ['ZRANGE z 3 1', ''],
    ['ZRANGE z 6 9', ''],
    ['ZRANGE z 0 -7', ''],
    ['ZRANGE z 0 1 REV', 'fe'],
    ['ZRANGE z -2 -1 REV', 'ba'],
    ['ZRANGE z 4 100 REV', 'ba'],
    ['ZREVRANGE z 1 3', 'edc'],
    ['ZREVRANGE z 6 9', ''],
    ['ZRANGE z 0 1 LIMIT 3 -1', 'ab'],
    ['ZRANGE none 0 -1', ''],
  ])
})

test('score ranges have open and closed ends and limits', () => {
  answers([
    ['ZRANGE z 2 4 BYSCORE', 'bcd'],
    ['ZRANGE z (2 4 BYSCORE', 'cd'],
    ['ZRANGE z (2 (4 BYSCORE', 'c'],
    ['ZRANGE z (2 (3 BYSCORE', ''],
    ['ZRANGE z -inf +inf BYSCORE', 'abcdef'],
    ['ZRANGE z 1.5 2.5 BYSCORE', 'b'],
    ['ZRANGE z 4 2 BYSCORE REV', 'dcb'],
    ['ZRANGE z 2 4 BYSCORE REV', ''],
    ['ZRANGE z -inf inf BYSCORE LIMIT 1 2', 'bc'],
    ['ZRANGE z -inf inf BYSCORE LIMIT 4 -1', 'ef'],
    ['ZRANGE z -inf inf BYSCORE LIMIT 6 2', ''],
    ['ZRANGE z -inf inf BYSCORE LIMIT -1 2', ''],
    ['ZRANGE z -inf inf BYSCORE LIMIT 0 0', ''],
    ['ZRANGE z inf -inf BYSCORE REV LIMIT 1 2', 'ed'],
    ['ZRANGEBYSCORE z (1 3', 'bc'],
    ['ZRANGEBYSCORE z 0 10 LIMIT 2 3', 'cde'],
    ['ZREVRANGEBYSCORE z 3 (1', 'cb'],
    ['ZREVRANGEBYSCORE z inf 0 LIMIT 2 2', 'dc'],
  ])
})

test('member ranges compare bytes', () => {
  answers([
    ['ZRANGE lex - + BYLEX', 'abcdef'],
    ['ZRANGE lex [b (d BYLEX', 'bc'],
    ['ZRANGE lex (b [d BYLEX', 'cd'],
    ['ZRANGE lex [aa [cc BYLEX', 'bc'],
    ['ZRANGE lex + - BYLEX', ''],
    ['ZRANGE lex + [d BYLEX REV', 'fed'],
    ['ZRANGE lex - + BYLEX LIMIT 1 3', 'bcd'],
    ['ZRANGE lex + - BYLEX REV LIMIT 1 3', 'edc'],
    ['ZRANGE lex [ [c BYLEX', 'abc'],
    ['ZRANGEBYLEX lex - (c', 'ab'],
    ['ZRANGEBYLEX lex [c + LIMIT 1 1', 'd'],
    ['ZREVRANGEBYLEX lex (c -', 'ba'],
    ['ZREVRANGEBYLEX lex + - LIMIT 4 9', 'ba'],
  ])
})

test('ZCOUNT and ZLEXCOUNT count ranges of any bounds', () => {
  const { line } = filled()
  for (const [request, count] of [
    ['ZCOUNT z -inf +inf', 6],
    ['ZCOUNT z (1 3', 2],
    ['ZCOUNT z 3 1', 0],
    ['ZCOUNT none 3 1', 0],
    ['ZLEXCOUNT lex - +', 6],
    ['ZLEXCOUNT lex (a [c', 2],
    ['ZLEXCOUNT lex + -', 0],
    ['ZLEXCOUNT lex (z +', 0],
    ['ZLEXCOUNT none - +', 0],
  ] as const)
    assert.is(line(request), count, request)
})

test('scores follow their members in RESP2, and form pairs in RESP3', () => {
  const { run } = filled()
  const [one, two] = [new Double(1), new Double(2)]
  assert.equal(run('ZRANGE', 'z', '0', '1', 'WITHSCORES'), ['a', one, 'b', two])
  const { run: run3 } = filled({ session: { resp: 3 } })
  for (const words of [
    ['ZRANGE', 'z', '0', '1', 'WITHSCORES'],
    ['ZRANGEBYSCORE', 'z', '1', '2', 'WITHSCORES'],
    ['ZRANGE', 'z', '1', '2', 'WITHSCORES', 'BYSCORE'],
  ])
    assert.equal(
      run3(...words),
      [
        ['a', one],
        ['b', two],
      ],
      words.join(' '),
    )
  assert.equal(run3('ZREVRANGE', 'z', '4', '4', 'withscores'), [['b', two]])
  assert.equal(run3('ZRANGE', 'z', '0', '1'), ['a', 'b'])
})

test("invalid options are refused with Redis's texts", () => {
  const { refusal, logged } = filled()
  for (const [request, text] of [
    ['ZRANGE z 0 1 LIMIT 0 1', 'ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX'],
    ['ZREVRANGE z 0 1 LIMIT 0 1', 'ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX'],
    ['ZRANGE z - + BYLEX WITHSCORES', 'ERR syntax error, WITHSCORES not supported in combination with BYLEX'],
    ['ZRANGEBYLEX z - + WITHSCORES', 'ERR syntax error, WITHSCORES not supported in combination with BYLEX'],
    ['ZRANGE z 0 1 BYSCORE BYLEX', 'ERR syntax error'],
    ['ZRANGE z 0 1 REV REV', 'ERR syntax error'],
    ['ZREVRANGE z 0 1 REV', 'ERR syntax error'],
    ['ZRANGEBYSCORE z 0 1 BYSCORE', 'ERR syntax error'],
    ['ZRANGEBYSCORE z 0 1 LIMIT 1', 'ERR syntax error'],
    ['ZRANGEBYSCORE z 0 1 LIMIT x 1', NO_INTEGER],
    ['ZRANGESTORE d z 0 1 WITHSCORES', 'ERR syntax error'],
    ['ZRANGE z x 1', NO_INTEGER],
    ['ZRANGE z 0 1.5', NO_INTEGER],
    ['ZRANGE z x 1 BYSCORE', NO_SCORE],
    ['ZRANGE z 1 nan BYSCORE', NO_SCORE],
    ['ZRANGEBYSCORE none 1 ((2', NO_SCORE],
    ['ZCOUNT s 1 x', NO_SCORE],
    ['ZRANGE z a [b BYLEX', NO_MEMBER],
    ['ZLEXCOUNT s -- +', NO_MEMBER],
    ['ZREMRANGEBYRANK s x 1', NO_INTEGER],
    ['ZREMRANGEBYSCORE s x 1', NO_SCORE],
    ['ZREMRANGEBYLEX s 1 x', NO_MEMBER],
    ['ZRANGE s 0 1', WRONGTYPE],
    ['ZCOUNT s 0 1', WRONGTYPE],
    ['ZLEXCOUNT s - +', WRONGTYPE],
    ['ZRANGESTORE d s 0 1', WRONGTYPE],
    ['ZREMRANGEBYRANK s 0 1', WRONGTYPE],
  ] as const)
    assert.is(refusal(request), text, request)
  assert.equal(logged(), [])
})

test('score bounds are parsed like strtod', () => {
  const { run, error } = filled()
  const count = (min: Bytes, max: Bytes) => run('ZCOUNT', 'z', min, max)
  assert.is(count('', '2'), 2)
  assert.is(count('(', '2'), 2)
  assert.is(count(' 1', '\t2'), 2)
  assert.is(count('-1e400', '1e400'), 6)
  assert.is(count('1e-400', '0x2'), 2)
  assert.is(count('1\0x', '2\0'), 2)
  assert.is(error('ZCOUNT', 'z', ' ', '2'), NO_SCORE)
  assert.is(error('ZCOUNT', 'z', '1 ', '2'), NO_SCORE)
})

test('ZRANGESTORE stores the result of ZRANGE, and an empty one removes the target', () => {
  const { run, line, logged } = filled()
  assert.is(line('ZRANGESTORE d z 1 3'), 3)
  assert.equal(run('ZRANGE', 'd', '0', '-1', 'WITHSCORES'), ['b', new Double(2), 'c', new Double(3), 'd', new Double(4)])
  assert.is(line('OBJECT ENCODING d'), 'listpack')
  assert.is(line('ZRANGESTORE d z 0 -1 REV'), 6)
  assert.is(line('OBJECT ENCODING d'), 'skiplist')
  assert.is(line('ZRANGESTORE d lex [b [c BYLEX'), 2)
  assert.is(line('ZRANGESTORE s z (3 +inf BYSCORE LIMIT 0 1'), 1)
  assert.equal(line('ZRANGE s 0 -1'), ['d'])
  assert.is(line('ZRANGESTORE z z 0 0'), 1)
  assert.equal(line('ZRANGE z 0 -1'), ['a'])
  assert.is(logged().length, 5)
  assert.is(line('ZRANGESTORE d z 5 6'), 0)
  assert.is(line('EXISTS d'), 0)
  assert.is(logged().length, 1)
  assert.is(line('ZRANGESTORE d none 0 -1'), 0)
  assert.equal(logged(), [])
})

test('ZREMRANGEBYRANK, BYSCORE and BYLEX remove their range, and the last member removes the key', () => {
  const { line, logged } = filled()
  assert.is(line('ZREMRANGEBYRANK z 5 4'), 0)
  assert.is(line('ZREMRANGEBYSCORE z 7 9'), 0)
  assert.is(line('ZREMRANGEBYLEX lex [x [y'), 0)
  assert.is(line('ZREMRANGEBYLEX none - +'), 0)
  assert.equal(logged(), [])
  assert.is(line('ZREMRANGEBYRANK z 0 1'), 2)
  assert.is(line('ZREMRANGEBYSCORE z (3 4'), 1)
  assert.is(line('ZREMRANGEBYLEX lex (a [c'), 2)
  assert.equal(line('ZRANGE z 0 -1'), ['c', 'e', 'f'])
  assert.equal(line('ZRANGE lex 0 -1'), ['a', 'd', 'e', 'f'])
  assert.is(line('ZREMRANGEBYRANK z -3 -1'), 3)
  assert.is(line('ZREMRANGEBYLEX lex - +'), 4)
  assert.is(line('EXISTS z lex'), 0)
  assert.is(logged().length, 5)
})

test('ranges equal those of a sorted array', () => {
  const { integer, pick } = seeded('sorted set ranges')
  const { run, keyspace } = made()
  keyspace.pageLimits = { inlineBytes: 100, pageBytes: 200, pageElements: 8 }
  const twin: { member: Bytes; score: number }[] = []
  for (let i = 0; i < 300; i++) {
    const score = integer(40) / 4
    run('ZADD', 'z', `${score}`, `member${i}`)
    twin.push({ member: `member${i}`, score })
  }
  twin.sort((a, b) => a.score - b.score || (a.member < b.member ? -1 : 1))
  for (let round = 0; round < 400; round++) {
    const [a, b] = [integer(44) / 4, integer(44) / 4].sort((x, y) => x - y) as [number, number]
    const [open, close] = [pick(['', '(']), pick(['', '('])]
    const inside = twin
      .filter(({ score }) => (open === '' ? score >= a : score > a) && (close === '' ? score <= b : score < b))
      .map(({ member }) => member)
    const [offset, count] = [integer(10), integer(30) - 1]
    const limited = (list: Bytes[]) => list.slice(offset, count < 0 ? undefined : offset + count)
    assert.is(run('ZCOUNT', 'z', `${open}${a}`, `${close}${b}`), inside.length)
    assert.equal(run('ZRANGEBYSCORE', 'z', `${open}${a}`, `${close}${b}`, 'LIMIT', `${offset}`, `${count}`), limited(inside))
    inside.reverse()
    assert.equal(run('ZREVRANGEBYSCORE', 'z', `${close}${b}`, `${open}${a}`, 'LIMIT', `${offset}`, `${count}`), limited(inside))
    const [start, stop] = [integer(310), integer(310)]
    const names = twin.map(({ member }) => member)
    assert.equal(run('ZRANGE', 'z', `${start}`, `${stop}`), names.slice(start, stop + 1))
    assert.equal(run('ZREVRANGE', 'z', `${start}`, `${stop}`), names.reverse().slice(start, stop + 1))
  }
})

test.run()

/** Sorted set commands: ZADD and its options, scores, encodings and what is logged. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { Double, NULL_ARRAY } from '../../../commands/contract/reply.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { objects } from '../../../commands/keys/object.ts'
import { sortedSetRanges } from '../../../commands/sorted-sets/ranges.ts'
import { sortedSets } from '../../../commands/sorted-sets/sorted-sets.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { ScanCursors } from '../../../storage/scan/scan-cursors.ts'
import { fromSeed } from '../../support/generators/seed.ts'
import { type HarnessOptions, harness } from '../../support/harness/harness.ts'

const CONFIG = { 'zset-max-listpack-entries': 4, 'zset-max-listpack-value': 8 }
const WRONGTYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value'
const NO_FLOAT = 'ERR value is not a valid float'

function made(options: HarnessOptions = {}) {
  const scanCursors = new ScanCursors(fromSeed(1).random)
  return harness([sortedSets, sortedSetRanges, strings, keys, objects], { config: CONFIG, ...options, server: { scanCursors } })
}

const all = (key: Bytes) => ['ZRANGE', key, '0', '-1', 'WITHSCORES'] as const
const double = (value: number) => new Double(value)
const flat = (...pairs: (Bytes | number)[]) => pairs.map((item) => (typeof item === 'number' ? double(item) : item))

test('ZADD counts new members, with CH also changed ones, and logs only changes', () => {
  const { run, logged } = made()
  assert.is(run('ZADD', 'z', '1', 'a', '2', 'b'), 2)
  assert.is(run('ZADD', 'z', '3', 'a', '2', 'b', '0', 'c'), 1)
  assert.is(run('ZADD', 'z', 'CH', '1', 'a', '2', 'b', '5', 'd'), 2)
  assert.is(logged().length, 3)
  assert.is(run('ZADD', 'z', 'ch', '1', 'a', '2', 'b'), 0)
  assert.equal(logged(), [])
  assert.equal(run(...all('z')), flat('c', 0, 'a', 1, 'b', 2, 'd', 5))
})

test('a repeated member gets its last score and counts as new once', () => {
  const { run } = made()
  assert.is(run('ZADD', 'z', '1', 'a', '2', 'a', '3', 'a'), 1)
  assert.is(run('ZADD', 'z', 'CH', '4', 'a', '3', 'a'), 2)
  assert.equal(run(...all('z')), flat('a', 3))
})

test('NX only adds, XX only changes, GT only raises and LT only lowers', () => {
  const { run, logged } = made()
  assert.is(run('ZADD', 'z', 'XX', '1', 'a'), 0)
  assert.is(run('EXISTS', 'z'), 0)
  assert.equal(logged(), [])
  assert.is(run('ZADD', 'z', 'NX', '1', 'a', '9', 'a'), 1)
  assert.is(run('ZADD', 'z', 'NX', 'CH', '2', 'a', '5', 'b'), 1)
  assert.is(run('ZADD', 'z', 'XX', 'CH', '2', 'a', '5', 'c'), 1)
  assert.is(run('ZADD', 'z', 'GT', 'CH', '1', 'a', '6', 'b', '0', 'c'), 2)
  assert.is(run('ZADD', 'z', 'LT', 'CH', '1', 'a', '7', 'b', '0', 'c'), 1)
  assert.equal(run(...all('z')), flat('c', 0, 'a', 1, 'b', 6))
  logged()
  assert.is(run('ZADD', 'z', 'GT', 'XX', 'CH', '1', 'a', '6', 'b', '7', 'new'), 0)
  assert.equal(logged(), [])
})

test('INCR returns the new score, or nil if the options prevent it', () => {
  const { run, error, logged } = made()
  assert.is(run('ZADD', 'z', 'XX', 'INCR', '1', 'a'), null)
  assert.equal(run('ZADD', 'z', 'INCR', '1.5', 'a'), double(1.5))
  assert.equal(run('ZADD', 'z', 'INCR', '2', 'a'), double(3.5))
  assert.equal(run('ZINCRBY', 'z', '-4', 'a'), double(-0.5))
  assert.equal(run('ZINCRBY', 'z', '2', 'b'), double(2))
  assert.is(run('ZADD', 'z', 'NX', 'INCR', '1', 'a'), null)
  assert.is(run('ZADD', 'z', 'GT', 'INCR', '-1', 'a'), null)
  assert.is(run('ZADD', 'z', 'LT', 'INCR', '0', 'a'), null)
  assert.equal(run('ZADD', 'z', 'LT', 'INCR', '-1', 'a'), double(-1.5))
  logged()
  assert.equal(run('ZINCRBY', 'z', '0', 'a'), double(-1.5))
  assert.equal(logged(), [])
  run('ZADD', 'z', 'inf', 'a')
  assert.is(error('ZINCRBY', 'z', '-inf', 'a'), 'ERR resulting score is not a number (NaN)')
  assert.is(error('ZADD', 'z', 'INCR', '-inf', 'a'), 'ERR resulting score is not a number (NaN)')
  assert.equal(run('ZSCORE', 'z', 'a'), double(Number.POSITIVE_INFINITY))
})

test('a refused ZADD changes nothing', () => {
  const { run, error, logged } = made()
  run('ZADD', 'z', '1', 'a')
  run('SET', 's', 'x')
  logged()
  const refused: [Bytes[], string][] = [
    [['z', '1', 'a', '2'], 'ERR syntax error'],
    [['z', 'NX', 'CH'], 'ERR syntax error'],
    [['z', 'NX', '1'], 'ERR syntax error'],
    [['z', 'NX', 'XX', '1', 'a'], 'ERR XX and NX options at the same time are not compatible'],
    [['z', 'NX', 'GT', '1', 'a'], 'ERR GT, LT, and/or NX options at the same time are not compatible'],
    [['z', 'LT', 'NX', '1', 'a'], 'ERR GT, LT, and/or NX options at the same time are not compatible'],
    [['z', 'GT', 'LT', '1', 'a'], 'ERR GT, LT, and/or NX options at the same time are not compatible'],
    [['z', 'INCR', '1', 'a', '2', 'b'], 'ERR INCR option supports a single increment-element pair'],
    [['z', '5', 'b', 'x', 'c'], NO_FLOAT],
    [['new', '5', 'b', 'nan', 'c'], NO_FLOAT],
    [['s', 'foo', 'b'], NO_FLOAT],
    [['s', '1', 'b'], WRONGTYPE],
    [['s', 'XX', 'INCR', '1', 'b'], WRONGTYPE],
  ]
  for (const [words, text] of refused) assert.is(error('ZADD', ...words), text, words.join(' '))
  for (const word of ['', ' 1', '1 ', 'nan', '1e400', '--1', '+', '-', '1_0']) assert.is(error('ZADD', 'z', word, 'b'), NO_FLOAT, word)
  assert.is(error('ZINCRBY', 'z', 'x', 'a'), NO_FLOAT)
  assert.equal(run(...all('z')), flat('a', 1))
  assert.is(run('EXISTS', 'new'), 0)
  assert.equal(logged(), [])
})

test('scores are parsed like C doubles, and minus zero is zero', () => {
  const { run } = made()
  const words: [Bytes, number][] = [
    ['+5', 5],
    ['-12', -12],
    ['007', 7],
    ['1e3', 1000],
    ['.5', 0.5],
    ['5.', 5],
    ['0x10', 16],
    ['-inf', Number.NEGATIVE_INFINITY],
    ['+Infinity', Number.POSITIVE_INFINITY],
    ['999999999999999', 999999999999999],
    ['9007199254740993', 9007199254740992],
    ['-0', 0],
    ['-0.0', 0],
  ]
  for (const [word, score] of words) {
    run('ZADD', 'z', word, 'm')
    const reply = run('ZSCORE', 'z', 'm') as Double
    assert.ok(Object.is(reply.value, score), word)
  }
})

test('ZREM counts removed members, and the last one removes the key', () => {
  const { run, error, logged } = made()
  run('ZADD', 'z', '1', 'a', '2', 'b', '3', 'c')
  logged()
  assert.is(run('ZREM', 'z', 'x', 'y'), 0)
  assert.is(run('ZREM', 'none', 'x'), 0)
  assert.equal(logged(), [])
  assert.is(run('ZREM', 'z', 'a', 'x', 'a'), 1)
  assert.is(run('ZREM', 'z', 'b', 'c', 'd'), 2)
  assert.is(run('EXISTS', 'z'), 0)
  assert.equal(logged(), [
    ['ZREM', 'z', 'a', 'x', 'a'],
    ['ZREM', 'z', 'b', 'c', 'd'],
  ])
  run('SET', 's', 'x')
  assert.is(error('ZREM', 's', 'a'), WRONGTYPE)
})

test('ZSCORE, ZMSCORE and ZCARD handle existing and missing members and keys', () => {
  const { run, error } = made()
  run('ZADD', 'z', '1.25', 'a', '-inf', 'b')
  assert.equal(run('ZSCORE', 'z', 'a'), double(1.25))
  assert.is(run('ZSCORE', 'z', 'x'), null)
  assert.is(run('ZSCORE', 'none', 'x'), null)
  assert.equal(run('ZMSCORE', 'z', 'b', 'x', 'a'), [double(Number.NEGATIVE_INFINITY), null, double(1.25)])
  assert.equal(run('ZMSCORE', 'none', 'b', 'x'), [null, null])
  assert.is(run('ZCARD', 'z'), 2)
  assert.is(run('ZCARD', 'none'), 0)
  run('SET', 's', 'x')
  for (const words of [
    ['ZSCORE', 's', 'a'],
    ['ZMSCORE', 's', 'a'],
    ['ZCARD', 's'],
    ['ZRANK', 's', 'a'],
  ])
    assert.is(error(...words), WRONGTYPE)
})

test('ZRANK and ZREVRANK count from either end, with the score on request', () => {
  const { run, error } = made()
  run('ZADD', 'z', '1', 'a', '1', 'b', '0', 'c', '5', 'd')
  assert.equal(
    ['c', 'a', 'b', 'd'].map((member) => run('ZRANK', 'z', member)),
    [0, 1, 2, 3],
  )
  assert.is(run('ZREVRANK', 'z', 'c'), 3)
  assert.equal(run('ZRANK', 'z', 'b', 'WITHSCORE'), [2, double(1)])
  assert.equal(run('ZREVRANK', 'z', 'd', 'withscore'), [0, double(5)])
  assert.is(run('ZRANK', 'z', 'x'), null)
  assert.is(run('ZRANK', 'z', 'x', 'WITHSCORE'), NULL_ARRAY)
  assert.is(run('ZREVRANK', 'none', 'x', 'WITHSCORE'), NULL_ARRAY)
  assert.is(error('ZRANK', 'z', 'a', 'WITHSCORES'), 'ERR syntax error')
  assert.is(error('ZREVRANK', 'z', 'a', 'WITHSCORE', 'x'), "ERR wrong number of arguments for 'zrevrank' command")
})

test('OBJECT ENCODING follows the configuration, and a skiplist stays one', () => {
  const { run } = made()
  run('ZADD', 'z', '1', 'a', '2', 'b', '3', 'c', '4', 'd')
  assert.is(run('OBJECT', 'ENCODING', 'z'), 'listpack')
  run('ZADD', 'z', '5', 'e')
  assert.is(run('OBJECT', 'ENCODING', 'z'), 'skiplist')
  run('ZREM', 'z', 'a', 'b', 'c', 'd')
  assert.is(run('OBJECT', 'ENCODING', 'z'), 'skiplist')
  run('ZADD', 'long', '1', '12345678')
  assert.is(run('OBJECT', 'ENCODING', 'long'), 'listpack')
  run('ZADD', 'long', '1', '123456789')
  assert.is(run('OBJECT', 'ENCODING', 'long'), 'skiplist')
})

test('ZSCAN returns members and scores as bulk strings, a listpack in one call', () => {
  const { run, error } = made()
  run('ZADD', 'z', '1', 'a', '0.1', 'b')
  assert.equal(run('ZSCAN', 'z', '0', 'COUNT', '1'), ['0', ['a', '1', 'b', '0.1']])
  assert.equal(run('ZSCAN', 'none', '0'), ['0', []])
  for (let i = 0; i < 30; i++) run('ZADD', 'large', `${i}`, `member${i}`)
  const seen: Bytes[] = []
  let cursor = '0'
  do {
    const [next, found] = run('ZSCAN', 'large', cursor, 'COUNT', '7', 'MATCH', 'member*') as [Bytes, Bytes[]]
    assert.ok(found.length <= 14)
    seen.push(...found)
    cursor = next
  } while (cursor !== '0')
  assert.is(seen.length, 60)
  assert.equal(seen[seen.indexOf('member17') + 1], '17')
  assert.is(error('ZSCAN', 'z', 'x'), 'ERR invalid cursor')
  assert.is(error('ZSCAN', 'z', '0', 'NOVALUES'), 'ERR NOVALUES option can only be used in HSCAN')
})

test('the log makes the same sorted set', () => {
  const first = made()
  first.run('ZADD', 'z', '1.5', 'a', 'inf', 'b', '0.1', 'c')
  first.run('ZINCRBY', 'z', '0.2', 'c')
  first.run('ZADD', 'z', 'GT', 'CH', '9', 'a', '1', 'b')
  first.run('ZREM', 'z', 'b')
  const second = made({ isReplaying: true })
  for (const words of first.logged()) second.run(...words)
  assert.equal(second.run(...all('z')), first.run(...all('z')))
})

test.run()

/** Unions, intersections and differences of sorted sets, and their STORE forms. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { Double } from '../../../commands/contract/reply.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { objects } from '../../../commands/keys/object.ts'
import { sets } from '../../../commands/sets/sets.ts'
import { sortedSetAlgebra } from '../../../commands/sorted-sets/algebra.ts'
import { sortedSetRandoms } from '../../../commands/sorted-sets/random.ts'
import { sortedSetRanges } from '../../../commands/sorted-sets/ranges.ts'
import { sortedSets } from '../../../commands/sorted-sets/sorted-sets.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { fromSeed, type Seeded, seeded } from '../../support/generators/seed.ts'
import { type HarnessOptions, harness } from '../../support/harness/harness.ts'

const CONFIG = {
  'zset-max-listpack-entries': 4,
  'zset-max-listpack-value': 8,
  'set-max-intset-entries': 512,
  'set-max-listpack-entries': 128,
  'set-max-listpack-value': 64,
}
const WRONGTYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value'
const FAMILIES = [sortedSets, sortedSetRanges, sortedSetAlgebra, sortedSetRandoms, sets, strings, keys, objects]

/** Returns a server with x: a1 b2 c3 d4, y: c10 d20 e30, and a set: a d e without scores. */
function filled(options: HarnessOptions = {}) {
  const made = harness(FAMILIES, { config: CONFIG, ...options, server: { random: fromSeed(7).random } })
  const line = (text: string) => made.run(...text.split(' '))
  line('ZADD x 1 a 2 b 3 c 4 d')
  line('ZADD y 10 c 20 d 30 e')
  line('SADD set a d e')
  line('SET s x')
  made.logged()
  return { ...made, line, refusal: (text: string) => made.error(...text.split(' ')) }
}

/** Returns `a1 b2` as the reply to WITHSCORES in RESP2. */
function scored(text: string) {
  return text.split(' ').flatMap((item) => (item === '' ? [] : [item.slice(0, 1), new Double(Number(item.slice(1)))]))
}

test('unions, intersections and differences are ordered by score', () => {
  const { line } = filled()
  for (const [request, members] of [
    ['ZUNION 2 x y WITHSCORES', 'a1 b2 c13 d24 e30'],
    ['ZUNION 2 x y AGGREGATE MIN WITHSCORES', 'a1 b2 c3 d4 e30'],
    ['ZUNION 2 x y aggregate max withscores', 'a1 b2 c10 d20 e30'],
    ['ZUNION 2 x y WEIGHTS 10 0.5 WITHSCORES', 'a10 e15 b20 c35 d50'],
    ['ZUNION 3 x set none WITHSCORES', 'e1 a2 b2 c3 d5'],
    ['ZUNION 2 x x WITHSCORES', 'a2 b4 c6 d8'],
    ['ZUNION 1 none WITHSCORES', ''],
    ['ZINTER 2 x y WITHSCORES', 'c13 d24'],
    ['ZINTER 2 x y WEIGHTS -1 1 AGGREGATE MIN WITHSCORES', 'd-4 c-3'],
    ['ZINTER 3 x y set WITHSCORES', 'd25'],
    ['ZINTER 2 x none WITHSCORES', ''],
    ['ZINTER 1 set WITHSCORES', 'a1 d1 e1'],
    ['ZINTER 2 x x WITHSCORES', 'a2 b4 c6 d8'],
    ['ZDIFF 2 x y WITHSCORES', 'a1 b2'],
    ['ZDIFF 3 x y set WITHSCORES', 'b2'],
    ['ZDIFF 2 set x WITHSCORES', 'e1'],
    ['ZDIFF 2 x none WITHSCORES', 'a1 b2 c3 d4'],
    ['ZDIFF 2 none x WITHSCORES', ''],
    ['ZDIFF 2 x x WITHSCORES', ''],
  ] as const)
    assert.equal(line(request), scored(members), request)
  assert.equal(line('ZINTER 2 x y'), ['c', 'd'])
})

test('in RESP3 members and scores are pairs', () => {
  const { line } = filled({ session: { resp: 3 } })
  assert.equal(line('ZINTER 2 x y WITHSCORES'), [
    ['c', new Double(13)],
    ['d', new Double(24)],
  ])
})

test('ZINTERCARD counts up to its limit', () => {
  const { line } = filled()
  assert.is(line('ZINTERCARD 2 x y'), 2)
  assert.is(line('ZINTERCARD 2 x y LIMIT 1'), 1)
  assert.is(line('ZINTERCARD 2 x y LIMIT 0'), 2)
  assert.is(line('ZINTERCARD 2 x none'), 0)
})

test('the STORE forms replace the target, and an empty result removes it', () => {
  const { run, line, logged } = filled()
  assert.is(line('ZUNIONSTORE s 2 x y'), 5)
  assert.equal(run('ZRANGE', 's', '0', '-1', 'WITHSCORES'), scored('a1 b2 c13 d24 e30'))
  assert.is(line('OBJECT ENCODING s'), 'skiplist')
  assert.is(line('ZINTERSTORE x 2 x y'), 2)
  assert.equal(run('ZRANGE', 'x', '0', '-1', 'WITHSCORES'), scored('c13 d24'))
  assert.is(line('OBJECT ENCODING x'), 'listpack')
  assert.is(line('ZDIFFSTORE d 2 s x'), 3)
  assert.equal(line('ZRANGE d 0 -1'), ['a', 'b', 'e'])
  assert.is(logged().length, 3)
  assert.is(line('ZINTERSTORE s 2 x none'), 0)
  assert.is(line('EXISTS s'), 0)
  assert.is(logged().length, 1)
  assert.is(line('ZINTERSTORE s 2 x none'), 0)
  assert.equal(logged(), [])
})

test('NaN from infinities or weights counts as 0', () => {
  const { run, line } = filled()
  line('ZADD up inf a')
  line('ZADD down -inf a')
  assert.equal(run('ZUNION', '2', 'up', 'down', 'WITHSCORES'), scored('a0'))
  assert.equal(run('ZINTER', '2', 'up', 'down', 'WITHSCORES'), scored('a0'))
  assert.equal(run('ZUNION', '1', 'up', 'WEIGHTS', '0', 'WITHSCORES'), scored('a0'))
  assert.equal(run('ZINTER', '2', 'up', 'down', 'WEIGHTS', '1', '0', 'WITHSCORES'), scored('a0'))
  assert.equal(run('ZUNION', '2', 'up', 'down', 'WEIGHTS', '1', '-1', 'WITHSCORES'), scored('aInfinity'))
})

test('scores are added from the smallest set to the largest, as in Redis', () => {
  const { run, line } = filled()
  line('ZADD large 1 a 1 b 1 c')
  line('ZADD small 1e16 a -1e16 x')
  line('ZADD tiny -1e16 a')
  assert.equal(run('ZUNION', '3', 'large', 'small', 'tiny', 'WITHSCORES'), scored('x-10000000000000000 a1 b1 c1'))
  assert.equal(run('ZINTER', '3', 'tiny', 'large', 'small', 'WITHSCORES'), scored('a1'))
  assert.equal(run('ZINTER', '3', 'large', 'small', 'tiny', 'WITHSCORES'), scored('a1'))
})

test('refused requests change nothing, and a wrong type is reported before a wrong option', () => {
  const { refusal, logged } = filled()
  for (const [request, text] of [
    ['ZUNION 0 x', "ERR at least 1 input key is needed for 'zunion' command"],
    ['ZINTERSTORE d -1 x', "ERR at least 1 input key is needed for 'zinterstore' command"],
    ['ZINTERCARD 0 x', "ERR at least 1 input key is needed for 'zintercard' command"],
    ['ZDIFF x x', 'ERR value is not an integer or out of range'],
    ['ZUNION 3 x y', 'ERR syntax error'],
    ['ZUNION 2 x s FOO', WRONGTYPE],
    ['ZUNION 2 x y FOO', 'ERR syntax error'],
    ['ZUNION 2 x y WEIGHTS 1', 'ERR syntax error'],
    ['ZUNION 2 x y WEIGHTS 1 x', 'ERR weight value is not a float'],
    ['ZUNION 2 x y AGGREGATE avg', 'ERR syntax error'],
    ['ZUNIONSTORE d 2 x y WITHSCORES', 'ERR syntax error'],
    ['ZDIFF 2 x y WEIGHTS 1 1', 'ERR syntax error'],
    ['ZDIFFSTORE d 2 x y AGGREGATE MIN', 'ERR syntax error'],
    ['ZINTERCARD 2 x y LIMIT -1', "ERR LIMIT can't be negative"],
    ['ZINTERCARD 2 x y LIMIT x', "ERR LIMIT can't be negative"],
    ['ZINTERCARD 2 x y WITHSCORES', 'ERR syntax error'],
    ['ZINTER 2 x y LIMIT 1', 'ERR syntax error'],
  ] as const)
    assert.is(refusal(request), text, request)
  assert.equal(logged(), [])
})

test('ZRANDMEMBER returns one member, distinct members, or any number with repetition', () => {
  const { line, refusal } = filled()
  const asText = (reply: unknown) => String(reply)
  assert.match(asText(line('ZRANDMEMBER x')), /^[abcd]$/)
  assert.is(line('ZRANDMEMBER none'), null)
  assert.equal(line('ZRANDMEMBER none 5'), [])
  assert.equal(line('ZRANDMEMBER x 0'), [])
  for (const count of [1, 2, 3, 4, 9]) {
    const drawn = line(`ZRANDMEMBER x ${count}`) as Bytes[]
    assert.is(new Set(drawn).size, Math.min(count, 4))
    assert.is(drawn.length, Math.min(count, 4))
  }
  assert.is((line('ZRANDMEMBER x -20') as Bytes[]).length, 20)
  const [member, score] = line('ZRANDMEMBER x 1 WITHSCORES') as [Bytes, Double]
  assert.is(score.value, 'abcd'.indexOf(member) + 1)
  const [[other, second]] = filled({ session: { resp: 3 } }).line('ZRANDMEMBER x -1 WITHSCORES') as [[Bytes, Double]]
  assert.is(second.value, 'abcd'.indexOf(other) + 1)
  const LIMIT = '9223372036854775807'
  for (const [request, text] of [
    ['ZRANDMEMBER x y', 'ERR value is not an integer or out of range'],
    ['ZRANDMEMBER x 1 FOO', 'ERR syntax error'],
    ['ZRANDMEMBER x 1 WITHSCORES 1', 'ERR syntax error'],
    ['ZRANDMEMBER x -9223372036854775808', `ERR value is out of range, value must between -${LIMIT} and ${LIMIT}`],
    [`ZRANDMEMBER x ${LIMIT} WITHSCORES`, 'ERR value is out of range'],
    ['ZRANDMEMBER s 1', WRONGTYPE],
  ] as const)
    assert.is(refusal(request), text, request)
})

test('ZRANDMEMBER chooses every member with equal probability', () => {
  const { run, line } = filled()
  for (let i = 0; i < 50; i++) line(`ZADD many ${i % 3} m${i}`)
  const counts = new Map<Bytes, number>()
  for (let i = 0; i < 1000; i++) {
    for (const count of ['3', '30', '-2']) {
      for (const member of run('ZRANDMEMBER', 'many', count) as Bytes[]) counts.set(member, (counts.get(member) ?? 0) + 1)
    }
  }
  assert.is(counts.size, 50)
  for (const [member, count] of counts) assert.ok(Math.abs(count - 700) < 120, `${member}: ${count}`)
})

type Twin = ReadonlyMap<Bytes, number>

function randomTwin({ integer, pick }: Seeded): Map<Bytes, number> {
  const twin = new Map<Bytes, number>()
  for (let left = pick([0, 3, 20, 200]); left > 0; left--) twin.set(`m${integer(300)}`, integer(20) - 10)
  return twin
}

function expected(operation: string, twins: readonly Twin[], weights: readonly number[]): Twin {
  const result = new Map<Bytes, number>()
  const [first = new Map()] = twins
  for (const member of new Set(twins.flatMap((twin) => [...twin.keys()]))) {
    const inside = twins.filter((twin) => twin.has(member)).length
    if (operation === 'ZINTER' && inside < twins.length) continue
    if (operation === 'ZDIFF' && (inside > 1 || !first.has(member))) continue
    let sum = 0
    for (const [index, twin] of twins.entries()) sum += (twin.get(member) ?? 0) * weights[index]!
    result.set(member, operation === 'ZDIFF' ? first.get(member)! : sum)
  }
  return result
}

test('sorted set algebra equals maps, for sets of any size', () => {
  const seed = seeded('sorted set algebra')
  const { run, keyspace } = filled()
  keyspace.pageLimits = { inlineBytes: 100, pageBytes: 200, pageElements: 8 }
  for (let round = 0; round < 120; round++) {
    const twins = Array.from({ length: 1 + seed.integer(4) }, () => randomTwin(seed))
    const names = twins.map((_, index) => `k${index}`)
    const weights = twins.map(() => seed.integer(5) - 2)
    for (const [index, twin] of twins.entries()) {
      run('DEL', names[index]!)
      for (const [member, score] of twin) run('ZADD', names[index]!, `${score}`, member)
    }
    const operation = seed.pick(['ZUNION', 'ZINTER', 'ZDIFF'])
    const options = operation === 'ZDIFF' ? [] : ['WEIGHTS', ...weights.map(String)]
    const wanted = [...expected(operation, twins, weights)]
      .sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1))
      .flatMap(([member, score]) => [member, new Double(score + 0)])
    const ask = (...words: Bytes[]) =>
      (run(...words) as (Bytes | Double)[]).map((item) => (item instanceof Double ? new Double(item.value + 0) : item))
    assert.equal(ask(operation, `${names.length}`, ...names, ...options, 'WITHSCORES'), wanted)
    assert.is(run(`${operation}STORE`, 'to', `${names.length}`, ...names, ...options), wanted.length / 2)
    assert.equal(ask('ZRANGE', 'to', '0', '-1', 'WITHSCORES'), wanted)
    if (operation === 'ZINTER') assert.is(run('ZINTERCARD', `${names.length}`, ...names), wanted.length / 2)
  }
})

test.run()

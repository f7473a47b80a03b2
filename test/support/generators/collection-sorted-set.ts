/** Sorted sets as Maps from member to score, sorted on demand. */
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { ERROR, type TwinDatabase, type TwinType } from './collection-twin.ts'
import { randomValue, some } from './collection-world.ts'
import type { Seeded } from './seed.ts'

type Scores = Map<Bytes, number>

const fresh = (): Scores => new Map()
const NUMBERS: Readonly<Record<Bytes, number>> = { inf: Number.POSITIVE_INFINITY, '-inf': Number.NEGATIVE_INFINITY }
const numberOf = (word: Bytes) => NUMBERS[word] ?? Number(word)

function command(chance: Seeded): Bytes[] {
  const { integer, pick, random } = chance
  const key = () => pick(sortedSets.keys)
  const member = () => (random() < 0.05 ? randomValue(chance) : `m${integer(60)}`)
  const score = () => pick([String(integer(20)), String(integer(2000) / 8 - 100), 'inf', '-inf'])
  const pairs = () => Array.from({ length: 1 + integer(random() < 0.1 ? 40 : 4) }, () => [score(), member()]).flat()
  const [low, high] = [String(integer(150) - 100), String(integer(150) - 50)]
  const rank = () => String(integer(40) - 20)
  return pick([
    ['ZADD', key(), ...pairs()],
    ['ZADD', key(), ...pairs()],
    ['ZADD', key(), pick(['NX', 'XX', 'GT', 'LT']), 'CH', ...pairs()],
    ['ZINCRBY', key(), String(integer(100) / 4), `i${integer(5)}`],
    ['ZREM', key(), ...some(chance, random() < 0.1 ? 40 : 4, member)],
    ['ZSCORE', key(), member()],
    [pick(['ZRANK', 'ZREVRANK']), key(), member()],
    ['ZCARD', key()],
    ['ZCOUNT', key(), low, `(${high}`],
    ['ZRANGE', key(), rank(), rank(), 'WITHSCORES'],
    ['ZRANGE', key(), rank(), rank(), 'REV'],
    ['ZRANGE', key(), low, high, 'BYSCORE', 'LIMIT', String(integer(5)), String(integer(10))],
    ['ZREMRANGEBYRANK', key(), String(integer(6)), String(integer(12))],
    ['ZREMRANGEBYSCORE', key(), low, high],
    [pick(['ZPOPMIN', 'ZPOPMAX']), key(), String(integer(4))],
    ['ZRANDMEMBER', key(), String(1 + integer(8))],
    [pick(['ZUNIONSTORE', 'ZINTERSTORE']), key(), '2', key(), key(), 'AGGREGATE', pick(['SUM', 'MIN', 'MAX'])],
    ['ZDIFFSTORE', key(), '2', key(), key()],
  ])
}

function sorted(scores: Scores): [Bytes, number][] {
  return [...scores].sort(([a, x], [b, y]) => (x === y ? (a < b ? -1 : 1) : x - y))
}

function run(db: TwinDatabase<Scores>, words: readonly Bytes[], _now: number, reply: unknown): unknown {
  const [name = '', key = '', ...rest] = words
  const [first = '', second = ''] = rest
  const scores = db.get(key) ?? fresh()
  const inOrder = sorted(scores)
  const between = () => inOrder.filter(([, score]) => score >= Number(first) && score <= Number(second))
  switch (name) {
    case 'ZADD':
      return add(db, key, scores, rest)
    case 'ZINCRBY': {
      const sum = (scores.get(second) ?? 0) + Number(first)
      db.make(key, fresh).set(second, sum)
      return sum
    }
    case 'ZREM':
      return rest.filter((member) => scores.delete(member)).length
    case 'ZSCORE':
      return scores.get(first) ?? null
    case 'ZRANK':
    case 'ZREVRANK': {
      const rank = inOrder.findIndex(([member]) => member === first)
      return rank < 0 ? null : name === 'ZRANK' ? rank : inOrder.length - 1 - rank
    }
    case 'ZCARD':
      return scores.size
    case 'ZCOUNT':
      return inOrder.filter(([, score]) => score >= Number(first) && score < Number(second.slice(1))).length
    case 'ZRANGE':
      return range(inOrder, rest)
    case 'ZREMRANGEBYRANK':
      return taken(scores, slice(inOrder, Number(first), Number(second))).length
    case 'ZREMRANGEBYSCORE':
      return taken(scores, between()).length
    case 'ZPOPMIN':
    case 'ZPOPMAX': {
      const from = name === 'ZPOPMIN' ? inOrder : inOrder.reverse()
      return taken(scores, from.slice(0, Number(first))).flat()
    }
    case 'ZRANDMEMBER':
      return drawn(scores, Number(first), reply as Bytes[])
    case 'ZUNIONSTORE':
    case 'ZINTERSTORE':
    case 'ZDIFFSTORE':
      return stored(db, name, key, rest)
  }
  return ERROR
}

function add(db: TwinDatabase<Scores>, key: Bytes, before: Scores, words: readonly Bytes[]): number {
  const hasCondition = words[1] === 'CH'
  const condition = hasCondition ? words[0] : ''
  const scores = condition === 'XX' ? before : db.make(key, fresh)
  let added = 0
  let changed = 0
  for (let i = hasCondition ? 2 : 0; i < words.length; i += 2) {
    const score = numberOf(words[i] as Bytes)
    const member = words[i + 1] as Bytes
    const old = scores.get(member)
    if (old === undefined ? condition === 'XX' : condition === 'NX') continue
    if (old !== undefined && ((condition === 'GT' && score <= old) || (condition === 'LT' && score >= old))) continue
    if (old === undefined) added++
    else if (old !== score) changed++
    scores.set(member, score)
  }
  return hasCondition ? added + changed : added
}

function slice<T>(items: readonly T[], first: number, last: number): T[] {
  const from = Math.max(0, first < 0 ? first + items.length : first)
  return items.slice(from, Math.max(from, (last < 0 ? last + items.length : last) + 1))
}

function range(inOrder: readonly [Bytes, number][], [first = '', last = '', how, ...rest]: readonly Bytes[]): unknown[] {
  if (how === 'BYSCORE') {
    const found = inOrder.filter(([, score]) => score >= Number(first) && score <= Number(last))
    return found.map(([member]) => member).slice(Number(rest[1]), Number(rest[1]) + Number(rest[2]))
  }
  const found = slice(how === 'REV' ? inOrder.toReversed() : inOrder, Number(first), Number(last))
  return how === 'WITHSCORES' ? found.flat() : found.map(([member]) => member)
}

function taken(scores: Scores, pairs: [Bytes, number][]): [Bytes, number][] {
  for (const [member] of pairs) scores.delete(member)
  return pairs
}

function drawn(scores: Scores, count: number, reply: readonly Bytes[]): readonly Bytes[] {
  assert.is(reply.length, Math.min(count, scores.size), 'members drawn')
  assert.is(new Set(reply).size, reply.length, 'members drawn twice')
  for (const member of reply) assert.ok(scores.has(member), `${member} is no member`)
  return reply
}

function stored(db: TwinDatabase<Scores>, name: Bytes, key: Bytes, [, a = '', b = '', , how]: readonly Bytes[]): number {
  const [first, second] = [db.get(a) ?? fresh(), db.get(b) ?? fresh()]
  const result = fresh()
  for (const member of new Set([...first.keys(), ...second.keys()])) {
    const [x, y] = [first.get(member), second.get(member)]
    const isKept = name === 'ZUNIONSTORE' || (name === 'ZINTERSTORE' ? x !== undefined && y !== undefined : y === undefined)
    if (isKept) result.set(member, x === undefined || y === undefined ? ((x ?? y) as number) : aggregate(how, x, y))
  }
  db.set(key, result)
  return result.size
}

function aggregate(how: Bytes | undefined, x: number, y: number): number {
  if (how === 'MIN') return Math.min(x, y)
  if (how === 'MAX') return Math.max(x, y)
  return Number.isNaN(x + y) ? 0 : x + y
}

export const sortedSets: TwinType<Scores> = {
  name: 'sorted sets',
  keys: ['a', 'b', 'c', 'd'],
  command,
  run,
  copy: (scores) => new Map(scores),
  isOver: (scores) => scores.size === 0,
  read: (key) => ['ZRANGE', key, '0', '-1', 'WITHSCORES'],
  shown: (scores) => sorted(scores ?? fresh()).flat(),
}

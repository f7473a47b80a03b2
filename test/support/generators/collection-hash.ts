/** Hashes as Maps, each field with its deadline. */
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { ERROR, type TwinDatabase, type TwinType } from './collection-twin.ts'
import { randomValue, some } from './collection-world.ts'
import type { Seeded } from './seed.ts'

interface Field {
  readonly value: Bytes
  /** ms since the epoch; 0 means no deadline. */
  readonly expireAtMs: number
}

type Fields = Map<Bytes, Field>

const fresh = (): Fields => new Map()

function command(chance: Seeded, _db: TwinDatabase<Fields>, nowMs: number): Bytes[] {
  const { integer, pick, random } = chance
  const key = pick(hashes.keys)
  const field = () => (random() < 0.05 ? randomValue(chance) : `f${integer(50)}`)
  const pair = () => [field(), randomValue(chance)]
  const pairs = () => Array.from({ length: 1 + integer(random() < 0.1 ? 30 : 3) }, pair).flat()
  const two = ['FIELDS', '2', field(), field()]
  const deadline = String(nowMs + integer(pick([60, 5000, 200_000])) - 5)
  return pick([
    ['HSET', key, ...pairs()],
    ['HSET', key, ...pairs()],
    ['HSETNX', key, ...pair()],
    ['HDEL', key, ...some(chance, random() < 0.1 ? 30 : 3, field)],
    ['HINCRBY', key, `n${integer(3)}`, String(integer(100))],
    ['HPEXPIREAT', key, deadline, ...two],
    ['HPEXPIREAT', key, deadline, ...two],
    ['HPEXPIREAT', key, deadline, pick(['NX', 'XX', 'GT', 'LT']), ...two],
    ['HPERSIST', key, ...two],
    ['HPEXPIRETIME', key, ...two],
    ['HGET', key, field()],
    ['HMGET', key, field(), field()],
    ['HEXISTS', key, field()],
    ['HLEN', key],
    ['HGETALL', key],
    ['HRANDFIELD', key, String(1 + integer(8))],
  ])
}

function listed(fields: Fields): [Bytes, Field][] {
  return [...fields].sort(([a], [b]) => (a < b ? -1 : 1))
}

function run(db: TwinDatabase<Fields>, words: readonly Bytes[], nowMs: number, reply: unknown): unknown {
  const [name, key = '', ...rest] = words
  const [first = '', second = ''] = rest
  const there = db.get(key)
  const fields = there ?? fresh()
  switch (name) {
    case 'HSET':
    case 'HSETNX':
      return set(name === 'HSETNX' && fields.has(first) ? fields : db.make(key, fresh), rest, name)
    case 'HDEL':
      return rest.filter((field) => fields.delete(field)).length
    case 'HINCRBY': {
      const value = String(Number(fields.get(first)?.value ?? 0) + Number(second))
      db.make(key, fresh).set(first, { value, expireAtMs: fields.get(first)?.expireAtMs ?? 0 })
      return Number(value)
    }
    case 'HPEXPIRE':
    case 'HPEXPIREAT': {
      const deadline = Number(first) + (name === 'HPEXPIRE' ? nowMs : 0)
      return named(rest).map((field) => expire(fields, field, deadline, second === 'FIELDS' ? '' : second, nowMs))
    }
    case 'HPERSIST':
      return named(rest).map((field) => persist(fields, field))
    case 'HPEXPIRETIME':
      return named(rest).map((field) => deadlineOf(fields, field))
    case 'HPTTL':
      return named(rest).map((field) => leftOf(deadlineOf(fields, field), nowMs))
    case 'HGET':
      return fields.get(first)?.value ?? null
    case 'HMGET':
      return rest.map((field) => fields.get(field)?.value ?? null)
    case 'HEXISTS':
      return fields.has(first) ? 1 : 0
    case 'HLEN':
      return fields.size
    case 'HGETALL':
      return listed(fields).flatMap(([field, { value }]) => [field, value])
    case 'HRANDFIELD':
      return drawn(fields, Number(first), reply as Bytes[])
  }
  return ERROR
}

/** The fields that stand behind FIELDS and their number. */
const named = (words: readonly Bytes[]) => words.slice(words.indexOf('FIELDS') + 2)

function set(fields: Fields, words: readonly Bytes[], name: Bytes): number {
  if (name === 'HSETNX' && fields.has(words[0] as Bytes)) return 0
  const { size } = fields
  for (let i = 0; i < words.length; i += 2) fields.set(words[i] as Bytes, { value: words[i + 1] as Bytes, expireAtMs: 0 })
  return fields.size - size
}

function expire(fields: Fields, name: Bytes, expireAtMs: number, condition: Bytes, nowMs: number): number {
  const field = fields.get(name)
  if (field === undefined) return -2
  const before = field.expireAtMs
  const isMet =
    condition === '' ||
    (condition === 'NX' && before === 0) ||
    (condition === 'XX' && before !== 0) ||
    (condition === 'GT' && before !== 0 && expireAtMs > before) ||
    (condition === 'LT' && (before === 0 || expireAtMs < before))
  if (!isMet) return 0
  if (expireAtMs <= nowMs) {
    fields.delete(name)
    return 2
  }
  fields.set(name, { value: field.value, expireAtMs })
  return 1
}

function persist(fields: Fields, name: Bytes): number {
  const field = fields.get(name)
  if (field === undefined) return -2
  if (field.expireAtMs === 0) return -1
  fields.set(name, { value: field.value, expireAtMs: 0 })
  return 1
}

function deadlineOf(fields: Fields, name: Bytes): number {
  const field = fields.get(name)
  return field === undefined ? -2 : field.expireAtMs || -1
}

const leftOf = (deadline: number, nowMs: number) => (deadline < 0 ? deadline : deadline - nowMs)

function drawn(fields: Fields, count: number, reply: readonly Bytes[]): readonly Bytes[] {
  assert.is(reply.length, Math.min(count, fields.size), 'fields drawn')
  assert.is(new Set(reply).size, reply.length, 'fields drawn twice')
  for (const field of reply) assert.ok(fields.has(field), `${field} is no field`)
  return reply
}

export const hashes: TwinType<Fields> = {
  name: 'hashes',
  keys: ['a', 'b', 'c', 'd'],
  command,
  run,
  copy: (fields) => new Map(fields),
  isOver(fields, nowMs) {
    for (const [name, { expireAtMs }] of fields) if (expireAtMs !== 0 && expireAtMs <= nowMs) fields.delete(name)
    return fields.size === 0
  },
  read: (key) => ['HGETALL', key],
  shown: (fields) => listed(fields ?? fresh()).flatMap(([field, { value }]) => [field, value]),
}

/** Sets as JavaScript's Sets. */
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import type { TwinDatabase, TwinType } from './collection-twin.ts'
import { randomValue, some } from './collection-world.ts'
import type { Seeded } from './seed.ts'

type Members = Set<Bytes>

const inOrder = (members: Iterable<Bytes>) => [...members].sort()

function command(chance: Seeded): Bytes[] {
  const { integer, pick, random } = chance
  const key = () => pick(sets.keys)
  const member = () => (random() < 0.1 ? randomValue(chance) : `m${integer(60)}`)
  const many = random() < 0.1 ? 40 : 4
  return pick([
    ['SADD', key(), ...some(chance, many, member)],
    ['SADD', key(), ...some(chance, many, member)],
    ['SREM', key(), ...some(chance, many, member)],
    ['SPOP', key()],
    ['SPOP', key(), String(integer(20))],
    ['SRANDMEMBER', key(), String(integer(10))],
    ['SISMEMBER', key(), member()],
    ['SMISMEMBER', key(), member(), member()],
    ['SCARD', key()],
    ['SMEMBERS', key()],
    ['SMOVE', key(), key(), member()],
    [pick(['SINTER', 'SUNION', 'SDIFF']), key(), key(), key()],
    [pick(['SINTERSTORE', 'SUNIONSTORE', 'SDIFFSTORE']), key(), key(), key()],
    ['SINTERCARD', '2', key(), key()],
  ])
}

function combined(how: Bytes, [first = new Set(), ...others]: Members[]): Members {
  if (how.startsWith('SUNION')) return new Set([first, ...others].flatMap((each) => [...each]))
  const isKept = how.startsWith('SINTER')
    ? (member: Bytes) => others.every((each) => each.has(member))
    : (member: Bytes) => !others.some((each) => each.has(member))
  return new Set([...first].filter(isKept))
}

function run(db: TwinDatabase<Members>, words: readonly Bytes[], _now: number, reply: unknown): unknown {
  const [name = '', key = '', ...rest] = words
  const [first = '', second = ''] = rest
  const members = db.get(key) ?? new Set()
  const at = (names: readonly Bytes[]) => names.map((each) => db.get(each) ?? new Set<Bytes>())
  switch (name) {
    case 'SADD': {
      const made = db.make(key, () => new Set())
      const { size } = made
      for (const member of rest) made.add(member)
      return made.size - size
    }
    case 'SREM':
      return rest.filter((member) => members.delete(member)).length
    case 'SPOP':
      return popped(members, rest, reply)
    case 'SRANDMEMBER':
      checkDrawn(members, reply as Bytes[], Number(first))
      return reply
    case 'SISMEMBER':
      return members.has(first) ? 1 : 0
    case 'SMISMEMBER':
      return rest.map((member) => (members.has(member) ? 1 : 0))
    case 'SCARD':
      return members.size
    case 'SMEMBERS':
      return inOrder(members)
    case 'SMOVE':
      if (!members.has(second)) return 0
      members.delete(second)
      db.make(first, () => new Set()).add(second)
      return 1
    case 'SINTERCARD':
      return combined('SINTER', at(rest)).size
    case 'SINTER':
    case 'SUNION':
    case 'SDIFF':
      return inOrder(combined(name, at([key, ...rest])))
  }
  const result = combined(name, at(rest))
  db.set(key, result)
  return result.size
}

function checkDrawn(members: Members, drawn: readonly Bytes[], count: number): void {
  assert.is(drawn.length, Math.min(count, members.size), 'members drawn')
  assert.is(new Set(drawn).size, drawn.length, 'members drawn twice')
  for (const member of drawn) assert.ok(members.has(member), `${member} is no member`)
}

function popped(members: Members, [count]: readonly Bytes[], reply: unknown): unknown {
  if (count === undefined && members.size === 0) return null
  const drawn = (count === undefined ? [reply] : reply) as Bytes[]
  checkDrawn(members, drawn, Number(count ?? 1))
  for (const member of drawn) members.delete(member)
  return reply
}

export const sets: TwinType<Members> = {
  name: 'sets',
  keys: ['a', 'b', 'c', 'd'],
  command,
  run,
  copy: (members) => new Set(members),
  isOver: (members) => members.size === 0,
  read: (key) => ['SMEMBERS', key],
  shown: (members) => inOrder(members ?? []),
}

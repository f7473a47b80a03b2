/** Lists as arrays. */
import type { Bytes } from '../../../base/bytes.ts'
import { ERROR, type TwinDatabase, type TwinType } from './collection-twin.ts'
import { randomValue, some } from './collection-world.ts'
import type { Seeded } from './seed.ts'

type Elements = Bytes[]

function command(chance: Seeded, db: TwinDatabase<Elements>): Bytes[] {
  const { integer, pick, random } = chance
  const key = pick(lists.keys)
  const length = db.get(key)?.length ?? 0
  const value = () => (random() < 0.5 ? `v${integer(8)}` : randomValue(chance))
  const many = random() < 0.15 ? 40 : 4
  const position = () => String(integer(2 * length + 4) - length - 2)
  const side = () => pick(['LEFT', 'RIGHT'])
  return pick([
    [pick(['RPUSH', 'LPUSH']), key, ...some(chance, many, value)],
    [pick(['RPUSH', 'LPUSH']), key, ...some(chance, many, value)],
    [pick(['RPUSHX', 'LPUSHX']), key, value()],
    [pick(['LPOP', 'RPOP']), key],
    [pick(['LPOP', 'RPOP']), key, String(integer(6))],
    ['LSET', key, position(), value()],
    ['LINSERT', key, pick(['BEFORE', 'AFTER']), value(), value()],
    ['LREM', key, String(integer(7) - 3), `v${integer(8)}`],
    random() < 0.2 ? ['LTRIM', key, position(), position()] : ['LTRIM', key, String(integer(3)), String(-1 - integer(3))],
    ['LINDEX', key, position()],
    ['LRANGE', key, position(), position()],
    ['LLEN', key],
    ['LPOS', key, `v${integer(8)}`, 'RANK', pick(['1', '2', '-1', '-2']), 'COUNT', '0'],
    ['LMOVE', key, pick(lists.keys), side(), side()],
    ['LMPOP', '2', key, pick(lists.keys), side(), 'COUNT', String(1 + integer(5))],
  ])
}

/** The range between two inclusive positions, negative ones counting from the end. */
function bounds(length: number, first: number, last: number): [from: number, to: number] {
  const from = Math.max(0, first < 0 ? first + length : first)
  const to = Math.min(length, (last < 0 ? last + length : last) + 1)
  return [from, Math.max(from, to)]
}

function run(db: TwinDatabase<Elements>, words: readonly Bytes[]): unknown {
  const [name, key = '', ...rest] = words
  const there = db.get(key)
  const list = there ?? []
  const [first = '', second = '', third = ''] = rest
  const at = Number(first) < 0 ? Number(first) + list.length : Number(first)
  switch (name) {
    case 'RPUSH':
    case 'LPUSH':
      return push(
        db.make(key, () => []),
        rest,
        name,
      )
    case 'RPUSHX':
    case 'LPUSHX':
      return there === undefined ? 0 : push(there, rest, name)
    case 'LPOP':
    case 'RPOP':
      if (there === undefined) return null
      return first === '' ? take(list, name === 'LPOP', 1)[0] : take(list, name === 'LPOP', Number(first))
    case 'LSET':
      if (at < 0 || at >= list.length) return ERROR
      list[at] = second
      return 'OK'
    case 'LINSERT':
      return insert(there, first, second, third)
    case 'LREM':
      return removed(list, Number(first), second)
    case 'LTRIM': {
      const [from, to] = bounds(list.length, Number(first), Number(second))
      list.splice(0, list.length, ...list.slice(from, to))
      return 'OK'
    }
    case 'LINDEX':
      return list[at] ?? null
    case 'LRANGE':
      return list.slice(...bounds(list.length, Number(first), Number(second)))
    case 'LLEN':
      return list.length
    case 'LPOS':
      return positions(list, first, Number(third))
    case 'LMOVE':
      return move(db, list, first, second, third)
    case 'LMPOP':
      return popFirst(db, rest.slice(0, 2), rest[2] === 'LEFT', Number(rest[4]))
  }
  return ERROR
}

function push(list: Elements, values: readonly Bytes[], name: Bytes): number {
  if (name.startsWith('R')) list.push(...values)
  else for (const value of values) list.unshift(value)
  return list.length
}

function take(list: Elements, fromLeft: boolean, count: number): Elements {
  return fromLeft ? list.splice(0, count) : list.splice(Math.max(0, list.length - count)).reverse()
}

function insert(list: Elements | undefined, where: Bytes, pivot: Bytes, value: Bytes): number {
  if (list === undefined) return 0
  const at = list.indexOf(pivot)
  if (at < 0) return -1
  list.splice(where === 'BEFORE' ? at : at + 1, 0, value)
  return list.length
}

function removed(list: Elements, count: number, value: Bytes): number {
  let found = [...list.keys()].filter((index) => list[index] === value)
  if (count > 0) found = found.slice(0, count)
  if (count < 0) found = found.slice(count)
  for (const index of found.reverse()) list.splice(index, 1)
  return found.length
}

function positions(list: Elements, value: Bytes, rank: number): number[] {
  const found = [...list.keys()].filter((index) => list[index] === value)
  return rank > 0 ? found.slice(rank - 1) : found.reverse().slice(-rank - 1)
}

function move(db: TwinDatabase<Elements>, list: Elements, to: Bytes, from: Bytes, side: Bytes): unknown {
  const [value] = take(list, from === 'LEFT', 1)
  if (value === undefined) return null
  const target = db.make(to, () => [])
  if (side === 'LEFT') target.unshift(value)
  else target.push(value)
  return value
}

function popFirst(db: TwinDatabase<Elements>, keys: readonly Bytes[], fromLeft: boolean, count: number): unknown {
  const key = keys.find((each) => db.get(each) !== undefined)
  return key === undefined ? null : [key, take(db.get(key) as Elements, fromLeft, count)]
}

export const lists: TwinType<Elements> = {
  name: 'lists',
  keys: ['a', 'b', 'c', 'd'],
  command,
  run,
  copy: (list) => [...list],
  isOver: (list) => list.length === 0,
  read: (key) => ['LRANGE', key, '0', '-1'],
  shown: (list) => list ?? [],
}

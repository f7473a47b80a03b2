/**
 * Streams and their groups as Maps. Ids are numbers of milliseconds, in ascending order in every
 * Map.
 */
import type { Bytes } from '../../../base/bytes.ts'
import { ERROR, type TwinDatabase, type TwinType } from './collection-twin.ts'
import { randomValue } from './collection-world.ts'
import type { Seeded } from './seed.ts'

interface Pending {
  readonly consumer: Bytes
  readonly at: number
  readonly count: number
}

interface StreamGroup {
  lastId: number
  readonly consumers: Set<Bytes>
  readonly pending: Map<number, Pending>
}

interface StreamTwin {
  lastId: number
  readonly entries: Map<number, Bytes>
  readonly groups: Map<Bytes, StreamGroup>
}

const fresh = (): StreamTwin => ({ lastId: 0, entries: new Map(), groups: new Map() })
const text = (id: number) => `${id}-0`
const ascending = (ids: Iterable<number>) => [...ids].sort((a, b) => a - b)
const shownEntry = ([id, value]: readonly [number, Bytes]) => [text(id), ['f', value]]

function command(chance: Seeded, db: TwinDatabase<StreamTwin>): Bytes[] {
  const { integer, pick, random } = chance
  const key = pick(streams.keys)
  const last = db.get(key)?.lastId ?? 0
  const group = pick(['g', 'h'])
  const consumer = pick(['x', 'y', 'z'])
  const next = String(last + 1 + integer(3))
  const id = () => text(integer(last + 3))
  const value = () => randomValue(chance)
  const count = String(1 + integer(random() < 0.1 ? 40 : 6))
  return pick([
    ['XADD', key, next, 'f', value()],
    ['XADD', key, next, 'f', value()],
    ['XADD', key, next, 'f', value()],
    ['XADD', key, 'NOMKSTREAM', next, 'f', value()],
    ['XADD', key, 'MAXLEN', String(10 + integer(40)), next, 'f', value()],
    ['XADD', key, String(integer(last + 1)), 'f', value()],
    ['XDEL', key, id(), id(), id()],
    random() < 0.2 ? ['XTRIM', key, 'MINID', id()] : ['XLEN', key],
    ['XLEN', key],
    ['XRANGE', key, id(), id(), 'COUNT', count],
    ['XREVRANGE', key, '+', '-', 'COUNT', count],
    ['XGROUP', 'CREATE', key, group, pick(['$', '0', id()]), 'MKSTREAM'],
    ['XGROUP', 'CREATECONSUMER', key, group, consumer],
    random() < 0.2 ? ['XGROUP', 'DESTROY', key, group] : ['XLEN', key],
    random() < 0.3 ? ['XGROUP', 'DELCONSUMER', key, group, consumer] : ['XLEN', key],
    ['XREADGROUP', 'GROUP', group, consumer, 'COUNT', count, 'STREAMS', key, '>'],
    ['XREADGROUP', 'GROUP', group, consumer, 'COUNT', count, 'STREAMS', key, '>'],
    ['XACK', key, group, id(), id(), id()],
    ['XCLAIM', key, group, consumer, String(integer(3000)), id(), id(), 'JUSTID'],
    ['XPENDING', key, group, '-', '+', count],
  ])
}

function run(db: TwinDatabase<StreamTwin>, words: readonly Bytes[], now: number): unknown {
  const [name, first = '', second = '', third = '', fourth = '', fifth = ''] = words
  if (name === 'XGROUP') return onGroup(db, words)
  if (name === 'XREADGROUP') return readGroup(db, words, now)
  const there = db.get(first)
  const stream = there ?? fresh()
  switch (name) {
    case 'XADD':
      return add(db, first, words)
    case 'XDEL':
      return words.slice(2).filter((id) => stream.entries.delete(Number.parseInt(id, 10))).length
    case 'XTRIM':
      return trimmed(stream, (id) => id < Number.parseInt(third, 10))
    case 'XLEN':
      return stream.entries.size
    case 'XRANGE':
      return between(stream, Number.parseInt(second, 10), Number.parseInt(third, 10)).slice(0, Number(fifth))
    case 'XREVRANGE':
      return between(stream, 0, Number.POSITIVE_INFINITY).reverse().slice(0, Number(fifth))
  }
  const group = stream.groups.get(second)
  if (name === 'XACK') return words.slice(3).filter((id) => group?.pending.delete(Number.parseInt(id, 10)) === true).length
  if (group === undefined) return ERROR
  if (name === 'XCLAIM') return claim(stream, group, third, Number(fourth), words.slice(5, 7), now)
  return shownPending(group, now).slice(0, Number(fifth))
}

function add(db: TwinDatabase<StreamTwin>, key: Bytes, words: readonly Bytes[]): unknown {
  const id = Number(words.at(-3))
  const there = db.get(key)
  if (words[2] === 'NOMKSTREAM' && there === undefined) return null
  if (id <= (there?.lastId ?? 0)) return ERROR
  const stream = db.make(key, fresh)
  stream.lastId = id
  stream.entries.set(id, words.at(-1) as Bytes)
  if (words[2] === 'MAXLEN') {
    let excess = stream.entries.size - Number(words[3])
    trimmed(stream, () => excess-- > 0)
  }
  return text(id)
}

function trimmed({ entries }: StreamTwin, isGone: (id: number) => boolean): number {
  const { size } = entries
  for (const id of [...entries.keys()]) if (isGone(id)) entries.delete(id)
  return size - entries.size
}

function between({ entries }: StreamTwin, from: number, to: number): unknown[] {
  return [...entries].filter(([id]) => id >= from && id <= to).map(shownEntry)
}

function onGroup(db: TwinDatabase<StreamTwin>, [, sub, key = '', name = '', last = '']: readonly Bytes[]): unknown {
  const there = db.get(key)
  if (sub === 'CREATE') {
    if (there?.groups.has(name) === true) return ERROR
    const stream = db.make(key, fresh)
    const lastId = last === '$' ? stream.lastId : Number.parseInt(last, 10)
    stream.groups.set(name, { lastId, consumers: new Set(), pending: new Map() })
    return 'OK'
  }
  const group = there?.groups.get(name)
  if (sub === 'DESTROY') return there === undefined ? ERROR : there.groups.delete(name) ? 1 : 0
  if (group === undefined) return ERROR
  if (sub === 'CREATECONSUMER') {
    const { size } = group.consumers
    return group.consumers.add(last).size - size
  }
  group.consumers.delete(last)
  const owned = [...group.pending].filter(([, { consumer }]) => consumer === last)
  for (const [id] of owned) group.pending.delete(id)
  return owned.length
}

function readGroup(db: TwinDatabase<StreamTwin>, words: readonly Bytes[], now: number): unknown {
  const [, , name = '', consumer = '', , count = '', , key = ''] = words
  const stream = db.get(key)
  const group = stream?.groups.get(name)
  if (stream === undefined || group === undefined) return ERROR
  group.consumers.add(consumer)
  const found = [...stream.entries].filter(([id]) => id > group.lastId).slice(0, Number(count))
  for (const [id] of found) {
    group.pending.set(id, { consumer, at: now, count: 1 })
    group.lastId = id
  }
  return found.length === 0 ? null : [[key, found.map(shownEntry)]]
}

function claim(stream: StreamTwin, group: StreamGroup, consumer: Bytes, idleMs: number, words: readonly Bytes[], now: number): unknown {
  group.consumers.add(consumer)
  const claimed: Bytes[] = []
  for (const id of words.map((word) => Number.parseInt(word, 10))) {
    const pending = group.pending.get(id)
    if (pending === undefined) continue
    if (!stream.entries.has(id)) group.pending.delete(id)
    else if (now - pending.at >= idleMs) {
      group.pending.set(id, { consumer, at: now, count: pending.count })
      claimed.push(text(id))
    }
  }
  return claimed
}

function shownPending({ pending }: StreamGroup, now: number): unknown[] {
  return ascending(pending.keys()).map((id) => {
    const { consumer, at, count } = pending.get(id) as Pending
    return [text(id), consumer, now - at, count]
  })
}

/** The part of XINFO STREAM FULL that a twin knows. */
function shown(stream: StreamTwin | undefined): unknown {
  if (stream === undefined) return null
  const groups = [...stream.groups].sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    lastId: text(stream.lastId),
    entries: [...stream.entries].map(shownEntry),
    groups: groups.map(([name, { lastId, consumers, pending }]) => ({
      name,
      lastId: text(lastId),
      pending: ascending(pending.keys()).map((id) => {
        const { consumer, at, count } = pending.get(id) as Pending
        return [text(id), consumer, at, count]
      }),
      consumers: [...consumers].sort(),
    })),
  }
}

/** The value after a name in a flat reply. */
function after(flat: unknown, name: Bytes): unknown {
  const words = flat as unknown[]
  return words[words.indexOf(name) + 1]
}

function seen(reply: unknown): unknown {
  if (!Array.isArray(reply)) return null
  return {
    lastId: after(reply, 'last-generated-id'),
    entries: after(reply, 'entries'),
    groups: (after(reply, 'groups') as unknown[]).map((group) => ({
      name: after(group, 'name'),
      lastId: after(group, 'last-delivered-id'),
      pending: after(group, 'pending'),
      consumers: (after(group, 'consumers') as unknown[]).map((consumer) => after(consumer, 'name')),
    })),
  }
}

export const streams: TwinType<StreamTwin> = {
  name: 'streams',
  keys: ['a', 'b', 'c'],
  command,
  run,
  copy: (stream) => structuredClone(stream),
  isOver: () => false,
  read: (key) => ['XINFO', 'STREAM', key, 'FULL', 'COUNT', '0'],
  shown,
  seen,
}

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
const idOf = (word: Bytes) => (word === '-' ? 0 : word === '+' ? Number.POSITIVE_INFINITY : Number.parseInt(word, 10))
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

function run(db: TwinDatabase<StreamTwin>, words: readonly Bytes[], nowMs: number): unknown {
  const [name, first = '', second = '', third = '', , fifth = ''] = words
  if (name === 'XGROUP') return onGroup(db, words)
  if (name === 'XREADGROUP') return readGroup(db, words, nowMs)
  const stream = db.get(first) ?? fresh()
  switch (name) {
    case 'XADD':
      return add(db, first, words)
    case 'XDEL':
      return words.slice(2).filter((id) => stream.entries.delete(idOf(id))).length
    case 'XTRIM':
      return second === 'MAXLEN' ? trimmedTo(stream, Number(third)) : trimmed(stream, (id) => id < idOf(third))
    case 'XLEN':
      return stream.entries.size
    case 'XRANGE':
      return between(stream, idOf(second), idOf(third)).slice(0, Number(fifth))
    case 'XREVRANGE':
      return between(stream, idOf(third), idOf(second)).reverse().slice(0, Number(fifth))
  }
  return onPending(stream, words, nowMs)
}

/** Runs a command on what a group has delivered. */
function onPending(stream: StreamTwin, words: readonly Bytes[], nowMs: number): unknown {
  const [name, , groupName = '', third = '', fourth = '', fifth = '', sixth] = words
  const group = stream.groups.get(groupName)
  if (name === 'XACK') return words.slice(3).filter((id) => group?.pending.delete(idOf(id)) === true).length
  if (group === undefined) return ERROR
  const claim = { stream, group, consumer: third, idleMs: Number(fourth), isJustIds: words.at(-1) === 'JUSTID', nowMs }
  if (name === 'XCLAIM') return claimed(claim, words.slice(5, 7).map(idOf))
  if (name === 'XAUTOCLAIM') return autoclaimed(claim, idOf(fifth), Number(words[7]))
  const of = sixth === undefined ? group.pending : new Map([...group.pending].filter(([, { consumer }]) => consumer === sixth))
  return shownPending(of, idOf(third), nowMs).slice(0, Number(fifth))
}

function add(db: TwinDatabase<StreamTwin>, key: Bytes, words: readonly Bytes[]): unknown {
  const id = Number(words.at(-3))
  const there = db.get(key)
  if (words[2] === 'NOMKSTREAM' && there === undefined) return null
  if (id <= (there?.lastId ?? 0)) return ERROR
  const stream = db.make(key, fresh)
  stream.lastId = id
  stream.entries.set(id, words.at(-1) as Bytes)
  if (words[2] === 'MAXLEN') trimmedTo(stream, Number(words[3]))
  return text(id)
}

function trimmed({ entries }: StreamTwin, isGone: (id: number) => boolean): number {
  const { size } = entries
  for (const id of [...entries.keys()]) if (isGone(id)) entries.delete(id)
  return size - entries.size
}

function trimmedTo(stream: StreamTwin, length: number): number {
  let excess = stream.entries.size - length
  return trimmed(stream, () => excess-- > 0)
}

function between({ entries }: StreamTwin, from: number, to: number): unknown[] {
  return [...entries].filter(([id]) => id >= from && id <= to).map(shownEntry)
}

function onGroup(db: TwinDatabase<StreamTwin>, [, sub, key = '', name = '', last = '']: readonly Bytes[]): unknown {
  const there = db.get(key)
  if (sub === 'CREATE') {
    if (there?.groups.has(name) === true) return ERROR
    const stream = db.make(key, fresh)
    stream.groups.set(name, { lastId: last === '$' ? stream.lastId : idOf(last), consumers: new Set(), pending: new Map() })
    return 'OK'
  }
  const group = there?.groups.get(name)
  if (sub === 'DESTROY') return there === undefined ? ERROR : there.groups.delete(name) ? 1 : 0
  if (there === undefined || group === undefined) return ERROR
  if (sub === 'SETID') {
    group.lastId = last === '$' ? there.lastId : idOf(last)
    return 'OK'
  }
  if (sub === 'CREATECONSUMER') {
    const { size } = group.consumers
    return group.consumers.add(last).size - size
  }
  group.consumers.delete(last)
  const owned = [...group.pending].filter(([, { consumer }]) => consumer === last)
  for (const [id] of owned) group.pending.delete(id)
  return owned.length
}

function readGroup(db: TwinDatabase<StreamTwin>, words: readonly Bytes[], nowMs: number): unknown {
  const [, , name = '', consumer = '', , count = '', , key = '', from = ''] = words
  const stream = db.get(key)
  const group = stream?.groups.get(name)
  if (stream === undefined || group === undefined) return ERROR
  group.consumers.add(consumer)
  if (from !== '>') {
    const owned = ascending(group.pending.keys()).filter((id) => id > idOf(from) && group.pending.get(id)?.consumer === consumer)
    return [[key, owned.slice(0, Number(count)).map((id) => shownAgain(stream, group, id, nowMs))]]
  }
  const found = [...stream.entries].filter(([id]) => id > group.lastId).slice(0, Number(count))
  for (const [id] of found) {
    group.pending.set(id, { consumer, at: nowMs, count: 1 })
    group.lastId = id
  }
  return found.length === 0 ? null : [[key, found.map(shownEntry)]]
}

/** An entry of a consumer's history, which is delivered once more. */
function shownAgain({ entries }: StreamTwin, { pending }: StreamGroup, id: number, nowMs: number): unknown {
  const value = entries.get(id)
  if (value === undefined) return [text(id), null]
  const { consumer, count } = pending.get(id) as Pending
  pending.set(id, { consumer, at: nowMs, count: count + 1 })
  return shownEntry([id, value])
}

interface Claim {
  readonly stream: StreamTwin
  readonly group: StreamGroup
  readonly consumer: Bytes
  readonly idleMs: number
  /** Ids are answered instead of entries, and no delivery is counted. */
  readonly isJustIds: boolean
  readonly nowMs: number
}

function claimed({ stream, group, consumer, idleMs, isJustIds, nowMs }: Claim, ids: readonly number[]): unknown[] {
  group.consumers.add(consumer)
  const found: unknown[] = []
  for (const id of ids) {
    const pending = group.pending.get(id)
    if (pending === undefined) continue
    const value = stream.entries.get(id)
    if (value === undefined) group.pending.delete(id)
    else if (nowMs - pending.at >= idleMs) {
      group.pending.set(id, { consumer, at: nowMs, count: pending.count + (isJustIds ? 0 : 1) })
      found.push(isJustIds ? text(id) : shownEntry([id, value]))
    }
  }
  return found
}

function autoclaimed(claim: Claim, from: number, count: number): unknown {
  const { stream, group, consumer } = claim
  group.consumers.add(consumer)
  const ids = ascending(group.pending.keys()).filter((id) => id >= from)
  const found: unknown[] = []
  const deleted: unknown[] = []
  for (let attempts = count * 10; attempts > 0 && found.length + deleted.length < count && ids.length > 0; attempts--) {
    const id = ids.shift() as number
    if (!stream.entries.has(id)) deleted.push(text(id))
    found.push(...claimed(claim, [id]))
  }
  return [ids[0] === undefined ? '0-0' : text(ids[0]), found, deleted]
}

function shownPending(pending: StreamGroup['pending'], from: number, nowMs: number): unknown[] {
  const ids = ascending(pending.keys()).filter((id) => id >= from)
  return ids.map((id) => {
    const { consumer, at, count } = pending.get(id) as Pending
    return [text(id), consumer, nowMs - at, count]
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

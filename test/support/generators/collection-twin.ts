/**
 * The plain twin of an engine that holds collections of one type: databases as Maps of JavaScript's
 * own values. It computes the expected reply of a command. If the reply is random, it takes the
 * engine's reply and checks it.
 *
 * The twin remembers the commands group by group, so that it can go back to the end of the log that
 * recovery found.
 */
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import type { Seeded } from './seed.ts'

/** Expects any error. */
export const ERROR = Symbol('an error')

/** A type of collection; V is the twin's value. */
export interface TwinType<V> {
  readonly name: string
  readonly keys: readonly Bytes[]
  /** A random command. */
  command(chance: Seeded, db: TwinDatabase<V>, nowMs: number): Bytes[]
  /** Applies a command. Returns the expected reply. */
  run(db: TwinDatabase<V>, words: readonly Bytes[], nowMs: number, reply: unknown): unknown
  /** A copy that shares nothing. */
  copy(value: V): V
  /** Removes expired parts. Returns true if the value no longer exists. */
  isOver(value: V, nowMs: number): boolean
  /** A command that reads a whole value. */
  read(key: Bytes): Bytes[]
  shown(value: V | undefined, nowMs: number): unknown
  /** The part of that command's reply that is compared. */
  seen?(reply: unknown): unknown
}

interface TwinEntry<V> {
  readonly value: V
  /** ms since the epoch; 0 means no deadline. */
  readonly expireAtMs: number
}

/** One database of a twin: keys with values and deadlines. */
export class TwinDatabase<V> {
  readonly entries: Map<Bytes, TwinEntry<V>>

  constructor(entries: Iterable<[Bytes, TwinEntry<V>]> = []) {
    this.entries = new Map(entries)
  }

  get(key: Bytes): V | undefined {
    return this.entries.get(key)?.value
  }

  /** The value of a key, a new one if it does not exist. */
  make(key: Bytes, fresh: () => V): V {
    const found = this.get(key)
    if (found !== undefined) return found
    const value = fresh()
    this.set(key, value)
    return value
  }

  /** Sets a key's value and removes its deadline. */
  set(key: Bytes, value: V): void {
    this.entries.set(key, { value, expireAtMs: 0 })
  }
}

interface Unit {
  readonly nowMs: number
  readonly index: number
  readonly words: readonly Bytes[]
  readonly reply: unknown
}

/** The twin of an engine: its databases, and the commands of each group. */
export class CollectionTwin<V> {
  databases: TwinDatabase<V>[]
  private readonly type: TwinType<V>
  private groups: { readonly end: number; readonly units: readonly Unit[] }[] = []
  private units: Unit[] = []

  constructor(type: TwinType<V>, databaseCount: number) {
    this.type = type
    this.databases = Array.from({ length: databaseCount }, () => new TwinDatabase<V>())
  }

  /** Remembers the commands since the last call as the group that ends at a binlog offset. */
  remember(end: number): void {
    // If the log has not grown, the commands logged and changed nothing.
    if (this.groups.at(-1)?.end !== end) this.groups.push({ end, units: this.units })
    this.units = []
  }

  /** Goes back to the state after the group that ends at an offset. */
  goBackTo(offset: number): void {
    assert.ok(offset === 0 || this.groups.some(({ end }) => end === offset), `no group ends at offset ${offset}`)
    this.groups = this.groups.filter(({ end }) => end <= offset)
    this.units = []
    this.databases = this.databases.map(() => new TwinDatabase<V>())
    for (const { units } of this.groups) for (const unit of units) this.apply(unit)
  }

  /** Applies a command. Returns the expected reply. */
  run(unit: Unit): unknown {
    this.units.push(unit)
    return this.apply(unit)
  }

  /** Deletes expired keys. */
  expire(nowMs: number): void {
    for (const { entries } of this.databases) {
      for (const [key, { value, expireAtMs }] of entries) {
        if ((expireAtMs !== 0 && expireAtMs <= nowMs) || this.type.isOver(value, nowMs)) entries.delete(key)
      }
    }
  }

  private apply({ nowMs, index, words, reply }: Unit): unknown {
    this.expire(nowMs)
    const db = this.databases[index] as TwinDatabase<V>
    const expected = this.runOnKey(db.entries, words) ?? this.type.run(db, words, nowMs, reply)
    this.expire(nowMs)
    return expected
  }

  /** Runs a command on keys; undefined for commands of the type. */
  private runOnKey(entries: Map<Bytes, TwinEntry<V>>, [name, key = '', other = '']: readonly Bytes[]): unknown {
    const entry = entries.get(key)
    const copied = () => ({ ...(entry as TwinEntry<V>), value: this.type.copy((entry as TwinEntry<V>).value) })
    switch (name) {
      case 'DEL':
        return entries.delete(key) ? 1 : 0
      case 'EXISTS':
        return entry === undefined ? 0 : 1
      case 'PEXPIREAT':
        if (entry !== undefined) entries.set(key, { ...entry, expireAtMs: Number(other) })
        return entry === undefined ? 0 : 1
      case 'PERSIST':
        if (entry !== undefined) entries.set(key, { ...entry, expireAtMs: 0 })
        return entry === undefined || entry.expireAtMs === 0 ? 0 : 1
      case 'RENAME':
        if (entry === undefined) return ERROR
        entries.delete(key)
        entries.set(other, entry)
        return 'OK'
      case 'COPY':
        if (entry !== undefined) entries.set(other, copied())
        return entry === undefined ? 0 : 1
      case 'MOVE':
        return this.move(entries, key, this.databases[Number(other)]?.entries as Map<Bytes, TwinEntry<V>>)
      case 'FLUSHDB':
        entries.clear()
        return 'OK'
      case 'SWAPDB':
        this.swap(Number(key), Number(other))
        return 'OK'
    }
    return undefined
  }

  private move(from: Map<Bytes, TwinEntry<V>>, key: Bytes, to: Map<Bytes, TwinEntry<V>>): number {
    const entry = from.get(key)
    if (entry === undefined || to.has(key)) return 0
    from.delete(key)
    to.set(key, entry)
    return 1
  }

  private swap(first: number, second: number): void {
    const swapped = this.databases[first] as TwinDatabase<V>
    this.databases[first] = this.databases[second] as TwinDatabase<V>
    this.databases[second] = swapped
  }
}

/** A random command on keys with values of any kind. */
export function keyCommand(
  { integer, pick, random }: Seeded,
  keys: readonly Bytes[],
  index: number,
  databases: number,
  nowMs: number,
): Bytes[] {
  const key = pick(keys)
  const other = pick(keys.filter((each) => each !== key))
  const elsewhere = String((index + 1 + integer(databases - 1)) % databases)
  const commands = [
    ['PEXPIREAT', key, String(nowMs + 1 + integer(pick([500, 100_000])))],
    ['PERSIST', key],
    ['RENAME', key, other],
    ['COPY', key, other, 'REPLACE'],
    ['COPY', key, other, 'REPLACE'],
    ['MOVE', key, elsewhere],
    ['EXISTS', key],
    ['DEL', key],
  ]
  if (random() < 0.1) commands.push(['FLUSHDB'], ['SWAPDB', String(index), elsewhere])
  return pick(commands)
}

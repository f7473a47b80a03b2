/**
 * The plain twin of the engine: a handful of commands on Maps. States are immutable, so that one
 * can be remembered per group.
 */
import type { Bytes } from '../../../base/bytes.ts'

interface TwinEntry {
  readonly value: Bytes
  /** ms since the epoch; 0 means no deadline. */
  readonly expireAtMs: number
}

/** By index of the database. */
export type TwinState = readonly ReadonlyMap<Bytes, TwinEntry>[]

/** The expected state of an engine, now and after each group. */
export class EngineModel {
  private databases: Map<Bytes, TwinEntry>[]
  /** The state after each group, by the offset of its end. */
  readonly states = new Map<number, TwinState>()

  constructor(databaseCount: number) {
    this.databases = Array.from({ length: databaseCount }, () => new Map())
    this.remember(0)
  }

  /** Remembers the current state for a binlog offset. */
  remember(offset: number): void {
    this.states.set(offset, this.databases)
    this.databases = this.databases.map((db) => new Map(db))
  }

  /** Returns to the state at an offset and forgets later ones. */
  goBackTo(offset: number): void {
    const state = this.states.get(offset)
    if (state === undefined) throw new Error(`no group ends at offset ${offset}`)
    for (const later of [...this.states.keys()]) if (later > offset) this.states.delete(later)
    this.databases = state.map((db) => new Map(db))
  }

  /** The live keys at a time as text for comparing, one line a key. */
  live(now: number): string {
    return describe(this.databases, now)
  }

  /** Runs one command in a database, at a time of the clock. */
  run(now: number, index: number, words: readonly Bytes[]): void {
    for (const db of this.databases) for (const [key, { expireAtMs }] of db) if (expireAtMs !== 0 && expireAtMs <= now) db.delete(key)
    const db = this.databases[index] as Map<Bytes, TwinEntry>
    const [name, key = '', ...rest] = words
    const entry = db.get(key)
    const change = (value: Bytes) => db.set(key, { value, expireAtMs: entry?.expireAtMs ?? 0 })
    const move = (to: Map<Bytes, TwinEntry>, newKey: Bytes) => {
      if (entry === undefined || (to === db && key === newKey)) return
      db.delete(key)
      to.set(newKey, entry)
    }
    switch (name) {
      case 'SET':
        db.set(key, { value: rest[0] as Bytes, expireAtMs: rest[1] === 'PXAT' ? Number(rest[2]) : 0 })
        break
      case 'MSET':
        for (let i = 1; i < words.length; i += 2) db.set(words[i] as Bytes, { value: words[i + 1] as Bytes, expireAtMs: 0 })
        break
      case 'APPEND':
        change((entry?.value ?? '') + rest[0])
        break
      case 'SETRANGE':
        change(overwrite(entry?.value ?? '', Number(rest[0]), rest[1] as Bytes))
        break
      case 'DEL':
        for (const each of words.slice(1)) db.delete(each)
        break
      case 'PEXPIREAT':
        if (entry !== undefined) db.set(key, { value: entry.value, expireAtMs: Number(rest[0]) })
        break
      case 'PERSIST':
        if (entry !== undefined) db.set(key, { value: entry.value, expireAtMs: 0 })
        break
      case 'RENAME':
        move(db, rest[0] as Bytes)
        break
      case 'MOVE': {
        const to = this.databases[Number(rest[0])] as Map<Bytes, TwinEntry>
        if (!to.has(key)) move(to, key)
        break
      }
      case 'COPY':
        if (entry !== undefined && rest[0] !== key) db.set(rest[0] as Bytes, entry)
        break
      case 'FLUSHDB':
        db.clear()
        break
      case 'FLUSHALL':
        for (const each of this.databases) each.clear()
        break
      case 'SWAPDB': {
        const [first, second] = [Number(key), Number(rest[0])]
        const swapped = this.databases[first] as Map<Bytes, TwinEntry>
        this.databases[first] = this.databases[second] as Map<Bytes, TwinEntry>
        this.databases[second] = swapped
        break
      }
      default:
        throw new Error(`the twin does not know ${name}`)
    }
  }
}

export function describe(databases: TwinState, now: number): string {
  const lines: string[] = []
  for (const [index, db] of databases.entries()) {
    for (const [key, { value, expireAtMs }] of db) {
      if (expireAtMs !== 0 && expireAtMs <= now) continue
      const shown = value.length <= 40 ? value : `${value.length} bytes, hash ${hash(value)}`
      lines.push(`${index} ${key} ${expireAtMs}: ${shown}`)
    }
  }
  return lines.sort().join('\n')
}

function overwrite(value: Bytes, offset: number, part: Bytes): Bytes {
  return value.slice(0, offset).padEnd(offset, '\0') + part + value.slice(offset + part.length)
}

const hashes = new Map<Bytes, number>()

/**
 * FNV-1a of 32 bits. Results are remembered, because the same large values are compared repeatedly.
 */
function hash(value: Bytes): number {
  let result = hashes.get(value)
  if (result !== undefined) return result
  result = 0x811c9dc5
  for (let i = 0; i < value.length; i++) result = Math.imul(result ^ value.charCodeAt(i), 0x01000193)
  if (hashes.size > 1000) hashes.clear()
  hashes.set(value, result >>> 0)
  return result >>> 0
}

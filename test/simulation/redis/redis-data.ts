/**
 * The data of a simulated Redis: plain maps, which share no code with haypile. Most of its commands
 * have another result if they run twice or not at all.
 */
import type { Bytes } from '../../../base/bytes.ts'
import type { RdbItem } from '../../../rdb/values.ts'
import { RdbWriter } from '../../../rdb/writer.ts'
import { KIND_HASH, KIND_LIST } from '../../../storage/records/records.ts'
import { describe } from '../../support/harness/engine-model.ts'

type Value = Bytes | Bytes[] | Map<Bytes, Bytes>

interface Item {
  value: Value
  /** ms since the epoch; 0 means no deadline. */
  expireAtMs: number
}

type Database = Map<Bytes, Item>

/** The data of a simulated Redis. */
export class RedisData {
  private databases: Database[]

  constructor(count: number) {
    this.databases = Array.from({ length: count }, () => new Map())
  }

  copy(): RedisData {
    const copy = new RedisData(0)
    copy.databases = structuredClone(this.databases)
    return copy
  }

  /** All keys in the format of `liveContent`. */
  get content(): string {
    const shown = this.databases.map(
      (db) => new Map([...db].map(([key, { value, expireAtMs }]) => [key, { value: textOf(value), expireAtMs }])),
    )
    return describe(shown, 0)
  }

  keys(database: number): Bytes[] {
    return [...this.database(database).keys()]
  }

  /** Runs a command. Returns false if it changed nothing: a Redis does not replicate it then. */
  apply(database: number, words: readonly Bytes[]): boolean {
    const [name, key = '', ...args] = words
    const db = this.database(database)
    const run = COMMANDS[name?.toUpperCase() ?? '']
    if (run !== undefined) return run(db, key, args)
    switch (name?.toUpperCase()) {
      case 'MOVE':
        return move(db, this.database(Number(args[0])), key)
      case 'SWAPDB':
        return this.swap(Number(key), Number(args[0]))
      case 'FLUSHDB':
        if (db.size === 0) return false
        db.clear()
        return true
      default:
        throw new Error(`the simulated Redis does not know ${words.join(' ')}`)
    }
  }

  /** The data as an RDB, to which these fields are added. */
  rdb(aux: Readonly<Record<string, string>>): Buffer {
    const writer = new RdbWriter({ version: 10, mayCompress: false })
    writer.begin()
    const chunks: Buffer[] = []
    for (const [name, value] of Object.entries(aux)) chunks.push(...writer.write({ kind: 'aux', name, value }))
    for (const [index, db] of this.databases.entries()) {
      if (db.size === 0) continue
      chunks.push(...writer.write({ kind: 'database', index }))
      for (const [key, item] of db) chunks.push(...writer.write(itemOf(key, item)))
    }
    return Buffer.concat([...chunks, ...writer.end()])
  }

  private database(index: number): Database {
    const db = this.databases[index]
    if (db === undefined) throw new Error(`there is no database ${index}`)
    return db
  }

  private swap(a: number, b: number): boolean {
    const [left, right] = [this.database(a), this.database(b)]
    this.databases[a] = right
    this.databases[b] = left
    return a !== b
  }
}

function itemOf(key: Bytes, { value, expireAtMs }: Item): RdbItem {
  const head = { kind: 'key', key, expireAtMs: expireAtMs === 0 ? null : expireAtMs } as const
  if (typeof value === 'string') return { ...head, value: { type: 'string', sizeBytes: value.length, pieces: [value] } }
  if (Array.isArray(value)) return { ...head, value: { type: 'list', count: value.length, elements: value } }
  const fields = [...value].map(([field, text]) => [field, text, null] as const)
  return { ...head, value: { type: 'hash', count: value.size, minDeadlineMs: null, fields } }
}

/** A value as `collectionText` shows it. */
function textOf(value: Value): Bytes {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return JSON.stringify([String(KIND_LIST), '', [value.map((element) => ['', element])]])
  return JSON.stringify([String(KIND_HASH), '', [[...value].sort(([a], [b]) => (a < b ? -1 : 1))]])
}

function move(from: Database, to: Database, key: Bytes): boolean {
  const item = from.get(key)
  if (item === undefined || from === to || to.has(key)) return false
  from.delete(key)
  to.set(key, item)
  return true
}

const stringAt = (db: Database, key: Bytes) => String(db.get(key)?.value ?? '')

/** Changes a value and keeps its deadline. */
function put(db: Database, key: Bytes, value: Value): true {
  const item = db.get(key)
  if (item === undefined) db.set(key, { value, expireAtMs: 0 })
  else item.value = value
  return true
}

function listAt(db: Database, key: Bytes): Bytes[] {
  const value = db.get(key)?.value
  return Array.isArray(value) ? value : []
}

function hashAt(db: Database, key: Bytes): Map<Bytes, Bytes> {
  const value = db.get(key)?.value
  return value instanceof Map ? value : new Map()
}

function pop(db: Database, key: Bytes): boolean {
  const [first, ...rest] = listAt(db, key)
  if (first === undefined) return false
  if (rest.length === 0) db.delete(key)
  else put(db, key, rest)
  return true
}

const COMMANDS: Readonly<Record<string, (db: Database, key: Bytes, args: readonly Bytes[]) => boolean>> = {
  SET: (db, key, [value = '', option, atMs]) => {
    db.set(key, { value, expireAtMs: option === undefined ? 0 : Number(atMs) })
    return true
  },
  APPEND: (db, key, [value = '']) => put(db, key, stringAt(db, key) + value),
  INCR: (db, key) => put(db, key, String(Number(stringAt(db, key)) + 1)),
  INCRBY: (db, key, [by]) => put(db, key, String(Number(stringAt(db, key)) + Number(by))),
  DEL: (db, key, others) => [key, ...others].filter((each) => db.delete(each)).length > 0,
  PEXPIREAT: (db, key, [atMs]) => {
    const item = db.get(key)
    if (item !== undefined) item.expireAtMs = Number(atMs)
    return item !== undefined
  },
  RPUSH: (db, key, elements) => put(db, key, [...listAt(db, key), ...elements]),
  LPOP: pop,
  HSET: (db, key, [field = '', value = '']) => put(db, key, new Map([...hashAt(db, key), [field, value]])),
  HINCRBY: (db, key, [field = '', by]) => {
    const hash = hashAt(db, key)
    return put(db, key, new Map([...hash, [field, String(Number(hash.get(field) ?? 0) + Number(by))]]))
  },
}

/**
 * Every invariant of an engine between two units, checked by counting everything: memory, counts,
 * dirty lists, new keys, deadlines, and LevelDB's records through storage/check/records.ts. It
 * reads private fields, because no other code needs them.
 */
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { checkRecords } from '../../../storage/check/records.ts'
import { Findings } from '../../../storage/check/report.ts'
import type { Database } from '../../../storage/keyspace/database.ts'
import type { Deadline } from '../../../storage/keyspace/deadlines.ts'
import { ENTRY_OVERHEAD_BYTES, type Entry } from '../../../storage/keyspace/entry.ts'
import type { KeyMap } from '../../../storage/keyspace/key-map.ts'
import type { Keyspace } from '../../../storage/keyspace/keyspace.ts'
import type { NewKeys } from '../../../storage/keyspace/new-keys.ts'
import { PACKED_OVERHEAD_BYTES, packedContentOf } from '../../../storage/keyspace/packed-keys.ts'
import {
  KIND_ROPE,
  KIND_STRING,
  objectIdOf,
  pageKey,
  type Root,
  readPage,
  readRecordKey,
  readRoot,
  rootDueAtOf,
  rootKey,
  ropeLengthOf,
} from '../../../storage/records/records.ts'
import type { PackedIndex } from '../../../storage/residents/packed-index.ts'
import type { PackedSlabs } from '../../../storage/residents/packed-slabs.ts'
import type { Resident } from '../../../storage/residents/resident.ts'
import { readCollection } from '../../../storage/values/collection.ts'
import { CHUNK_BYTES, PAGE_OVERHEAD_BYTES, Rope, type RopePage } from '../../../storage/values/rope.ts'
import type { Value } from '../../../storage/values/value.ts'
import type { MemoryRecords } from '../disks/memory-records.ts'
import { collectionText, nodesBelow, residentNodes } from '../generators/collection-content.ts'
import { describe } from './engine-model.ts'

interface StoredRoot {
  readonly value: Bytes
  readonly expireAtMs: number
  /** See `Entry.dueAtMs`. */
  readonly dueAtMs: number
}

export function privateOf<T>(object: object, name: string): T {
  return Reflect.get(object, name) as T
}

const PAGE_BYTES = CHUNK_BYTES + PAGE_OVERHEAD_BYTES

function entriesOf(db: Database): Entry[] {
  const entries = privateOf<KeyMap<Entry>>(db, 'entries')
  return Array.from(entries.keys(), (key) => entries.get(key) as Entry)
}

/**
 * LevelDB's roots by database id and key, each with its whole value, and its deadline index. Roots
 * of dropped databases have an empty value.
 */
function storedRoots({ records: store, databases }: Keyspace): {
  readonly roots: Map<number, Map<Bytes, StoredRoot>>
  readonly deadlines: Deadline[]
} {
  const records = store as MemoryRecords
  const roots = new Map<number, Map<Bytes, StoredRoot>>()
  const deadlines: Deadline[] = []
  for (const [bytes, value] of privateOf<readonly (readonly [Bytes, Buffer])[]>(records, 'rows')) {
    const key = readRecordKey(Buffer.from(bytes, 'latin1'))
    if (key.type === 'deadline') deadlines.push({ dueAtMs: key.expireAtMs, dbId: key.dbId, key: key.key })
    if (key.type !== 'root') continue
    const root = readRoot(value)
    const db = roots.get(key.dbId) ?? new Map<Bytes, StoredRoot>()
    roots.set(key.dbId, db)
    const owner = databases.find(({ id }) => id === key.dbId)
    const text = owner === undefined ? '' : storedText(records, owner, root)
    db.set(key.key, { value: text, expireAtMs: root.expireAtMs, dueAtMs: rootDueAtOf(root) })
  }
  return { roots, deadlines }
}

function storedText(records: MemoryRecords, db: Database, root: Root): Bytes {
  if (root.kind === KIND_STRING) return root.payload.latin1Slice()
  if (root.kind === KIND_ROPE) return storedRope(records, objectIdOf(root), ropeLengthOf(root))
  return collectionText(readCollection(db, root))
}

function storedRope(records: MemoryRecords, objectId: number, length: number): Bytes {
  const chunks: Buffer[] = []
  for (let index = 0; index * CHUNK_BYTES < length; index++) {
    const page = records.getSync(pageKey(objectId, index))
    chunks.push(page === undefined ? Buffer.alloc(CHUNK_BYTES) : readPage(page))
  }
  return Buffer.concat(chunks).latin1Slice(0, length)
}

function textOf(records: MemoryRecords, value: Value): Bytes {
  if (typeof value === 'string') return value
  return value instanceof Rope ? ropeText(records, value) : collectionText(value)
}

/** The value of a resident rope; pages not in memory are read beside the cache. */
function ropeText(records: MemoryRecords, rope: Rope): Bytes {
  const pages = privateOf<Map<number, RopePage>>(rope, 'pages')
  const chunks: Buffer[] = []
  for (let index = 0; index < rope.chunkCount; index++) {
    const page = rope.isStored ? records.getSync(pageKey(rope.objectId, index)) : undefined
    chunks.push(pages.get(index)?.content ?? (page === undefined ? Buffer.alloc(CHUNK_BYTES) : readPage(page)))
  }
  return Buffer.concat(chunks).latin1Slice(0, rope.length)
}

/**
 * All keys of each database by its index, expired ones included. Makes nothing resident. REQUIRES:
 * LevelDB is open.
 */
function contentOf(keyspace: Keyspace): readonly ReadonlyMap<Bytes, StoredRoot>[] {
  const records = keyspace.records as MemoryRecords
  const { roots } = storedRoots(keyspace)
  return keyspace.databases.map((db) => {
    const content = new Map<Bytes, StoredRoot>(roots.get(db.id) ?? [])
    for (const { key, value, expireAtMs, dueAtMs } of entriesOf(db)) {
      if (value === null) content.delete(key)
      else content.set(key, { value: textOf(records, value), expireAtMs, dueAtMs })
    }
    return content
  })
}

/** The live keys at a time, in the format of `EngineModel.live`. */
export function liveContent(keyspace: Keyspace, now: number): string {
  return describe(contentOf(keyspace), now)
}

/** REQUIRES: no unit is running or has failed, and LevelDB is open. */
export function checkMemory(keyspace: Keyspace): void {
  const content = contentOf(keyspace)
  const stored = storedRoots(keyspace)
  const hints = deadlineHints(keyspace, stored.deadlines)
  let dirtyBytes = 0
  const dirty = new Set(keyspace.dirty)
  assert.is(dirty.size, keyspace.dirty.length, 'a record is in the dirty list twice')
  for (const [index, db] of keyspace.databases.entries()) {
    const exists = content[index] as ReadonlyMap<Bytes, StoredRoot>
    const place = `database ${index} (id ${db.id})`
    assert.is(db.index, index, `${place}: index`)
    assert.is(db.keyCount, exists.size, `${place}: count of keys`)
    assert.is(
      db.volatileCount,
      [...exists.values()].filter((root) => root.expireAtMs !== 0).length,
      `${place}: count of keys with a deadline`,
    )
    const entries = entriesOf(db)
    assert.is(db.residentKeys, entries.filter((entry) => entry.value !== null).length, `${place}: count of resident keys`)
    dirtyBytes += checkResidents(db, entries, dirty)
    checkPacked(db)
    const listed = new Set([...listedKeys(db.newKeys), ...(db.frozenNewKeys === null ? [] : listedKeys(db.frozenNewKeys))])
    for (const [key, { dueAtMs }] of exists) {
      assert.ok(listed.has(key) || stored.roots.get(db.id)?.has(key) === true, `${place}: a walk would not find ${key}`)
      if (dueAtMs === 0) continue
      const known = (hints.get(`${db.id} ${key}`) ?? Number.POSITIVE_INFINITY) <= dueAtMs
      assert.ok(known || isLoading, `${place}: expiry would miss that ${key} is due at ${dueAtMs}, horizon ${keyspace.deadlines.horizonMs}`)
    }
  }
  assert.ok(keyspace.dirtyBytes >= dirtyBytes, `dirty: ${keyspace.dirtyBytes} bytes are known of ${dirtyBytes}`)
}

/** True while deadlines are being loaded. */
let isLoading = false

export function checkMemoryWhile(loading: boolean, keyspace: Keyspace): void {
  isLoading = loading
  checkMemory(keyspace)
  isLoading = false
}

function bytesInEntry(value: Value | null): number {
  if (typeof value === 'string') return value.length
  return value === null || value instanceof Rope ? 0 : value.object.entryBytes
}

/** Checks the ring and its bytes. Returns the memory of dirty entries. */
function checkResidents(db: Database, entries: readonly Entry[], dirty: ReadonlySet<object>): number {
  const expected = new Map<Resident, number>()
  for (const entry of entries) {
    const { value } = entry
    expected.set(entry, ENTRY_OVERHEAD_BYTES + entry.key.length + bytesInEntry(value))
    if (value === null || typeof value === 'string') continue
    assert.is(value instanceof Rope ? value.db : value.object.db, db, `the value of ${entry.key} belongs to another database`)
    if (value instanceof Rope) for (const page of privateOf<Map<number, RopePage>>(value, 'pages').values()) expected.set(page, PAGE_BYTES)
    else {
      assert.is(value.object.entry, entry, `the value of ${entry.key} is another key's`)
      for (const node of residentNodes(value.object)) expected.set(node, node.memoryBytes)
    }
  }
  // Nodes of dropped objects leave memory in the background.
  for (const node of nodesBelow(db.keyspace.dropped)) if (node.pages?.db === db && node.ringIndex >= 0) expected.set(node, node.memoryBytes)
  assert.is(db.residents.length, expected.size, 'residents in the ring')
  let bytes = 0
  let dirtyBytes = 0
  const { generation, frozenGeneration, landedGeneration } = db.keyspace
  for (const [resident, size] of expected) {
    bytes += size
    assert.is(db.residents.at(resident.ringIndex), resident, "a resident's index is wrong")
    const isDirty = resident.generation === generation
    assert.is(dirty.has(resident), isDirty, 'dirty, and not in the list, or the other way round')
    if (isDirty) dirtyBytes += size
    const isFrozen = frozenGeneration !== 0 && (resident.generation === frozenGeneration || resident.generation === frozenGeneration + 1)
    assert.ok(isDirty || isFrozen || resident.generation <= landedGeneration, `of no generation: ${resident.generation}`)
  }
  assert.is(db.residents.bytes, bytes, `bytes of memory in database ${db.index}`)
  return dirtyBytes
}

/** Checks that each packed key is as LevelDB has it, and no entry. */
function checkPacked(db: Database): void {
  const records = db.keyspace.records as MemoryRecords
  const index = privateOf<PackedIndex>(db.packed, 'index')
  const slabs = privateOf<PackedSlabs>(db.packed, 'slabs')
  let [bytes, count] = [0, 0]
  for (const address of index.addresses()) {
    const key = slabs.key(address)
    assert.ok(db.packed.has(key), `${key} is packed and cannot be found`)
    assert.is(db.resident(key), undefined, `${key} is packed and has an entry`)
    const record = records.getSync(rootKey(db.id, key))
    assert.ok(record !== undefined, `${key} is packed and LevelDB does not have it`)
    const { content, isPlain } = packedContentOf(record as Buffer, 0)
    assert.is(slabs.text(address), (content as Buffer).latin1Slice(), `${key} is packed, and LevelDB has another value`)
    assert.is(db.packed.isRecord(key), !isPlain, `${key} is packed in another form`)
    bytes += PACKED_OVERHEAD_BYTES + key.length + content.length
    count++
  }
  assert.is(db.packed.count, count, `packed keys in database ${db.index}`)
  assert.is(db.packed.bytes, bytes, `bytes of packed keys in database ${db.index}`)
}

function listedKeys(newKeys: NewKeys): Bytes[] {
  return [...privateOf<Bytes[]>(newKeys, 'pending'), ...privateOf<Bytes[][]>(newKeys, 'blocks').flat()]
}

/**
 * For each key, the earliest time at which expiry would check it. LevelDB's index counts from the
 * horizon on.
 */
function deadlineHints({ deadlines }: Keyspace, stored: readonly Deadline[]): ReadonlyMap<string, number> {
  const lists = [privateOf<Deadline[]>(deadlines, 'heap'), stored.filter(({ dueAtMs }) => dueAtMs >= deadlines.horizonMs)]
  for (const field of ['far', 'frozenFar']) lists.push(...(privateOf<Map<number, Deadline[]> | null>(deadlines, field)?.values() ?? []))
  const earliest = new Map<string, number>()
  for (const { dueAtMs, dbId, key } of lists.flat()) {
    const name = `${dbId} ${key}`
    earliest.set(name, Math.min(dueAtMs, earliest.get(name) ?? dueAtMs))
  }
  return earliest
}

/** Checks LevelDB's records alone: they must be valid at every moment, independently of memory. */
export async function checkStored(records: MemoryRecords): Promise<void> {
  const findings = new Findings()
  await checkRecords(records, findings, () => {})
  assert.equal(findings.list, [], 'records')
}

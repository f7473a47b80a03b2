/**
 * DEBUG DIGEST and DIGEST-VALUE: SHA-1 over the stored data. Exclusive or combines the keys'
 * digests, so the order of keys does not matter. Equal content gives equal digests on every
 * haypile; Redis's digests differ.
 *
 * Elements have one order, that of their tree. OBJECT ENCODING and the times of key deadlines do
 * not count, but the deadlines of fields do.
 *
 * Except in a transaction, the digest of all databases is taken key by key while other commands
 * run. If data changes meanwhile, the digest belongs to no single moment.
 */

import { createHash, type Hash as Sha } from 'node:crypto'
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Database } from '../../storage/keyspace/database.ts'
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import { KIND_STREAM } from '../../storage/records/records.ts'
import type { Steps } from '../../storage/scan/steps.ts'
import { ALL_KEYS, typeNameOf, walkAll } from '../../storage/scan/walk.ts'
import { FieldValue, type Tree, type TreeValue } from '../../storage/tree/tree.ts'
import type { Collection } from '../../storage/values/collection.ts'
import { Hash } from '../../storage/values/hash.ts'
import { Rope } from '../../storage/values/rope.ts'
import type { Value } from '../../storage/values/value.ts'

const DIGEST_BYTES = 20
/** Elements are gathered up to this many characters for one call of the hash function. */
const PIECE_CHARACTERS = 16 * 1024

/** Returns the digest of one value in hexadecimal; forty zeros if the key does not exist. */
export function valueDigest(db: Database, key: Bytes): Bytes {
  db.keyspace.eviction.makeRoom()
  const value = db.peek(key)?.value ?? null
  if (value === null) return '0'.repeat(2 * DIGEST_BYTES)
  return addValue(createHash('sha1'), value).digest('hex')
}

/**
 * Returns the digest of all keys with their databases, values, and whether they have a deadline;
 * forty zeros without keys.
 */
export function* databasesDigest(keyspace: Keyspace): Steps<Bytes> {
  const total = Buffer.alloc(DIGEST_BYTES)
  for (const db of [...keyspace.databases]) {
    yield* walkAll(db, ALL_KEYS, (keys) => {
      for (const { key } of keys) addKey(total, db, key)
    })
  }
  return total.toString('hex')
}

function addKey(total: Buffer, db: Database, key: Bytes): void {
  db.keyspace.eviction.makeRoom()
  const entry = db.lookup(key)
  if (entry === undefined || entry.value === null || isExpired(entry.value)) return
  const hash = createHash('sha1').update(`${db.index} ${key.length} ${entry.expireAtMs === 0 ? '' : 'volatile'}\n${key}`, 'latin1')
  const digest = addValue(hash, entry.value).digest()
  for (let i = 0; i < DIGEST_BYTES; i++) total[i] = must(total[i]) ^ must(digest[i])
}

/** A hash in which every field has expired does not exist. */
function isExpired(value: Value): boolean {
  return value instanceof Hash && value.isExpired
}

function addValue(hash: Sha, value: Value): Sha {
  hash.update(`${typeNameOf(value)}\n`)
  if (typeof value === 'string') return hash.update(value, 'latin1')
  if (!(value instanceof Rope)) return addCollection(hash, value)
  for (const piece of value.pieces(0, value.length)) hash.update(piece)
  return hash
}

/**
 * In a hash or a sorted set the second tree follows from the first. A stream's header and groups
 * hold data that its entries do not.
 */
function addCollection(hash: Sha, value: Collection): Sha {
  const { trees } = value.object
  addTree(hash, trees[0])
  if (value.kind !== KIND_STREAM) return hash
  hash.update(`${value.encodeHeader?.() ?? ''}\n`, 'latin1')
  return addTree(hash, trees[1])
}

function addTree(hash: Sha, tree: Tree | undefined): Sha {
  if (tree === undefined || tree.count === 0) return hash
  let piece = ''
  const { isKeyed } = tree.layout
  const { keyspace } = tree.object.db
  for (const cursor = tree.cursor(0); cursor.next(); ) {
    if (cursor.value instanceof FieldValue && keyspace.isPast(cursor.value.expireAtMs)) continue
    if (isKeyed) piece += `${cursor.key.length}:${cursor.key}`
    piece += describe(cursor.value)
    if (piece.length < PIECE_CHARACTERS) continue
    hash.update(piece, 'latin1')
    piece = ''
  }
  return hash.update(piece, 'latin1')
}

/** Different values give different texts. */
function describe(value: TreeValue): Bytes {
  if (value === undefined) return ''
  if (typeof value === 'string') return `=${value.length}:${value}`
  if (typeof value === 'number') return `=${value}`
  return value instanceof FieldValue ? `=${value.value.length}:${value.value}@${value.expireAtMs}` : ''
}

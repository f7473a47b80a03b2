/**
 * DEBUG DIGEST and DIGEST-VALUE: SHA-1 over what is stored, the keys' digests combined by exclusive or, so that their order does not
 * matter. The same content gives the same digest on any haypile; Redis's are others.
 *
 * The digest of all databases is taken key by key while commands go on: of data that changes meanwhile it is of no single moment.
 */
import { createHash, type Hash } from 'node:crypto'
import type { Bytes } from '../storage/bytes.ts'
import type { Database } from '../storage/database.ts'
import type { Value } from '../storage/entry.ts'
import type { Keyspace } from '../storage/keyspace.ts'
import { ALL_KEYS, typeNameOf, walkAll } from '../storage/walk.ts'

const DIGEST_BYTES = 20

/** Of one value, in hexadecimal; forty zeros where there is no such key. */
export function valueDigest(db: Database, key: Bytes): Bytes {
  const value = db.peek(key)?.value ?? null
  if (value === null) return '0'.repeat(2 * DIGEST_BYTES)
  return addValue(createHash('sha1'), value).digest('hex')
}

/** Of all keys with their databases, values, and whether they have a deadline; forty zeros where there are none. */
export async function databasesDigest(keyspace: Keyspace): Promise<Bytes> {
  const total = Buffer.alloc(DIGEST_BYTES)
  for (const db of [...keyspace.databases]) {
    for await (const keys of walkAll(db, ALL_KEYS)) {
      for (const { key } of keys) {
        const entry = db.lookup(key)
        if (entry === undefined || entry.value === null) continue
        const hash = createHash('sha1').update(`${db.index} ${key.length} ${entry.expireAt === 0 ? '' : 'volatile'}\n${key}`, 'latin1')
        const digest = addValue(hash, entry.value).digest()
        for (let i = 0; i < DIGEST_BYTES; i++) total[i] = (total[i] as number) ^ (digest[i] as number)
      }
    }
  }
  return total.toString('hex')
}

function addValue(hash: Hash, value: Value): Hash {
  hash.update(`${typeNameOf(value)}\n`)
  if (typeof value === 'string') return hash.update(value, 'latin1')
  for (const piece of value.pieces(0, value.length)) hash.update(piece)
  return hash
}

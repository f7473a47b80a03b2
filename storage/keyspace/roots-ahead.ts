/**
 * Root records of keys on disk, read in one asynchronous read before the commands that need them
 * run. They lie beside the cache: eviction does not see them, and the owner drops them all at once.
 *
 * Invariant: while `keyspace.epoch` stays, LevelDB's roots stay. So what was read is what a command
 * would read, until the epoch moves. A key that has an entry by then is not looked up here.
 */
import { rethrowAssertion } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { rootKey } from '../records/records.ts'
import type { Keyspace } from './keyspace.ts'

/** A key, and the id of its database. */
export interface RootAddress {
  readonly dbId: number
  readonly key: Bytes
}

/** Root records of keys on disk, as of one epoch. */
export class RootsAhead {
  private readonly epoch: number
  /** By database and key; null if LevelDB does not have the key. */
  private readonly roots = new Map<number, Map<Bytes, Buffer | null>>()

  private constructor(epoch: number) {
    this.epoch = epoch
  }

  /** Reads the roots of keys. Returns none if they cannot be read: the commands read again. */
  static async read(keyspace: Keyspace, addresses: readonly RootAddress[]): Promise<RootsAhead | null> {
    const ahead = new RootsAhead(keyspace.epoch)
    const recordKeys = addresses.map(({ dbId, key }) => Buffer.from(rootKey(dbId, key)))
    keyspace.diskReads += addresses.length
    try {
      const records = await keyspace.records.getMany(recordKeys)
      for (const [index, { dbId, key }] of addresses.entries()) ahead.add(dbId, key, records[index] ?? null)
    } catch (error) {
      rethrowAssertion(error)
      return null
    }
    return ahead
  }

  /** Returns a key's root record, null if LevelDB does not have the key, undefined if unknown. */
  find(dbId: number, key: Bytes, epoch: number): Buffer | null | undefined {
    return epoch === this.epoch ? this.roots.get(dbId)?.get(key) : undefined
  }

  private add(dbId: number, key: Bytes, record: Buffer | null): void {
    const roots = this.roots.get(dbId) ?? new Map<Bytes, Buffer | null>()
    roots.set(key, record)
    this.roots.set(dbId, roots)
  }
}

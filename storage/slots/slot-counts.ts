/**
 * The number of keys of one database in each hash slot. A node of a cluster keeps them where keys
 * come and go: one CRC of the key and one addition. They take 64 KiB a database. Other nodes have
 * none.
 *
 * The meta record of a checkpoint has them as the base64 of pairs of numbers, one pair for each
 * slot with keys, in their order. A pair is the distance from the slot before, and the count. Each
 * number is a varint: seven bits a byte, low bits first, the high bit set in all but the last.
 */
import { assert } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { SLOTS, slotOf } from '../../base/hash-slots.ts'
import type { StoreMeta } from '../records/meta.ts'
import type { RecordStore } from '../records/record-store.ts'
import { DamageError, ROOT_PREFIX_BYTES, rootRange } from '../records/records.ts'

/** Keys of one read while the keys of a data set are counted. */
const COUNTED_KEYS = 10_000

/** The counts of databases by their ids. */
export type CountedSlots = ReadonlyMap<number, SlotCounts>

/** The number of keys in each slot of one database. */
export class SlotCounts {
  /** For a key that is set without a look at LevelDB, `of` is too high until it is settled. */
  private readonly counts = new Uint32Array(SLOTS)

  /** Counts a key that has come. */
  add(key: Bytes): void {
    const slot = slotOf(key)
    this.counts[slot] = this.of(slot) + 1
  }

  /** Counts a key that has gone. */
  remove(key: Bytes): void {
    const slot = slotOf(key)
    const count = this.of(slot)
    assert(count > 0, 'a key that goes has been counted')
    this.counts[slot] = count - 1
  }

  of(slot: number): number {
    return this.counts[slot] ?? 0
  }

  /** Returns the number of keys in all slots. O(SLOTS). */
  total(): number {
    let sum = 0
    for (const count of this.counts) sum += count
    return sum
  }

  encode(): string {
    const bytes: number[] = []
    let last = 0
    for (let slot = 0; slot < SLOTS; slot++) {
      const count = this.of(slot)
      if (count === 0) continue
      pushVarint(bytes, slot - last)
      pushVarint(bytes, count)
      last = slot
    }
    return Buffer.from(bytes).toString('base64')
  }

  /** Decodes counts. Throws DamageError if their sum is not `keys`. */
  static decode(text: string, keys: number): SlotCounts {
    const bytes = Buffer.from(text, 'base64')
    const result = new SlotCounts()
    let slot = 0
    let place = 0
    const next = () => {
      let value = 0
      for (let factor = 1; ; factor *= 128) {
        const byte = bytes[place++]
        if (byte === undefined || factor > 2 ** 28) throw new DamageError('meta record: bad counts of slots')
        value += (byte & 0x7f) * factor
        if (byte < 0x80) return value
      }
    }
    while (place < bytes.length) {
      slot += next()
      if (slot >= SLOTS) throw new DamageError('meta record: bad counts of slots')
      result.counts[slot] = next()
    }
    if (result.total() !== keys) throw new DamageError('meta record: the counts of slots are not the number of keys')
    return result
  }
}

function pushVarint(bytes: number[], value: number): void {
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80)
  bytes.push(rest)
}

/**
 * Counts the keys of the databases whose counts the meta record does not have: those of a data set
 * that was written outside of a cluster. O(keys): reads each key once.
 */
export async function countSlots(records: RecordStore, meta: StoreMeta): Promise<CountedSlots> {
  const counted = new Map<number, SlotCounts>()
  for (const { id, keys, slots } of meta.databases) {
    if (slots === undefined && keys > 0) counted.set(id, await countDatabase(records, id))
  }
  return counted
}

async function countDatabase(records: RecordStore, id: number): Promise<SlotCounts> {
  const counts = new SlotCounts()
  const iterator = records.iterateKeys(rootRange(id, ''), 'bytes')
  try {
    for (;;) {
      const keys = (await iterator.next(COUNTED_KEYS)) ?? []
      if (keys.length === 0) return counts
      for (const key of keys) counts.add(key.slice(ROOT_PREFIX_BYTES))
    }
  } finally {
    await iterator.close()
  }
}

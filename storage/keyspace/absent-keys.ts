/**
 * Keys of one database that LevelDB does not have. A read for a pipeline adds the keys that it did
 * not find, so that their commands do not read them again.
 *
 * Invariant: while `keyspace.epoch` stays, LevelDB's roots stay. The keys are forgotten when the
 * epoch has moved. An entry or a packed key comes first: a key created meanwhile has an entry until
 * a checkpoint lands, which moves the epoch.
 */
import type { Bytes } from '../../base/bytes.ts'

/** When there are more keys, all of them are forgotten. */
export const MAX_ABSENT_KEYS = 4096
/** Longer keys are not remembered, so that the keys take little memory. */
export const MAX_ABSENT_KEY_BYTES = 128

/** Keys of one database that LevelDB does not have, as of one epoch. */
export class AbsentKeys {
  private readonly keys = new Set<Bytes>()
  private epoch = 0

  get count(): number {
    return this.keys.size
  }

  /** Adds a key that LevelDB does not have in this epoch. */
  add(key: Bytes, epoch: number): void {
    const { keys } = this
    if (this.epoch !== epoch || keys.size >= MAX_ABSENT_KEYS) keys.clear()
    this.epoch = epoch
    if (key.length <= MAX_ABSENT_KEY_BYTES) keys.add(key)
  }

  /** True if LevelDB is known not to have the key in this epoch. */
  has(key: Bytes, epoch: number): boolean {
    const { keys } = this
    if (keys.size === 0) return false
    if (this.epoch !== epoch) {
      keys.clear()
      return false
    }
    return keys.has(key)
  }
}

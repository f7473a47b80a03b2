/**
 * Keys that SCANs have read from LevelDB ahead of need, so that ten small steps cost one read. A
 * piece is valid during the epoch in which it was read, because LevelDB's roots stay the same until
 * then.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Database } from '../keyspace/database.ts'
import type { KeyRange, WalkDetail, WalkedKey } from './walk.ts'

/** Roots read at a time. A step of this many keys or more shares no reads. */
export const READ_AHEAD_KEYS = 500
const MAX_PIECES = 16

interface ReadPiece {
  /** A weak reference: the piece must not keep a dropped database in memory. */
  readonly db: WeakRef<Database>
  readonly epoch: number
  readonly range: KeyRange
  /** All of LevelDB's keys from the range's start to the last of these, or to the range's end. */
  readonly keys: readonly WalkedKey[]
  readonly isWhole: boolean
  readonly detail: WalkDetail
}

/** Keys that SCANs have read from LevelDB ahead of need. */
export class ReadAhead {
  /** In order of use, the last used at the end. */
  private pieces: ReadPiece[] = []

  get count(): number {
    return this.pieces.length
  }

  /**
   * Returns the first `count` roots of a range, fewer only at its end. Returns null if no piece
   * covers them with the detail.
   */
  find(db: Database, range: KeyRange, count: number, detail: WalkDetail): readonly WalkedKey[] | null {
    const { epoch } = db.keyspace
    this.pieces = this.pieces.filter((piece) => piece.db.deref()?.keyspace.epoch === piece.epoch)
    for (const [index, piece] of this.pieces.entries()) {
      if (piece.db.deref() !== db || piece.epoch !== epoch) continue
      if (detail === 'all' && piece.detail === 'names') continue
      if (piece.range.before !== range.before || range.from < piece.range.from) continue
      const start = firstFrom(piece.keys, range.from)
      if (!piece.isWhole && piece.keys.length - start < count) continue
      this.pieces.splice(index, 1)
      this.pieces.push(piece)
      return piece.keys.slice(start, start + count)
    }
    return null
  }

  addPiece(db: Database, piece: Omit<ReadPiece, 'db'>): void {
    this.pieces.push({ ...piece, db: new WeakRef(db) })
    if (this.pieces.length > MAX_PIECES) this.pieces.shift()
  }
}

/** Returns the index of the first key that is not before this one. */
function firstFrom(keys: readonly WalkedKey[], from: Bytes): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (must(keys[middle]).key < from) low = middle + 1
    else high = middle
  }
  return low
}

/**
 * The cursors of SCAN, and of SSCAN, HSCAN and ZSCAN: a token for each place where a walk may go on. Bounded; what has been gone on from already is dropped first, then what
 * was used longest ago. An unknown token is an error to the client, never a start from zero.
 *
 * Tokens are counted up from a random number, so that those given out before an unclean end mean nothing afterwards. They stay below 2^53,
 * for clients that read them into a double.
 */
import type { Bytes } from '../../base/bytes.ts'
import { detached } from '../../base/bytes.ts'
import type { Random } from '../../base/clock.ts'
import { DamageError, readText, textRecord } from '../records/records.ts'
import { ReadAhead } from './read-ahead.ts'

export const MAX_CURSORS = 16_384
/** Bytes of the keys that cursors hold, together. */
const MAX_CURSOR_BYTES = 64 * 1024 * 1024
const FIRST_TOKENS = 2 ** 52

export interface CursorPosition {
  readonly dbId: number
  /** The walk goes on with the first key that is not before this; the first member or field of a collection. */
  readonly from: Bytes
  /** The key whose collection is walked; absent where the keys are. */
  readonly key?: Bytes
}

type StoredCursor = readonly [token: Bytes, dbId: number, from: Bytes, key?: Bytes]

export class ScanCursors {
  readonly ahead = new ReadAhead()
  private readonly maxCount: number
  private readonly maxBytes: number
  private nextToken: number
  private bytes = 0
  /** By time of last use, oldest first: those whose walk may go on from there, and those it has gone on from. */
  private readonly open = new Map<Bytes, CursorPosition>()
  private readonly spent = new Map<Bytes, CursorPosition>()

  constructor(random: Random, maxCount = MAX_CURSORS, maxBytes = MAX_CURSOR_BYTES) {
    this.nextToken = 1 + Math.floor(random() * FIRST_TOKENS)
    this.maxCount = maxCount
    this.maxBytes = maxBytes
  }

  get count(): number {
    return this.open.size + this.spent.size
  }

  /** The place that a token stands for. */
  find(token: Bytes): CursorPosition | undefined {
    const map = this.open.has(token) ? this.open : this.spent
    const position = map.get(token)
    if (position === undefined) return undefined
    map.delete(token)
    map.set(token, position)
    return position
  }

  /** A new token. */
  issue(dbId: number, from: Bytes, key?: Bytes): Bytes {
    const token = String(this.nextToken++)
    this.add(token, positionOf(dbId, detached(from), key))
    return token
  }

  /** A walk has gone on from a token. It may do so again, as clients do that have lost an answer, while there is room. */
  spend(token: Bytes): void {
    const position = this.open.get(token)
    if (position === undefined) return
    this.open.delete(token)
    this.spent.set(token, position)
  }

  /** What they stand for is gone. */
  clear(): void {
    this.open.clear()
    this.spent.clear()
    this.bytes = 0
  }

  /** The value of the record that keeps the cursors over a clean restart. */
  encode(): Buffer {
    const stored: StoredCursor[] = []
    for (const map of [this.spent, this.open]) for (const [token, position] of map) stored.push(storedCursorOf(token, position))
    return textRecord(JSON.stringify(stored))
  }

  /** Takes over what `encode` has written. Throws DamageError for anything else. */
  decode(record: Buffer): void {
    const text = readText(record, 'cursors')
    let stored: unknown
    try {
      stored = JSON.parse(text)
    } catch {
      throw new DamageError('cursors record: not JSON')
    }
    if (!Array.isArray(stored) || !stored.every(isStoredCursor)) throw new DamageError('cursors record: not a list of cursors')
    for (const [token, dbId, from, key] of stored) this.add(token, positionOf(dbId, from, key))
  }

  private add(token: Bytes, position: CursorPosition): void {
    this.open.set(token, position)
    this.bytes += bytesOf(position)
    while (this.count > this.maxCount || (this.bytes > this.maxBytes && this.count > 1)) this.dropOldest()
  }

  private dropOldest(): void {
    const map = this.spent.size > 0 ? this.spent : this.open
    for (const [token, position] of map) {
      map.delete(token)
      this.bytes -= bytesOf(position)
      return
    }
  }
}

function positionOf(dbId: number, from: Bytes, key: Bytes | undefined): CursorPosition {
  return key === undefined ? { dbId, from } : { dbId, from, key }
}

function bytesOf({ from, key = '' }: CursorPosition): number {
  return from.length + key.length
}

function storedCursorOf(token: Bytes, { dbId, from, key }: CursorPosition): StoredCursor {
  return key === undefined ? [token, dbId, from] : [token, dbId, from, key]
}

function isStoredCursor(stored: unknown): stored is StoredCursor {
  if (!Array.isArray(stored) || stored.length < 3 || stored.length > 4) return false
  const [token, dbId, from, key = ''] = stored as unknown[]
  return typeof token === 'string' && Number.isSafeInteger(dbId) && typeof from === 'string' && typeof key === 'string'
}

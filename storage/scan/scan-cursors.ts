/**
 * The cursors of SCAN, SSCAN, HSCAN and ZSCAN: a token for each position at which a walk may
 * continue. Their number is limited. Tokens already continued from are dropped first, then the
 * least recently used. An unknown token is an error to the client, never a start from zero.
 *
 * Tokens are counted up from a random number, so that tokens from before an unclean end mean
 * nothing afterwards. They stay below 2^53, for clients that read them into a double.
 */
import type { Bytes } from '../../base/bytes.ts'
import { detached } from '../../base/bytes.ts'
import type { Random } from '../../base/clock.ts'
import { DamageError, readText, textRecord } from '../records/records.ts'
import { ReadAhead } from './read-ahead.ts'

export const MAX_CURSORS = 16_384
/** The limit of bytes in the keys of all cursors. */
const MAX_CURSOR_BYTES = 64 * 1024 * 1024
const FIRST_TOKENS = 2 ** 52

export interface CursorPosition {
  readonly dbId: number
  /**
   * The walk continues with the first key, or the first member or field of a collection, that is
   * not before this.
   */
  readonly from: Bytes
  /** The key whose collection is walked; absent for walks over keys. */
  readonly key?: Bytes
}

type StoredCursor = readonly [token: Bytes, dbId: number, from: Bytes, key?: Bytes]

/** The cursors of all scans, by token. */
export class ScanCursors {
  readonly ahead = new ReadAhead()
  private readonly maxCount: number
  private readonly maxBytes: number
  private nextToken: number
  private bytes = 0
  /** Tokens that no step has continued from yet, in the order of their last use. */
  private readonly open = new Map<Bytes, CursorPosition>()
  /** Tokens that a step has continued from, in the order of their last use. */
  private readonly spent = new Map<Bytes, CursorPosition>()

  constructor(random: Random, maxCount = MAX_CURSORS, maxBytes = MAX_CURSOR_BYTES) {
    this.nextToken = 1 + Math.floor(random() * FIRST_TOKENS)
    this.maxCount = maxCount
    this.maxBytes = maxBytes
  }

  get count(): number {
    return this.open.size + this.spent.size
  }

  /** Returns the position of a token, or undefined if it is unknown. Counts as use. */
  find(token: Bytes): CursorPosition | undefined {
    const map = this.open.has(token) ? this.open : this.spent
    const position = map.get(token)
    if (position === undefined) return undefined
    map.delete(token)
    map.set(token, position)
    return position
  }

  /** Returns a new token. */
  issue(dbId: number, from: Bytes, key?: Bytes): Bytes {
    const token = String(this.nextToken++)
    this.add(token, positionOf(dbId, detached(from), key))
    return token
  }

  /**
   * Marks a token as continued from. It stays valid while there is room, because clients that have
   * lost an answer send it again.
   */
  spend(token: Bytes): void {
    const position = this.open.get(token)
    if (position === undefined) return
    this.open.delete(token)
    this.spent.set(token, position)
  }

  /** Drops all cursors, because their keys are gone. */
  clear(): void {
    this.open.clear()
    this.spent.clear()
    this.bytes = 0
  }

  /** Returns the value of the record that keeps the cursors over a clean restart. */
  encode(): Buffer {
    const stored: StoredCursor[] = []
    for (const map of [this.spent, this.open]) for (const [token, position] of map) stored.push(storedCursorOf(token, position))
    return textRecord(JSON.stringify(stored))
  }

  /**
   * Adds the cursors in a record that `encode` has returned. Throws DamageError for any other
   * record.
   */
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

/**
 * Keeps the working set within `cache-memory`. Work is measured in bytes and visits, never in time: each unit evicts as many bytes as it
 * brings in, however busy the machine is.
 *
 *   clock hand   visits the residents of all databases in turn; one that was used since the last visit stays for another round
 *   pace         the hand makes two rounds while `leeway` bytes come in past the limit; if that is not enough, use no longer counts
 *   behind       a command that has changed nothing drops the oldest leaves and rope pages that it has read
 *
 * Invariant: entries leave memory only where no command holds one: between units, and where a command calls `makeRoom`.
 * Promise: clean records take at most `cacheBytesAtMost`, plus what one command holds at once.
 */
import { reap } from '../tree/pages.ts'
import type { Keyspace } from './keyspace.ts'

/** Room is made when this many bytes have come in since the last time. */
const ADMITTED_BYTES = 64 * 1024
/** A command that goes on reading keeps this many bytes of leaves and rope pages in memory behind it, and at least this many of them. */
const BEHIND_BYTES = 512 * 1024
const BEHIND_PAGES = 16
/** The least leeway. */
const MIN_LEEWAY_BYTES = 1024 * 1024
/** Residents visited in a slice of background work, beside what the growth since the last one asks for: some tenths of a millisecond. */
const SLICE_VISITS = 4096
/** Nodes of dropped objects that leave memory in one go: well below a millisecond. */
const REAP_STEPS = 1000

/** A leaf or a page of a rope. */
export interface ReadPage {
  /** Bytes. */
  readonly memory: number
  /** Leaves memory if it is clean and nothing stands in it. */
  leaveBehind(landedGeneration: number): void
}

/** How far past the limit the working set may be while the hand catches up. */
function leewayOf(cacheBytes: number): number {
  return Math.max(MIN_LEEWAY_BYTES, cacheBytes / 16)
}

/** The most bytes that clean records take under a limit, beside what one command must hold at once. */
export function cacheBytesAtMost(cacheBytes: number): number {
  return cacheBytes + 2 * leewayOf(cacheBytes)
}

export class Eviction {
  /** Where the limit stands; it may change at any time. */
  limits: { readonly cacheBytes: number } = { cacheBytes: Number.POSITIVE_INFINITY }
  private readonly keyspace: Keyspace
  /** Bytes read from disk since room was last made. */
  private admittedBytes = 0
  /** Resident bytes when room was last made. */
  private leftBytes = 0
  /** The database that the hand is in. */
  private database = 0
  /** Visits since the last resident was evicted, and the landed generation that they belong to. */
  private fruitless = 0
  private fruitlessIn = 0
  /** Visits since there is more than limit and leeway. */
  private visitsOver = 0
  /** Leaves and rope pages that the present unit has read, the oldest at `readFrom`. */
  private read: ReadPage[] = []
  private readFrom = 0
  private readBytes = 0
  /** `keyspace.changes` when the present unit began. */
  private changes = 0

  constructor(keyspace: Keyspace) {
    this.keyspace = keyspace
  }

  /** A unit or a part of one begins: no command holds anything. */
  beginUnit(): void {
    this.changes = this.keyspace.changes
    if (this.admittedBytes > 0 || this.read.length > 0) this.forgetReads()
  }

  private forgetReads(): void {
    if (this.read.length > 0) {
      this.read = []
      this.readFrom = 0
      this.readBytes = 0
    }
    this.makeRoom()
  }

  /** To be called by commands that go through many keys, where they hold no entry, value, place or cursor. */
  makeRoom(): void {
    if (this.admittedBytes >= ADMITTED_BYTES) this.sweep(0)
  }

  /** An entry or an inner node has been read from disk. */
  admit(sizeBytes: number): void {
    this.admittedBytes += sizeBytes
  }

  /** A leaf or a page of a rope has been read from disk and stands in its place. */
  admitPage(page: ReadPage, sizeBytes: number): void {
    this.admittedBytes += sizeBytes
    this.read.push(page)
    this.readBytes += sizeBytes
    if (this.readBytes > BEHIND_BYTES) this.leaveBehind()
  }

  /** Whether nothing more should be read ahead. */
  get isFull(): boolean {
    const { cacheBytes } = this.limits
    return this.keyspace.residentBytes > cacheBytes + leewayOf(cacheBytes)
  }

  /** A slice of background work, between units. Returns whether there is more to evict. */
  slice(): boolean {
    if (this.keyspace.dropped.length > 0) reap(this.keyspace.dropped, REAP_STEPS)
    return this.sweep(SLICE_VISITS)
  }

  private leaveBehind(): void {
    const { keyspace, read } = this
    if (keyspace.changes !== this.changes) {
      this.read = [] // the command may hold what it has yet to change
      this.readFrom = 0
      this.readBytes = 0
      return
    }
    const isOver = keyspace.residentBytes > this.limits.cacheBytes
    while (this.readBytes > BEHIND_BYTES && read.length - this.readFrom > BEHIND_PAGES) {
      const page = read[this.readFrom++] as ReadPage
      this.readBytes -= page.memory
      if (isOver) page.leaveBehind(keyspace.landedGeneration)
    }
    if (this.readFrom > BEHIND_BYTES / 1024) {
      this.read = read.slice(this.readFrom)
      this.readFrom = 0
    }
  }

  /** Moves the hand over at least `visits` residents while there is too much. Returns whether there still is, of what may go. */
  private sweep(visits: number): boolean {
    const { keyspace } = this
    const { landedGeneration, residentBytes } = keyspace
    const { cacheBytes } = this.limits
    if (this.admittedBytes > 0 || this.fruitlessIn !== landedGeneration) {
      this.fruitless = 0
      this.fruitlessIn = landedGeneration
    }
    this.admittedBytes = 0
    if (residentBytes <= cacheBytes) {
      this.leftBytes = residentBytes
      this.visitsOver = 0
      return false
    }
    const rounds = 2 * keyspace.residentCount
    if (this.fruitless > rounds) return false
    const leeway = leewayOf(cacheBytes)
    const grown = Math.min(leeway, Math.max(0, residentBytes - Math.max(this.leftBytes, cacheBytes)))
    this.move(visits + Math.ceil((rounds * grown) / leeway), rounds, leeway)
    this.leftBytes = keyspace.residentBytes
    return this.leftBytes > cacheBytes && this.fruitless <= rounds
  }

  private move(visits: number, rounds: number, leeway: number): void {
    const { keyspace } = this
    const { databases, landedGeneration } = keyspace
    let excess = keyspace.residentBytes - this.limits.cacheBytes
    let left = visits
    for (let passed = 0; left > 0 && excess > 0 && passed <= databases.length; ) {
      const ring = keyspace.database(this.database).residents
      const steps = Math.min(left, ring.leftInRound)
      if (steps === 0) {
        ring.startRound()
        this.database = (this.database + 1) % databases.length
        passed++
        continue
      }
      passed = 0
      if (excess <= leeway) this.visitsOver = 0
      const spared = this.visitsOver > rounds ? 'nothing' : 'used'
      const freed = ring.sweep(steps, landedGeneration, excess, spared)
      left -= steps
      excess -= freed
      this.visitsOver += steps
      this.fruitless = freed > 0 ? 0 : this.fruitless + steps
    }
  }
}

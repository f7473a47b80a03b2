/**
 * Keeps the working set within `cache-memory`, with the CLOCK algorithm (Corbató, "A Paging
 * Experiment with the Multics System", 1969). Work is measured in bytes and visits, never in time:
 * each unit evicts as many bytes as it brings in, even on a busy machine.
 *
 *   clock hand   visits the residents and then the packed keys of each database in turn; one that
 *                was used since the last visit stays for another round
 *   pace         the hand makes two rounds while `leeway` bytes come in past the limit; if that is
 *                not enough, recently used residents are evicted, too
 *   packing      another hand packs clean entries that were not used since its last visit, within
 *                the limit, too (packed-keys.ts); it goes faster beyond a number of clean entries
 *   reads        a command that has changed nothing evicts the oldest leaves and rope pages that it
 *                has read
 *
 * Invariant: entries leave memory only where no command holds one: between units, between the parts
 * of a unit, and where a command calls `makeRoom`. Promise: clean records take at most
 * `cacheBytesAtMost`, plus the entries and pages that one command holds at once.
 */
import { must } from '../../base/assert.ts'
import type { ReadPage } from '../residents/resident.ts'
import type { PageAdmission } from '../tree/owner.ts'
import { reap } from '../tree/pages.ts'
import type { Keyspace } from './keyspace.ts'

/** `makeRoom` evicts once this many bytes have come in since the last time. */
const ADMITTED_BYTES = 64 * 1024
/**
 * The bytes of leaves and rope pages that a long read command keeps in memory: the latest that it
 * has read. It keeps at least `MIN_KEPT_READS` of them.
 */
const KEPT_READ_BYTES = 512 * 1024
const MIN_KEPT_READS = 16
/** The minimum of `leewayOf`. */
const MIN_LEEWAY_BYTES = 1024 * 1024
/**
 * Residents visited in a slice of background work, in addition to those for the growth since the
 * last slice. The visits take some tenths of a millisecond.
 */
const SLICE_VISITS = 4096
/** The hand of packing makes a round in this time. */
const PACKING_ROUND_MS = 20_000
/** The number of clean entries beyond which packing goes faster. */
const MAX_CLEAN_ENTRIES = 65_536
/** The share of `cache-memory` for them, at a kilobyte each. */
const CACHE_BYTES_PER_CLEAN_ENTRY = 8 * 1024
/** Residents visited for packing in a slice: a part of the excess, within these limits. */
const MIN_PACKING_VISITS = 32
const MAX_PACKING_VISITS = 2048
const PACKING_VISITS_SHIFT = 4
/** Residents visited for packing at once, where a client asks for it: half a second. */
const MAX_VISITS_AT_ONCE = 1_000_000
/** Records of packed keys moved in one slice: some tenths of a millisecond. */
const CLEANING_MOVES = 256
/** Nodes of dropped objects freed in one slice: well below a millisecond. */
const REAP_STEPS = 1000

/** The bytes by which the working set may exceed the limit while the hand catches up. */
function leewayOf(cacheBytes: number): number {
  return Math.max(MIN_LEEWAY_BYTES, cacheBytes / 16)
}

/**
 * The most bytes that clean records take under a limit, beside the records that one command holds.
 */
export function cacheBytesAtMost(cacheBytes: number): number {
  return cacheBytes + 2 * leewayOf(cacheBytes)
}

/** Keeps the working set within `cache-memory`. */
export class Eviction implements PageAdmission {
  /** The owner of the limit, which may change at any time. */
  limits: { readonly cacheBytes: number } = { cacheBytes: Number.POSITIVE_INFINITY }
  private readonly keyspace: Keyspace
  /** Bytes read from disk since `evictExcess` last ran. */
  private admittedBytes = 0
  /** Resident bytes when `evictExcess` last ended. */
  private leftBytes = 0
  /** Twice the index of the database that the hand is in; one more among its packed keys. */
  private ring = 0
  /** The index of the database in which entries are packed. */
  private packingDatabase = 0
  /** Visits for packing since the hand came into that database. */
  private packingVisits = 0
  /** The most residents since the hand's round began. */
  private packingResidents = 0
  /** `keyspace.readAtMs` up to which the visits that packing owes are made. */
  private packingAtMs = Number.POSITIVE_INFINITY
  /** Visits beyond those that time owes since the last entry was packed. */
  private fruitlessPacking = 0
  /** The landed generation and the number of entries in which they were counted. */
  private fruitlessPackingIn = 0
  private fruitlessPackingOf = 0
  /** Visits since the last eviction. */
  private fruitless = 0
  /** The landed generation in which `fruitless` was counted. */
  private fruitlessIn = 0
  /** Visits made while the working set exceeds limit and leeway. */
  private visitsOver = 0
  /** Leaves and rope pages that the current unit has read; the oldest is at `readFrom`. */
  private read: ReadPage[] = []
  private readFrom = 0
  private readBytes = 0
  /** `keyspace.changes` when the current unit began. */
  private changes = 0

  constructor(keyspace: Keyspace) {
    this.keyspace = keyspace
  }

  /** Starts a unit or a part of one. REQUIRES: no command holds an entry or page. */
  beginUnit(): void {
    this.changes = this.keyspace.changes
    if (this.admittedBytes > 0 || this.read.length > 0) this.startReads()
  }

  /** Starts a new list of pages read, and evicts. */
  private startReads(): void {
    if (this.read.length > 0) {
      this.read = []
      this.readFrom = 0
      this.readBytes = 0
    }
    this.makeRoom()
  }

  /**
   * Evicts within a command that goes through many keys. REQUIRES: the caller holds no entry,
   * value, place or cursor.
   */
  makeRoom(): void {
    if (this.admittedBytes >= ADMITTED_BYTES) this.evictExcess(0)
  }

  /** Counts an entry or an inner node that has been read from disk. */
  admit(sizeBytes: number): void {
    this.admittedBytes += sizeBytes
  }

  /** Counts a leaf or a page of a rope that has been read from disk and put into its place. */
  admitPage(page: ReadPage, sizeBytes: number): void {
    this.admittedBytes += sizeBytes
    this.read.push(page)
    this.readBytes += sizeBytes
    if (this.readBytes > KEPT_READ_BYTES) this.evictOldestReads()
  }

  /** True if nothing more should be read ahead. */
  get isFull(): boolean {
    const { cacheBytes } = this.limits
    return this.keyspace.residentBytes > cacheBytes + leewayOf(cacheBytes)
  }

  /** Does a slice of background work, between units. Returns true if there is more to evict. */
  slice(): boolean {
    if (this.keyspace.dropped.length > 0) reap(this.keyspace.dropped, REAP_STEPS)
    const isPackingLeft = this.packSome()
    return this.evictExcess(SLICE_VISITS) || isPackingLeft
  }

  /**
   * Packs clean entries, used or not, as far as the hand comes in `MAX_VISITS_AT_ONCE`.
   * REQUIRES: no command holds an entry.
   */
  packAll(): void {
    const { databases, landedGeneration } = this.keyspace
    let left = MAX_VISITS_AT_ONCE
    for (const { residents, packed } of databases) {
      const visits = Math.min(left, 2 * residents.length)
      residents.packSome(visits, landedGeneration)
      left -= visits
      while (packed.cleanSome(CLEANING_MOVES));
    }
  }

  /** Packs some clean entries. Returns true if more can be packed at once. */
  private packSome(): boolean {
    const { keyspace } = this
    let entries = 0
    let residents = 0
    let hasHoles = false
    for (const db of keyspace.databases) {
      entries += db.residentEntries
      residents += db.residents.length
      if (db.packed.cleanSome(CLEANING_MOVES)) hasHoles = true
    }
    const dirty = keyspace.dirty.length + (keyspace.frozenEntries?.recordCount ?? 0)
    if (entries <= dirty) {
      this.packingAtMs = keyspace.readAtMs
      return hasHoles
    }
    const owed = this.visitsOwed(residents)
    const hurried = this.visitsOfExcess(entries, entries - dirty)
    const visits = Math.min(MAX_PACKING_VISITS, Math.max(owed, hurried))
    if (visits > 0) this.packWith(visits, hurried)
    return hasHoles || hurried > 0 || owed > MAX_PACKING_VISITS
  }

  /** Returns the visits of packing for the time that has passed; 0 if they are few. */
  private visitsOwed(residents: number): number {
    const { readAtMs } = this.keyspace
    const elapsedMs = Math.min(PACKING_ROUND_MS, readAtMs - this.packingAtMs)
    if (!(elapsedMs >= 0)) {
      this.packingAtMs = readAtMs
      return 0
    }
    this.packingResidents = Math.max(this.packingResidents, residents)
    const visits = Math.floor((this.packingResidents * elapsedMs) / PACKING_ROUND_MS)
    if (visits < MIN_PACKING_VISITS && elapsedMs < PACKING_ROUND_MS) return 0
    const later = Math.max(0, visits - MAX_PACKING_VISITS)
    this.packingAtMs = readAtMs - Math.floor((later * PACKING_ROUND_MS) / this.packingResidents)
    return visits
  }

  /** Returns the visits of packing for an excess of clean entries; 0 if they are fruitless. */
  private visitsOfExcess(entries: number, clean: number): number {
    const excess = clean - Math.min(MAX_CLEAN_ENTRIES, this.limits.cacheBytes / CACHE_BYTES_PER_CLEAN_ENTRY)
    if (excess <= 0) return 0
    const { landedGeneration } = this.keyspace
    if (this.fruitlessPackingIn !== landedGeneration || entries > this.fruitlessPackingOf) {
      this.fruitlessPacking = 0
      this.fruitlessPackingIn = landedGeneration
      this.fruitlessPackingOf = entries
    }
    let residents = 0
    for (const db of this.keyspace.databases) residents += db.residents.length
    if (this.fruitlessPacking > 2 * residents) return 0
    return Math.max(MIN_PACKING_VISITS, excess >> PACKING_VISITS_SHIFT)
  }

  private packWith(visits: number, hurried: number): void {
    const { keyspace } = this
    const { databases, landedGeneration } = keyspace
    for (let left = visits, passed = 0; left > 0 && passed <= databases.length; ) {
      const { residents } = keyspace.database(this.packingDatabase)
      const steps = Math.min(left, residents.length - this.packingVisits)
      if (steps <= 0) {
        this.packingDatabase = (this.packingDatabase + 1) % databases.length
        this.packingVisits = 0
        if (this.packingDatabase === 0) this.packingResidents = 0
        passed++
        continue
      }
      const packed = residents.packSome(steps, landedGeneration)
      left -= steps
      this.packingVisits += steps - packed // another resident takes the place of a packed one
      this.fruitlessPacking = packed > 0 ? 0 : this.fruitlessPacking + Math.min(steps, hurried)
    }
  }

  /**
   * Evicts the oldest pages that the current unit has read. After a change, only empties the list.
   */
  private evictOldestReads(): void {
    const { keyspace, read } = this
    if (keyspace.changes !== this.changes) {
      this.read = [] // the command may hold pages that it is about to change
      this.readFrom = 0
      this.readBytes = 0
      return
    }
    const isOverLimit = keyspace.residentBytes > this.limits.cacheBytes
    while (this.readBytes > KEPT_READ_BYTES && read.length - this.readFrom > MIN_KEPT_READS) {
      const page = must(read[this.readFrom++])
      this.readBytes -= page.memoryBytes
      if (isOverLimit) page.evictIfClean(keyspace.landedGeneration)
    }
    if (this.readFrom > KEPT_READ_BYTES / 1024) {
      this.read = read.slice(this.readFrom)
      this.readFrom = 0
    }
  }

  /**
   * Moves the hand over at least `visits` residents while the working set exceeds the limit.
   * Returns true if it still does and there are residents left to try.
   */
  private evictExcess(visits: number): boolean {
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
    this.moveHand(visits + Math.ceil((rounds * grown) / leeway), rounds, leeway)
    this.leftBytes = keyspace.residentBytes
    return this.leftBytes > cacheBytes && this.fruitless <= rounds
  }

  private moveHand(visits: number, rounds: number, leeway: number): void {
    const { keyspace } = this
    const { databases, landedGeneration } = keyspace
    let excess = keyspace.residentBytes - this.limits.cacheBytes
    let left = visits
    const rings = 2 * databases.length
    for (let passed = 0; left > 0 && excess > 0 && passed <= rings; ) {
      const db = keyspace.database(this.ring >> 1)
      const ring = this.ring % 2 === 0 ? db.residents : db.packed
      const steps = Math.min(left, ring.leftInRound)
      if (steps === 0) {
        ring.startRound()
        this.ring = (this.ring + 1) % rings
        passed++
        continue
      }
      passed = 0
      if (excess <= leeway) this.visitsOver = 0
      const spared = this.visitsOver > rounds ? 'nothing' : 'used'
      const { count } = db.packed
      const freed = ring.advanceHand(steps, landedGeneration, excess, spared)
      keyspace.evictions += count - db.packed.count
      db.checkCounts()
      left -= steps
      excess -= freed
      this.visitsOver += steps
      this.fruitless = freed > 0 ? 0 : this.fruitless + steps
    }
  }
}

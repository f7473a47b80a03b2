/** A keyspace under random change, with a model of it, for tests of walks. */
import * as assert from 'uvu/assert'
import { Checkpoint } from '../../../storage/checkpoint/checkpoint.ts'
import type { Database } from '../../../storage/keyspace/database.ts'
import { Keyspace } from '../../../storage/keyspace/keyspace.ts'
import { MemoryRecords } from '../disks/memory-records.ts'
import type { Seeded } from './seed.ts'

export const NOW = 1_700_000_000_000

export function newKeyspace(records = new MemoryRecords()): Keyspace {
  const keyspace = new Keyspace(records, 4, { deleted() {}, fieldsDeleted() {} })
  keyspace.setClock(NOW)
  return keyspace
}

/** Evicts every clean entry. */
export function evictAll(keyspace: Keyspace): void {
  for (const db of keyspace.databases) {
    for (let rounds = 0; rounds < 3; rounds++) {
      db.residents.advanceHand(2 * db.residents.length, keyspace.landedGeneration, Number.POSITIVE_INFINITY)
    }
  }
}

/** Takes some clean keys a step out of memory: packs entries, or evicts entries or packed keys. */
export function leaveMemory(keyspace: Keyspace, { integer }: Seeded): void {
  const { landedGeneration } = keyspace
  const kind = integer(4)
  const steps = integer(300)
  for (const { residents, packed } of keyspace.databases) {
    if (kind < 2) residents.packSome(steps, landedGeneration)
    else if (kind === 2) packed.advanceHand(steps, landedGeneration, Number.POSITIVE_INFINITY, 'used')
    else residents.advanceHand(steps, landedGeneration, Number.POSITIVE_INFINITY)
    packed.startRound()
  }
}

/** A keyspace under random change, with a model of it, and always with a checkpoint in progress. */
export class KeyStorm {
  readonly records: MemoryRecords
  readonly keyspace: Keyspace
  /** By database id: key to deadline, 0 for none. */
  readonly model = new Map<number, Map<string, number>>()
  /**
   * Keys created, deleted or expired since this was last cleared, as `id key` with the database's
   * id.
   */
  readonly changed = new Set<string>()
  /**
   * Called while a batch is in flight, and again when it is written but memory has not noted that
   * yet.
   */
  onFlight: () => void = () => {}
  private readonly seed: Seeded
  private inFlight: Checkpoint | null = null
  private landing: Promise<unknown> | null = null
  private now = NOW
  private checkpoints = 0

  constructor(seed: Seeded) {
    this.seed = seed
    this.records = new MemoryRecords({ random: seed.random })
    this.keyspace = newKeyspace(this.records)
  }

  live(db: Database): Map<string, number> {
    let keys = this.model.get(db.id)
    if (keys === undefined) {
      keys = new Map()
      this.model.set(db.id, keys)
    }
    return keys
  }

  /** Does one random thing. */
  async act(): Promise<void> {
    const { integer } = this.seed
    const dice = integer(100)
    if (dice < 40) this.create()
    else if (dice < 65) this.remove()
    else if (dice < 75) this.expire()
    else if (dice < 82) this.passTime()
    else if (dice < 83) this.flush()
    else if (dice < 85) this.keyspace.swap(integer(2), integer(2))
    else if (dice < 88) leaveMemory(this.keyspace, this.seed)
    else if (dice < 90) evictAll(this.keyspace)
    else await this.checkpointSome()
  }

  private db(): Database {
    return this.keyspace.database(this.seed.integer(10) === 0 ? 1 : 0)
  }

  private key(): string {
    return `k${this.seed.integer(200)}`
  }

  private create(): void {
    const db = this.db()
    const key = this.key()
    const keys = this.live(db)
    if (!keys.has(key)) this.changed.add(`${db.id} ${key}`)
    db.set(key, 'x'.repeat(this.seed.integer(20)))
    keys.set(key, 0)
  }

  private remove(): void {
    const db = this.db()
    const key = this.key()
    const was = this.live(db).delete(key)
    if (was) this.changed.add(`${db.id} ${key}`)
    assert.is(db.delete(key), was, `DEL ${key}`)
  }

  private expire(): void {
    const db = this.db()
    const key = this.key()
    const entry = db.find(key)
    if (entry === undefined) return
    const deadline = this.now + 1 + this.seed.integer(500)
    db.setDeadline(entry, deadline)
    this.live(db).set(key, deadline)
  }

  private passTime(): void {
    this.now += this.seed.integer(100)
    this.keyspace.setClock(this.now)
    for (const [id, keys] of this.model) {
      for (const [key, deadline] of keys) {
        if (deadline === 0 || deadline > this.now) continue
        keys.delete(key)
        this.changed.add(`${id} ${key}`)
      }
    }
  }

  private flush(): void {
    const index = this.seed.integer(4) === 0 ? 0 : 1
    this.keyspace.flush(index)
  }

  /** Freezes, encodes a few records, writes, or fails the write. */
  private async checkpointSome(): Promise<void> {
    const { integer } = this.seed
    if (this.inFlight === null) {
      await this.land()
      this.inFlight = new Checkpoint(this.keyspace, { offset: ++this.checkpoints, crc: 0 })
      return
    }
    if (!this.inFlight.encodeSome(1 + integer(60))) return
    const checkpoint = this.inFlight
    if (integer(5) === 0) assert.is(checkpoint.resolveFailedWrite(), null)
    else {
      this.records.holdWrites()
      const landing = checkpoint.write()
      this.onFlight()
      if (integer(2) === 0) this.records.landHeldWrites()
      for (let i = integer(10); i > 0; i--) this.create()
      for (let i = integer(10); i > 0; i--) this.remove()
      if (integer(3) === 0) this.flush()
      this.onFlight()
      this.records.landHeldWrites()
      this.onFlight()
      this.records.releaseWrites()
      if (integer(2) === 0) await landing
      else this.landing = landing
    }
    this.inFlight = null
  }

  /** Waits for the write in flight. */
  async land(): Promise<void> {
    await this.landing
    this.landing = null
  }
}

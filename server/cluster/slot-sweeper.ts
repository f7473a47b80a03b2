/**
 * Deletes the keys of slots that have left this node, in the background. The sweeper reads the
 * names of all keys and deletes those of such slots. A slice of deletions takes half a millisecond
 * and has a turn of its own. The sweeper rests while requests are gated, and while this node is a
 * replica.
 *
 * The deletions are logged like those of expired keys. A replica of this node applies them at their
 * place in the log, as its data is that of its master at each offset. A replica that swept by its
 * own map would do it at another offset. A key that has come back meanwhile would be deleted, or
 * commands for the new key would change the old one.
 *
 * A crash loses nothing: the slots stay in cluster.json until the deletions of all their keys are
 * durable, and their keys stay hidden.
 */
import { rethrowAssertion } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import { slotOf } from '../../base/hash-slots.ts'
import type { Log } from '../../base/log.ts'
import type { Executor } from '../../commands/execution/executor.ts'
import type { Database } from '../../storage/keyspace/database.ts'
import { EVENT_GENERIC } from '../../storage/keyspace/key-events.ts'
import { runLater } from '../../storage/scan/steps.ts'
import { isStoreNotOpen, WALK_KEYS, walk } from '../../storage/scan/walk.ts'
import type { Storage } from '../../storage/storage.ts'
import type { Turn } from '../loop/turn.ts'
import type { ClusterNode } from './cluster-node.ts'

const SLICE_MS = 0.5
const REST_MS = 100
/** Keys between two looks at the clock. */
const KEYS_BETWEEN_LOOKS = 16

export interface SweeperParts {
  readonly node: ClusterNode
  readonly storage: Storage
  readonly executor: Executor
  readonly turn: Turn
  readonly clock: Clock
  readonly log: Log
}

/** Deletes the keys of slots that have left this node, in the background. */
export class SlotSweeper {
  private readonly parts: SweeperParts
  private running: Promise<void> | null = null
  private isClosed = false
  private timer: NodeJS.Timeout | null = null
  private wakeUp: (() => void) | null = null

  constructor(parts: SweeperParts) {
    this.parts = parts
  }

  /** Starts to sweep unless it is under way. */
  start(): void {
    if (this.isClosed || this.running !== null) return
    this.running = this.sweep()
      .catch((error: unknown) => {
        rethrowAssertion(error)
        const text = 'cannot sweep the keys of slots that have left; they stay hidden until the next map or start'
        this.parts.log.error({ error: String(error) }, text)
      })
      .finally(() => {
        this.running = null
      })
  }

  async close(): Promise<void> {
    this.isClosed = true
    if (this.timer !== null) clearTimeout(this.timer)
    this.wakeUp?.()
    await this.running
  }

  private async sweep(): Promise<void> {
    const { node, storage } = this.parts
    while (!this.isClosed && node.left.size > 0) {
      if (!this.mayDelete) {
        await this.rest()
        continue
      }
      for (let index = 0; index < storage.keyspace.databases.length; index++) await this.sweepDatabase(index)
      const { map, left } = node
      const empty = [...left].filter((slot) => this.isEmpty(slot))
      if (empty.length > 0 && this.mayDelete) {
        await storage.binlog.syncTo(storage.binlog.end.offset)
        if (node.map === map) node.swept(empty)
      }
      // Keys past their deadline are left: expiry deletes them.
      if (node.left.size > 0) await this.rest()
    }
  }

  /** True if keys may be deleted now: this node leads, and nothing is held back. */
  private get mayDelete(): boolean {
    const { storage, executor } = this.parts
    return !this.isClosed && storage.role === 'master' && executor.gating.gated === 'none' && executor.units.current === null
  }

  private isEmpty(slot: number): boolean {
    return this.parts.storage.keyspace.databases.every((db) => db.keysInSlot(slot) === 0)
  }

  private async sweepDatabase(index: number): Promise<void> {
    const { node, storage } = this.parts
    const { map } = node
    for (let next: Bytes | null = ''; next !== null; ) {
      const db = storage.keyspace.database(index)
      if (node.map !== map || !this.mayDelete || !hasKeysIn(db, node.left)) return
      const step = await this.walkStep(db, next)
      if (step === null) return
      const keys = step.keys.map(({ key }) => key).filter((key) => node.left.has(slotOf(key)))
      await this.deleteAll(db, keys)
      next = step.next
    }
  }

  /** Does one step of a walk; null if LevelDB is closed at present. */
  private async walkStep(db: Database, from: Bytes) {
    try {
      return await runLater(walk(db, { from }, WALK_KEYS, undefined, 'names'))
    } catch (error) {
      if (isStoreNotOpen(error)) return null
      throw error
    }
  }

  /** Deletes keys in slices, as long as nothing else has changed. */
  private async deleteAll(db: Database, keys: readonly Bytes[]): Promise<void> {
    const { node, turn, clock } = this.parts
    const { map } = node
    let place = 0
    while (place < keys.length) {
      if (node.map !== map || !this.mayDelete || db.droppedIn !== 0) return
      turn.begin()
      const untilMs = clock.monotonicMs() + SLICE_MS
      do {
        const slice = keys.slice(place, place + KEYS_BETWEEN_LOOKS)
        for (const key of slice) this.deleteKey(db, key)
        place += slice.length
      } while (place < keys.length && clock.monotonicMs() < untilMs)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  private deleteKey(db: Database, key: Bytes): void {
    const { keyspace } = db
    const entry = db.lookup(key)
    if (entry === undefined) return
    keyspace.isExpiring = true // no client has changed it
    db.remove(entry)
    keyspace.isExpiring = false
    keyspace.log.deleted(db.index, key)
    keyspace.event(EVENT_GENERIC, 'del', db.index, key)
  }

  private rest(): Promise<void> {
    if (this.isClosed) return Promise.resolve()
    return new Promise((resolve) => {
      this.wakeUp = resolve
      this.timer = setTimeout(resolve, REST_MS)
    })
  }
}

function hasKeysIn(db: Database, slots: ReadonlySet<number>): boolean {
  for (const slot of slots) if (db.keysInSlot(slot) > 0) return true
  return false
}

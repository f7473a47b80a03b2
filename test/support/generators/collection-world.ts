/**
 * An engine and a plain twin that receive the same random commands on collections of one type.
 * Pages and the cache are tiny. Checkpoints run in slices with commands between them, and some
 * fail. Power losses, kills and shutdowns occur at any moment. Every reply is compared; all content
 * is compared at times and after each start.
 */
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import type { Clock } from '../../../base/clock.ts'
import { Double, MapReply, NullArray, type Reply, SetReply } from '../../../commands/contract/reply.ts'
import { MemoryFiles } from '../disks/memory-files.ts'
import { MemoryRecords } from '../disks/memory-records.ts'
import { Disk, Engine, type EngineOptions, nextTurn } from '../harness/engine.ts'
import { checkMemoryWhile, checkStored, liveContent } from '../harness/engine-invariants.ts'
import { ManualClock } from '../harness/manual-clock.ts'
import { CollectionTwin, ERROR, keyCommand, type TwinType } from './collection-twin.ts'
import { fromSeed, type Seeded, seeded } from './seed.ts'

const DATABASES = 3

/** Each reading advances monotonic time, so that slices end, some early and some late. */
class TickingClock extends ManualClock implements Clock {
  private ticks = 0
  private readonly tickMs: number

  constructor(tickMs: number) {
    super()
    this.tickMs = tickMs
  }

  override monotonicMs(): number {
    this.ticks += this.tickMs
    return super.monotonicMs() + this.ticks
  }
}

/**
 * The state after a shutdown or crash. Recovery must reach `atLeast`; the log up to `synced`
 * survives any later power loss.
 */
interface Found {
  readonly disk: Disk
  readonly atLeast: number
  readonly synced: number
}

class World<V> {
  private readonly type: TwinType<V>
  private readonly chance: Seeded
  private readonly twin: CollectionTwin<V>
  private readonly clock: TickingClock
  /** The whole content at the end of a group, by binlog offset. */
  private readonly contents = new Map<number, string>()
  private readonly options: EngineOptions
  private engine: Engine | null = null
  private found: Found | null = null
  private before = { atLeast: 0, synced: 0 }
  private operationsLeft = Number.POSITIVE_INFINITY
  private readonly recent: string[] = []

  constructor(type: TwinType<V>, chance: Seeded) {
    const { pick } = chance
    this.type = type
    this.chance = chance
    this.twin = new CollectionTwin(type, DATABASES)
    this.clock = new TickingClock(pick([0.1, 0.5, 2]))
    const limit = pick([2, 20, 1000])
    this.options = {
      clock: this.clock,
      random: chance.random,
      databases: DATABASES,
      cacheBytes: pick([0, 3000, 20_000, 2 ** 40]),
      checkpoint: { binlogBytes: pick([500, 5000, 2 ** 40]) },
      pageLimits: pick([
        { inlineBytes: 60, pageBytes: 100, pageElements: 5 },
        { inlineBytes: 200, pageBytes: 400, pageElements: 30 },
      ]),
      config: { 'hash-max-listpack-entries': limit, 'set-max-listpack-entries': limit, 'zset-max-listpack-entries': limit, 'list-max-listpack-size': pick([4, 40, -2]), 'hash-max-listpack-value': pick([16, 64]), 'hll-sparse-max-bytes': limit * 10 }, // biome-ignore format: one line
    }
  }

  async run(): Promise<void> {
    const { chance } = this
    let disk = new Disk(new MemoryFiles({ random: chance.random }), new MemoryRecords({ random: chance.random }))
    for (let lives = 2 + chance.integer(3); lives > 0; lives--) {
      this.before = await this.live(disk)
      disk = (this.found as unknown as Found).disk
    }
    const engine = await this.open(disk)
    await engine.storage.close('save')
    await checkStored(disk.records.crash(chance.random))
  }

  /** The last events, for reading a failure. */
  get story(): string {
    return this.recent.join('\n')
  }

  private note(text: string): void {
    this.recent.push(text)
    if (this.recent.length > 40) this.recent.shift()
  }

  /** Runs an engine from a start to a shutdown or crash. */
  private async live(disk: Disk): Promise<Found> {
    const { chance } = this
    this.found = null
    this.engine = null
    this.operationsLeft = chance.integer(2) === 0 ? Math.floor(600 * chance.random() ** 2) : Number.POSITIVE_INFINITY
    disk.files.onOperation = () => {
      if (--this.operationsLeft === 0) this.crash(disk)
    }
    const engine = await this.open(disk)
    this.engine = engine
    for (let turns = 20 + chance.integer(80); turns > 0 && this.found === null; turns--) await this.turn(engine)
    if (this.found === null && chance.integer(3) === 0) await this.shutDown(engine)
    if (this.found === null) this.crash(disk)
    disk.files.onOperation = undefined
    disk.files.releaseSyncs()
    disk.records.releaseWrites()
    return this.found as unknown as Found
  }

  private async open(disk: Disk): Promise<Engine> {
    await checkStored(disk.records)
    const engine = await Engine.open(disk, this.options)
    const offset = engine.storage.recovery?.end.offset as number
    this.note(`recovered up to ${offset}`)
    // Another history begins at this offset.
    for (const later of [...this.contents.keys()]) if (later > offset) this.contents.delete(later)
    assert.ok(offset >= this.before.atLeast, `recovered up to ${offset}, before ${this.before.atLeast}`)
    this.twin.goBackTo(offset)
    if (this.found === null) this.compareContent(engine, offset)
    if (this.found === null) this.compare(engine)
    return engine
  }

  private crash(disk: Disk): void {
    if (this.found !== null) return
    const { chance, before } = this
    const binlog = this.engine?.storage.binlog
    const synced = Math.max(before.synced, binlog?.synced ?? 0)
    const isPowerLoss = chance.integer(3) > 0
    this.note(isPowerLoss ? 'power loss' : 'kill')
    if (isPowerLoss) this.found = { disk: disk.crash(chance.random), atLeast: synced, synced }
    else this.found = { disk: disk.kill(chance.random), atLeast: Math.max(before.atLeast, binlog?.end.offset ?? 0), synced }
  }

  private async shutDown(engine: Engine): Promise<void> {
    const { chance } = this
    engine.disk.files.releaseSyncs()
    engine.disk.records.releaseWrites()
    await engine.storage.close(chance.pick(['save', 'nosave']))
    this.note('shutdown')
    if (this.found !== null) return
    const { offset } = engine.storage.binlog.end
    this.found = { disk: engine.disk.crash(chance.random), atLeast: offset, synced: offset }
  }

  private async turn(engine: Engine): Promise<void> {
    const { chance } = this
    const { storage } = engine
    this.clock.advance(chance.pick([0, 0, 1, 50, 1000, 5000]))
    const isOpen = () => !storage.checkpointer.isReopening
    this.take(engine, () => {
      for (let units = isOpen() ? chance.integer(10) : 0; units > 0; units--) this.unit(engine)
    })
    if (isOpen()) {
      storage.background()
      storage.expiry.lookAhead(this.clock.wallMs())
    }
    this.disturb(engine)
    for (let turns = chance.integer(3); turns > 0; turns--) await nextTurn()
    if (chance.integer(12) === 0 && isOpen()) this.compare(engine)
    assert.equal(engine.broken, [], 'units that broke')
    assert.equal(engine.fatal, [], 'fatal errors')
  }

  private take(engine: Engine, units: () => void): void {
    assert.is(engine.turn(units), 'written')
    const { offset } = engine.storage.binlog.end
    this.twin.remember(offset)
    if (this.chance.integer(3) === 0) this.compareContent(engine, offset)
  }

  /** The content at an offset is the same before and after a crash. */
  private compareContent({ storage }: Engine, offset: number): void {
    if (storage.checkpointer.isReopening) return
    const content = liveContent(storage.keyspace, 0)
    const known = this.contents.get(offset)
    if (known !== undefined) assert.is(content, known, `the whole content at offset ${offset}`)
    this.contents.set(offset, content)
  }

  private disturb({ disk, storage }: Engine): void {
    const { integer } = this.chance
    const action = integer(22)
    if (action > 19) this.packSome(storage)
    else if (action < 3) storage.binlog.sync()
    else if (action === 3) disk.files.holdSyncs()
    else if (action < 6) disk.files.releaseSyncs()
    else if (action === 6) disk.records.holdWrites()
    else if (action < 10) disk.records.releaseWrites()
    else if (action === 10) storage.checkpointer.request().catch(() => {})
    else if (action === 11 && integer(3) === 0) disk.records.failWrites({ after: integer(2), landsAtReopen: integer(2) === 0 })
  }

  /** Packs clean entries, used or not, as far as the hand comes. */
  private packSome({ keyspace }: Engine['storage']): void {
    for (const { residents } of keyspace.databases) residents.packSome(this.chance.integer(40), keyspace.landedGeneration)
  }

  private unit(engine: Engine): void {
    const { chance, twin, type } = this
    const { nowMs } = engine.storage.keyspace
    const index = chance.integer(chance.integer(4) === 0 ? DATABASES : 1)
    twin.expire(nowMs)
    const db = twin.databases[index] as (typeof twin.databases)[0]
    const words = chance.random() < 0.12 ? keyCommand(chance, type.keys, index, DATABASES, nowMs) : type.command(chance, db, nowMs)
    const reply = plainReply(engine.runIn(index, ...words))
    this.note(`${nowMs} ${index}: ${words.map((word) => word.slice(0, 30)).join(' ')} -> ${JSON.stringify(reply)?.slice(0, 80)}`)
    const expected = twin.run({ nowMs, index, words, reply })
    if (expected === ERROR) assert.instance(reply, Error)
    else assert.equal(reply, expected, words.join(' '))
  }

  private compare(engine: Engine): void {
    const { type, twin } = this
    const { storage } = engine
    this.take(engine, () => {
      const { nowMs } = storage.keyspace
      twin.expire(nowMs)
      for (const [index, db] of twin.databases.entries()) {
        for (const key of type.keys) {
          const reply = plainReply(engine.runIn(index, ...type.read(key)))
          assert.equal(type.seen === undefined ? reply : type.seen(reply), type.shown(db.get(key), nowMs), `${key} in database ${index}`)
        }
      }
    })
    checkMemoryWhile(Reflect.get(storage.expiry, 'loading') !== null, storage.keyspace)
  }
}

/** Sorts sets, turns doubles into numbers, flattens maps, and turns every nil into null. */
export function plainReply(reply: unknown): unknown {
  if (reply instanceof SetReply) return reply.members.map(plainReply).sort()
  if (reply instanceof Double) return reply.value
  if (reply instanceof MapReply) return reply.flat.map(plainReply)
  if (reply instanceof NullArray) return null
  return Array.isArray(reply) ? (reply as Reply[]).map(plainReply) : reply
}

/** HAYPILE_ROUNDS sets the number of worlds, HAYPILE_SEED repeats one. */
export async function liveWorlds<V>(type: TwinType<V>): Promise<void> {
  const { HAYPILE_ROUNDS = '12' } = process.env
  const rounds = Number(HAYPILE_ROUNDS)
  const all = seeded(`model of ${type.name}`)
  for (let round = 0; round < rounds; round++) {
    const seed = rounds === 1 ? all.seed : all.integer(2 ** 32)
    const world = new World(type, fromSeed(seed))
    try {
      await world.run()
    } catch (error) {
      console.log(`${world.story}\nround ${round}: HAYPILE_ROUNDS=1 HAYPILE_SEED=${seed}`)
      throw error
    }
  }
}

/** One to `most` random words. */
export function some(chance: Seeded, most: number, word: () => Bytes): Bytes[] {
  return Array.from({ length: 1 + chance.integer(most) }, word)
}

/** A value that is mostly short, and sometimes longer than a page. */
export function randomValue({ integer, random }: Seeded): Bytes {
  return `${integer(1000)}${'x'.repeat(integer(random() < 0.05 ? 300 : 12))}`
}

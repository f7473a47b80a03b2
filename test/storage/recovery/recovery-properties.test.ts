/**
 * Whatever happens to the disk, recovery gives the state at a group boundary. The group is at or
 * after the last synced one; after a kill, it is the last written one. Rounds of random turns,
 * checkpoints, faults and crashes, several in a row, run against a plain twin.
 *
 * HAYPILE_ROUNDS sets the number of rounds, HAYPILE_SEED repeats one run.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import type { Clock } from '../../../base/clock.ts'
import { MemoryFiles } from '../../support/disks/memory-files.ts'
import { MemoryRecords } from '../../support/disks/memory-records.ts'
import { fromSeed, type Seeded, seeded } from '../../support/generators/seed.ts'
import { Disk, Engine, type EngineOptions, nextTurn } from '../../support/harness/engine.ts'
import { checkMemoryWhile, checkStored, liveContent } from '../../support/harness/engine-invariants.ts'
import { EngineModel } from '../../support/harness/engine-model.ts'
import { ManualClock } from '../../support/harness/manual-clock.ts'

const { HAYPILE_ROUNDS } = process.env
const ROUNDS = Number(HAYPILE_ROUNDS ?? 100)
const DATABASES = 3
const KEYS = 40

/** A clock whose monotonic time advances at each reading, so that slices end. */
class TickingClock extends ManualClock implements Clock {
  private ticks = 0

  override monotonicMs(): number {
    this.ticks += 1
    return super.monotonicMs() + this.ticks
  }
}

/**
 * The result of a crash: the disk, the least offset that recovery must reach, and the offset that
 * no further power loss may take away.
 */
interface Found {
  readonly disk: Disk
  readonly atLeast: number
  readonly synced: number
}

class Round {
  readonly model = new EngineModel(DATABASES)
  readonly clock = new TickingClock()
  readonly chance: Seeded
  readonly options: EngineOptions
  private engine: Engine | null = null
  private found: Found | null = null
  private atLeast = 0
  private synced = 0
  private operationsLeft = Number.POSITIVE_INFINITY
  private value = 0

  constructor(chance: Seeded) {
    this.chance = chance
    const { pick } = chance
    this.options = {
      clock: this.clock,
      random: chance.random,
      databases: DATABASES,
      binlog: { fileSizeBytes: pick([2_000, 20_000, 500_000]), retentionBytes: pick([0, 50_000]), retentionMs: pick([0, 2 ** 40]) },
      checkpoint: {
        binlogBytes: pick([1_000, 100_000, 2 ** 40]),
        intervalMs: pick([3_000, 2 ** 40]),
        dirtyLimitBytes: pick([200_000, 2 ** 40]),
      },
      cacheBytes: pick([2_000, 100_000, 2 ** 40]),
    }
  }

  async run(): Promise<void> {
    const { chance } = this
    let disk = new Disk(new MemoryFiles({ random: chance.random }), new MemoryRecords({ random: chance.random }))
    for (let lives = 1 + chance.integer(4); lives > 0; lives--) {
      const found = await this.live(disk)
      disk = found.disk
      this.atLeast = found.atLeast
      this.synced = found.synced
    }
    const engine = await this.open(disk)
    await engine.storage.close('save')
    await checkStored(disk.records.crash(chance.random))
  }

  /** Runs from one start to one crash or shutdown. */
  private async live(disk: Disk): Promise<Found> {
    const { chance } = this
    this.found = null
    this.engine = null
    // Some lives end between two operations on files, of the start, too; the others between two
    // turns.
    this.operationsLeft = chance.integer(2) === 0 ? Math.floor(400 * chance.random() ** 3) : Number.POSITIVE_INFINITY
    disk.files.onOperation = () => {
      if (--this.operationsLeft === 0) this.crash(disk)
    }
    const engine = await this.open(disk)
    this.engine = engine
    for (let turns = chance.integer(60); turns > 0 && this.found === null; turns--) await this.turn(engine)
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
    assert.ok(offset >= this.atLeast, `recovered up to ${offset}, before ${this.atLeast}`)
    this.model.goBackTo(offset)
    this.compare(engine, `after the recovery up to ${offset}`)
    return engine
  }

  private compare(engine: Engine, when: string): void {
    const { storage } = engine
    if (storage.checkpointer.isReopening) return
    assert.is(liveContent(storage.keyspace, storage.keyspace.nowMs), this.model.live(storage.keyspace.nowMs), when)
    checkMemoryWhile(Reflect.get(storage.expiry, 'loading') !== null, storage.keyspace)
  }

  private crash(disk: Disk): void {
    if (this.found !== null) return
    const { chance } = this
    const binlog = this.engine?.storage.binlog
    const synced = Math.max(this.synced, binlog?.synced ?? 0)
    if (chance.integer(3) > 0) this.found = { disk: disk.crash(chance.random), atLeast: synced, synced }
    else this.found = { disk: disk.kill(chance.random), atLeast: Math.max(this.atLeast, binlog?.end.offset ?? 0), synced }
  }

  private async shutDown(engine: Engine): Promise<void> {
    const { chance } = this
    engine.disk.files.releaseSyncs()
    engine.disk.records.releaseWrites()
    await engine.storage.close(chance.pick(['save', 'nosave']))
    if (this.found !== null) return
    const { offset } = engine.storage.binlog.end
    this.found = { disk: engine.disk.crash(chance.random), atLeast: offset, synced: offset }
  }

  private async turn(engine: Engine): Promise<void> {
    const { chance, model } = this
    const { storage } = engine
    this.clock.advance(chance.pick([0, 0, 1, 50, 1_000, 5_000, 90_000]))
    const isOpen = () => !storage.checkpointer.isReopening
    const outcome = engine.turn(() => {
      if (storage.stalled !== null || !isOpen() || storage.isOverloaded) return
      for (let units = chance.integer(8); units > 0; units--) this.unit(engine)
    })
    if (outcome === 'written' || storage.retry()) model.remember(storage.binlog.end.offset)
    if (isOpen()) {
      storage.background()
      storage.expiry.lookAhead(this.clock.wallMs())
    }
    this.disturb(engine)
    for (let turns = chance.integer(4); turns > 0; turns--) await nextTurn()
    if (chance.integer(4) === 0) this.compare(engine, 'between two turns')
    assert.equal(engine.broken, [], 'units that broke')
    assert.equal(engine.fatal, [], 'fatal errors')
  }

  /** Disturbs the disk or the engine in a random way. */
  private disturb({ disk, storage }: Engine): void {
    const { integer, pick } = this.chance
    const action = integer(20)
    if (action < 3) storage.binlog.sync()
    else if (action === 3) disk.files.holdSyncs()
    else if (action < 6) disk.files.releaseSyncs()
    else if (action === 6) disk.records.holdWrites()
    else if (action < 9) disk.records.releaseWrites()
    else if (action === 9) storage.checkpointer.request().catch(() => {})
    else if (action === 10 && integer(3) === 0) disk.records.failWrites({ after: integer(2), landsAtReopen: integer(2) === 0 })
    else if (action === 11 && integer(2) === 0) {
      const operation = pick(['write', 'write', 'open'] as const)
      disk.files.fail({ operation, path: /\.log$/, code: 'ENOSPC', isShortWrite: true, times: 1 + integer(3) })
    }
  }

  private unit(engine: Engine): void {
    const { chance, model } = this
    const database = chance.integer(DATABASES)
    const words = this.words(engine.storage.keyspace.nowMs, database)
    if (words === null) return
    const reply = engine.runIn(database, ...words)
    const isExpected = !(reply instanceof Error) || reply.message === 'ERR no such key'
    assert.ok(isExpected, `${words.map((word) => word.slice(0, 40)).join(' ')}: ${reply}`)
    model.run(engine.storage.keyspace.nowMs, database, words)
  }

  private words(now: number, database: number): Bytes[] | null {
    const { chance } = this
    const { integer, pick } = chance
    const key = () => `k${integer(KEYS)}`
    const deadline = () => String(now + 1 + integer(pick([2_000, 100_000, 10_000_000])))
    switch (integer(24)) {
      case 0:
      case 1:
        return ['SET', key(), this.text(), 'PXAT', deadline()]
      case 2:
      case 3:
      case 4:
        return ['MSET', ...Array.from({ length: 1 + integer(20) }, () => [`m${integer(400)}`, this.text()]).flat()]
      case 5:
        return ['APPEND', key(), this.text()]
      case 6:
      case 7:
      case 8:
        return ['SETRANGE', key(), String(integer(pick([20, 70_000, 200_000]))), this.text()]
      case 9:
      case 10:
        return ['DEL', key(), key(), `m${integer(400)}`]
      case 11:
      case 12:
        return ['PEXPIREAT', pick([key(), `m${integer(400)}`]), deadline()]
      case 13:
        return ['PERSIST', key()]
      case 14:
      case 15:
        return ['RENAME', key(), key()]
      case 16:
      case 17: {
        const to = integer(DATABASES)
        return to === database ? null : ['MOVE', key(), String(to)]
      }
      case 18: {
        const [from, to] = [key(), key()]
        return from === to ? null : ['COPY', from, to, 'REPLACE']
      }
      case 19:
        return integer(4) === 0 ? ['FLUSHDB'] : null
      case 20:
        return ['SWAPDB', String(integer(DATABASES)), String(integer(DATABASES))]
      default:
        return ['SET', key(), this.text()]
    }
  }

  /** Returns a random text: mostly a short one, now and then a rope. */
  private text(): Bytes {
    const { integer } = this.chance
    const unit = `${this.value++},`
    if (integer(8) > 0) return unit
    return unit.repeat(Math.ceil((50_000 + integer(100_000)) / unit.length))
  }
}

test('recovery restores the state at a synced group boundary or a later one', async () => {
  const all = seeded('recovery properties')
  for (let round = 0; round < ROUNDS; round++) {
    const seed = ROUNDS === 1 ? all.seed : all.integer(2 ** 32)
    try {
      await new Round(fromSeed(seed)).run()
    } catch (error) {
      console.log(`round ${round}: HAYPILE_ROUNDS=1 HAYPILE_SEED=${seed}`)
      throw error
    }
  }
})

test.run()

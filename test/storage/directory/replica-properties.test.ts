/**
 * A replica through random lives: it receives, syncs, checkpoints, is filled anew, promoted,
 * demoted, and loses power at any moment. The recovered data is always that of the recovered log.
 * The log is always a prefix of its master's, at a group boundary, and no synced group is missing.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { MemoryFiles } from '../../support/disks/memory-files.ts'
import { MemoryRecords } from '../../support/disks/memory-records.ts'
import { checkDisk } from '../../support/disks/swaps.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { Disk, Engine, type EngineOptions, nextTurn } from '../../support/harness/engine.ts'
import { checkMemory, liveContent } from '../../support/harness/engine-invariants.ts'
import { ManualClock } from '../../support/harness/manual-clock.ts'
import { fullSync, logOf, MASTER, receive } from '../../support/replication/received.ts'

const { HAYPILE_ROUNDS: given } = process.env
const ROUNDS = given === undefined ? 30 : Number(given)

class World {
  private readonly chance: Seeded
  private readonly clock = new ManualClock()
  private readonly options: EngineOptions
  private master!: Engine
  private replica!: Engine
  private synced = 0

  constructor(chance: Seeded) {
    this.chance = chance
    const fileSizeBytes = chance.pick([800, 10_000, 2 ** 30])
    const binlog = { fileSizeBytes, retentionBytes: 2 ** 40, retentionMs: 2 ** 40 }
    this.options = { clock: this.clock, random: chance.random, binlog, cacheBytes: chance.pick([1000, 2 ** 40]) }
  }

  async run(): Promise<void> {
    const { chance, options } = this
    this.master = await Engine.open(new Disk(), options)
    this.replica = await Engine.open(
      new Disk(new MemoryFiles({ random: chance.random }), new MemoryRecords({ random: chance.random })),
      options,
    )
    await this.join()
    for (let step = 0; step < 60; step++) await this.step(chance.integer(12))
    receive(this.replica, this.master)
    this.compare()
    await this.replica.settle()
    await this.replica.storage.close('save')
    await checkDisk(this.replica.disk.kill(chance.random))
  }

  private async step(kind: number): Promise<void> {
    const { chance, master, replica } = this
    if (kind < 4) for (let i = chance.integer(8); i > 0; i--) this.write(master)
    else if (kind < 7) receive(replica, master, 1 + chance.integer(4), 1 + chance.integer(3))
    else if (kind === 7) {
      const { binlog } = replica.storage
      await binlog.syncTo(binlog.end.offset)
    } else if (kind === 8) await chance.pick([replica, master]).checkpoint()
    else if (kind === 9) {
      const { binlog } = master.storage
      await binlog.syncTo(binlog.end.offset)
      this.clock.advance(chance.integer(100_000))
    } else if (kind === 10) await this.crash()
    else if (chance.integer(3) === 0) await this.leave()
    else await this.join()
    this.synced = this.replica.storage.binlog.synced
  }

  private write(engine: Engine): void {
    const { chance } = this
    const key = `k${chance.integer(20)}`
    const value = 'x'.repeat(chance.pick([1, 100, 3000]))
    if (chance.integer(8) === 0) engine.write('DEL', key)
    else if (chance.integer(4) === 0) engine.write('SET', key, value, 'PX', String(1 + chance.integer(200_000)))
    else engine.write('APPEND', key, value)
  }

  /** Joins a master: by a full sync, or in step where its own log allows it. */
  private async join(): Promise<void> {
    const { master, replica } = this
    if (replica.storage.role === 'master') replica.storage.becomeReplica(MASTER)
    await fullSync(replica, master)
    this.compare()
  }

  /** Leaves the master and acts as a master for a while. */
  private async leave(): Promise<void> {
    const { chance } = this
    this.replica.storage.promote()
    const { ownFrom } = this.replica.storage.identity
    for (let i = 0; i < 10; i++) {
      this.write(this.replica)
      const { binlog } = this.replica.storage
      if (chance.integer(3) === 0) await binlog.syncTo(binlog.end.offset)
      if (chance.integer(6) === 0) await this.replica.checkpoint()
    }
    const log = logOf(this.replica, ownFrom as number)
    const { synced } = this.replica.storage.binlog
    this.replica = await Engine.open(this.replica.disk.crash(chance.random), this.options)
    const { binlog, identity } = this.replica.storage
    assert.ok(binlog.end.offset >= synced)
    assert.ok(logOf(this.replica, ownFrom as number).equals(log.subarray(0, binlog.end.offset - (ownFrom as number))))
    assert.is(identity.past[0]?.until, binlog.end.offset)
    await this.replica.settle() // deadlines are loaded
    checkMemory(this.replica.storage.keyspace)
    await this.join()
  }

  private async crash(): Promise<void> {
    const { chance, replica } = this
    const { identity } = replica.storage
    const disk = chance.integer(3) === 0 ? replica.disk.kill(chance.random) : replica.disk.crash(chance.random)
    await checkDisk(disk.kill(chance.random))
    this.replica = await Engine.open(disk, this.options)
    const { binlog, identity: found, keyspace } = this.replica.storage
    assert.ok(binlog.end.offset >= this.synced, `${binlog.end.offset} is recovered, ${this.synced} was synced`)
    assert.equal({ ...found, cleanEnd: null }, { ...identity, cleanEnd: null })
    assert.equal(this.master.storage.binlog.positionAt(binlog.end.offset), binlog.end, 'it ends at a group boundary of its master')
    checkMemory(keyspace)
    await nextTurn()
  }

  private compare(): void {
    const { master, replica, clock } = this
    receive(replica, master)
    assert.equal(replica.storage.binlog.end, master.storage.binlog.end)
    const from = replica.storage.binlog.startOffset
    assert.ok(logOf(replica).equals(logOf(master, from)), 'logs differ')
    assert.is(liveContent(replica.storage.keyspace, clock.wallMs()), liveContent(master.storage.keyspace, clock.wallMs()))
    checkMemory(replica.storage.keyspace)
  }
}

const chance = seeded('replica properties')
test("after random lives a replica's log is a prefix of its master's at a group boundary, and its data matches its log", async () => {
  for (let round = 0; round < ROUNDS; round++) await new World(chance).run()
})

test.run()

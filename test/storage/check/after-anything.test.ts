/** Collections of all types pass the checker after random work, faults and restarts. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { databasesDigest } from '../../../commands/server/debug-digest.ts'
import { checkDirectory } from '../../../storage/check/check.ts'
import { runLater } from '../../../storage/scan/steps.ts'
import { leaveMemory } from '../../support/generators/key-storm.ts'
import { randomCommand } from '../../support/generators/random-commands.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { DIRECTORY, Disk, Engine, nextTurn } from '../../support/harness/engine.ts'
import { ManualClock } from '../../support/harness/manual-clock.ts'

const { HAYPILE_ROUNDS = '8' } = process.env
const STEPS = 120
const LIMITS = [
  { inlineBytes: 60, pageBytes: 100, pageElements: 5 },
  { inlineBytes: 0, pageBytes: 60, pageElements: 3 },
  { inlineBytes: 300, pageBytes: 600, pageElements: 20 },
]

/**
 * An engine with trees of many small pages, which is written to, closed, killed and opened again.
 */
class Life {
  private disk = new Disk()
  private readonly clock = new ManualClock()
  private readonly seed: Seeded
  private readonly pageLimits
  private engine!: Engine

  constructor(seed: Seeded) {
    this.seed = seed
    this.pageLimits = seed.pick(LIMITS)
  }

  async open(): Promise<void> {
    const { clock, pageLimits, seed } = this
    // Small numbers for what Redis would keep in one piece and for a stream's nodes, too.
    const config = { 'proto-max-bulk-len': 2 ** 29, 'stream-node-max-entries': 10, 'hash-max-listpack-entries': 20 }
    this.engine = await Engine.open(this.disk, { clock, pageLimits, config, random: seed.random })
  }

  /** Does one random thing. */
  async act(): Promise<void> {
    const { integer } = this.seed
    const dice = integer(100)
    if (dice < 75) this.write(1 + integer(8))
    else if (dice < 82) this.evict()
    else if (dice < 88) this.clock.advance(integer(1500))
    else if (dice < 93) await this.checkpoint('lands')
    else if (dice < 95) await this.checkpoint('fails')
    else if (dice < 97) await this.restart('close')
    else if (dice < 99) await this.restart('kill')
    else await this.restart('power loss')
  }

  async end(): Promise<void> {
    await this.restart('close')
    await this.engine.settle()
    await this.engine.storage.close('save')
    await this.check()
  }

  private write(commands: number): void {
    const { engine, seed } = this
    engine.turn(() => {
      for (let i = 0; i < commands; i++) engine.run(...randomCommand(seed).map(String))
    })
    assert.equal(engine.broken, [])
  }

  private evict(): void {
    leaveMemory(this.engine.storage.keyspace, this.seed)
  }

  /** Runs a checkpoint during writes. */
  private async checkpoint(outcome: 'lands' | 'fails'): Promise<void> {
    const { disk, clock, seed } = this
    const { checkpointer } = this.engine.storage
    if (outcome === 'fails') disk.records.failWrites({ landsAtReopen: seed.random() < 0.5 })
    let isOver = false
    const over = () => (isOver = true)
    checkpointer.request().then(over, over)
    while (!isOver) {
      this.engine.storage.background()
      if (!checkpointer.isReopening && seed.integer(3) === 0) this.write(2)
      clock.advance(50)
      await nextTurn()
    }
    disk.records.mend()
  }

  /**
   * Restarts the engine. Its data must be there again, except after a power loss, and the check
   * must find nothing wrong on disk.
   */
  private async restart(how: 'close' | 'kill' | 'power loss'): Promise<void> {
    const { seed } = this
    this.engine.turn()
    const before = await runLater(databasesDigest(this.engine.storage.keyspace))
    if (how === 'close') await this.engine.storage.close(seed.random() < 0.5 ? 'save' : 'nosave')
    else this.disk = how === 'kill' ? this.disk.kill(seed.random) : this.disk.crash(seed.random)
    if (how === 'close') await this.check()
    await this.open()
    this.engine.turn()
    if (how !== 'power loss') assert.is(await runLater(databasesDigest(this.engine.storage.keyspace)), before, `after ${how}`)
    if (how === 'close') return
    await this.engine.storage.close('nosave')
    await this.check()
    await this.open()
  }

  private async check(): Promise<void> {
    const { files } = this.disk
    const { findings, damages } = await checkDirectory({ files, directory: DIRECTORY, openRecords: (path) => this.disk.openRecords(path) })
    assert.is(damages, 0, JSON.stringify(findings))
  }
}

test('collections of all types pass the check and equal their twins after random work and faults', async () => {
  const seed = seeded('check after anything')
  for (let round = 0; round < Number(HAYPILE_ROUNDS); round++) {
    const life = new Life(seed)
    await life.open()
    for (let step = 0; step < STEPS; step++) await life.act()
    await life.end()
  }
})

test.run()

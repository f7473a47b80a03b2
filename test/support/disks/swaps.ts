/** A master and a replica with data of their own, for full syncs between them. */
import * as assert from 'uvu/assert'
import { checkDirectory } from '../../../storage/check/check.ts'
import { fromSeed } from '../generators/seed.ts'
import { DIRECTORY, Disk, Engine, type EngineOptions } from '../harness/engine.ts'
import { liveContent } from '../harness/engine-invariants.ts'
import { ManualClock } from '../harness/manual-clock.ts'
import { MASTER } from '../replication/received.ts'

/** A random function with which a power loss takes all unsynced data (power-loss.ts). */
export const lose = () => 1 / 8
export const clock = new ManualClock()
export const BIG = 'x'.repeat(70_000)

/** A master with keys of every kind, some only in its log. */
export async function makeMaster(options: EngineOptions = {}): Promise<Engine> {
  const master = await Engine.open(new Disk(), { clock, random: fromSeed(1).random, ...options })
  for (let i = 0; i < 30; i++) master.write('SET', `k${i}`, `of the master ${i}`)
  master.write('SET', 'big', BIG)
  master.write('SET', 'volatile', '1', 'PX', '100000')
  master.turn(() => master.runIn(2, 'SET', 'elsewhere', '1'))
  await master.checkpoint()
  master.write('DEL', 'k3')
  master.write('SET', 'late', '1')
  return master
}

/** A replica with data of its own. */
export async function makeReplica(options: EngineOptions = {}): Promise<Engine> {
  const replica = await Engine.open(new Disk(), { clock, random: fromSeed(2).random, ...options })
  for (let i = 0; i < 20; i++) replica.write('SET', `k${i}`, `of before ${i}`)
  replica.write('SET', 'old', '1')
  await replica.checkpoint()
  for (let i = 0; i < 5; i++) replica.write('SET', `only in the log ${i}`, '1')
  replica.storage.becomeReplica(MASTER)
  return replica
}

export const contentOf = (engine: Engine) => liveContent(engine.storage.keyspace, clock.wallMs())

export async function checkDisk(disk: Disk): Promise<void> {
  const report = await checkDirectory({ files: disk.files, directory: DIRECTORY, openRecords: (path) => disk.openRecords(path) })
  assert.equal(
    report.findings.filter(({ severity }) => severity === 'damage'),
    [],
  )
}

/** A start that is killed at any step, and the start after it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BINLOG_DIRECTORY, Disk, Engine } from '../../support/harness/engine.ts'

/** Has a power loss take everything that was not synced (power-loss.ts). */
const lose = () => 1 / 8

/**
 * Returns the disk of a first start that wrote a key and was killed just before it synced a
 * directory.
 */
async function killedBeforeSync(path: string): Promise<Disk> {
  const disk = new Disk()
  let killed: Disk | null = null
  disk.files.onOperation = (operation, name) => {
    if (operation === 'syncDirectory' && name === path) killed ??= disk.kill(lose)
  }
  const engine = await Engine.open(disk)
  engine.write('SET', 'first', '1')
  disk.files.onOperation = undefined
  assert.ok(killed !== null, `${path} is synced`)
  return killed
}

/** Asserts that data synced after the next start survives a power loss. */
async function survives(disk: Disk): Promise<void> {
  const engine = await Engine.open(disk)
  engine.write('SET', 'second', '2')
  await engine.storage.binlog.syncTo(engine.storage.binlog.end.offset)
  const again = await Engine.open(engine.disk.crash(lose))
  assert.is(again.run('GET', 'second'), '2')
}

for (const path of ['/', '/data', BINLOG_DIRECTORY]) {
  test(`${path} written by a start that repeats a killed one survives a power loss`, async () => {
    await survives(await killedBeforeSync(path))
  })
}

test('closing while the disk refuses writes syncs what was written before', async () => {
  const engine = await Engine.open(new Disk())
  engine.write('SET', 'written', '1')
  engine.disk.files.fail({ operation: 'write', path: /\.log$/, code: 'EIO', times: 9 })
  engine.turn(() => void engine.run('SET', 'refused', '1'))
  assert.ok(engine.storage.stalled !== null)
  await engine.storage.close('save')
  const again = await Engine.open(engine.disk.crash(lose))
  assert.is(again.run('GET', 'written'), '1')
  assert.is(again.run('GET', 'refused'), null)
})

test.run()

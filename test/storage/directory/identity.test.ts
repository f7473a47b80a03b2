/** The replication id across clean shutdowns, crashes and power loss. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadIdentity, newIdentity, saveIdentity } from '../../../storage/directory/identity.ts'
import { MemoryFiles } from '../../support/disks/memory-files.ts'
import { fromSeed } from '../../support/generators/seed.ts'
import { DIRECTORY, Disk, Engine } from '../../support/harness/engine.ts'

const { random } = fromSeed(42)

test('a clean shutdown keeps the replication id; a crash begins a new one that names the old one and its end', async () => {
  let engine = await Engine.open(new Disk(), { random })
  engine.write('SET', 'a', '1')
  const first = engine.storage.identity
  await engine.storage.close('nosave')
  engine = await Engine.open(engine.disk.kill(random), { random })
  assert.is(engine.storage.identity.replicationId, first.replicationId)
  engine.write('SET', 'a', '2')
  const { offset } = engine.storage.binlog.end
  engine = await Engine.open(engine.disk.kill(random), { random })
  const second = engine.storage.identity
  assert.is.not(second.replicationId, first.replicationId)
  assert.equal(second.past, [{ id: first.replicationId, until: offset }])
})

test('a clean end counts for one start only', async () => {
  let engine = await Engine.open(new Disk(), { random })
  await engine.storage.close('save')
  engine = await Engine.open(engine.disk.kill(random), { random })
  const { replicationId } = engine.storage.identity
  const again = await Engine.open(engine.disk.crash(random), { random })
  assert.is.not(again.storage.identity.replicationId, replicationId)
})

test('a saved identity survives a power loss, and a power loss during the save leaves the old one or the new one', () => {
  for (let operation = 0; operation < 8; operation++) {
    for (let round = 0; round < 10; round++) {
      const files = new MemoryFiles({ directories: ['/data'] })
      const [before, after] = [newIdentity(random), newIdentity(random)]
      saveIdentity(files, '/data', before)
      let left = operation
      let crashed: MemoryFiles | undefined
      files.onOperation = () => {
        if (left-- === 0) crashed = files.crash(random)
      }
      saveIdentity(files, '/data', after)
      if (crashed !== undefined) {
        const found = loadIdentity(crashed, '/data')?.replicationId
        assert.ok(found === before.replicationId || found === after.replicationId)
      }
      assert.equal(loadIdentity(files.crash(random), '/data'), after)
    }
  }
})

test('the new id is durable before the node is ready', async () => {
  for (let round = 0; round < 20; round++) {
    const engine = await Engine.open(new Disk(), { random })
    assert.is(loadIdentity(engine.disk.files.crash(random), DIRECTORY)?.replicationId, engine.storage.identity.replicationId)
  }
})

test('a file that holds no identity is damage', () => {
  const files = new MemoryFiles({ directories: ['/data'] })
  for (const content of ['', '{}', '{"replicationId":"x"}', 'no JSON']) {
    files.openSync('/data/identity.json', 'create').writeSync([Buffer.from(content)], 0)
    assert.throws(() => loadIdentity(files, '/data'), /identity/)
  }
})

test.run()

/** The simulated LevelDB does what LevelDB does, and fails on demand. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LevelRecords } from '../../../storage/records/level-records.ts'
import type { RecordRange, RecordStore } from '../../../storage/records/record-store.ts'
import { type Seeded, seeded } from '../generators/seed.ts'
import { MemoryRecords } from './memory-records.ts'

const ALL: RecordRange = { from: Buffer.from(''), before: Buffer.from([255]) }

async function contentOf(store: RecordStore, range = ALL): Promise<string> {
  const iterator = store.iterate(range)
  const found: string[] = []
  for (let part = await iterator.next(7); part.length > 0; part = await iterator.next(7)) {
    for (const [key, value] of part) found.push(`${key.latin1Slice()}=${value.latin1Slice()}`)
  }
  await iterator.close()
  return found.join(' ')
}

function write(store: RecordStore, ...pairs: (readonly [key: string, value: string])[]): Promise<void> {
  const batch = store.batch()
  for (const [key, value] of pairs) batch.put(Buffer.from(key), Buffer.from(value))
  return batch.write()
}

/** A random write, or a random read whose result is returned. */
function randomStep({ integer, pick }: Seeded): (store: RecordStore) => Promise<string> {
  const key = () => Buffer.from(pick(['a', 'b', 'bb', 'c', 'ca', 'd', '\u007f', 'e']) + pick(['', '1', '\0']))
  const [from, before] = [key(), key()].sort(Buffer.compare) as [Buffer, Buffer]
  const range: RecordRange = { from, before, limit: integer(4), ...(integer(2) === 0 ? { reverse: true } : {}) }
  const changes = Array.from({ length: integer(8) }, () => ({ key: key(), value: Buffer.alloc(integer(4), 'x'), remove: integer(3) === 0 }))
  const kind = integer(10)
  return async (store) => {
    if (kind < 5) {
      const batch = store.batch()
      for (const { key, value, remove } of changes) remove ? batch.remove(key) : batch.put(key, value)
      await batch.write()
      return `${batch.count} ${batch.sizeBytes}`
    }
    if (kind === 5) await store.clear({ from, before })
    if (kind === 6) await store.reopen()
    if (kind === 7) return String(await store.getMany([from, before]))
    if (kind === 8) return String(store.getSync(from))
    return contentOf(store, range)
  }
}

test('the simulated store does what LevelDB does', async () => {
  const chance = seeded('twin of LevelDB')
  const directory = mkdtempSync(join(tmpdir(), 'haypile-records-'))
  const level = await LevelRecords.open(directory, { writeBufferBytes: 2 ** 20, blockCacheBytes: 2 ** 20 }, 'create')
  const memory = new MemoryRecords({ random: chance.random })
  try {
    for (let step = 0; step < 600; step++) {
      const run = randomStep(chance)
      assert.is(await run(memory), await run(level), `step ${step}`)
    }
    assert.is(await contentOf(memory), await contentOf(level))
  } finally {
    await level.close()
    rmSync(directory, { recursive: true })
  }
})

test('an iterator sees the store as of its beginning', async () => {
  for (const change of [(store: MemoryRecords) => write(store, ['a', '2'], ['c', '2']), (store: MemoryRecords) => store.clear(ALL)]) {
    const store = new MemoryRecords()
    await write(store, ['a', '1'], ['b', '1'])
    const iterator = store.iterate(ALL)
    await change(store)
    assert.equal(String(await iterator.next(10)), 'a,1,b,1')
    assert.equal(await iterator.next(10), [])
  }
})

test('a batch becomes visible when its write ends, and its buffers may be reused', async () => {
  const store = new MemoryRecords()
  const value = Buffer.from('1')
  const batch = store.batch()
  batch.put(Buffer.from('a'), value)
  value.fill('2')
  store.holdWrites()
  const writing = batch.write()
  assert.is(store.getSync(Buffer.from('a')), undefined)
  await Promise.resolve()
  assert.is(store.heldWrites, 1)
  store.releaseWrites()
  await writing
  assert.is(String(store.getSync(Buffer.from('a'))), '1')
  assert.throws(() => batch.put(Buffer.from('b'), value), /not open/)
})

test('a crash keeps written batches, and a prefix of the batches being written, each whole', async () => {
  const { random } = seeded('crash of records')
  const store = new MemoryRecords()
  await write(store, ['a', '1'])
  store.holdWrites()
  const writing = [write(store, ['b', '1'], ['c', '1']), write(store, ['a', '2'], ['d', '1'])]
  await Promise.resolve()
  for (const crash of [() => store.crash(random), () => store.crashProcess(random)]) {
    const found = new Set<string>()
    for (let round = 0; round < 60; round++) found.add(await contentOf(crash()))
    assert.equal([...found].sort(), ['a=1', 'a=1 b=1 c=1', 'a=2 b=1 c=1 d=1'])
  }
  store.releaseWrites()
  await Promise.all(writing)
  for (let round = 0; round < 20; round++) assert.is(await contentOf(store.crash(random)), 'a=2 b=1 c=1 d=1')
})

test('a clear may be lost, wholly or from some record on, until a batch is written after it', async () => {
  const { random } = seeded('lost clear')
  const store = new MemoryRecords()
  await write(store, ...Array.from({ length: 40 }, (_, index) => [`k${index}`, ''] as const))
  await store.clear({ from: Buffer.from('k'), before: Buffer.from('l') })
  assert.is(store.count, 0)
  const counts = new Set<number>()
  for (let round = 0; round < 60; round++) counts.add(store.crash(random).count)
  assert.equal([...counts].sort(), [0, 24, 40, 8])
  assert.is(store.crashProcess(random).count, 0)
  await write(store, ['z', ''])
  for (let round = 0; round < 20; round++) assert.is(store.crash(random).count, 1)
})

test('after a failed write all writes fail and reads work until a reopen', async () => {
  const store = new MemoryRecords()
  store.failWrites({ after: 1 })
  await write(store, ['a', '1'])
  assert.match(await failure(write(store, ['a', '2'])), /IO error/)
  assert.match(await failure(write(store, ['b', '2'])), /IO error/)
  assert.match(await failure(store.clear(ALL)), /IO error/)
  assert.is(await contentOf(store), 'a=1')
  await store.reopen()
  assert.is(await contentOf(store), 'a=1')
  await write(store, ['b', '3'])
  assert.is(await contentOf(store), 'a=1 b=3')
})

test('a failed write may appear after the reopen, and a reopen may fail too', async () => {
  const { random } = seeded('failed write in the log')
  const store = new MemoryRecords()
  store.failWrites({ error: new Error('disk full'), failedReopens: 1, landsAtReopen: true })
  assert.is(await failure(write(store, ['a', '1'])), 'disk full')
  assert.is(store.getSync(Buffer.from('a')), undefined)
  const found = new Set<number>()
  for (let round = 0; round < 60; round++) found.add(store.crash(random).count)
  assert.equal([...found].sort(), [0, 1])
  assert.match(await failure(store.reopen()), /failed to open/)
  assert.throws(() => store.getSync(Buffer.from('a')), /not open/)
  await store.reopen()
  assert.is(await contentOf(store), 'a=1')
})

test('a close waits for running writes, and every later call fails', async () => {
  const store = new MemoryRecords()
  store.holdWrites()
  let written = false
  const writing = write(store, ['a', '1']).then(() => {
    written = true
  })
  const iterator = store.iterate(ALL)
  const closing = store.close().then(() => assert.ok(written))
  store.releaseWrites()
  await Promise.all([writing, closing])
  assert.throws(() => store.getSync(Buffer.from('a')), /not open/)
  assert.throws(() => store.batch(), /not open/)
  assert.match(await failure(iterator.next(1)), /not open/)
})

test('lazy writes may be lost, whatever is synced after them, until the store is reopened', async () => {
  const { random } = seeded('lost lazy writes')
  const store = new MemoryRecords()
  for (const key of ['a', 'b', 'c']) {
    const batch = store.batch()
    batch.put(Buffer.from(key), Buffer.from('1'))
    await batch.writeLazily()
    if (key === 'b') await write(store, ['s', '1'])
  }
  assert.is(await contentOf(store), 'a=1 b=1 c=1 s=1')
  const found = new Set<string>()
  for (let round = 0; round < 100; round++) found.add(await contentOf(store.crash(random)))
  assert.equal([...found].sort(), ['a=1 b=1 c=1 s=1', 'a=1 b=1 s=1', 'a=1 s=1', 's=1'])
  assert.is(await contentOf(store.crashProcess(random)), 'a=1 b=1 c=1 s=1')
  await store.reopen()
  for (let round = 0; round < 20; round++) assert.is(await contentOf(store.crash(random)), 'a=1 b=1 c=1 s=1')
})

test('a snapshot sees the store as it was, in LevelDB and in memory, and is void after a reopen', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'haypile-snapshot-'))
  const level = await LevelRecords.open(directory, { writeBufferBytes: 2 ** 20, blockCacheBytes: 2 ** 20 }, 'create')
  try {
    for (const store of [level, new MemoryRecords()]) {
      await write(store, ['a', '1'], ['b', '1'])
      const snapshot = store.snapshot()
      await write(store, ['a', '2'], ['c', '2'])
      for (let round = 0; round < 2; round++) {
        const iterator = snapshot.iterate(ALL)
        assert.equal(String(await iterator.next(10)), 'a,1,b,1')
        await iterator.close()
      }
      const iterator = snapshot.iterate(ALL)
      assert.type(await store.approximateSize(ALL), 'number')
      await store.reopen()
      assert.match(await failure(iterator.next(10)), /not open/)
      assert.throws(() => snapshot.iterate(ALL))
      await snapshot.close()
      await snapshot.close()
      const closed = store.snapshot()
      await closed.close()
      assert.throws(() => closed.iterate(ALL))
      const lazy = store.batch()
      lazy.put(Buffer.from('d'), Buffer.from('3'))
      await lazy.writeLazily()
      assert.is(await contentOf(store), 'a=2 b=1 c=2 d=3')
    }
  } finally {
    await level.close()
    rmSync(directory, { recursive: true })
  }
})

async function failure(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no failure',
    (error: Error) => error.message,
  )
}

test.run()

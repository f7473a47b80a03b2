/** Ranges of a real LevelDB, read while the main thread is blocked. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LevelRecords } from '../../../storage/records/level-records.ts'
import { RecordReader } from '../../../storage/records/record-reader.ts'
import type { RecordRange } from '../../../storage/records/record-store.ts'
import { MemoryRecords } from '../../support/disks/memory-records.ts'
import { seeded } from '../../support/generators/seed.ts'

const SETTINGS = { writeBufferBytes: 2 ** 20, blockCacheBytes: 2 ** 20 }
const ALL: RecordRange = { from: Buffer.from(''), before: Buffer.from([255]) }

async function withLevel(run: (level: LevelRecords, directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'haypile-reader-'))
  const level = await LevelRecords.open(directory, SETTINGS, 'create')
  try {
    await run(level, directory)
  } finally {
    await level.close()
    rmSync(directory, { recursive: true })
  }
}

async function fill(level: LevelRecords, from: number, to: number): Promise<void> {
  const batch = level.batch()
  for (let i = from; i < to; i++) batch.put(Buffer.from(`k${10_000 + i}`), Buffer.from(`value ${i}`))
  await batch.write()
}

const keysOf = (level: LevelRecords, range: RecordRange = ALL, count = 100_000) =>
  level.readRangeSync(range, count).map(([key]) => key.latin1Slice())

/** Returns the output of another process that opens the directory. */
function openElsewhere(directory: string): string {
  const script = `import { LevelRecords } from '${new URL('../../../storage/records/level-records.js', import.meta.url)}'
    const records = await LevelRecords.open(process.argv[1], ${JSON.stringify(SETTINGS)}, 'create')
    console.log(records.readRangeSync({ from: Buffer.from(''), before: Buffer.from([255]) }, 100_000).length)`
  const { stdout, stderr, status, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', script, directory], {
    timeout: 60_000,
    encoding: 'utf8',
  })
  assert.is(signal, null, 'the process exits')
  return status === 0 ? stdout.trim() : /LEVEL_LOCKED/.test(stderr) ? 'locked' : stderr
}

test('the reader returns the same ranges as a memory store, in both directions, with any limit', () =>
  withLevel(async (level) => {
    const chance = seeded('ranges at one go')
    const memory = new MemoryRecords()
    const key = () => Buffer.from(chance.pick(['a', 'b', 'bb', 'c', '\0', '\xff']) + chance.pick(['', '1', '\0', '\xff']), 'latin1')
    for (let round = 0; round < 60; round++) {
      const batches = [level.batch(), memory.batch()]
      for (let i = chance.integer(6); i > 0; i--) {
        const [name, value, isGone] = [key(), Buffer.alloc(chance.integer(2000), 'x'), chance.integer(4) === 0]
        for (const batch of batches) isGone ? batch.remove(name) : batch.put(name, value)
      }
      await Promise.all(batches.map((batch) => batch.write()))
      const [from, before] = [key(), key()].sort(Buffer.compare) as [Buffer, Buffer]
      const limit = chance.integer(4)
      const range = { from, before, limit, ...(chance.integer(2) === 0 ? { reverse: true as const } : {}) }
      const count = limit === 0 ? 100 : limit
      assert.equal(level.readRangeSync(range, count), memory.readRangeSync(range, count))
    }
  }))

test('the reader sees all or nothing of a batch being written, and all of it afterwards', () =>
  withLevel(async (level) => {
    await fill(level, 0, 10)
    for (let round = 1; round <= 20; round++) {
      const [before, after] = [round * 500 - 490, round * 500 + 10]
      const writing = fill(level, before, after)
      for (let i = 0; i < 3; i++) {
        const found = keysOf(level).length
        assert.ok(found === before || found === after, `${found} records`)
      }
      await writing
      assert.is(keysOf(level).length, after)
    }
  }))

test('a bounded read returns at least the number asked for', () =>
  withLevel(async (level) => {
    await fill(level, 0, 3000)
    assert.is(keysOf(level, { ...ALL, limit: 10 }, 10).length, 10)
    const some = keysOf(level, { ...ALL, limit: 500 }, 10)
    assert.ok(some.length >= 10 && some.length <= 500)
    assert.equal(keysOf(level, { ...ALL, limit: 2, reverse: true }, 2), ['k12999', 'k12998'])
    assert.is(keysOf(level).length, 3000)
  }))

test('the reader continues after LevelDB is reopened, and throws while it is closed', () =>
  withLevel(async (level, directory) => {
    await fill(level, 0, 10)
    assert.is(keysOf(level).length, 10)
    for (let round = 0; round < 3; round++) {
      const reopening = level.reopen()
      assert.throws(
        () => keysOf(level),
        (error: { code?: string }) => error.code === 'LEVEL_DATABASE_NOT_OPEN',
      )
      await reopening
      assert.is(keysOf(level).length, 10)
    }
    assert.is(openElsewhere(directory), 'locked')
    await level.close()
    assert.throws(
      () => keysOf(level),
      (error: { code?: string }) => error.code === 'LEVEL_DATABASE_NOT_OPEN',
    )
    assert.is(openElsewhere(directory), '10', 'the reader is closed too')
  }))

test('a process that used the reader and closes nothing still exits', () =>
  withLevel(async (level, directory) => {
    await fill(level, 0, 25)
    await level.close()
    for (let round = 0; round < 2; round++) assert.is(openElsewhere(directory), '25')
  }))

test('one process cannot open a directory twice', () =>
  withLevel(async (level, directory) => {
    const link = `${directory}-link`
    symlinkSync(directory, link)
    for (const path of [directory, `${directory}/`, `${directory}/../${directory.split('/').at(-1)}`, link]) {
      const error = await LevelRecords.open(path, SETTINGS, 'create').then(
        () => null,
        (reason: { code: string; cause: { code: string } }) => reason,
      )
      assert.is(error?.cause.code, 'LEVEL_LOCKED', path)
    }
    await level.close()
    const again = await LevelRecords.open(link, SETTINGS, 'create')
    await again.close()
    rmSync(link)
  }))

test('a reader thread that does not answer in time is an error, and the next read gets a new one', () =>
  withLevel(async (level, directory) => {
    await fill(level, 0, 10)
    const reader = new RecordReader(directory, 0)
    assert.throws(() => reader.read(ALL, 10), /^a read of LevelDB has not ended within 0 ms$/)
    assert.not(reader.isRunning)
    await reader.close()
    assert.is(keysOf(level).length, 10)
  }))

test('an error of LevelDB is thrown with its code', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'haypile-reader-'))
  const reader = new RecordReader(join(directory, 'none'))
  assert.throws(
    () => reader.read(ALL, 10),
    (error: { code?: string }) => error.code === 'LEVEL_DATABASE_NOT_OPEN',
  )
  await reader.close()
  await reader.close()
  rmSync(directory, { recursive: true })
})

test.run()

/**
 * LevelDB on a file system that is really full: its data can be read, and nothing is written behind
 * a torn record.
 */
import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isDiskFull } from '../../../storage/directory/disk-space.ts'
import { LevelRecords } from '../../../storage/records/level-records.ts'
import { emptyDisk, fillDisk, onSmallDisk } from '../../support/disks/small-disk.ts'
import { seeded } from '../../support/generators/seed.ts'

const SETTINGS = { writeBufferBytes: 4 * 1024 * 1024, blockCacheBytes: 2 ** 20 }
const chance = seeded('full disk records')
const noise = (bytes: number) => Buffer.from(Array.from({ length: bytes }, () => chance.integer(256)))
const ALL = { from: Buffer.from('a'), before: Buffer.from('z') }

async function put(records: LevelRecords, key: string, value: Buffer): Promise<void> {
  const batch = records.batch()
  batch.put(Buffer.from(key), value)
  await batch.write()
}

const failure = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: Error) => error,
  )

test('after a write on a full disk LevelDB can be read, refuses writes until a reopen, and reopens complete', () =>
  onSmallDisk(12, async (directory) => {
    const path = join(directory, 'db')
    mkdirSync(path)
    const records = await LevelRecords.open(path, SETTINGS, 'create')
    await put(records, 'first', noise(1000))
    fillDisk(directory)
    const full = await failure(put(records, 'large', noise(2_000_000)))
    assert.ok(isDiskFull(full), String(full))
    assert.throws(
      () => records.checkRoom(),
      (error: unknown) => isDiskFull(error),
    )
    assert.ok(records.isOpen)
    assert.is(records.getSync(Buffer.from('first'))?.length, 1000)
    assert.is(records.readRangeSync(ALL, 10).length, 1)
    emptyDisk(directory)
    const batches: string[] = []
    for (const key of ['second', 'third']) if ((await failure(put(records, key, noise(100)))) === null) batches.push(key)
    records.checkRoom()
    cpSync(path, join(directory, 'image'), { recursive: true })
    const image = await LevelRecords.open(join(directory, 'image'), SETTINGS, 'existing')
    const keys = image.readRangeSync(ALL, 10).map(([key]) => String(key))
    await image.close()
    assert.equal(keys, ['first', ...batches], 'acknowledged writes survive a kill')
    await records.reopen()
    await put(records, 'fourth', noise(100))
    await records.reopen()
    assert.is(records.readRangeSync(ALL, 10).length, 2 + batches.length)
    await records.close()
  }))

test('a failed clear makes later writes fail', () =>
  onSmallDisk(12, async (directory) => {
    const path = join(directory, 'db')
    mkdirSync(path)
    const records = await LevelRecords.open(path, SETTINGS, 'create')
    for (let i = 0; i < 20; i++) {
      const batch = records.batch()
      for (let j = 0; j < 500; j++) batch.put(Buffer.from(`k${i}-${j}${'k'.repeat(100)}`), Buffer.from('v'))
      await batch.write()
    }
    fillDisk(directory)
    assert.ok(isDiskFull(await failure(records.clear(ALL))))
    emptyDisk(directory)
    assert.ok(isDiskFull(await failure(put(records, 'first', noise(10)))))
    await records.reopen()
    await put(records, 'first', noise(10))
    await records.close()
  }))

test.run()

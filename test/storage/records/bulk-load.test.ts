/** Loading many records into LevelDB past its log: LevelDB reads all of them afterwards. */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Files, realFiles } from '../../../base/files.ts'
import { BulkLoad } from '../../../storage/records/bulk-load.ts'
import { installTables } from '../../../storage/records/level-install.ts'
import { LevelRecords } from '../../../storage/records/level-records.ts'
import { sortedRecords, uint32At } from '../../../storage/records/record-sort.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'

const SETTINGS = { writeBufferBytes: 64 * 1024, blockCacheBytes: 1024 * 1024 }
const EVERYTHING = { from: Buffer.alloc(0), before: Buffer.from([255]) }
const BUFFER_BYTES = 512 * 1024

let directory = ''
test.before.each(() => {
  directory = mkdtempSync(join(tmpdir(), 'haypile-bulk-load-'))
})
test.after.each(() => rmSync(directory, { recursive: true, force: true }))

type Pair = readonly [key: Buffer, value: Buffer]

/** Returns keys and values of many lengths; keys share prefixes and have zero bytes. */
function randomPairs(chance: Seeded, count: number): Pair[] {
  const pairs = new Map<string, Pair>()
  while (pairs.size < count) {
    const prefix = chance.pick(['', 'k\0\0\0\0', 'k\0\0\0\0user:', 'kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk'])
    const tail = Buffer.from(Array.from({ length: 1 + chance.integer(9) }, () => chance.pick([0, 1, 48, 49, 50, 254])))
    const key = Buffer.concat([Buffer.from(prefix), tail])
    const length = chance.integer(200) === 0 ? 5000 : chance.integer(300)
    pairs.set(key.toString('latin1'), [key, Buffer.alloc(length, pairs.size)])
  }
  return [...pairs.values()]
}

const inOrder = (pairs: readonly Pair[]): Pair[] => [...pairs].sort(([a], [b]) => Buffer.compare(a, b))

/** Compares by a text, because a difference of thousands of buffers takes minutes to print. */
function mustEqual(found: readonly Pair[], expected: readonly Pair[]): void {
  const lines = (pairs: readonly Pair[]) =>
    pairs.map(([key, value]) => `${key.toString('hex')} ${value.length} ${value.toString('hex', 0, 8)}`)
  const [a, b] = [lines(found), lines(expected)]
  const index = b.findIndex((line, at) => line !== a[at])
  assert.is(a[index], b[index])
  assert.is(a.length, b.length)
}

async function contentOf(records: LevelRecords): Promise<Pair[]> {
  const iterator = records.iterate(EVERYTHING)
  try {
    const found: Pair[] = []
    for (let some = await iterator.next(1000); some.length > 0; some = await iterator.next(1000)) found.push(...some)
    return found
  } finally {
    await iterator.close()
  }
}

/** Returns a load with small buffers, for a closed database. */
function loadInto(path: string, files = realFiles): BulkLoad {
  const mustNotBatch = () => {
    throw new Error('the load is too large for a batch')
  }
  const adopt = async (tables: Parameters<typeof installTables>[2]) => installTables(realFiles, path, tables)
  return new BulkLoad({ files, directory: join(path, 'load'), bufferBytes: BUFFER_BYTES, batch: mustNotBatch, adopt })
}

async function put(load: BulkLoad, pairs: readonly Pair[]): Promise<void> {
  for (const [key, value] of pairs) {
    load.put(key, value)
    if (load.mustFlush) await load.flush()
  }
}

/** Makes a database that holds records in its tables. */
async function databaseWith(pairs: readonly Pair[]): Promise<string> {
  const path = join(directory, 'db')
  mkdirSync(path, { recursive: true })
  const records = await LevelRecords.open(path, SETTINGS, 'create')
  for (let from = 0; from < pairs.length; from += 100) {
    const batch = records.batch()
    for (const [key, value] of pairs.slice(from, from + 100)) batch.put(key, value)
    await batch.write()
  }
  await records.close()
  return path
}

test('LevelDB finds all records of a load, and those that it had', async () => {
  const chance = seeded('31')
  const pairs = randomPairs(chance, 20_000)
  const path = await databaseWith(pairs.slice(0, 2000))
  const load = loadInto(path)
  await put(load, pairs.slice(2000))
  assert.is(await load.complete(), true)
  assert.not(existsSync(join(path, 'load')))
  const records = await LevelRecords.open(path, SETTINGS, 'existing')
  mustEqual(await contentOf(records), inOrder(pairs))
  for (const [key, value] of pairs) assert.ok(records.getSync(key)?.equals(value))
  assert.is(records.getSync(Buffer.from('absent')), undefined)
  await records.close()
})

test('records of a load can be replaced and removed, also after a compaction', async () => {
  const pairs = inOrder(randomPairs(seeded('32'), 8000))
  const path = await databaseWith([])
  const load = loadInto(path)
  await put(load, pairs)
  assert.is(await load.complete(), true)
  const records = await LevelRecords.open(path, SETTINGS, 'existing')
  const batch = records.batch()
  const expected: Pair[] = []
  for (const [index, [key, value]] of pairs.entries()) {
    if (index % 3 === 0) batch.remove(key)
    else if (index % 3 === 1) batch.put(key, Buffer.from('new'))
    if (index % 3 !== 0) expected.push([key, index % 3 === 1 ? Buffer.from('new') : value])
  }
  await batch.write()
  mustEqual(await contentOf(records), expected)
  await records.compact(EVERYTHING)
  mustEqual(await contentOf(records), expected)
  await records.reopen()
  mustEqual(await contentOf(records), expected)
  await records.close()
})

test('a key that was put or claimed twice is found, wherever it is', async () => {
  const pairs = randomPairs(seeded('33'), 8000)
  for (const repeat of ['put', 'claim'] as const) {
    for (const index of [0, 4000, 7999]) {
      const load = loadInto(await databaseWith([]))
      await put(load, pairs)
      const [key, value] = pairs[index]!
      if (repeat === 'put') load.put(key, value)
      else load.claim(key)
      assert.is(await load.complete(), false)
      await load.close()
    }
  }
})

test('a claimed key gets no record', async () => {
  const pairs = randomPairs(seeded('34'), 8000)
  const path = await databaseWith([])
  const load = loadInto(path)
  for (const [index, [key, value]] of pairs.entries()) {
    if (index % 2 === 0) load.put(key, value)
    else load.claim(key)
    if (load.mustFlush) await load.flush()
  }
  assert.is(await load.complete(), true)
  const records = await LevelRecords.open(path, SETTINGS, 'existing')
  mustEqual(await contentOf(records), inOrder(pairs.filter((_, index) => index % 2 === 0)))
  await records.close()
})

test('a record that is larger than all buffers is loaded', async () => {
  const large: Pair = [Buffer.alloc(700_000, 'k'), Buffer.alloc(3_000_000, 'v')]
  const pairs = [...randomPairs(seeded('35'), 1000), large]
  const path = await databaseWith([])
  const load = loadInto(path)
  await put(load, pairs)
  assert.is(await load.complete(), true)
  const records = await LevelRecords.open(path, SETTINGS, 'existing')
  mustEqual(await contentOf(records), inOrder(pairs))
  await records.close()
})

test('an open store takes a load, large or small, and its claims', async () => {
  const pairs = randomPairs(seeded('36'), 60_000)
  for (const count of [0, 50, 60_000]) {
    const records = await LevelRecords.open(join(directory, `db${count}`), SETTINGS, 'create')
    const before = records.batch()
    before.put(Buffer.from('before'), Buffer.from('1'))
    await before.writeLazily()
    const load = records.load()
    for (const [key, value] of pairs.slice(0, count)) load.put(key, value)
    load.claim(Buffer.from('before'))
    assert.is(await load.complete(), true)
    mustEqual(await contentOf(records), inOrder([...pairs.slice(0, count), [Buffer.from('before'), Buffer.from('1')]]))
    await records.close()
  }
})

test('no large file of a load is removed by a call that blocks the process', async () => {
  for (const end of ['complete', 'close'] as const) {
    const path = await databaseWith([])
    const calls: string[] = []
    const files: Files = {
      ...realFiles,
      removeSync: (name) => void calls.push(`removeSync ${name}`),
      removeTreeSync: (name) => void calls.push(`removeTreeSync ${name}`),
      removeTree: (name) => {
        calls.push(`removeTree ${name}`)
        return realFiles.removeTree(name)
      },
    }
    const load = loadInto(path, files)
    await put(load, randomPairs(seeded('39'), 8000))
    await load.flush()
    if (end === 'complete') assert.is(await load.complete(), true)
    else await load.close()
    assert.equal(calls, [`removeTree ${join(path, 'load')}`])
    assert.not(existsSync(join(path, 'load')))
  }
})

test('closing a store ends its load and removes the files of the load', async () => {
  const path = join(directory, 'db')
  const records = await LevelRecords.open(path, SETTINGS, 'create')
  const load = records.load()
  for (const [key, value] of randomPairs(seeded('37'), 10_000)) load.put(key, value)
  await load.flush()
  const completed = load.complete().then(
    () => 'completed',
    () => 'rejected',
  )
  await records.close()
  assert.is(await completed, 'rejected')
  assert.not(existsSync(join(path, 'load')))
  await (await LevelRecords.open(path, SETTINGS, 'existing')).close()
})

test('a closed load is not completed and leaves no thread and no file', async () => {
  const path = await databaseWith([])
  const load = loadInto(path)
  await put(load, randomPairs(seeded('38'), 8000))
  await load.close()
  const completed = load.complete().then(String, (error: Error) => error.message)
  assert.is(await completed, 'the load has been closed')
  assert.not(existsSync(join(path, 'load')))
})

test('records are sorted by the bytes of their keys', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const pairs = randomPairs(seeded(String(seed)), 1 + seed * 40)
    const bytes = Buffer.concat(
      pairs.map(([key, value]) => {
        const head = Buffer.alloc(8)
        head.writeUInt32LE(key.length, 0)
        head.writeUInt32LE(value.length, 4)
        return Buffer.concat([head, key, value])
      }),
    )
    const keys = [...sortedRecords(bytes, bytes.length, pairs.length)].map((at) => bytes.subarray(at + 8, at + 8 + uint32At(bytes, at)))
    assert.equal(
      keys,
      inOrder(pairs).map(([key]) => key),
    )
  }
})

test.run()

/**
 * Missing files that are found in a LevelDB directory before LevelDB opens it, with real databases.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { realFiles } from '../../../base/files.ts'
import { checkLevelDirectory, readVersion, syncLevelDirectory } from '../../../storage/records/level-directory.ts'
import { LevelRecords } from '../../../storage/records/level-records.ts'
import type { OpenMode } from '../../../storage/records/record-store.ts'
import { MemoryFiles } from '../../support/disks/memory-files.ts'
import { seeded } from '../../support/generators/seed.ts'

const SETTINGS = { writeBufferBytes: 64 * 1024, blockCacheBytes: 2 ** 20 }
const chance = seeded('level directory')
const noise = (bytes: number) => Buffer.from(Array.from({ length: bytes }, () => chance.integer(256)))

async function withDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'haypile-level-'))
  try {
    await run(join(directory, 'db'))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Fills a database. Keys of 3000 bytes make a MANIFEST of many blocks, and records span them. */
async function fill(records: LevelRecords, batches: number): Promise<void> {
  for (let i = 0; i < batches; i++) {
    const batch = records.batch()
    for (let j = 0; j < 10; j++) batch.put(Buffer.concat([Buffer.from([1 + chance.integer(200)]), noise(2999)]), noise(5000))
    await batch.write()
  }
}

/**
 * Copies an open directory as of one moment. LevelDB's own thread may make and delete files
 * meanwhile; then the copy is taken again.
 */
async function copyAtOnce(directory: string, image: string): Promise<void> {
  const sizeOf = (name: string) => statSync(join(directory, name), { throwIfNoEntry: false })?.size
  const state = () => JSON.stringify(readdirSync(directory).map((name) => [name, sizeOf(name)]))
  for (;;) {
    const before = state()
    try {
      cpSync(directory, image, { recursive: true })
      if (state() === before) return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
    rmSync(image, { recursive: true, force: true })
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function makeDatabase(directory: string): Promise<void> {
  const records = await LevelRecords.open(directory, SETTINGS, 'create')
  await fill(records, 40)
  await records.close()
}

const fails = (directory: string, mode: OpenMode = 'existing') =>
  LevelRecords.open(directory, SETTINGS, mode).then(
    async (records) => {
      await records.close()
      return ''
    },
    (error: Error) => error.message,
  )

const named = (directory: string, pattern: RegExp) => readdirSync(directory).filter((name) => pattern.test(name)) as [string, ...string[]]

test('a live LevelDB directory is found complete at any moment, even with a MANIFEST of many blocks', () =>
  withDirectory(async (directory) => {
    let blocks = 0
    for (let round = 0; round < 4; round++) {
      const records = await LevelRecords.open(directory, SETTINGS, round === 0 ? 'create' : 'existing')
      for (let i = 0; i < 10; i++) {
        await fill(records, 3)
        const image = `${directory}-image`
        await copyAtOnce(directory, image)
        checkLevelDirectory(realFiles, image)
        rmSync(image, { recursive: true })
      }
      const [manifest] = named(directory, /^MANIFEST/)
      blocks = Math.max(blocks, statSync(join(directory, manifest)).size / 32768)
      await records.close()
      checkLevelDirectory(realFiles, directory)
    }
    assert.ok(blocks > 3, `${blocks} blocks`)
  }))

test('a missing database is created only on request', () =>
  withDirectory(async (directory) => {
    await makeDatabase(directory)
    rmSync(join(directory, 'CURRENT'))
    const data = () => readdirSync(directory).filter((name) => !name.startsWith('LO'))
    const before = data()
    assert.match(await fails(directory), /db\/CURRENT is missing; restore the whole data directory/)
    assert.equal(data(), before)
    assert.match(await fails(`${directory}-none`), /CURRENT is missing/)
    assert.is(await fails(`${directory}-none`, 'create'), '')
  }))

test('a database without records that lost its files to a power loss is created anew', () =>
  withDirectory(async (directory) => {
    for (const damage of [(path: string) => rmSync(path), (path: string) => truncateSync(path, 0)]) {
      await (await LevelRecords.open(directory, SETTINGS, 'create')).close()
      const [manifest] = named(directory, /^MANIFEST/)
      damage(join(directory, manifest))
      assert.is(await fails(directory, 'create'), '')
    }
    const records = await LevelRecords.open(directory, SETTINGS, 'existing')
    await fill(records, 1)
    await records.close()
    const [manifest] = named(directory, /^MANIFEST/)
    rmSync(join(directory, manifest))
    assert.not.equal(await fails(directory, 'create'), '', 'a database with records stays unchanged')
    assert.equal(named(directory, /^CURRENT$/), ['CURRENT'])
  }))

test('reopening does not create a database', () =>
  withDirectory(async (directory) => {
    const records = await LevelRecords.open(directory, SETTINGS, 'create')
    await fill(records, 20)
    rmSync(join(directory, 'CURRENT'))
    const error = await records.reopen().then(
      () => '',
      (reason: Error) => reason.message,
    )
    assert.match(error, /CURRENT is missing/)
    await records.close()
  }))

test('each file that LevelDB needs is named where it is missing, empty, cut short or older', () =>
  withDirectory(async (directory) => {
    const records = await LevelRecords.open(directory, SETTINGS, 'create')
    await fill(records, 30)
    const [manifest] = named(directory, /^MANIFEST/)
    const older = readFileSync(join(directory, manifest))
    await fill(records, 60)
    const image = `${directory}-image`
    await copyAtOnce(directory, image)
    await records.close()
    const { tables } = readVersion(readFileSync(join(image, manifest)), manifest)
    assert.ok(tables.size > 2)
    const [[number, sizeBytes]] = [...tables] as [[number, number]]
    const table = `${String(number).padStart(6, '0')}.ldb`
    const damages: [RegExp, (path: string) => void][] = [
      [/CURRENT does not name a MANIFEST file/, (path) => truncateSync(join(path, 'CURRENT'))],
      [/MANIFEST-000001 is missing, and .*CURRENT names it/, (path) => writeFileSync(join(path, 'CURRENT'), 'MANIFEST-000001\n')],
      [new RegExp(`${manifest} is missing`), (path) => rmSync(join(path, manifest))],
      [new RegExp(`${manifest} is cut short`), (path) => truncateSync(join(path, manifest))],
      [/ is missing/, (path) => writeFileSync(join(path, manifest), older)],
      [new RegExp(`${table} is missing`), (path) => rmSync(join(path, table))],
      [new RegExp(`${table} has 0 bytes`), (path) => truncateSync(join(path, table))],
      [new RegExp(`${table} has ${sizeBytes - 1} bytes`), (path) => truncateSync(join(path, table), sizeBytes - 1)],
      [
        new RegExp(`${manifest} is damaged at byte`),
        (path) => {
          const content = readFileSync(join(path, manifest))
          content[100] = (content[100] as number) ^ 1
          writeFileSync(join(path, manifest), content)
        },
      ],
    ]
    for (const [pattern, damage] of damages) {
      const path = `${directory}-copy`
      cpSync(image, path, { recursive: true })
      damage(path)
      const message = await fails(path)
      assert.match(message, pattern)
      assert.match(message, /restore the whole data directory from a backup/)
      rmSync(path, { recursive: true })
    }
    assert.is(await fails(image), '')
  }))

test('a missing log that MANIFEST names is reported by name', () =>
  withDirectory(async (directory) => {
    await makeDatabase(directory)
    const [log] = named(directory, /\.log$/)
    rmSync(join(directory, log))
    assert.match(await fails(directory), new RegExp(`MANIFEST-\\d+ names ${log}, which is missing`))
  }))

test('a torn record at the end of MANIFEST is ignored, as in LevelDB', async () => {
  for (const tail of [Buffer.alloc(500), Buffer.from([1, 2, 3]), Buffer.concat([noise(4), Buffer.from([200, 1, 1]), noise(20)])]) {
    await withDirectory(async (directory) => {
      await makeDatabase(directory)
      const [manifest] = named(directory, /^MANIFEST/)
      const path = join(directory, manifest)
      writeFileSync(path, Buffer.concat([readFileSync(path), tail]))
      assert.is(await fails(directory), '', `${tail.length} bytes`)
    })
  }
})

/** A fragment of MANIFEST with a wrong checksum. */
function damagedFragment(content: Buffer): Buffer {
  const head = Buffer.alloc(7)
  head.writeUInt16LE(content.length, 4)
  head[6] = 1
  return Buffer.concat([head, content])
}

/** Returns all records of a database. */
async function recordsIn(directory: string): Promise<readonly unknown[]> {
  const records = await LevelRecords.open(directory, SETTINGS, 'existing')
  const iterator = records.iterate({ from: Buffer.alloc(0), before: Buffer.from([255]) })
  const found: unknown[] = []
  for (let some = await iterator.next(1000); some.length > 0; some = await iterator.next(1000)) found.push(...some)
  await iterator.close()
  await records.close()
  return found
}

test('a damaged last record of MANIFEST is cut off, since it was never durable', async () => {
  for (const content of [Buffer.alloc(40), noise(40), noise(1)]) {
    await withDirectory(async (directory) => {
      await makeDatabase(directory)
      const before = await recordsIn(directory)
      const path = join(directory, named(directory, /^MANIFEST/)[0])
      writeFileSync(path, Buffer.concat([readFileSync(path), damagedFragment(content)]))
      assert.equal(await recordsIn(directory), before)
    })
  }
})

test('a damaged record of MANIFEST before a whole one is refused', () =>
  withDirectory(async (directory) => {
    await makeDatabase(directory)
    const path = join(directory, named(directory, /^MANIFEST/)[0])
    const whole = readFileSync(path)
    writeFileSync(path, Buffer.concat([damagedFragment(noise(40)), whole]))
    assert.match(await fails(directory), /MANIFEST-\d+ is damaged at byte 0/)
    assert.is(readFileSync(path).length, whole.length + 47, 'nothing is cut')
  }))

test('a damaged last record of MANIFEST is refused where a file of the version before is gone', () =>
  withDirectory(async (directory) => {
    await makeDatabase(directory)
    const path = join(directory, named(directory, /^MANIFEST/)[0])
    writeFileSync(path, Buffer.concat([readFileSync(path), damagedFragment(noise(40))]))
    rmSync(join(directory, named(directory, /\.log$/)[0]))
    assert.match(await fails(directory), /is missing/)
  }))

test('a directory that another process holds is reported as in use, whatever files are missing', () =>
  withDirectory(async (directory) => {
    const records = await LevelRecords.open(directory, SETTINGS, 'create')
    await fill(records, 20)
    const script = `import { LevelRecords } from '${new URL('../../../storage/records/level-records.js', import.meta.url)}'
      await LevelRecords.open(process.argv[1], ${JSON.stringify(SETTINGS)}, 'existing').catch((error) =>
        console.log(error.cause?.code, error.message))`
    const words = ['--input-type=module', '-e', script, directory]
    const elsewhere = () => spawnSync(process.execPath, words, { timeout: 60_000, encoding: 'utf8' }).stdout
    assert.match(elsewhere(), /LEVEL_LOCKED/)
    rmSync(join(directory, 'CURRENT'))
    assert.match(elsewhere(), /LEVEL_LOCKED/)
    await records.close()
    assert.match(elsewhere(), /CURRENT is missing/)
  }))

test('syncing a directory makes CURRENT, MANIFEST and logs survive a power loss, names and content', () => {
  const files = new MemoryFiles({ directories: ['/db'] })
  const names = ['000004.log', 'CURRENT', 'MANIFEST-000002']
  for (const name of names) files.openSync(`/db/${name}`, 'create').writeSync([Buffer.from(name)], 0)
  const loseAll = () => 1 / 8
  assert.equal(files.crash(loseAll).listSync('/db'), [])
  syncLevelDirectory(files, '/db')
  const after = files.crash(loseAll)
  assert.equal(after.listSync('/db'), names)
  for (const name of names) assert.is(after.openSync(`/db/${name}`, 'read').readSync(0, 100).toString(), name)
})

test('opening a database syncs its directory', () =>
  withDirectory(async (directory) => {
    const { syncDirectorySync } = realFiles
    const synced: string[] = []
    realFiles.syncDirectorySync = (path) => {
      syncDirectorySync(path)
      const names = named(path, /^(CURRENT|MANIFEST)/).join()
      if (names !== synced.at(-1)) synced.push(names) // writes sync the names of logs
    }
    try {
      let records = await LevelRecords.open(directory, SETTINGS, 'create')
      await fill(records, 10)
      await records.reopen()
      await records.close()
      records = await LevelRecords.open(directory, SETTINGS, 'existing')
      await records.close()
    } finally {
      realFiles.syncDirectorySync = syncDirectorySync
    }
    assert.is(synced.length, 3)
    assert.is(synced.at(-1), named(directory, /^(CURRENT|MANIFEST)/).join(), 'the last MANIFEST is synced too')
    assert.is(new Set(synced).size, 3, 'each opening makes another')
  }))

test('a synced batch is written only to a log whose name is durable', () =>
  withDirectory(async (directory) => {
    const { syncDirectorySync } = realFiles
    const durable = new Set<string>()
    realFiles.syncDirectorySync = (path) => {
      syncDirectorySync(path)
      durable.clear()
      for (const name of named(path, /\.log$/)) durable.add(name)
    }
    const logs = new Set<string>()
    try {
      const records = await LevelRecords.open(directory, SETTINGS, 'create')
      for (let i = 0; i < 200; i++) {
        const batch = records.batch()
        // Less than the write buffer: LevelDB begins a log before a batch, not after it.
        batch.put(noise(20), noise(5000))
        await batch.write()
        for (const name of named(directory, /\.log$/)) {
          assert.ok(durable.has(name), `${name} after batch ${i}`)
          logs.add(name)
        }
      }
      await records.close()
    } finally {
      realFiles.syncDirectorySync = syncDirectorySync
    }
    assert.ok(logs.size > 3, `${logs.size} logs`)
  }))

test('lazily written batches can be synced at any time while LevelDB creates and deletes logs', () =>
  withDirectory(async (directory) => {
    const records = await LevelRecords.open(directory, SETTINGS, 'create')
    let synced = 0
    let isOver = false
    const syncing = (async () => {
      for (; !isOver; synced++) await records.sync()
    })()
    for (let i = 0; i < 200; i++) {
      const batch = records.batch()
      for (let j = 0; j < 5; j++) batch.put(noise(20), noise(5000))
      await batch.writeLazily()
    }
    isOver = true
    await syncing
    assert.ok(synced > 0)
    await records.close()
    checkLevelDirectory(realFiles, directory)
  }))

test.run()

/**
 * Runs, tables and their installing on a simulated disk: whichever operation fails, and whenever
 * the process or the power does, the database has all tables of the load or none.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { contentOf } from '../../../base/files.ts'
import { checkLevelDirectory, manifestOf, readVersion } from '../../../storage/records/level-directory.ts'
import { installTables } from '../../../storage/records/level-install.ts'
import { LevelRecords } from '../../../storage/records/level-records.ts'
import { mergeRuns } from '../../../storage/records/record-merge.ts'
import { RunWriter } from '../../../storage/records/record-run.ts'
import type { FaultRule, Operation } from '../../support/disks/file-faults.ts'
import { MemoryFiles } from '../../support/disks/memory-files.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'

const DB = '/db'
const LOAD = '/db/load'
const RUNS = '/db/load/runs'
const RECORDS_OF_A_RUN = 400
const SPLITTER = Buffer.from('key:0400')
const IMAGES = 3

/** The files of a new database, which LevelDB has closed. */
let created: ReadonlyMap<string, Buffer> = new Map()
test.before(async () => {
  const directory = mkdtempSync(join(tmpdir(), 'haypile-load-faults-'))
  await (await LevelRecords.open(directory, { writeBufferBytes: 64 * 1024, blockCacheBytes: 1024 * 1024 }, 'create')).close()
  created = new Map(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name))]))
  rmSync(directory, { recursive: true })
})

function diskWithDatabase(chance: Seeded): MemoryFiles {
  const files = new MemoryFiles({ random: chance.random, directories: [DB] })
  for (const [name, content] of created) {
    const file = files.openSync(join(DB, name), 'create')
    file.writeSync([content], 0)
    file.datasyncSync()
    file.closeSync()
  }
  files.syncDirectorySync(DB)
  return files
}

/** Returns the records of a run, out of order; every second record belongs to it. */
function recordsOf(run: number): Buffer {
  const records = Array.from({ length: RECORDS_OF_A_RUN }, (_, index) => {
    const number = 2 * ((index * 7) % RECORDS_OF_A_RUN) + run
    const key = Buffer.from(`key:${String(number).padStart(4, '0')}`)
    const value = Buffer.alloc(40 + (number % 50), number)
    const head = Buffer.alloc(8)
    head.writeUInt32LE(key.length, 0)
    head.writeUInt32LE(value.length, 4)
    return Buffer.concat([head, key, value])
  })
  return Buffer.concat(records)
}

/** Does what a bulk load does, without its threads. */
async function load(files: MemoryFiles): Promise<void> {
  files.makeDirectorySync(LOAD)
  files.openSync(RUNS, 'create').closeSync()
  const writer = new RunWriter()
  let end = 0
  const runs = [0, 1].map((run) => {
    const records = recordsOf(run)
    const from = end
    writer.write(files, RUNS, from, records, RECORDS_OF_A_RUN)
    end += records.length
    return { from, end }
  })
  let count = 0
  const nextPath = () => join(LOAD, `table-${++count}`)
  const tables = []
  for (const [from, before] of [
    [null, SPLITTER],
    [SPLITTER, null],
  ] as const) {
    tables.push(...((await mergeRuns(files, { path: RUNS, runs, from, before, memory: new SharedArrayBuffer(64 * 1024), nextPath })) ?? []))
  }
  installTables(files, DB, tables)
}

/** Returns the number of tables, after it has asserted that the database is whole. */
function tablesOf(files: MemoryFiles, when: string): number {
  const torn = checkLevelDirectory(files, DB)
  const manifest = manifestOf(files, DB)
  const { tables } = readVersion(contentOf(files, manifest), manifest)
  assert.ok(tables.size === 0 || tables.size === 2, `${tables.size} tables, ${when}`)
  assert.ok(torn === null || tables.size === 0, `a torn MANIFEST names tables, ${when}`)
  for (const number of tables.keys()) {
    const name = `${String(number).padStart(6, '0')}.ldb`
    assert.equal(contentOf(files, join(DB, name)), expected.get(name), `${name}, ${when}`)
  }
  return tables.size
}

/** The tables of a load without faults. */
const expected = new Map<string, Buffer>()

test('a load without faults is durable', async () => {
  const chance = seeded('load faults')
  const files = diskWithDatabase(chance)
  await load(files)
  for (const name of files.listSync(DB)) if (name.endsWith('.ldb')) expected.set(name, contentOf(files, join(DB, name)))
  for (let i = 0; i < 20; i++) assert.is(tablesOf(files.crash(chance.random), 'after the load'), 2)
})

const RULES: readonly Pick<FaultRule, 'operation' | 'code' | 'isShortWrite'>[] = [
  { operation: 'open', code: 'EMFILE' },
  { operation: 'read', code: 'EIO' },
  { operation: 'write', code: 'ENOSPC' },
  { operation: 'write', code: 'ENOSPC', isShortWrite: true },
  { operation: 'datasync', code: 'EIO' },
  { operation: 'rename', code: 'ENOSPC' },
  { operation: 'syncDirectory', code: 'EIO' },
]

test('each operation that fails ends the load, and leaves all tables or none', async () => {
  const chance = seeded('load faults')
  for (const rule of RULES) {
    let after = 0
    for (let hasFailed = true; hasFailed; after++) {
      const files = diskWithDatabase(chance)
      files.fail({ ...rule, after })
      const when = `${rule.operation} ${after} failed`
      const code = await load(files).then(
        () => null,
        (error: NodeJS.ErrnoException) => error.code,
      )
      hasFailed = code !== null
      if (hasFailed) assert.is(code, rule.code, when)
      for (let i = 0; i < IMAGES; i++) tablesOf(files.crash(chance.random), when)
      tablesOf(files.crashProcess(), when)
    }
    assert.ok(after > 1, `the load has an operation ${rule.operation}`)
  }
})

test('a power loss before any operation leaves all tables or none', async () => {
  const chance = seeded('load faults')
  const files = diskWithDatabase(chance)
  const found = new Set<number>()
  files.onOperation = (operation: Operation, path: string) => {
    const when = `before ${operation} of ${path}`
    for (let i = 0; i < IMAGES; i++) found.add(tablesOf(files.crash(chance.random), when))
  }
  await load(files)
  files.onOperation = undefined
  found.add(tablesOf(files.crash(chance.random), 'after the load'))
  assert.equal([...found].sort(), [0, 2])
})

test.run()

/** Loads changed RDB files one after the other, and runs commands on the values that arrive. */
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { objects } from '../../../commands/keys/object.ts'
import { scans } from '../../../commands/keys/scan.ts'
import { RdbError } from '../../../rdb/format/rdb-error.ts'
import { RdbReader } from '../../../rdb/reader.ts'
import { Config } from '../../../server/config/config.ts'
import { RdbLoader } from '../../../storage/exchange/loader.ts'
import { decodeMeta } from '../../../storage/records/meta.ts'
import { MemoryRecords } from '../disks/memory-records.ts'
import { dataFamilies } from '../generators/data-families.ts'
import type { Seeded } from '../generators/seed.ts'
import { checkMemory, checkStored } from '../harness/engine-invariants.ts'
import { harness, START_MS } from '../harness/harness.ts'
import { mutatedFile } from './mutations.ts'
import { useValue } from './payload-walk.ts'

const DATABASES = 16
/** Far more than a file takes on a busy machine. */
const MAX_LOAD_MS = 10_000
/** Small limits, so that collections grow part by part and are evicted meanwhile. */
const SMALL = { cacheBytes: 1024, flushBytes: 500, maxWholeBytes: 200 }
const LARGE = { cacheBytes: 1024 * 1024 }

interface Loaded {
  readonly records: MemoryRecords
  readonly meta: Buffer
}

/** Loads a file as an import and a full sync do. Throws RdbError. */
async function load(file: Buffer, chunkBytes: number, limits: typeof SMALL | typeof LARGE): Promise<Loaded> {
  const records = new MemoryRecords()
  const loader = new RdbLoader({
    records,
    databaseCount: DATABASES,
    limits: new Config(),
    nowMs: START_MS,
    mustKeepExpired: true,
    libraryName: (code) => code.slice(0, 3),
    breathe: () => new Promise((resolve) => setImmediate(resolve)),
    ...limits,
  })
  const reader = new RdbReader({ mustBeUnique: false })
  for (let from = 0; from <= file.length && !reader.isAtEnd; from += chunkBytes) {
    reader.push(file.subarray(from, from + chunkBytes))
    if (from + chunkBytes >= file.length) reader.end()
    for (let part = reader.next(); part !== null; part = reader.next()) {
      loader.add(part)
      if (loader.mustFlush) await loader.flush()
    }
  }
  return { records, meta: await loader.complete({ offset: 0, crc: 0 }) }
}

/**
 * Loads `rounds` changed files. Asserts that each is refused with an RdbError, or that its records
 * pass the checker and commands find no fault with the values. Returns how many were loaded.
 */
export async function walkFiles(chance: Seeded, files: readonly Buffer[], rounds: number): Promise<number> {
  let loaded = 0
  for (let round = 0; round < rounds; round++) {
    const file = mutatedFile(chance, chance.pick(files))
    const startMs = performance.now()
    try {
      const found = await load(file, chance.pick([100, file.length]), chance.pick([SMALL, LARGE]))
      loaded++
      await useLoaded(found, chance)
    } catch (cause) {
      if (!(cause instanceof RdbError))
        throw new Error(`round ${round}, ${String(cause)}: ${file.toString('hex').slice(0, 4000)}`, { cause })
    }
    assert.ok(performance.now() - startMs < MAX_LOAD_MS, `round ${round} takes too long`)
  }
  return loaded
}

async function useLoaded({ records, meta }: Loaded, chance: Seeded): Promise<void> {
  const made = harness([...dataFamilies, objects, scans], { records })
  made.executor.context.mayBlock = false
  made.keyspace.restore(decodeMeta(meta))
  for (const key of (await made.runAsync('KEYS', '*')) as Bytes[]) {
    if (made.run('EXISTS', key) === 1) await useValue(made, chance, key)
  }
  checkMemory(made.keyspace)
  await made.toDisk()
  await checkStored(records)
}

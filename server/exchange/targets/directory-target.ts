/**
 * An import into a data directory that no server has open and that holds no keys. A new data set is
 * filled beside the one in use and then takes its place, as in a full sync (installer.ts). A failed
 * or killed import therefore leaves the directory without keys, as it was.
 */
import { rethrowAssertion } from '../../../base/assert.ts'
import { ClientError } from '../../../base/client-error.ts'
import { systemClock } from '../../../base/clock.ts'
import { readLibraryHeader } from '../../../commands/functions/header.ts'
import { refusedAt } from '../../../rdb/format/rdb-error.ts'
import type { IncomingDataSet } from '../../../storage/directory/data-sets.ts'
import { randomHex } from '../../../storage/directory/identity.ts'
import { type LoadSummary, RdbLoader } from '../../../storage/exchange/loader.ts'
import { META_KEY } from '../../../storage/records/records.ts'
import type { Config } from '../../config/config.ts'
import type { Node } from '../../node.ts'
import { collectGarbage, collectSooner } from '../../process/heap.ts'
import { holdsData, noteEntries, type OfflineOptions, openOffline } from '../offline.ts'
import { type KeySelection, type PartBatches, wantedBy } from '../parts.ts'
import { ExchangeRefusal } from '../refusal.ts'

/** Clean pages of large collections that stay in memory during an import. */
const CACHE_BYTES = 24 * 1024 * 1024
/** LevelDB gets only the pages of large collections, which it is seldom asked for. */
const LEVEL_MEMORY = [
  ['level-block-cache', '8mb'],
  ['level-write-buffer', '8mb'],
] as const
/** An imported data set begins a log of its own. */
const START = { offset: 0, crc: 0 }

export interface DirectoryImport extends OfflineOptions {
  readonly selection: KeySelection
  /** True keeps expired keys: commands that follow may give them other deadlines. */
  readonly mustKeepExpired?: boolean
  /** Called with the numbers so far, often. */
  readonly onProgress: (summary: Pick<LoadSummary, 'keys'>) => void
}

/** Fills an empty data directory. Throws ExchangeRefusal, or what reading the parts throws. */
export function importIntoDirectory(parts: PartBatches, request: DirectoryImport): Promise<LoadSummary> {
  return replaceEmpty(request, (next, config) => fill(next, parts, request, config))
}

/** Fills a new data set, including its meta record for offset 0. */
export type FillDataSet = (next: IncomingDataSet, config: Config) => Promise<LoadSummary>

/**
 * Puts a new data set in the place of an empty one. Throws ExchangeRefusal, or what `fill` throws.
 */
export async function replaceEmpty(request: DirectoryImport, fill: FillDataSet): Promise<LoadSummary> {
  const { directory } = request
  const removeNew = holdsData(directory) ? () => {} : noteEntries(directory)
  let node: Node | null = null
  collectSooner()
  try {
    node = await openOffline(request, LEVEL_MEMORY)
    mustBeEmpty(node, directory)
    const summary = await replaceData(node, fill)
    await node.close('save', 'immediate')
    return summary
  } catch (error) {
    rethrowAssertion(error)
    await node?.close('save', 'immediate')
    removeNew()
    throw error
  }
}

function mustBeEmpty({ parts: { storage } }: Node, directory: string): void {
  const { keyspace, role } = storage
  const { keyCount } = keyspace
  if (role === 'replica') {
    throw ExchangeRefusal.ofData(
      `${directory} belongs to a replica, whose data its master replaces: import into the master, or make this one a master with REPLICAOF NO ONE`,
    )
  }
  if (keyCount === 0 && keyspace.libraries.size === 0) return
  throw ExchangeRefusal.ofData(
    `${directory} holds ${keyCount} keys and ${keyspace.libraries.size} libraries: name an empty directory, or start its server and import with --to redis://HOST:PORT`,
  )
}

async function replaceData({ parts: { storage, config, random } }: Node, fill: FillDataSet): Promise<LoadSummary> {
  const next = await storage.beginDataSet()
  const summary = await fill(next, config)
  await storage.installDataSet(next, START, { replicationId: randomHex(random, 40), past: [] }, 'master')
  return summary
}

async function fill(next: IncomingDataSet, batches: PartBatches, request: DirectoryImport, config: Config): Promise<LoadSummary> {
  const isWanted = wantedBy(request.selection)
  const loader = new RdbLoader({
    records: next.records,
    databaseCount: config.number('databases'),
    limits: config,
    cacheBytes: CACHE_BYTES,
    nowMs: systemClock.wallMs(),
    mustKeepExpired: request.mustKeepExpired === true,
    libraryName,
    collectGarbage,
    breathe: () => new Promise((resolve) => setImmediate(resolve)),
    ...(isWanted === undefined ? {} : { isWanted }),
  })
  for await (const parts of batches) {
    for (const part of parts) {
      loader.add(part)
      if (loader.mustFlush) await loader.flush()
    }
    request.onProgress(loader.summary)
  }
  await next.put([[META_KEY, await loader.complete(START)]])
  return loader.summary
}

/** Returns the name in a library's first line. Throws RdbError. */
function libraryName(code: string): string {
  try {
    return readLibraryHeader(code).name
  } catch (error) {
    if (error instanceof ClientError) throw refusedAt(0, `a library of functions: ${error.message}`)
    throw error
  }
}

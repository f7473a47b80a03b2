/**
 * An import of commands into a data directory. The commands run on a directory of their own, within
 * the data set that is being filled, so that nothing of a failed import remains. Its records are
 * then copied, as a full sync does.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { IncomingDataSet } from '../../../storage/directory/data-sets.ts'
import type { LoadSummary } from '../../../storage/exchange/loader.ts'
import { encodeMeta } from '../../../storage/records/meta.ts'
import { META_KEY } from '../../../storage/records/records.ts'
import { openOffline } from '../offline.ts'
import type { CommandSource } from '../sources/command-log.ts'
import { snapshotOf } from '../sources/directory-items.ts'
import { type CommandCounts, CommandRunner } from './command-runner.ts'
import { type DirectoryImport, importIntoDirectory, replaceEmpty } from './directory-target.ts'

const RECORDS_PER_BATCH = 1000

/** Fills an empty data directory from a log. Throws ExchangeRefusal, or the errors of reading. */
export function importLogIntoDirectory(log: CommandSource, request: DirectoryImport, counts: CommandCounts): Promise<LoadSummary> {
  return replaceEmpty(request, (next) => fillFromLog(next, log, request, counts))
}

/** Runs a log into a data set. Returns the numbers of all of it. */
async function fillFromLog(
  next: IncomingDataSet,
  log: CommandSource,
  request: DirectoryImport,
  counts: CommandCounts,
): Promise<LoadSummary> {
  const directory = join(request.directory, next.name, 'staging')
  let loaded: LoadSummary | null = null
  if (await log.hasRdb()) loaded = await importIntoDirectory(log.parts(), { ...request, directory })
  const node = await openOffline({ ...request, directory })
  const { storage } = node.parts
  try {
    const runner = new CommandRunner(node, counts)
    for await (const batch of log.commands()) {
      await runner.run(batch)
      request.onProgress({ keys: storage.keyspace.keyCount })
    }
    const snapshot = await snapshotOf(storage)
    const records = snapshot.read(null)
    try {
      for (let batch = await records.next(RECORDS_PER_BATCH); batch.length > 0; batch = await records.next(RECORDS_PER_BATCH)) {
        await next.put(batch.filter(([key]) => !key.equals(META_KEY)))
      }
      await next.put([[META_KEY, encodeMeta({ ...snapshot.meta, binlogOffset: 0, binlogCrc: 0 })]])
    } finally {
      await records.close()
      await snapshot.close()
    }
  } finally {
    await node.close('nosave', 'immediate')
  }
  rmSync(directory, { recursive: true })
  const { keyCount: keys, libraries } = { keyCount: storage.keyspace.keyCount, libraries: storage.keyspace.libraries.size }
  const { expired = 0, empty = 0, skipped = [] } = loaded ?? {}
  return { keys, libraries, expired, empty, filtered: 0, skipped: [...skipped] }
}

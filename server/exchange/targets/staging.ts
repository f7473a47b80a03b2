/**
 * Imports of commands. The commands run on a directory of their own, so that nothing of a failed
 * import remains. For a data directory, it lies within the data set that is being filled, and its
 * records are copied as a full sync does. Where keys are selected or only counted, it is a
 * temporary one, and its keys are read as parts: the keys with which the log ends.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { IncomingDataSet } from '../../../storage/directory/data-sets.ts'
import type { LoadSummary } from '../../../storage/exchange/loader.ts'
import { snapshotItems } from '../../../storage/exchange/snapshot-items.ts'
import { encodeMeta } from '../../../storage/records/meta.ts'
import { META_KEY } from '../../../storage/records/records.ts'
import type { Node } from '../../node.ts'
import { emptySummary } from '../items.ts'
import { openOffline } from '../offline.ts'
import { type PartBatches, partsOfRdb } from '../parts.ts'
import type { CommandSource } from '../sources/command-log.ts'
import { snapshotOf } from '../sources/directory-items.ts'
import { type CommandCounts, CommandRunner } from './command-runner.ts'
import { type DirectoryImport, importIntoDirectory, replaceEmpty } from './directory-target.ts'
import { chunksIn } from './formats.ts'
import { TemporaryDirectory } from './temporary-directory.ts'

const RECORDS_PER_BATCH = 1000

type LogImport = Omit<DirectoryImport, 'selection' | 'mustKeepExpired'>

/** Fills an empty data directory from a log. Throws ExchangeRefusal, or the errors of reading. */
export function importLogIntoDirectory(log: CommandSource, request: LogImport, counts: CommandCounts): Promise<LoadSummary> {
  return replaceEmpty({ ...request, selection: {} }, (next) => fillFromLog(next, log, request, counts))
}

/** The keys with which a log ends. */
export class StagedLog {
  /** The numbers of the RDB before the commands; null where there is none or it was not read. */
  base: LoadSummary | null = null
  private readonly log: CommandSource
  private readonly request: Omit<LogImport, 'directory'>
  private readonly counts: CommandCounts

  constructor(log: CommandSource, request: Omit<LogImport, 'directory'>, counts: CommandCounts) {
    this.log = log
    this.request = request
    this.counts = counts
  }

  /** Runs the log and yields its parts, once. Throws ExchangeRefusal, or the errors of reading. */
  async *parts(): PartBatches {
    const temporary = new TemporaryDirectory('haypile-import-')
    try {
      const { node, base } = await runLog(this.log, { ...this.request, directory: temporary.path }, this.counts)
      this.base = base
      try {
        const snapshot = await snapshotOf(node.parts.storage)
        try {
          const items = snapshotItems(snapshot, { hasKeys: true, hasLibraries: true })
          yield* partsOfRdb(chunksIn('rdb', items, 12, emptySummary()))
        } finally {
          await snapshot.close()
        }
      } finally {
        await node.close('nosave', 'immediate')
      }
    } finally {
      temporary.remove()
    }
  }
}

/** Runs a log in an empty directory, which stays open. */
async function runLog(log: CommandSource, request: LogImport, counts: CommandCounts): Promise<{ node: Node; base: LoadSummary | null }> {
  const hasRdb = await log.hasRdb()
  const base = hasRdb ? await importIntoDirectory(log.parts(), { ...request, selection: {}, mustKeepExpired: true }) : null
  const node = await openOffline(request)
  try {
    const runner = new CommandRunner(node, counts)
    for await (const batch of log.commands()) {
      await runner.run(batch)
      request.onProgress({ keys: node.parts.storage.keyspace.keyCount })
    }
  } catch (error) {
    await node.close('nosave', 'immediate')
    throw error
  }
  return { node, base }
}

/** Runs a log into a data set. Returns the numbers of all of it. */
async function fillFromLog(next: IncomingDataSet, log: CommandSource, request: LogImport, counts: CommandCounts): Promise<LoadSummary> {
  const directory = join(request.directory, next.name, 'staging')
  const { node, base } = await runLog(log, { ...request, directory }, counts)
  const { storage } = node.parts
  try {
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
  const { expired = 0, empty = 0, skipped = [] } = base ?? {}
  return { keys, libraries, expired, empty, filtered: 0, skipped: [...skipped] }
}

/**
 * The parts that work on an open data directory beside the keyspace: how they begin, stop and
 * resume.
 */
import { Binlog } from '../binlog/binlog.ts'
import type { BinlogPosition } from '../binlog/group.ts'
import type { Segment } from '../binlog/segments.ts'
import { Checkpointer } from '../checkpoint/checkpointer.ts'
import { Sweeper } from '../checkpoint/sweeper.ts'
import type { DataSet } from '../directory/directory.ts'
import { Expiry } from '../keyspace/expiry.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'
import type { UnsettledKeys } from '../keyspace/unsettled-keys.ts'
import { decodeMeta } from '../records/meta.ts'
import type { RecordStore } from '../records/record-store.ts'
import { CURSORS_KEY, deadlineRange, META_KEY } from '../records/records.ts'
import type { ScanCursors } from '../scan/scan-cursors.ts'
import { type CountedSlots, countSlots } from '../slots/slot-counts.ts'
import type { StorageOptions } from '../storage-options.ts'
import { type RecoveredLog, replayLog } from './recovery.ts'
import { Reopening } from './reopening.ts'
import type { Replayer } from './replay-batches.ts'

/** The parts of a recovered engine that work beside the keyspace. */
export interface EngineParts {
  /** The data set in use, which a full sync replaces. */
  dataSet: DataSet
  /** The binlog of the data set in use. */
  binlog: Binlog
  readonly checkpointer: Checkpointer
  readonly expiry: Expiry
  readonly sweeper: Sweeper
  readonly reopening: Reopening
  readonly unsettled: UnsettledKeys
  /** Opens the binlog of another data set, for the same owner. */
  openBinlog(dataSet: DataSet, found: FoundLog): Binlog
}

/** A log as recovery has found it, or as a full sync has made it. */
interface FoundLog {
  readonly segments: Segment[]
  readonly end: BinlogPosition
  readonly synced: number
  readonly replicationId: string
}

/** The owner of the parts, which they notify. */
export interface EngineHost {
  /** Called when a checkpoint has landed. */
  onLanded(): void
  /** Called when a checkpoint could not be written, before LevelDB is opened again. */
  onFailed(error: unknown): void
  /**
   * Called when LevelDB can no longer be read, when it can be read again, and when the reason why
   * it cannot be opened has changed.
   */
  onAvailabilityChanged(): void
  isClosing(): boolean
  onSynced(): void
}

/** Makes the parts of an engine for a recovered log. Starts no background work. */
export function makeEngineParts(
  options: StorageOptions,
  keyspace: Keyspace,
  dataSet: DataSet,
  found: FoundLog,
  host: EngineHost,
): EngineParts {
  const { clock, files, log, settings, fatal } = options
  const onSynced = () => host.onSynced()
  const openBinlog = ({ binlog: directory }: DataSet, { end, ...rest }: FoundLog) =>
    new Binlog({ ...rest, position: end, files, directory, settings: settings.binlog, log, fatal, onSynced })
  const binlog = openBinlog(dataSet, found)
  const sweeper = new Sweeper(keyspace, log)
  const expiry = new Expiry(keyspace, log)
  const checkpointer = new Checkpointer({
    keyspace,
    binlog,
    clock,
    log,
    settings: settings.checkpoint,
    landedOffset: found.synced,
    onLanded: ({ garbageObjects, garbageDatabases }) => {
      sweeper.resume()
      sweeper.add(garbageObjects, garbageDatabases)
      host.onLanded()
    },
    onFailed: (error) => {
      host.onFailed(error)
      return reopening.run()
    },
    onMayBegin: () => {
      if (!host.isClosing()) options.events.onCheckpointMayBegin()
    },
  })
  const reopening = new Reopening({
    keyspace,
    log,
    stopBackground: () => stopBackground(parts),
    resumeBackground: () => resumeBackground(parts, clock.wallMs()),
    isClosing: () => host.isClosing(),
    onAvailabilityChanged: () => host.onAvailabilityChanged(),
    onFailed: (reason) => checkpointer.rejectAllWaiters(reason),
  })
  const parts: EngineParts = { dataSet, binlog, checkpointer, expiry, sweeper, reopening, unsettled: keyspace.unsettled, openBinlog }
  return parts
}

/**
 * Counts the keys of a data set by slot, as far as its meta record does not have the counts.
 * Returns null if slots are not counted.
 */
export async function countMissingSlots({ mustCountSlots }: Keyspace, records: RecordStore): Promise<CountedSlots | null> {
  const record = records.getSync(META_KEY)
  return mustCountSlots && record !== undefined ? await countSlots(records, decodeMeta(record)) : null
}

/**
 * Restores an empty keyspace from the records, with the counts of `countMissingSlots`. Returns the
 * binlog position of the records.
 */
export function loadMeta(keyspace: Keyspace, scanCursors: ScanCursors, counted: CountedSlots | null): BinlogPosition {
  const record = keyspace.records.getSync(META_KEY)
  const cursors = keyspace.records.getSync(CURSORS_KEY)
  if (cursors !== undefined) scanCursors.decode(cursors)
  if (record === undefined) return { offset: 0, crc: 0 }
  const meta = decodeMeta(record)
  keyspace.restore(meta, counted)
  return { offset: meta.binlogOffset, crc: meta.binlogCrc }
}

/**
 * Fills an empty keyspace from the records and the groups after them, up to the end of the binlog.
 * A torn end of the binlog is set aside in a file. `freeDiskSpace` is called after a failure and
 * returns true if a retry is worthwhile.
 */
export async function readDisk(
  { files, log, clock }: StorageOptions,
  into: {
    keyspace: Keyspace
    scanCursors: ScanCursors
    dataSet: DataSet
    ownFrom: number | null
    durable: number
    freeDiskSpace(error: unknown): boolean
  },
  replayer: Replayer,
  progress: (offset: number, end: number) => void,
): Promise<{ readonly from: BinlogPosition; readonly recovered: RecoveredLog }> {
  const { keyspace, scanCursors, dataSet, ownFrom, durable, freeDiskSpace } = into
  const read = async () => {
    const from = loadMeta(keyspace, scanCursors, await countMissingSlots(keyspace, keyspace.records))
    keyspace.deadlines.mayExist = await hasDeadlines(keyspace.records)
    keyspace.expiryMode = 'ignore'
    const recovered = await replayLog(files, dataSet, { from, ownFrom, durable }, replayer, log, clock, progress)
    await keyspace.unsettled.stopAdding()
    keyspace.unsettled.resume()
    return { from, recovered }
  }
  try {
    return await read()
  } catch (error) {
    if (!freeDiskSpace(error)) throw error
    keyspace.reset()
    return await read()
  }
}

/** True if LevelDB's deadline index has any record. */
async function hasDeadlines(records: RecordStore): Promise<boolean> {
  const { from } = deadlineRange(0, 0)
  // The first byte of a record's key is its kind.
  const iterator = records.iterateKeys({ from, before: Buffer.of(from.readUInt8(0) + 1), limit: 1 }, 'bytes')
  try {
    return ((await iterator.next(1)) ?? []).length > 0
  } finally {
    await iterator.close()
  }
}

/**
 * Stops all reads and writes of records in the background. REQUIRES: no checkpoint is under way,
 * because its end would resume them.
 */
export async function stopBackground({ expiry, sweeper, unsettled }: EngineParts): Promise<void> {
  await unsettled.stopAdding()
  await expiry.stop()
  await sweeper.stop()
}

/** Resumes the work that `stopBackground` has stopped. */
export function resumeBackground({ expiry, sweeper, unsettled }: EngineParts, wallMs: number): void {
  unsettled.resume()
  expiry.resume(wallMs)
  sweeper.resume()
}

/**
 * Opens a data directory. It finds the data set in use, opens its records (which locks it), reads
 * the identity of this node, and checks that nothing is missing.
 */
import { rethrowAssertion } from '../../base/assert.ts'
import { listSegments } from '../binlog/segments.ts'
import { FillingDataSet } from '../directory/data-sets.ts'
import { type DataSet, findDataSet, levelLogsIn, nameCurrent, removeOtherDataSets } from '../directory/directory.ts'
import { isDiskFull } from '../directory/disk-space.ts'
import { roleOf, type StoredIdentity } from '../directory/identity.ts'
import { openIdentity } from '../directory/identity-store.ts'
import { Reserve } from '../directory/reserve.ts'
import { Witness } from '../directory/witness.ts'
import type { RecordStore } from '../records/record-store.ts'
import { META_KEY } from '../records/records.ts'
import type { StorageOptions } from '../storage-options.ts'

export interface OpenedDirectory {
  readonly dataSet: DataSet
  readonly records: RecordStore
  readonly stored: StoredIdentity
  readonly witness: Witness
  /** The data set that an interrupted full sync was filling, on a replica. */
  readonly unfinished: FillingDataSet | null
  /** True if the disk is full and the reserve has been released. */
  readonly isDiskLow: boolean
}

/**
 * Opens the directory. Throws DamageError, with the file and advice, if a file is missing, empty or
 * an older copy. Removes nothing before that check.
 */
export async function openDirectory(options: StorageOptions): Promise<OpenedDirectory> {
  try {
    return { ...(await openOnce(options)), isDiskLow: false }
  } catch (error) {
    const { files, directory, settings, log } = options
    if (!isDiskFull(error) || !new Reserve(files, directory, settings.reserveBytes).release()) throw error
    log.error({}, 'disk full at startup: released the reserve, writes are refused until space is free')
    return { ...(await openOnce(options)), isDiskLow: true }
  }
}

/**
 * LevelDB locks the directory before it writes. A full disk is therefore found only by the process
 * that owns the directory.
 */
async function openOnce(options: StorageOptions): Promise<Omit<OpenedDirectory, 'isDiskLow'>> {
  const { files, directory, random, log } = options
  const { dataSet: found, isNew } = findDataSet(files, directory)
  const dataSet = isNew || !files.existsSync(found.db) ? found : { ...found, levelLogs: levelLogsIn(files, found.db) }
  const records = await options.openRecords(dataSet.db, isNew ? 'create' : 'existing')
  let unfinished: FillingDataSet | null = null
  try {
    if (isNew) nameCurrent(files, directory, dataSet.name)
    const witness = new Witness(files, directory, dataSet.name, log)
    // Another process may have initialized the directory since the check above.
    const isStillNew = isNew && records.getSync(META_KEY) === undefined && listSegments(files, dataSet.binlog).length === 0
    const stored = openIdentity({ files, directory, generation: dataSet.name, random, witness }, isStillNew)
    unfinished = roleOf(stored.identity) === 'replica' ? await findUnfinished(options, dataSet) : null
    removeOtherDataSets(files, directory, [dataSet.name, unfinished?.name])
    return { dataSet, records, stored, witness, unfinished }
  } catch (error) {
    await unfinished?.keep()
    await records.close()
    throw error
  }
}

/** Returns the unfinished data set of a full sync. One that cannot be read is received again. */
async function findUnfinished(options: StorageOptions, { name }: DataSet): Promise<FillingDataSet | null> {
  try {
    return await FillingDataSet.find(options, name)
  } catch (error) {
    rethrowAssertion(error)
    options.log.warn({ error: String(error) }, 'cannot read the data of the interrupted full sync; the sync starts over')
    return null
  }
}

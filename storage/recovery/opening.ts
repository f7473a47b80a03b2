/**
 * Opens a data directory: finds the generation in use, opens its records (which locks it), reads
 * the identity of this node, and checks that nothing is missing.
 */
import { listSegments } from '../binlog/segments.ts'
import { findGeneration, type Generation, nameCurrent, removeOtherGenerations } from '../directory/directory.ts'
import { FillingGeneration } from '../directory/generations.ts'
import { roleOf } from '../directory/identity.ts'
import { IdentityStore } from '../directory/identity-store.ts'
import { Reserve } from '../directory/reserve.ts'
import { isDiskFull } from '../directory/room.ts'
import { Witness } from '../directory/witness.ts'
import type { RecordStore } from '../records/record-store.ts'
import { META_KEY } from '../records/records.ts'
import type { StorageOptions } from '../storage-options.ts'

export interface OpenedDirectory {
  readonly generation: Generation
  readonly records: RecordStore
  readonly identities: IdentityStore
  readonly witness: Witness
  /** The generation that an interrupted full sync was filling, on a replica. */
  readonly unfinished: FillingGeneration | null
  /** True if the disk is full and the reserve has been released. */
  readonly isDiskLow: boolean
}

/**
 * Opens the directory. Throws DamageError, naming the file and a way out, if a file is missing,
 * empty or an older copy. Removes nothing before that check.
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
  const { files, directory, random, fatal, log } = options
  const { generation, isNew } = findGeneration(files, directory)
  const records = await options.openRecords(generation.db, isNew ? 'create' : 'existing')
  let unfinished: FillingGeneration | null = null
  try {
    if (isNew) nameCurrent(files, directory, generation.name)
    const witness = new Witness(files, directory, generation.name, log)
    // Another process may have initialized the directory since the check above.
    const isStillNew = isNew && records.getSync(META_KEY) === undefined && listSegments(files, generation.binlog).length === 0
    const identities = IdentityStore.open({ files, directory, generation: generation.name, random, fatal, witness, isNew: isStillNew })
    unfinished = roleOf(identities.current) === 'replica' ? await findUnfinished(options, generation) : null
    removeOtherGenerations(files, directory, [generation.name, unfinished?.name])
    return { generation, records, identities, witness, unfinished }
  } catch (error) {
    await unfinished?.keep()
    await records.close()
    throw error
  }
}

/** Returns the unfinished generation of a full sync. One that cannot be read is received again. */
async function findUnfinished(options: StorageOptions, { name }: Generation): Promise<FillingGeneration | null> {
  try {
    return await FillingGeneration.find(options, name)
  } catch (error) {
    options.log.warn({ error: String(error) }, 'cannot read the data of the interrupted full sync; the sync starts over')
    return null
  }
}

/**
 * The data directory.
 *
 *   CURRENT             name of the data set in use, one line; replaced by rename
 *   identity.json       identity.ts
 *   witness             the minimum that the other files must hold (witness.ts)
 *   generation-NNNNNN/  db/      LevelDB
 *                       binlog/  segments
 *                       history.json  the history of a data set that a full sync filled
 *                                     (data-sets.ts)
 *                       filling.json  how far a full sync has filled it (filling-progress.ts)
 *   reserve             bytes to release when the disk is full (reserve.ts)
 *
 * A data set is all data of a node. A full sync fills the next one and then changes CURRENT. Data
 * sets that CURRENT does not name are left over from an interrupted full sync. A replica continues
 * the sync if filling.json says how far it came.
 *
 * A first start makes the data set with its LevelDB, then CURRENT, identity.json, the witness and
 * segments. Each is durable before the next is made. A directory without identity.json, witness and
 * segments was therefore never ready. Any other directory has everything that comes before.
 */
import { dirname, join } from 'node:path'
import { assert } from '../../base/assert.ts'
import { bufferOf, bytesOf } from '../../base/bytes.ts'
import { type Files, replaceFileSync } from '../../base/files.ts'
import { listSegments } from '../binlog/segments.ts'
import { DamageError, RESTORE_ADVICE } from '../records/records.ts'
import { identityPath } from './identity.ts'
import { WITNESS_FILE } from './witness.ts'

/** One data set: its name, such as `generation-000001`, and the paths of its two directories. */
export interface DataSet {
  readonly name: string
  readonly db: string
  readonly binlog: string
  /** The names of LevelDB's logs before it was opened, which replaces them; absent if unknown. */
  readonly levelLogs?: readonly string[]
}

const DATA_SET_NAME = /^generation-\d{6}$/
const FIRST_DATA_SET = 'generation-000001'

/** Returns the paths of the data set of a name. Creates nothing. */
export function dataSetOf(root: string, name: string): DataSet {
  return { name, db: join(root, name, 'db'), binlog: join(root, name, 'binlog') }
}

/** Returns the names of LevelDB's logs in a directory. */
export function levelLogsIn(files: Files, db: string): string[] {
  return files.listSync(db).filter((name) => name.endsWith('.log'))
}

/** Returns the names of all data sets in order, the one in use included. */
export function dataSetNames(files: Files, root: string): string[] {
  return files.listSync(root).filter((name) => DATA_SET_NAME.test(name))
}

/**
 * Returns the data set in use. In a new directory, creates the first one, which the caller names
 * with `nameCurrent` once its database is durable.
 */
export function findDataSet(files: Files, root: string): { readonly dataSet: DataSet; readonly isNew: boolean } {
  if (!isNewDirectory(files, root)) return { dataSet: currentDataSet(files, root), isNew: false }
  makeDurable(files, root)
  const dataSet = dataSetOf(root, FIRST_DATA_SET)
  files.makeDirectorySync(dataSet.db)
  files.makeDirectorySync(dataSet.binlog)
  files.syncDirectorySync(join(root, dataSet.name))
  files.syncDirectorySync(root)
  return { dataSet, isNew: true }
}

/**
 * True if no start has ever completed here: the directory is missing, or holds at most the files of
 * a first start that was killed.
 */
function isNewDirectory(files: Files, root: string): boolean {
  if (!files.existsSync(root)) return true
  if (files.existsSync(identityPath(root)) || files.existsSync(join(root, WITNESS_FILE))) return false
  if (files.existsSync(join(root, 'CURRENT')) && currentName(files, root) !== FIRST_DATA_SET) return false
  return dataSetNames(files, root).every((name) => {
    const { binlog } = dataSetOf(root, name)
    return name === FIRST_DATA_SET && (!files.existsSync(binlog) || listSegments(files, binlog).length === 0)
  })
}

/**
 * Makes a directory and its missing ancestors, durably. An existing one is synced too: the start
 * that made it may have been killed before its own sync.
 */
function makeDurable(files: Files, path: string): void {
  const parent = dirname(path)
  if (!files.existsSync(path)) {
    if (parent !== path && !files.existsSync(parent)) makeDurable(files, parent)
    files.makeDirectorySync(path)
  }
  try {
    files.syncDirectorySync(parent)
  } catch (error) {
    // a directory that this process may not read was not made by it
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error
  }
}

/**
 * Returns the data set that CURRENT names. Throws DamageError if CURRENT or the data set is
 * missing.
 */
export function currentDataSet(files: Files, root: string): DataSet {
  const pointer = join(root, 'CURRENT')
  if (!files.existsSync(pointer)) throw new DamageError(missingCurrentText(files, root, pointer))
  const name = currentName(files, root)
  if (!DATA_SET_NAME.test(name)) throw new DamageError(`${pointer} does not name a generation; ${currentAdvice(files, root)}`)
  const found = dataSetOf(root, name)
  if (!files.existsSync(found.db) || !files.existsSync(found.binlog))
    throw new DamageError(`${pointer} names ${name}, which is missing or incomplete; ${currentAdvice(files, root)}`)
  return found
}

function missingCurrentText(files: Files, root: string, pointer: string): string {
  const isEmpty = !files.existsSync(root) || dataSetNames(files, root).length === 0
  if (isEmpty && !(files.existsSync(identityPath(root)) || files.existsSync(join(root, WITNESS_FILE))))
    return `${root} holds no data: it has no file CURRENT`
  return `${pointer} is missing; ${currentAdvice(files, root)}`
}

/**
 * Returns advice for a missing or wrong CURRENT. With several data sets, one may be half of a full
 * sync, and only a person can tell which one is complete.
 */
function currentAdvice(files: Files, root: string): string {
  const names = dataSetNames(files, root)
  return names.length === 1 ? `the only data set is ${names[0]}: put that name into the file, as one line` : RESTORE_ADVICE
}

/** Returns the content of CURRENT. */
export function currentName(files: Files, root: string): string {
  const file = files.openSync(join(root, 'CURRENT'), 'read')
  try {
    return bytesOf(file.readSync(0, 64)).trim()
  } finally {
    file.closeSync()
  }
}

/** Makes a data set the one in use, durably. */
export function nameCurrent(files: Files, root: string, name: string): void {
  assert(DATA_SET_NAME.test(name), 'CURRENT names a generation')
  replaceFileSync(files, join(root, 'CURRENT'), bufferOf(`${name}\n`))
}

/**
 * Removes the data sets that interrupted full syncs left. REQUIRES: the current data set's
 * database is open, and so locked.
 */
export function removeOtherDataSets(files: Files, root: string, kept: readonly (string | undefined)[]): void {
  for (const name of dataSetNames(files, root)) if (!kept.includes(name)) files.removeTreeSync(join(root, name))
}

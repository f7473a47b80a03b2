/**
 * The data directory.
 *
 *   CURRENT             name of the generation in use, one line; replaced by rename
 *   identity.json       identity.ts
 *   witness             the minimum that the other files must hold (witness.ts)
 *   generation-NNNNNN/  db/      LevelDB
 *                       binlog/  segments
 *                       history.json  the history of a generation that a full sync filled
 *                                     (generations.ts)
 *                       filling.json  how far a full sync has filled it (filling-progress.ts)
 *   reserve             bytes to release when the disk is full (reserve.ts)
 *
 * A generation is a whole data set. A full sync fills the next one and then changes CURRENT.
 * Generations that CURRENT does not name are left over from an interrupted full sync. A replica
 * continues the sync if filling.json says how far it came.
 *
 * A first start makes the generation with its LevelDB, then CURRENT, then identity.json, then the
 * witness and segments; each is durable before the next is made. A directory without identity.json,
 * witness and segments was therefore never ready. Any other directory has everything that comes
 * before.
 */
import { dirname, join } from 'node:path'
import { assert } from '../../base/assert.ts'
import { bufferOf, bytesOf } from '../../base/bytes.ts'
import { type Files, replaceFileSync } from '../../base/files.ts'
import { listSegments } from '../binlog/segments.ts'
import { DamageError, RESTORE_ADVICE } from '../records/records.ts'
import { identityPath } from './identity.ts'
import { WITNESS_FILE } from './witness.ts'

export interface Generation {
  readonly name: string
  readonly db: string
  readonly binlog: string
}

const GENERATION_NAME = /^generation-\d{6}$/
const FIRST_GENERATION = 'generation-000001'

export function generationOf(root: string, name: string): Generation {
  return { name, db: join(root, name, 'db'), binlog: join(root, name, 'binlog') }
}

/** Returns the names of all generations in order, the one in use included. */
export function generationNames(files: Files, root: string): string[] {
  return files.listSync(root).filter((name) => GENERATION_NAME.test(name))
}

/**
 * Returns the generation in use. In a new directory, creates the first one, which the caller names
 * with `nameCurrent` once its database is durable.
 */
export function findGeneration(files: Files, root: string): { readonly generation: Generation; readonly isNew: boolean } {
  if (!isNewDirectory(files, root)) return { generation: currentGeneration(files, root), isNew: false }
  makeDurable(files, root)
  const generation = generationOf(root, FIRST_GENERATION)
  files.makeDirectorySync(generation.db)
  files.makeDirectorySync(generation.binlog)
  files.syncDirectorySync(join(root, generation.name))
  files.syncDirectorySync(root)
  return { generation, isNew: true }
}

/**
 * True if no start has ever been ready here: the directory is missing, or holds at most the files
 * of a first start that was killed.
 */
function isNewDirectory(files: Files, root: string): boolean {
  if (!files.existsSync(root)) return true
  if (files.existsSync(identityPath(root)) || files.existsSync(join(root, WITNESS_FILE))) return false
  if (files.existsSync(join(root, 'CURRENT')) && currentName(files, root) !== FIRST_GENERATION) return false
  return generationNames(files, root).every((name) => {
    const { binlog } = generationOf(root, name)
    return name === FIRST_GENERATION && (!files.existsSync(binlog) || listSegments(files, binlog).length === 0)
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
 * Returns the generation that CURRENT names. Throws DamageError if CURRENT or the generation is
 * missing.
 */
export function currentGeneration(files: Files, root: string): Generation {
  const pointer = join(root, 'CURRENT')
  if (!files.existsSync(pointer)) throw new DamageError(withoutPointer(files, root, pointer))
  const name = currentName(files, root)
  if (!GENERATION_NAME.test(name)) throw new DamageError(`${pointer} does not name a generation; ${pointerAdvice(files, root)}`)
  const found = generationOf(root, name)
  if (!files.existsSync(found.db) || !files.existsSync(found.binlog))
    throw new DamageError(`${pointer} names ${name}, which is not there as a whole; ${pointerAdvice(files, root)}`)
  return found
}

function withoutPointer(files: Files, root: string, pointer: string): string {
  const isEmpty = !files.existsSync(root) || generationNames(files, root).length === 0
  if (isEmpty && !(files.existsSync(identityPath(root)) || files.existsSync(join(root, WITNESS_FILE))))
    return `${root} holds no data: there is no file CURRENT in it`
  return `${pointer} is missing; ${pointerAdvice(files, root)}`
}

/**
 * With several generations, one may be half of a full sync: only a person can say which one is
 * whole.
 */
function pointerAdvice(files: Files, root: string): string {
  const names = generationNames(files, root)
  return names.length === 1 ? `there is only ${names[0]}: put that name into the file, as one line` : RESTORE_ADVICE
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

/** Makes a generation the one in use, durably. */
export function nameCurrent(files: Files, root: string, name: string): void {
  assert(GENERATION_NAME.test(name), 'CURRENT names a generation')
  replaceFileSync(files, join(root, 'CURRENT'), bufferOf(`${name}\n`))
}

/**
 * Removes the generations that interrupted full syncs left. REQUIRES: the current generation's
 * database is open, and so locked.
 */
export function removeOtherGenerations(files: Files, root: string, kept: readonly (string | undefined)[]): void {
  for (const name of generationNames(files, root)) if (!kept.includes(name)) files.removeTreeSync(join(root, name))
}

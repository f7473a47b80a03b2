/**
 * The data directory.
 *
 *   CURRENT             name of the generation in use, one line; replaced by rename
 *   identity.json       identity.ts
 *   generation-NNNNNN/  db/      LevelDB
 *                       binlog/  segments
 *                       history.json  whose history it is, where a full sync has filled it (generations.ts)
 *   reserve             bytes to give back when the disk is full (reserve.ts)
 *
 * A generation is a whole data set. A full sync fills the next one and then changes CURRENT; whatever generation CURRENT does not name is
 * what an interrupted one left.
 */
import { dirname, join } from 'node:path'
import { bufferOf, bytesOf } from './bytes.ts'
import { type Files, replaceFileSync } from './files.ts'
import { DamageError } from './records.ts'

export interface Generation {
  readonly name: string
  readonly db: string
  readonly binlog: string
}

const GENERATION_NAME = /^generation-\d{6}$/

export function generationOf(root: string, name: string): Generation {
  return { name, db: join(root, name, 'db'), binlog: join(root, name, 'binlog') }
}

/** In order; the one in use is among them. */
export function generationNames(files: Files, root: string): string[] {
  return files.listSync(root).filter((name) => GENERATION_NAME.test(name))
}

/** The generation in use; a new directory gets its first one. */
export function openGeneration(files: Files, root: string): Generation {
  const pointer = join(root, 'CURRENT')
  if (!files.existsSync(pointer)) {
    makeDurable(files, root)
    const first = generationOf(root, 'generation-000001')
    files.makeDirectorySync(first.db)
    files.makeDirectorySync(first.binlog)
    files.syncDirectorySync(join(root, first.name))
    files.syncDirectorySync(root)
    nameCurrent(files, root, first.name)
    return first
  }
  return currentGeneration(files, root)
}

/**
 * Makes a directory with what is missing of its ancestors; a power loss does not take them away again. One that exists may have been made
 * by a start that was killed before it could sync that.
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
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error // not ours to read, and so not we have made this one
  }
}

/** The generation that CURRENT names. Throws DamageError where there is none. */
export function currentGeneration(files: Files, root: string): Generation {
  const pointer = join(root, 'CURRENT')
  if (!files.existsSync(pointer)) throw new DamageError(`${root} holds no data: there is no file CURRENT in it`)
  const name = currentName(files, root)
  if (!GENERATION_NAME.test(name)) throw new DamageError(`${pointer} does not name a generation`)
  const found = generationOf(root, name)
  if (!files.existsSync(found.db) || !files.existsSync(found.binlog))
    throw new DamageError(`${pointer} names ${name}, which is not there as a whole`)
  return found
}

/** What CURRENT says. */
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
  replaceFileSync(files, join(root, 'CURRENT'), bufferOf(`${name}\n`))
}

/** Removes what interrupted full syncs left. To be called with the current generation's database open, and so locked. */
export function removeOtherGenerations(files: Files, root: string, current: Generation): void {
  for (const name of generationNames(files, root)) if (name !== current.name) files.removeTreeSync(join(root, name))
}

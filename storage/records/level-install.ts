/**
 * Adds tables that were written outside of LevelDB (table-writer.ts) to a closed database: they get
 * numbers, and MANIFEST gets one more version edit that names them (db/version_edit.cc).
 */
import { join } from 'node:path'
import { assert } from '../../base/assert.ts'
import { contentOf, type Files } from '../../base/files.ts'
import { maskedCrc } from './checksums.ts'
import { BLOCK_BYTES, FIRST, FRAGMENT_HEAD_BYTES, FULL, LAST, MIDDLE, manifestOf, numbered, readVersion, TAG } from './level-directory.ts'
import type { MergedTable } from './record-merge.ts'
import { varints } from './table-writer.ts'

/** LevelDB has levels 0 to 6. */
const MAX_LEVEL = 6
const FIRST_LIMIT_BYTES = 10 * 1024 * 1024
const LIMIT_FACTOR = 10

/**
 * Installs durable tables, in ascending order and without overlaps. REQUIRES: no process has the
 * database open, and it has no key of the tables.
 */
export function installTables(files: Files, directory: string, tables: readonly MergedTable[]): void {
  const path = manifestOf(files, directory)
  const manifest = contentOf(files, path)
  const { nextFileNumber, deepestLevel } = readVersion(manifest, path)
  // LevelDB names a new log in MANIFEST only once a table has replaced the log before.
  const used = files.listSync(directory).map((name) => Number(/\d+/.exec(name)?.[0] ?? 0))
  const level = levelFor(tables, deepestLevel)
  let number = Math.max(nextFileNumber, ...used.map((last) => last + 1))
  const parts: Uint8Array[] = []
  for (const table of tables) {
    files.renameSync(table.path, join(directory, numbered(number, 'ldb')))
    parts.push(varints(TAG.newFile, level, number, table.sizeBytes))
    for (const key of [table.smallest, table.largest]) parts.push(varints(key.length), key)
    number++
  }
  files.syncDirectorySync(directory)
  parts.push(varints(TAG.nextFileNumber, number))
  const file = files.openSync(path, 'update')
  try {
    file.writeSync(fragmentsOf(Buffer.concat(parts), manifest.length), manifest.length)
    file.datasyncSync()
  } finally {
    file.closeSync()
  }
}

/**
 * Returns the level that may hold all tables and is below all that LevelDB has used, so that no
 * table overlaps another one of its level. Level 0, where tables may overlap, if there is none.
 */
function levelFor(tables: readonly MergedTable[], deepestLevel: number): number {
  const sizeBytes = tables.reduce((sum, table) => sum + table.sizeBytes, 0)
  let level = Math.max(1, deepestLevel + 1)
  while (level < MAX_LEVEL && FIRST_LIMIT_BYTES * LIMIT_FACTOR ** (level - 1) < sizeBytes) level++
  return level > MAX_LEVEL ? 0 : level
}

/** Returns a record of a log, in fragments, for an offset of the log. */
function fragmentsOf(record: Buffer, offset: number): Buffer[] {
  const buffers: Buffer[] = []
  let at = 0
  let left = BLOCK_BYTES - (offset % BLOCK_BYTES)
  while (at < record.length) {
    if (left < FRAGMENT_HEAD_BYTES) {
      buffers.push(Buffer.alloc(left))
      left = BLOCK_BYTES
      continue
    }
    const data = record.subarray(at, at + left - FRAGMENT_HEAD_BYTES)
    const end = at + data.length
    const fragment = Buffer.alloc(FRAGMENT_HEAD_BYTES + data.length)
    fragment.writeUInt16LE(data.length, 4)
    if (at === 0) fragment[6] = end === record.length ? FULL : FIRST
    else fragment[6] = end === record.length ? LAST : MIDDLE
    data.copy(fragment, FRAGMENT_HEAD_BYTES)
    fragment.writeUInt32LE(maskedCrc(fragment.subarray(6)), 0)
    buffers.push(fragment)
    at = end
    left -= fragment.length
  }
  assert(buffers.length > 0, 'a record has a fragment')
  return buffers
}

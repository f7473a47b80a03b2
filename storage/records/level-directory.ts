/**
 * Verifies the files of a LevelDB directory before LevelDB opens it, and syncs them afterwards.
 *
 * LevelDB (1.20) trusts its directory. It makes a new database if CURRENT is missing. It deletes
 * tables that an older copy of MANIFEST does not name. It opens a table only when a record in it is
 * read. In each of these cases it shows less data and reports no error. The check reads CURRENT and
 * MANIFEST as LevelDB does and compares them with the files:
 *
 * - Each table of the last version exists, with the size that MANIFEST states.
 * - The log that MANIFEST names exists: LevelDB deletes a log only after MANIFEST names a later
 *   one.
 *
 * Older copies of a log need no check here: they hold an older checkpoint, and the binlog either
 * continues from it or shows the gap.
 *
 * MANIFEST is a log in LevelDB's format (doc/log_format.md): blocks of 32 KiB with fragments, each
 * crc32c(4) length(2) type(1) data. Its records are version edits (db/version_edit.cc).
 */

import { join } from 'node:path'
import { at, must } from '../../base/assert.ts'
import { bytesOf } from '../../base/bytes.ts'
import { contentOf, type File, type Files } from '../../base/files.ts'
import { maskedCrc } from './checksums.ts'
import { DamageError, RESTORE_ADVICE } from './records.ts'

export const BLOCK_BYTES = 32 * 1024
export const FRAGMENT_HEAD_BYTES = 7
export const FULL = 1
export const FIRST = 2
export const MIDDLE = 3
export const LAST = 4
/** More bytes than one record of MANIFEST takes after LevelDB has opened. */
const MAX_TORN_BYTES = 2 * BLOCK_BYTES
/** Bytes for files beside logs and MANIFEST, and for the rounding of file systems. */
const OPENING_BYTES = 256 * 1024

/** The files of a database's last version. */
export interface LevelVersion {
  /** Sizes of the tables in bytes, by number. */
  readonly tables: ReadonlyMap<number, number>
  /** The deepest level that has ever had a table; -1 if none has. */
  readonly deepestLevel: number
  /** The number of the next file. */
  readonly nextFileNumber: number
  /** Logs from this number on are not in the tables; 0 before the first one. */
  readonly logNumber: number
  /** The offset of a damaged last record of MANIFEST; null if there is none. */
  readonly tornOffset: number | null
}

/** A MANIFEST whose last record is damaged, from an offset on. */
export interface TornManifest {
  readonly path: string
  readonly offset: number
}

/**
 * Checks a directory. Throws DamageError, naming the file, if LevelDB would fail to open it or
 * would show less data than it holds.
 *
 * Returns the MANIFEST if it has to be cut first, else null. A power loss between LevelDB's write
 * of a record and its sync may leave the record damaged, and LevelDB then refuses to open. LevelDB
 * deletes a file only after the record that replaces it is durable. If all files of the version
 * before the record exist, that version is therefore whole.
 */
export function checkLevelDirectory(files: Files, directory: string): TornManifest | null {
  const manifest = manifestOf(files, directory)
  const { tables, logNumber, tornOffset } = readVersion(contentOf(files, manifest), manifest)
  const names = new Set(files.listSync(directory))
  for (const [number, sizeBytes] of tables) {
    const name = tableNames(number).find((candidate) => names.has(candidate))
    if (name === undefined) throw damaged(join(directory, at(tableNames(number), 0)), `is missing, and ${manifest} names it`)
    const found = sizeOf(files, join(directory, name))
    if (found !== sizeBytes) throw damaged(join(directory, name), `has ${found} bytes; ${manifest} states ${sizeBytes}`)
  }
  if (logNumber === 0 || names.has(numbered(logNumber, 'log'))) return tornOffset === null ? null : { path: manifest, offset: tornOffset }
  throw damaged(manifest, `names ${numbered(logNumber, 'log')}, which is missing: one of the two was removed, or MANIFEST is an older copy`)
}

/** Cuts the damaged last record off. REQUIRES: no process has the database open. */
export function cutManifest(files: Files, { path, offset }: TornManifest): void {
  const file = files.openSync(path, 'update')
  try {
    file.truncateSync(offset)
    file.datasyncSync()
  } finally {
    file.closeSync()
  }
}

/**
 * Makes names and content of a directory that LevelDB has just opened durable. LevelDB itself syncs
 * its tables, but not the first MANIFEST and not the names of CURRENT and its logs. Returns the
 * logs, whose names are then durable.
 */
export function syncLevelDirectory(files: Files, directory: string): string {
  for (const name of files.listSync(directory)) {
    if (!/^(CURRENT|MANIFEST-\d+|\d+\.log)$/.test(name)) continue
    const file = files.openSync(join(directory, name), 'update')
    try {
      file.datasyncSync()
    } finally {
      file.closeSync()
    }
  }
  files.syncDirectorySync(directory)
  return logsIn(files, directory).join()
}

/**
 * Makes all writes to an open database durable. LevelDB hands every record of a log to the system
 * before it answers. It syncs its tables, the names of tables and MANIFEST; a log removed meanwhile
 * is in a durable table. `named` lists the logs whose names are durable; returns the new list. (The
 * sync of a directory blocks everything, so it is left out if no log has begun.)
 */
export async function syncLevelLogs(files: Files, directory: string, named: string): Promise<string> {
  for (const name of logsIn(files, directory)) await syncIfPresent(files, join(directory, name))
  return syncLogNames(files, directory, named)
}

/**
 * Makes the names of LevelDB's logs durable. LevelDB syncs a log's content with a synced write, but
 * never its name.
 */
export function syncLogNames(files: Files, directory: string, named: string): string {
  const names = logsIn(files, directory).join()
  if (names !== named) files.syncDirectorySync(directory)
  return names
}

function logsIn(files: Files, directory: string): string[] {
  return files.listSync(directory).filter((name) => /^\d+\.log$/.test(name))
}

async function syncIfPresent(files: Files, path: string): Promise<void> {
  const file = openIfPresent(files, path)
  try {
    await file?.datasync()
  } finally {
    file?.closeSync()
  }
}

function openIfPresent(files: Files, path: string): File | null {
  try {
    return files.openSync(path, 'update')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/**
 * Returns the most bytes that opening the database adds to its files: a table of each log that is
 * read again, and a new MANIFEST.
 */
export function openingBytes(files: Files, directory: string): number {
  const manifest = manifestOf(files, directory)
  const content = contentOf(files, manifest)
  const { logNumber } = readVersion(content, manifest)
  const logs = logsIn(files, directory).filter((name) => Number.parseInt(name, 10) >= logNumber)
  const logBytes = logs.reduce((sum, name) => sum + wholeRecordBytes(files, join(directory, name)), 0)
  return content.length + logBytes + Math.ceil(logBytes / 16) + OPENING_BYTES
}

/**
 * Returns the bytes of a log up to the end of its last whole record. Opening ignores the torn
 * record that a failed write leaves.
 */
function wholeRecordBytes(files: Files, path: string): number {
  const file = files.openSync(path, 'read')
  try {
    const size = file.sizeSync()
    let whole = 0
    for (let at = 0; at + FRAGMENT_HEAD_BYTES <= size; ) {
      const left = BLOCK_BYTES - (at % BLOCK_BYTES)
      const head = file.readSync(at, FRAGMENT_HEAD_BYTES)
      const end = at + FRAGMENT_HEAD_BYTES + head.readUInt16LE(4)
      const type = head[6]
      if (left < FRAGMENT_HEAD_BYTES || type === 0) {
        at += left
        continue
      }
      if (end > size) break
      if (type === FULL || type === LAST) whole = end
      at = end
    }
    return whole
  } finally {
    file.closeSync()
  }
}

export function manifestOf(files: Files, directory: string): string {
  const pointer = join(directory, 'CURRENT')
  if (!files.existsSync(pointer)) throw damaged(pointer, 'is missing')
  const text = bytesOf(contentOf(files, pointer))
  if (!/^MANIFEST-\d+\n$/.test(text)) throw damaged(pointer, 'does not name a MANIFEST file')
  const manifest = join(directory, text.trim())
  if (!files.existsSync(manifest)) throw damaged(manifest, `is missing, and ${pointer} names it`)
  return manifest
}

function damaged(path: string, what: string): DamageError {
  return new DamageError(`${path} ${what}; ${RESTORE_ADVICE}`)
}

/** The names of a table; LevelDB 1.13 and earlier wrote `.sst`. */
const tableNames = (number: number) => [numbered(number, 'ldb'), numbered(number, 'sst')]

export const numbered = (number: number, extension: string) => `${String(number).padStart(6, '0')}.${extension}`

function sizeOf(files: Files, path: string): number {
  const file = files.openSync(path, 'read')
  try {
    return file.sizeSync()
  } finally {
    file.closeSync()
  }
}

/** Returns the version that a MANIFEST describes. A torn record at its end was never in force. */
export function readVersion(manifest: Buffer, path: string): LevelVersion {
  const version: Draft = { tables: new Map(), deepestLevel: -1, nextFileNumber: 0, logNumber: -1, tornOffset: null }
  const onTorn = (at: number) => {
    version.tornOffset = at
  }
  for (const record of recordsOf(manifest, path, onTorn)) applyEdit(record, version, path)
  if (version.logNumber < 0) throw damaged(path, 'is cut short: it names no log')
  return version
}

/** Iterates over the whole records. Calls `onTorn` with the offset of a damaged last one. */
function* recordsOf(log: Buffer, path: string, onTorn: (at: number) => void): Generator<Buffer> {
  let parts: Buffer[] = []
  for (let at = 0; at + FRAGMENT_HEAD_BYTES <= log.length; ) {
    const left = BLOCK_BYTES - (at % BLOCK_BYTES)
    if (left < FRAGMENT_HEAD_BYTES) {
      at += left
      continue
    }
    const length = log.readUInt16LE(at + 4)
    const type = log[at + 6]
    const end = at + FRAGMENT_HEAD_BYTES + length
    if (type === 0 && length === 0) {
      at += left // zeros at the end of a file that was extended and never written
      continue
    }
    if (end > log.length) return
    if (!isWholeFragment(log, at)) {
      if (hasFragmentAfter(log, at)) throw damaged(path, `is damaged at byte ${at}`)
      onTorn(at)
      return
    }
    const data = log.subarray(at + FRAGMENT_HEAD_BYTES, end)
    if (type === FULL || type === FIRST) parts = []
    parts.push(data)
    if (type === FULL || type === LAST) yield Buffer.concat(parts)
    else if (type !== FIRST && type !== MIDDLE) throw damaged(path, `is damaged at byte ${at}`)
    at = end
  }
}

/** True if the bytes at an offset are a fragment with a correct checksum. */
function isWholeFragment(log: Buffer, at: number): boolean {
  const end = at + FRAGMENT_HEAD_BYTES + log.readUInt16LE(at + 4)
  if (end > Math.min(log.length, at - (at % BLOCK_BYTES) + BLOCK_BYTES)) return false
  return log.readUInt32LE(at) === maskedCrc(log.subarray(at + 6, end))
}

/** True if a whole fragment follows a damaged one, or may follow in more than `MAX_TORN_BYTES`. */
function hasFragmentAfter(log: Buffer, damagedAt: number): boolean {
  if (log.length - damagedAt > MAX_TORN_BYTES) return true
  for (let at = damagedAt + 1; at + FRAGMENT_HEAD_BYTES < log.length; at++) {
    const type = must(log[at + 6])
    if (type >= FULL && type <= LAST && isWholeFragment(log, at)) return true
  }
  return false
}

/** Tags of version edits: LevelDB never changes them. */
export const TAG = {
  comparator: 1,
  logNumber: 2,
  nextFileNumber: 3,
  lastSequence: 4,
  compactPointer: 5,
  deletedFile: 6,
  newFile: 7,
  previousLogNumber: 9,
} as const

type Draft = { -readonly [K in keyof LevelVersion]: K extends 'tables' ? Map<number, number> : LevelVersion[K] }

function applyEdit(edit: Buffer, version: Draft, path: string): void {
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let scale = 1; at < edit.length; scale *= 128) {
      const byte = must(edit[at++])
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
    throw damaged(path, 'holds a version edit that is cut short')
  }
  const skipBytes = () => {
    const length = varint()
    at += length
  }
  const deleted: number[] = []
  const added: [number, number][] = []
  while (at < edit.length) {
    const tag = varint()
    if (tag === TAG.comparator) skipBytes()
    else if (tag === TAG.logNumber) version.logNumber = varint()
    else if (tag === TAG.nextFileNumber) version.nextFileNumber = varint()
    else if (tag === TAG.lastSequence || tag === TAG.previousLogNumber) varint()
    else if (tag === TAG.compactPointer) {
      varint()
      skipBytes()
    } else if (tag === TAG.deletedFile) {
      varint()
      deleted.push(varint())
    } else if (tag === TAG.newFile) {
      version.deepestLevel = Math.max(version.deepestLevel, varint())
      added.push([varint(), varint()])
      skipBytes()
      skipBytes()
    } else throw damaged(path, `holds a version edit with the unknown tag ${tag}`)
  }
  if (at > edit.length) throw damaged(path, 'holds a version edit that is cut short')
  for (const number of deleted) version.tables.delete(number)
  // Additions come second: a move to another level deletes and adds the same table.
  for (const [number, sizeBytes] of added) version.tables.set(number, sizeBytes)
}

/**
 * The witness: a small file that states the minimum that the other files of the data directory must
 * hold. A start that finds less refuses, because a file was removed or replaced by an older copy.
 * On disk: never change.
 *
 *   witness  = "HPW1 " generation(17) " " revision(12) " " offset(20) " " crc(8) "\n"
 *
 *   generation  the name of the data set in use
 *   revision    of identity.json, decimal
 *   offset      everything before it in the data set's binlog is durable, decimal
 *   crc         CRC-32 of the bytes before it, hex
 *
 * Each value is written only after its subject is durable, so an older witness is true as well. The
 * file is therefore overwritten in place and never synced: `kill -9` leaves the newest, a power
 * loss that one or an older one. A missing or torn witness proves nothing.
 */
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { assert, must, rethrowAssertion } from '../../base/assert.ts'
import { bufferOf, bytesOf } from '../../base/bytes.ts'
import type { Files } from '../../base/files.ts'
import type { Log } from '../../base/log.ts'

/** The content of a witness. */
export interface Testimony {
  readonly generation: string
  readonly revision: number
  readonly offset: number
}

export const WITNESS_FILE = 'witness'
const PATTERN = /^(HPW1 (generation-\d{6}) (\d{12}) (\d{20}) )([0-9a-f]{8})\n$/
const LENGTH = 66

/** Returns the witness of a directory, or null if there is none that can be read. */
export function readWitness(files: Files, directory: string): Testimony | null {
  const path = join(directory, WITNESS_FILE)
  if (!files.existsSync(path)) return null
  const file = files.openSync(path, 'read')
  try {
    const match = PATTERN.exec(bytesOf(file.readSync(0, LENGTH)))
    if (match === null) return null
    const [, content, generation, revision, offset, crc] = match as unknown as string[]
    if (crc32(must(content)) !== Number.parseInt(must(crc), 16)) return null
    return { generation: must(generation), revision: Number(revision), offset: Number(offset) }
  } finally {
    file.closeSync()
  }
}

function encode({ generation, revision, offset }: Testimony): Buffer {
  assert(revision >= 0 && offset >= 0, 'the revision and the offset of a witness are not negative')
  const content = `HPW1 ${generation} ${String(revision).padStart(12, '0')} ${String(offset).padStart(20, '0')} `
  const line = bufferOf(`${content}${crc32(content).toString(16).padStart(8, '0')}\n`)
  assert(line.length === LENGTH, 'each field of the witness has its width')
  return line
}

/** Replaces the witness durably. For `haypile check`, which changes the files that it describes. */
export function replaceWitness(files: Files, directory: string, testimony: Testimony): void {
  const file = files.openSync(join(directory, WITNESS_FILE), 'create')
  try {
    file.writeSync([encode(testimony)], 0)
    file.datasyncSync()
  } finally {
    file.closeSync()
  }
  files.syncDirectorySync(directory)
}

/**
 * The witness of an open directory. Its failures never stop the server, because an older witness is
 * true.
 */
export class Witness {
  /** The witness that the start found. */
  readonly found: Testimony | null
  private readonly files: Files
  private readonly directory: string
  private readonly log: Log
  private testimony: Testimony
  private hasWarned = false

  constructor(files: Files, directory: string, generation: string, log: Log) {
    this.files = files
    this.directory = directory
    this.log = log
    this.found = readWitness(files, directory)
    this.testimony = { generation, revision: 0, offset: this.found?.generation === generation ? this.found.offset : 0 }
  }

  /** The offset that the binlog of the data set in use must reach at least. */
  get offset(): number {
    return this.testimony.offset
  }

  /**
   * Records a data set and a revision of identity.json. REQUIRES: they and the binlog's start are
   * durable.
   */
  identityStored(generation: string, revision: number): void {
    const offset = generation === this.testimony.generation ? this.testimony.offset : 0
    this.record({ generation, revision, offset })
  }

  /** Records an offset up to which the binlog of the data set in use is durable. */
  binlogSynced(offset: number): void {
    if (offset > this.testimony.offset) this.record({ ...this.testimony, offset })
  }

  /** Writes a witness, unless identity.json has never been stored. */
  private record(testimony: Testimony): void {
    const { generation, revision, offset } = this.testimony
    assert(testimony.revision >= revision, 'the revision of the witness only grows')
    assert(testimony.generation !== generation || testimony.offset >= offset, 'the offset of the witness only grows')
    this.testimony = testimony
    // identity.json is not stored yet: a witness without it would be refused
    if (testimony.revision === 0) return
    try {
      this.write(encode(testimony))
    } catch (error) {
      rethrowAssertion(error)
      if (this.hasWarned) return
      this.hasWarned = true
      this.log.warn({ error: String(error) }, 'cannot write the file "witness": the next start may not detect that files are older copies')
    }
  }

  private write(content: Buffer): void {
    const path = join(this.directory, WITNESS_FILE)
    const file = this.files.openSync(path, this.files.existsSync(path) ? 'update' : 'create')
    try {
      file.writeSync([content], 0)
    } finally {
      file.closeSync()
    }
  }
}

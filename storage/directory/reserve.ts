/**
 * A file that takes up space in advance, and is removed when the disk is full. The space is then
 * used for the held group, and for a checkpoint, after which binlog can be purged.
 */
import { join } from 'node:path'
import { rethrowAssertion } from '../../base/assert.ts'
import type { Files } from '../../base/files.ts'

const PIECE_BYTES = 1024 * 1024

/** A file whose space is released when the disk is full. */
export class Reserve {
  private readonly files: Files
  private readonly directory: string
  private readonly path: string
  private readonly sizeBytes: number
  private isPresent = false

  constructor(files: Files, directory: string, sizeBytes: number) {
    this.files = files
    this.directory = directory
    this.path = join(directory, 'reserve')
    this.sizeBytes = sizeBytes
  }

  get isHeld(): boolean {
    return this.isPresent || this.sizeBytes === 0
  }

  /**
   * Takes the space if as much again stays free on the disk. Returns true if the reserve is held.
   */
  acquire(): boolean {
    if (this.isHeld) return true
    try {
      this.isPresent = this.isOnDisk()
      if (this.isPresent) return true
      if (this.files.freeBytesSync(this.directory) < 2 * this.sizeBytes) return false
    } catch (error) {
      rethrowAssertion(error)
      return false // the file may exist, and stays
    }
    this.isPresent = this.make()
    return this.isPresent
  }

  private make(): boolean {
    try {
      const file = this.files.openSync(this.path, 'create')
      try {
        const piece = Buffer.alloc(PIECE_BYTES)
        for (let at = 0; at < this.sizeBytes; at += PIECE_BYTES)
          file.writeSync([piece.subarray(0, Math.min(PIECE_BYTES, this.sizeBytes - at))], at)
      } finally {
        file.closeSync()
      }
      return true
    } catch (error) {
      rethrowAssertion(error)
      this.release()
      return false
    }
  }

  /** True if an earlier run has left the whole file. */
  private isOnDisk(): boolean {
    if (!this.files.existsSync(this.path)) return false
    const file = this.files.openSync(this.path, 'read')
    try {
      return file.sizeSync() >= this.sizeBytes
    } finally {
      file.closeSync()
    }
  }

  /** Releases the space. Returns true if there was any. */
  release(): boolean {
    this.isPresent = false
    if (!this.files.existsSync(this.path)) return false
    try {
      this.files.removeSync(this.path)
      return true
    } catch (error) {
      rethrowAssertion(error)
      return false
    }
  }
}

/**
 * The file system as storage sees it. `realFiles` is Node's. `test/support/disks/memory-files.ts`
 * has one that fails on demand and loses unsynced data.
 */
import * as fs from 'node:fs'
import { dirname, resolve } from 'node:path'

/** An open file. Offsets and lengths are in bytes. Errors are Node's, with `code`. */
export interface File {
  readonly path: string
  /**
   * Writes all of the buffers at the position, or throws. After a throw, the bytes written are
   * unknown.
   */
  writeSync(buffers: readonly Buffer[], position: number): void
  /** Reads up to `length` bytes; fewer at the end of the file. */
  readSync(position: number, length: number): Buffer
  /** Fills a buffer. Returns the number of bytes; fewer at the end of the file. */
  fillSync(buffer: Buffer, position: number): number
  sizeSync(): number
  truncateSync(length: number): void
  /** Resolves when data and size are durable. */
  datasync(): Promise<void>
  datasyncSync(): void
  closeSync(): void
}

/** The operations of a file system that storage uses. Errors are Node's, with `code`. */
export interface Files {
  makeDirectorySync(path: string): void
  /** Returns the names in a directory, sorted. */
  listSync(path: string): string[]
  existsSync(path: string): boolean
  openSync(path: string, mode: 'read' | 'create' | 'update'): File
  renameSync(from: string, to: string): void
  removeSync(path: string): void
  removeTreeSync(path: string): void
  /** Removes a tree without blocking the process: freeing a large file takes seconds. */
  removeTree(path: string): Promise<void>
  /** Makes creations, renames and removals in the directory durable. */
  syncDirectorySync(path: string): void
  /** Returns the free bytes on the file system of the path. */
  freeBytesSync(path: string): number
}

/** The most bytes of one read: the system reads less than 2 GiB at a time. */
const MAX_READ_BYTES = 2 ** 30

class RealFile implements File {
  readonly path: string
  private readonly fd: number

  constructor(path: string, flags: string) {
    this.path = path
    this.fd = fs.openSync(path, flags)
  }

  writeSync(buffers: readonly Buffer[], position: number): void {
    for (const buffer of buffers) {
      let done = 0
      while (done < buffer.length) done += fs.writeSync(this.fd, buffer, done, buffer.length - done, position + done)
      position += done
    }
  }

  readSync(position: number, length: number): Buffer {
    const buffer = Buffer.allocUnsafe(length)
    return buffer.subarray(0, this.fillSync(buffer, position))
  }

  fillSync(buffer: Buffer, position: number): number {
    let done = 0
    while (done < buffer.length) {
      const count = fs.readSync(this.fd, buffer, done, Math.min(buffer.length - done, MAX_READ_BYTES), position + done)
      if (count === 0) break
      done += count
    }
    return done
  }

  sizeSync(): number {
    return fs.fstatSync(this.fd).size
  }

  truncateSync(length: number): void {
    fs.ftruncateSync(this.fd, length)
  }

  datasync(): Promise<void> {
    return new Promise((resolve, reject) => fs.fdatasync(this.fd, (error) => (error ? reject(error) : resolve())))
  }

  datasyncSync(): void {
    fs.fdatasyncSync(this.fd)
  }

  closeSync(): void {
    fs.closeSync(this.fd)
  }
}

/** Node's file system. */
export const realFiles: Files = {
  makeDirectorySync: (path) => void fs.mkdirSync(path, { recursive: true }),
  listSync: (path) => fs.readdirSync(path).sort(),
  existsSync: (path) => fs.existsSync(path),
  openSync: (path, mode) => new RealFile(path, mode === 'read' ? 'r' : mode === 'create' ? 'w+' : 'r+'),
  renameSync: (from, to) => fs.renameSync(from, to),
  removeSync: (path) => fs.rmSync(path),
  removeTreeSync: (path) => fs.rmSync(path, { recursive: true, force: true }),
  removeTree: (path) => fs.promises.rm(path, { recursive: true, force: true }),
  syncDirectorySync(path) {
    // Windows cannot open a directory; NTFS journals its entries.
    if (process.platform === 'win32') return
    const fd = fs.openSync(path, 'r')
    try {
      fs.fsyncSync(fd)
    } finally {
      fs.closeSync(fd)
    }
  },
  freeBytesSync(path) {
    const { bavail, bsize } = fs.statfsSync(path)
    return bavail * bsize
  },
}

/** Returns the whole content of a file. */
export function contentOf(files: Files, path: string): Buffer {
  const file = files.openSync(path, 'read')
  try {
    return file.readSync(0, file.sizeSync())
  } finally {
    file.closeSync()
  }
}

/** Returns the canonical path of a directory, with symbolic links resolved if it exists. */
export function realPathOf(path: string): string {
  return fs.existsSync(path) ? fs.realpathSync(path) : resolve(path)
}

/**
 * Replaces a small file. After a crash it has either the old or the new content, complete.
 */
export function replaceFileSync(files: Files, path: string, content: Buffer): void {
  const temporary = `${path}.new`
  const file = files.openSync(temporary, 'create')
  try {
    file.writeSync([content], 0)
    file.datasyncSync()
  } finally {
    file.closeSync()
  }
  files.renameSync(temporary, path)
  files.syncDirectorySync(dirname(path))
}

/**
 * A file system in memory that loses, at a simulated crash, what a real one may lose.
 *
 *   power loss     crash(random)     synced data survives; each unsynced page, size and name
 *                                    may survive or not, in any order, and pages may be torn
 *   process kill   crashProcess()    everything written survives; a later power loss may still
 *                                    take what was not synced
 *
 * Both leave this file system unchanged and return another one. So one moment can be crashed many
 * ways, and code still running on the old one has no effect. A datasync makes the content durable
 * as of its call. A name is durable only after a sync of its directory. A failed datasync abandons
 * its pages: a later successful one does not write them (see Versions.failSync).
 */
import type { Random } from '../../../base/clock.ts'
import type { File, Files } from '../../../base/files.ts'
import { type FaultRule, Faults, type Operation, systemError } from './file-faults.ts'
import { Directories, Directory, type Node } from './memory-directories.ts'
import { Inode } from './memory-inode.ts'
import { powerLoss } from './power-loss.ts'

export { PAGE_BYTES } from './memory-inode.ts'

export interface MemoryFilesOptions {
  /** Draws the length of short writes; crashes take their own. */
  readonly random?: Random
  readonly capacityBytes?: number
  /** Directories that exist, durably, from the start. */
  readonly directories?: readonly string[]
}

const DEFAULT_CAPACITY_BYTES = 2 ** 40

/** A file system in memory that can crash, fill up and fail. */
export class MemoryFiles implements Files {
  /**
   * The capacity of the disk. May change at any time; while it is below the used bytes, every
   * operation that allocates fails.
   */
  capacityBytes: number
  /** Called before each operation that can fail; a good moment to crash. */
  onOperation: ((operation: Operation, path: string) => void) | undefined
  private readonly random: Random
  private directories = new Directories()
  private readonly faults = new Faults()
  private time = 0
  private held: (() => void)[] | undefined

  constructor(options: MemoryFilesOptions = {}) {
    this.random = options.random ?? (() => 0.5)
    this.capacityBytes = options.capacityBytes ?? DEFAULT_CAPACITY_BYTES
    for (const path of options.directories ?? []) this.makeDurableDirectory(path)
  }

  /** The disk that a machine may find after a power loss now. */
  crash(random: Random): MemoryFiles {
    return this.withDirectories(this.directories.afterPowerLoss(powerLoss(random)))
  }

  /**
   * The disk that the next process finds after this one is killed now. Injected faults are not
   * carried over.
   */
  crashProcess(): MemoryFiles {
    return this.withDirectories(this.directories.copy())
  }

  /** Makes operations fail. The returned function removes the rule before its uses are spent. */
  fail(rule: FaultRule): () => void {
    return this.faults.add(rule)
  }

  /** Keeps asynchronous syncs pending until `releaseSyncs`. */
  holdSyncs(): void {
    this.held ??= []
  }

  /**
   * Completes the pending syncs in the order of their calls; later ones complete by themselves
   * again.
   */
  releaseSyncs(): void {
    const held = this.held ?? []
    this.held = undefined
    for (const end of held) end()
  }

  get heldSyncs(): number {
    return this.held?.length ?? 0
  }

  get usedBytes(): number {
    let used = 0
    for (const inode of this.directories.inodes()) used += inode.allocatedBytes
    return used
  }

  makeDirectorySync(path: string): void {
    this.attempt('makeDirectory', 'mkdir', path)
    const made: string[] = []
    for (const part of Directories.parts(path)) {
      made.push(part)
      const node = this.directories.find(made.join('/'))
      if (node instanceof Inode) throw systemError(made.length === Directories.parts(path).length ? 'EEXIST' : 'ENOTDIR', 'mkdir', path)
      if (node === undefined) this.name(made.join('/'), new Directory())
    }
  }

  listSync(path: string): string[] {
    return [...this.directory(path, 'scandir').entries.keys()].sort()
  }

  existsSync(path: string): boolean {
    return this.directories.find(path) !== undefined
  }

  openSync(path: string, mode: 'read' | 'create' | 'update'): File {
    this.attempt('open', 'open', path)
    const node = this.lookUp(path, 'open')
    if (node instanceof Directory) throw systemError('EISDIR', 'open', path)
    if (node === undefined && mode !== 'create') throw systemError('ENOENT', 'open', path)
    const inode = node ?? new Inode()
    if (node === undefined) this.name(path, inode)
    if (mode === 'create') inode.truncate(this.tick(), 0)
    return new MemoryFile(path, inode, mode !== 'read', this.disk)
  }

  renameSync(from: string, to: string): void {
    this.attempt('rename', 'rename', from, to)
    const node = this.lookUp(from, 'rename')
    this.lookUp(to, 'rename')
    const source = this.directories.parent(from)
    const target = this.directories.parent(to)
    if (node === undefined || source === undefined || target === undefined) throw systemError('ENOENT', 'rename', from)
    if (node instanceof Directory && isInside(to, from)) throw systemError('EINVAL', 'rename', from)
    if (isInside(from, to)) throw systemError('ENOTEMPTY', 'rename', from)
    const replaced = target.directory.entries.get(target.name)
    if (replaced === node) return
    if (replaced instanceof Directory && !(node instanceof Directory)) throw systemError('EISDIR', 'rename', to)
    if (replaced instanceof Inode && node instanceof Directory) throw systemError('ENOTDIR', 'rename', to)
    if (replaced instanceof Directory && replaced.entries.size > 0) throw systemError('ENOTEMPTY', 'rename', to)
    this.directories.change(this.tick(), [
      { ...source, node: null },
      { ...target, node },
    ])
  }

  removeSync(path: string): void {
    this.attempt('remove', 'rm', path)
    const node = this.lookUp(path, 'rm')
    if (node === undefined) throw systemError('ENOENT', 'rm', path)
    if (node instanceof Directory) throw systemError('EISDIR', 'rm', path)
    this.name(path, null)
  }

  removeTreeSync(path: string): void {
    const node = this.lookUp(path, 'rm')
    if (node === undefined) return
    if (node instanceof Directory) for (const name of this.listSync(path)) this.removeTreeSync(`${path}/${name}`)
    this.attempt('remove', 'rm', path)
    this.name(path, null)
  }

  async removeTree(path: string): Promise<void> {
    this.removeTreeSync(path)
  }

  syncDirectorySync(path: string): void {
    this.attempt('syncDirectory', 'fsync', path)
    this.directories.sync(this.directory(path, 'open'))
  }

  freeBytesSync(path: string): number {
    this.attempt('freeBytes', 'statfs', path)
    return Math.max(0, this.capacityBytes - this.usedBytes)
  }

  /** The parts of the disk that an open file uses. */
  private readonly disk: Disk = {
    tick: () => this.tick(),
    random: () => this.random(),
    roomBytes: () => Math.max(0, this.capacityBytes - this.usedBytes),
    take: (operation, path) => this.take(operation, path),
    later: (end) => {
      if (this.held === undefined) setImmediate(end)
      else this.held.push(end)
    },
  }

  private withDirectories(directories: Directories): MemoryFiles {
    const after = new MemoryFiles({ random: this.random, capacityBytes: this.capacityBytes })
    after.directories = directories
    after.time = this.time
    return after
  }

  private makeDurableDirectory(path: string): void {
    const parts = Directories.parts(path)
    this.makeDirectorySync(path)
    for (let depth = 0; depth < parts.length; depth++) this.syncDirectorySync(parts.slice(0, depth).join('/'))
  }

  private tick(): number {
    return ++this.time
  }

  private take(operation: Operation, ...paths: string[]): FaultRule | undefined {
    this.onOperation?.(operation, paths[0]!)
    return this.faults.take(operation, paths)
  }

  private attempt(operation: Operation, syscall: string, ...paths: string[]): void {
    const fault = this.take(operation, ...paths)
    if (fault !== undefined) throw systemError(fault.code, syscall, paths[0]!)
  }

  /** The node at the path, if any. */
  private lookUp(path: string, syscall: string): Node | undefined {
    const ancestors = Directories.parts(path)
    for (ancestors.pop(); ancestors.length > 0; ancestors.pop()) {
      if (this.directories.find(ancestors.join('/')) instanceof Inode) throw systemError('ENOTDIR', syscall, path)
    }
    return this.directories.find(path)
  }

  private directory(path: string, syscall: string): Directory {
    const node = this.lookUp(path, syscall)
    if (node === undefined) throw systemError('ENOENT', syscall, path)
    if (node instanceof Inode) throw systemError('ENOTDIR', syscall, path)
    return node
  }

  /** Binds the path to a node; null unbinds it. */
  private name(path: string, node: Node | null): void {
    const parent = this.directories.parent(path)
    if (parent === undefined) throw systemError('ENOENT', 'open', path)
    this.directories.change(this.tick(), [{ ...parent, node }])
  }
}

function isInside(path: string, directory: string): boolean {
  const inner = Directories.parts(path)
  const outer = Directories.parts(directory)
  return inner.length > outer.length && outer.every((part, index) => inner[index] === part)
}

interface Disk {
  tick(): number
  random(): number
  roomBytes(): number
  take(operation: Operation, path: string): FaultRule | undefined
  /** Calls the function when asynchronous syncs end. */
  later(end: () => void): void
}

class MemoryFile implements File {
  readonly path: string
  private readonly inode: Inode
  private readonly isWritable: boolean
  private readonly disk: Disk
  private isOpen = true

  constructor(path: string, inode: Inode, isWritable: boolean, disk: Disk) {
    this.path = path
    this.inode = inode
    this.isWritable = isWritable
    this.disk = disk
  }

  writeSync(buffers: readonly Buffer[], position: number): void {
    this.mustBeOpen('write', this.isWritable)
    const bytes = Buffer.concat(buffers)
    const fault = this.disk.take('write', this.path)
    const allowed = fault === undefined ? bytes.length : fault.isShortWrite ? Math.floor(this.disk.random() * (bytes.length + 1)) : 0
    const written = this.inode.write(this.disk.tick(), bytes.subarray(0, allowed), position, this.disk.roomBytes())
    if (fault !== undefined) throw systemError(fault.code, 'write', this.path)
    if (written < bytes.length) throw systemError('ENOSPC', 'write', this.path)
  }

  readSync(position: number, length: number): Buffer {
    this.mustBeOpen('read')
    this.attempt('read', 'read')
    return this.inode.read(position, length)
  }

  fillSync(buffer: Buffer, position: number): number {
    return this.readSync(position, buffer.length).copy(buffer)
  }

  sizeSync(): number {
    this.mustBeOpen('fstat')
    return this.inode.size
  }

  truncateSync(length: number): void {
    this.mustBeOpen('ftruncate')
    if (!this.isWritable) throw systemError('EINVAL', 'ftruncate', this.path)
    this.attempt('truncate', 'ftruncate')
    this.inode.truncate(this.disk.tick(), length)
  }

  /** Takes the fault in force at the call; the error appears when the sync ends. */
  datasync(): Promise<void> {
    return new Promise((resolve, reject) => {
      const sync = this.beginSync()
      this.disk.later(() => {
        try {
          sync()
          resolve()
        } catch (error) {
          reject(error)
        }
      })
    })
  }

  datasyncSync(): void {
    this.beginSync()()
  }

  closeSync(): void {
    this.mustBeOpen('close')
    this.isOpen = false
  }

  /** Begins a sync. The returned function ends it, with success or an error. */
  private beginSync(): () => void {
    this.mustBeOpen('fdatasync')
    const time = this.disk.tick()
    const fault = this.disk.take('datasync', this.path)
    return () => {
      if (fault === undefined) return this.inode.completeSync(time)
      this.inode.failSync(time)
      throw systemError(fault.code, 'fdatasync', this.path)
    }
  }

  private attempt(operation: Operation, syscall: string): void {
    const fault = this.disk.take(operation, this.path)
    if (fault !== undefined) throw systemError(fault.code, syscall, this.path)
  }

  private mustBeOpen(syscall: string, allowed = true): void {
    if (!this.isOpen || !allowed) throw systemError('EBADF', syscall, this.path)
  }
}

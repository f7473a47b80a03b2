/**
 * Libraries of functions: named contents beside the keys, which storage does not parse. All of them
 * are in memory. Each is a record of its own, written by the checkpoint after its last change, and
 * the meta record names them.
 *
 *   set, delete, clear -> changed names -> freeze puts their records into the checkpoint's batch
 *                      -> landed, or thawed: changed again
 */
import type { Bytes } from '../../base/bytes.ts'
import type { RecordSink, RecordStore } from '../records/record-store.ts'
import { DamageError, libraryKey, libraryRecord, readLibrary } from '../records/records.ts'

/** The stored libraries of functions, by name. */
export class Libraries {
  /**
   * Goes up whenever a library may have changed, including when the libraries are read from disk
   * again.
   */
  revision = 0
  private readonly contents = new Map<Bytes, Bytes>()
  /** Names of libraries that differ from LevelDB's records. */
  private changed = new Set<Bytes>()
  private frozen = new Set<Bytes>()
  private readonly onChange: () => void

  constructor(onChange: () => void) {
    this.onChange = onChange
  }

  get size(): number {
    return this.contents.size
  }

  get(name: Bytes): Bytes | undefined {
    return this.contents.get(name)
  }

  entries(): IterableIterator<[name: Bytes, content: Bytes]> {
    return this.contents.entries()
  }

  set(name: Bytes, content: Bytes): void {
    this.contents.set(name, content)
    this.change(name)
  }

  /** Deletes a library. Returns false if it did not exist. */
  delete(name: Bytes): boolean {
    if (!this.contents.delete(name)) return false
    this.change(name)
    return true
  }

  clear(): void {
    for (const name of this.contents.keys()) this.changed.add(name)
    this.contents.clear()
    this.noteChange()
  }

  names(): readonly Bytes[] {
    return [...this.contents.keys()]
  }

  /** Puts the changed libraries into a checkpoint's batch. */
  freeze(batch: RecordSink): void {
    for (const name of this.changed) {
      const content = this.contents.get(name)
      if (content === undefined) batch.remove(libraryKey(name))
      else batch.put(libraryKey(name), libraryRecord(content))
    }
    this.frozen = this.changed
    this.changed = new Set()
  }

  releaseFrozen(): void {
    this.frozen.clear()
  }

  /** Marks the frozen libraries as changed again. REQUIRES: LevelDB has none of them. */
  thaw(): void {
    for (const name of this.frozen) this.changed.add(name)
    this.frozen.clear()
  }

  /** Forgets everything. */
  reset(): void {
    this.contents.clear()
    this.changed.clear()
    this.frozen.clear()
    this.revision++
  }

  /** Reads the libraries that a meta record names. Throws DamageError if one is missing. */
  restore(records: RecordStore, names: readonly Bytes[]): void {
    for (const name of names) {
      const record = records.getSync(libraryKey(name))
      if (record === undefined) throw new DamageError(`the record of the library '${name}', which the meta record names, is missing`)
      this.contents.set(name, readLibrary(record))
    }
    this.revision++
  }

  private change(name: Bytes): void {
    this.changed.add(name)
    this.noteChange()
  }

  private noteChange(): void {
    this.revision++
    this.onChange()
  }
}

/**
 * Named contents beside the keys: libraries of functions, which storage does not look into. All of them are in memory; each is a record of
 * its own, written by the checkpoint after its last change, and the meta record names them.
 *
 *   set, delete, clear -> changed names -> freeze puts their records into the checkpoint's batch -> landed, or thawed: changed again
 */
import type { Bytes } from '../../base/bytes.ts'
import type { RecordBatch, RecordStore } from '../records/record-store.ts'
import { DamageError, libraryKey, libraryRecord, readLibrary } from '../records/records.ts'

export class Libraries {
  /** Goes up whenever any of them may have changed, be it by reading the disk again. */
  revision = 0
  private readonly contents = new Map<Bytes, Bytes>()
  /** What LevelDB has not got as it is here. */
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

  /** Whether there was one. */
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

  /** Puts what has changed into a checkpoint's batch. */
  freeze(batch: RecordBatch): void {
    for (const name of this.changed) {
      const content = this.contents.get(name)
      if (content === undefined) batch.remove(libraryKey(name))
      else batch.put(libraryKey(name), libraryRecord(content))
    }
    this.frozen = this.changed
    this.changed = new Set()
  }

  landed(): void {
    this.frozen.clear()
  }

  /** LevelDB has nothing of what was frozen. */
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

  /** Reads those that a meta record names. */
  restore(records: RecordStore, names: readonly Bytes[]): void {
    for (const name of names) {
      const record = records.getSync(libraryKey(name))
      if (record === undefined) throw new DamageError(`there is no record of the library '${name}', which the meta record names`)
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

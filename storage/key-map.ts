/**
 * Map from key to resident entry without V8's limit of 16.7 million entries a Map: past that, further maps are chained. Every lookup asks
 * the first one first, so that the ordinary case costs one null check.
 */
import type { Bytes } from './bytes.ts'
import type { Entry } from './entry.ts'

const MAP_CAPACITY = 16_000_000

export class KeyMap {
  private readonly capacity: number
  private first = new Map<Bytes, Entry>()
  private more: Map<Bytes, Entry>[] | null = null

  constructor(capacity = MAP_CAPACITY) {
    this.capacity = capacity
  }

  get(key: Bytes): Entry | undefined {
    const entry = this.first.get(key)
    return entry !== undefined || this.more === null ? entry : this.getMore(key, this.more)
  }

  /** Adds an entry whose key is not there. */
  add(entry: Entry): void {
    if (this.first.size < this.capacity) this.first.set(entry.key, entry)
    else this.addMore(entry)
  }

  delete(key: Bytes): void {
    if (this.first.delete(key) || this.more === null) return
    for (const map of this.more) if (map.delete(key)) return
  }

  get size(): number {
    return this.first.size + (this.more?.reduce((sum, map) => sum + map.size, 0) ?? 0)
  }

  *values(): Iterable<Entry> {
    yield* this.first.values()
    for (const map of this.more ?? []) yield* map.values()
  }

  private getMore(key: Bytes, more: Map<Bytes, Entry>[]): Entry | undefined {
    for (const map of more) {
      const entry = map.get(key)
      if (entry !== undefined) return entry
    }
    return undefined
  }

  private addMore(entry: Entry): void {
    this.more ??= []
    let map = this.more.find((candidate) => candidate.size < this.capacity)
    if (map === undefined) {
      map = new Map()
      this.more.push(map)
    }
    map.set(entry.key, entry)
  }
}

/**
 * Who owns which object, for a check: ids and lengths of all objects in arrays of numbers, 12 bytes an object. An object is at least 64 KiB
 * of someone's data, so that is small beside the data.
 */
import { CHUNK_BYTES } from './values/rope.ts'

const FIRST_CAPACITY = 1024

export class ObjectTable {
  private ids = new Float64Array(FIRST_CAPACITY)
  private chunks = new Uint32Array(FIRST_CAPACITY)
  /** Bytes of the last chunk that belong to the value, 1 to CHUNK_BYTES. */
  private tails = new Uint16Array(FIRST_CAPACITY)
  private count = 0
  private sorted = true
  private cursor = 0

  get size(): number {
    return this.count
  }

  add(id: number, lengthBytes: number): void {
    if (this.count === this.ids.length) this.enlarge()
    this.ids[this.count] = id
    this.chunks[this.count] = Math.ceil(lengthBytes / CHUNK_BYTES)
    this.tails[this.count] = lengthBytes === 0 ? 0 : ((lengthBytes - 1) % CHUNK_BYTES) + 1
    this.count++
    this.sorted = false
  }

  /** Ends the adding. Returns ids that were added more than once. */
  sort(): number[] {
    const { count } = this
    const order = Uint32Array.from({ length: count }, (_, index) => index).sort((a, b) => (this.ids[a] as number) - (this.ids[b] as number))
    this.ids = Float64Array.from(order, (index) => this.ids[index] as number)
    this.chunks = Uint32Array.from(order, (index) => this.chunks[index] as number)
    this.tails = Uint16Array.from(order, (index) => this.tails[index] as number)
    this.sorted = true
    this.cursor = 0
    const twice: number[] = []
    for (let i = 1; i < count; i++) if (this.ids[i] === this.ids[i - 1]) twice.push(this.ids[i] as number)
    return twice
  }

  /** The object of an id. Ids must be asked for in ascending order. */
  find(id: number): { readonly chunks: number; readonly tailBytes: number } | undefined {
    if (!this.sorted) throw new Error('sort first')
    while (this.cursor < this.count && (this.ids[this.cursor] as number) < id) this.cursor++
    if (this.cursor === this.count || this.ids[this.cursor] !== id) return undefined
    return { chunks: this.chunks[this.cursor] as number, tailBytes: this.tails[this.cursor] as number }
  }

  private enlarge(): void {
    const capacity = this.ids.length * 2
    const { ids, chunks, tails } = this
    this.ids = new Float64Array(capacity)
    this.ids.set(ids)
    this.chunks = new Uint32Array(capacity)
    this.chunks.set(chunks)
    this.tails = new Uint16Array(capacity)
    this.tails.set(tails)
  }
}

/**
 * A table of the objects that a check has met in root records: their ids, the lengths of ropes and
 * the payloads of collections. It takes 20 bytes per object and a short string per collection. A
 * rope is at least 64 KiB, and a collection in pages at least one page, so the table is small
 * beside the data.
 */
import { at, must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { KIND_ROPE, type Root } from '../records/records.ts'
import { CHUNK_BYTES } from '../values/rope.ts'

const FIRST_CAPACITY = 1024
/**
 * The kind of an object whose pages are not checked. Its database is garbage, so its pages may have
 * been cleared.
 */
const UNCHECKED = 0

/** An object with pages, as the root record of its key describes it. */
export interface OwnedObject {
  readonly id: number
  /** The kind of its root. */
  readonly kind: number
  /** The number of a rope's chunks. */
  readonly chunks: number
  /** Bytes of a rope's last chunk that belong to the value, 1 to CHUNK_BYTES. */
  readonly tailBytes: number
  /** A collection's payload in the root record. */
  readonly payload: Bytes
}

/** The owners of objects, by object id. */
export class ObjectTable {
  private ids = new Float64Array(FIRST_CAPACITY)
  private kinds = new Uint8Array(FIRST_CAPACITY)
  private chunks = new Uint32Array(FIRST_CAPACITY)
  private tails = new Uint16Array(FIRST_CAPACITY)
  private payloads: Bytes[] = []
  private count = 0
  private isSorted = true
  private cursor = 0

  get size(): number {
    return this.count
  }

  addRope(id: number, lengthBytes: number): void {
    this.add(id, KIND_ROPE, '')
    this.chunks[this.count - 1] = Math.ceil(lengthBytes / CHUNK_BYTES)
    this.tails[this.count - 1] = lengthBytes === 0 ? 0 : ((lengthBytes - 1) % CHUNK_BYTES) + 1
  }

  addCollection(id: number, { kind, payload }: Root): void {
    this.add(id, kind, payload.latin1Slice())
  }

  /** Adds an object whose pages may exist or not. */
  addUnchecked(id: number): void {
    this.add(id, UNCHECKED, '')
  }

  /** Ends the adding. Returns ids that were added more than once. */
  sort(): number[] {
    const { count } = this
    const order = Uint32Array.from({ length: count }, (_, index) => index).sort((a, b) => must(this.ids[a]) - must(this.ids[b]))
    this.ids = Float64Array.from(order, (index) => must(this.ids[index]))
    this.kinds = Uint8Array.from(order, (index) => must(this.kinds[index]))
    this.chunks = Uint32Array.from(order, (index) => must(this.chunks[index]))
    this.tails = Uint16Array.from(order, (index) => must(this.tails[index]))
    this.payloads = Array.from(order, (index) => at(this.payloads, index))
    this.isSorted = true
    this.cursor = 0
    const twice: number[] = []
    for (let i = 1; i < count; i++) if (this.ids[i] === this.ids[i - 1]) twice.push(must(this.ids[i]))
    return twice
  }

  /**
   * Returns the object of an id. Objects with smaller ids that were not requested go to `passed`.
   * REQUIRES: ids are requested in ascending order, each once.
   */
  find(id: number, passed: (object: OwnedObject) => void): OwnedObject | undefined {
    if (!this.isSorted) throw new Error('the objects must be sorted before the first look-up')
    while (this.cursor < this.count && must(this.ids[this.cursor]) < id) this.pass(passed)
    if (this.cursor === this.count || this.ids[this.cursor] !== id) return undefined
    const found = this.at(this.cursor)
    while (this.ids[this.cursor] === id && this.cursor < this.count) this.cursor++
    return found
  }

  /** Passes the remaining objects to `passed`. */
  end(passed: (object: OwnedObject) => void): void {
    while (this.cursor < this.count) this.pass(passed)
  }

  private pass(passed: (object: OwnedObject) => void): void {
    passed(this.at(this.cursor))
    this.cursor++
  }

  private at(index: number): OwnedObject {
    return {
      id: must(this.ids[index]),
      kind: must(this.kinds[index]),
      chunks: must(this.chunks[index]),
      tailBytes: must(this.tails[index]),
      payload: at(this.payloads, index),
    }
  }

  private add(id: number, kind: number, payload: Bytes): void {
    if (this.count === this.ids.length) this.enlarge()
    this.ids[this.count] = id
    this.kinds[this.count] = kind
    this.payloads.push(payload)
    this.count++
    this.isSorted = false
  }

  private enlarge(): void {
    const capacity = this.ids.length * 2
    const { ids, kinds, chunks, tails } = this
    this.ids = new Float64Array(capacity)
    this.ids.set(ids)
    this.kinds = new Uint8Array(capacity)
    this.kinds.set(kinds)
    this.chunks = new Uint32Array(capacity)
    this.chunks.set(chunks)
    this.tails = new Uint16Array(capacity)
    this.tails.set(tails)
  }
}

export const isUnchecked = ({ kind }: OwnedObject) => kind === UNCHECKED
export const isCollection = ({ kind }: OwnedObject) => kind > KIND_ROPE

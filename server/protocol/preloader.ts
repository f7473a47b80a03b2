/**
 * Reads what a batch of pipelined requests needs from memory into the processor's cache.
 *
 * In a large keyspace a command waits for memory at each step from key to value: for the slots of
 * the map, the entry, the value, the nodes of a tree. Each step needs the one before, so these
 * waits add up to half of the command's time. The steps of different requests are independent. So
 * each step is taken for all requests of a batch before the next one, and the waits overlap.
 *
 * Preloading changes nothing and is an optimisation only: it may read in vain.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { CommandRuntime, Runtimes } from '../../commands/contract/runtimes.ts'
import { MAX_PRELOADED_KEYS } from '../../storage/keyspace/key-map.ts'
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import { RequestBatch } from './request-batch.ts'

// hot: runs once for each key of a pipeline

/** For fewer keys there is too little to overlap. */
const MIN_PRELOADED_KEYS = 4

/** Preloads the keys of batches of requests. */
export class Preloader {
  private readonly keyspace: Keyspace
  private readonly runtimes: Runtimes
  private readonly keys: Bytes[] = new Array<Bytes>(MAX_PRELOADED_KEYS).fill('')
  /**
   * For each key, the element of its collection that is looked up; empty if unknown. A number is
   * the rank of the member of a sorted set that is taken.
   */
  private readonly elements: (Bytes | number)[] = new Array<Bytes | number>(MAX_PRELOADED_KEYS).fill('')
  private readonly shared = new RequestBatch()

  constructor(keyspace: Keyspace, runtimes: Runtimes) {
    this.keyspace = keyspace
    this.runtimes = runtimes
  }

  /** Returns a batch to be filled. `end` gives it back. */
  newBatch(): RequestBatch {
    // A request may resume other clients, whose requests then run before those of its own batch.
    const batch = this.shared.isInUse ? new RequestBatch() : this.shared
    batch.isInUse = true
    return batch
  }

  /** Preloads the keys of a batch if there are enough of them. */
  preload(database: number, { count, words }: RequestBatch): void {
    if (count === 1 && (words[0] as Bytes[]).length < MIN_PRELOADED_KEYS) return
    let name: Bytes = ''
    let runtime: CommandRuntime | undefined
    let total = 0
    for (let i = 0; i < count; i++) {
      const args = words[i] as Bytes[]
      if (args[0] !== name) {
        name = args[0] as Bytes
        runtime = this.runtimes.find(name)
      }
      if (runtime !== undefined && runtime.firstKey > 0) total = this.collect(runtime, args, total)
    }
    if (total >= MIN_PRELOADED_KEYS) this.keyspace.database(database).preload(this.keys, this.elements, total)
  }

  /** Adds the keys of a request. Returns the number of keys collected so far. */
  private collect({ firstKey, keyStep, element }: CommandRuntime, args: readonly Bytes[], collected: number): number {
    const { keys, elements } = this
    const { length } = args
    let total = collected
    for (let at = firstKey; at < length && total < MAX_PRELOADED_KEYS; at += keyStep) {
      keys[total] = args[at] as Bytes
      if (element >= 0) elements[total] = element > 0 && element < length ? (args[element] as Bytes) : ''
      else elements[total] = total > 0 && keys[total - 1] === keys[total] ? rankAfter(elements[total - 1]) : 0
      total++
      if (keyStep === 0) break
    }
    return total
  }
}

/** Returns the rank that is taken after another from the same key. */
function rankAfter(element: Bytes | number | undefined): number {
  return typeof element === 'number' ? element + 1 : 0
}

/**
 * Clients blocked on keys. Each awaited key has a queue of blocked clients, oldest first; a client
 * is in the queue of each of its keys. While a unit runs, the keys that may be ready are noted. At
 * the unit's end, `serve` runs the commands of their queues again, in order. A command that finds
 * nothing keeps its client blocked. Its changes may make other keys ready.
 *
 * A client that is served or times out continues with its next request in a microtask, outside of
 * every unit. SWAPDB does not move blocked clients: they wait for keys of the database index at
 * which they blocked.
 */

import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Entry } from '../../storage/keyspace/entry.ts'
import type { Keyspace, KeyWaiters } from '../../storage/keyspace/keyspace.ts'
import { KIND_LIST, KIND_SORTED_SET, KIND_STREAM } from '../../storage/records/records.ts'
import type { BlockOptions } from '../contract/block-options.ts'
import { UNBLOCKED_BY_CLIENT_TEXT, UNBLOCKED_BY_ROLE_TEXT } from '../contract/errors.ts'
import { Request } from '../contract/request.ts'
import type { Client } from '../contract/session.ts'
import { DeadlineHeap } from './deadline-heap.ts'

export interface BlockedClient {
  readonly client: Client
  /** The client's request. */
  readonly request: Request
  /** The request to run when a key is ready: the client's, or its command with other words. */
  readonly retry: Request
  readonly options: BlockOptions
  readonly queues: readonly KeyQueue[]
  /** Monotonic, ms; Infinity without a time-out. */
  readonly deadlineMs: number
  heapIndex: number
  /** Total run time of its command so far, in microseconds. */
  micros: number
}

interface KeyQueue {
  readonly database: number
  readonly key: Bytes
  readonly clients: Set<BlockedClient>
  /** The number of clients that also wait for the key's deletion. */
  deletionWaiters: number
  /** The queue is in `ready` or `postponed`, so it must not be added again. */
  isReady: boolean
}

/** The executor's part in serving blocked clients. */
export interface BlockedHandler {
  /** Called when keys become ready, possibly outside of a turn. */
  wake(): void
  /** Runs the command again. Unless it stays blocked, answers it and calls `finish`. */
  runAgain(blocked: BlockedClient): void
  /** True if the gates let the command run now. */
  mayServe(blocked: BlockedClient): boolean
  /** Called when the client has been answered. */
  onAnswered(blocked: BlockedClient): void
  /** Answers the client with an error. */
  fail(blocked: BlockedClient, text: Bytes): void
}

/** The clients blocked on keys, with a queue for each key. */
export class BlockedClients implements KeyWaiters {
  private readonly keyspace: Keyspace
  private readonly handler: BlockedHandler
  private readonly monotonicMs: () => number
  private readonly byClient = new Map<object, BlockedClient>()
  /** Queues of each database, by key. */
  private readonly queues: Map<Bytes, KeyQueue>[]
  private readonly timeOuts = new DeadlineHeap<BlockedClient>()
  private ready: KeyQueue[] = []
  /** Ready queues with commands that the gates do not let run at present. */
  private postponed: KeyQueue[] = []
  private isServing = false

  constructor(keyspace: Keyspace, handler: BlockedHandler, monotonicMs: () => number) {
    this.keyspace = keyspace
    this.handler = handler
    this.monotonicMs = monotonicMs
    this.queues = keyspace.databases.map(() => new Map())
  }

  get count(): number {
    return this.byClient.size
  }

  /** The number of clients with a time-out. */
  get timedCount(): number {
    return this.timeOuts.size
  }

  /** The number of awaited keys, and of those whose deletion is awaited. */
  keyCounts(): { readonly all: number; readonly forDeletion: number } {
    let all = 0
    let forDeletion = 0
    for (const queues of this.queues) {
      all += queues.size
      for (const queue of queues.values()) if (queue.deletionWaiters > 0) forDeletion++
    }
    return { all, forDeletion }
  }

  /** The deadline of the next client to time out: monotonic, ms. */
  get nextDeadlineMs(): number {
    return this.timeOuts.first?.deadlineMs ?? Number.POSITIVE_INFINITY
  }

  get hasReady(): boolean {
    return this.ready.length > 0
  }

  has(client: object): boolean {
    return this.byClient.has(client)
  }

  /**
   * Blocks the client of a command that answered BLOCKED. A client that is already blocked keeps
   * its place.
   */
  block(request: Request, options: BlockOptions): void {
    const { client } = request
    if (this.byClient.has(client)) return
    const retry = options.args === undefined ? request : new Request(client, options.args as Bytes[], request.runtime)
    const queues: KeyQueue[] = []
    const deadlineMs = options.timeoutMs === 0 ? Number.POSITIVE_INFINITY : this.monotonicMs() + options.timeoutMs
    const blocked: BlockedClient = { client, request, retry, options, queues, deadlineMs, heapIndex: -1, micros: 0 }
    for (const key of options.keys) {
      const queue = this.queueOf(client.database, key)
      if (queue.clients.has(blocked)) continue // a key named twice
      queue.clients.add(blocked)
      queues.push(queue)
      if (options.wakesOnDelete === true) queue.deletionWaiters++
    }
    if (deadlineMs !== Number.POSITIVE_INFINITY) this.timeOuts.add(blocked)
    this.byClient.set(client, blocked)
    this.keyspace.keyWaiters = this
  }

  onKeyChanged(database: number, key: Bytes): void {
    const queue = this.queues[database]?.get(key)
    if (queue !== undefined) this.makeReady(queue)
  }

  onDatabaseReplaced(database: number): void {
    for (const queue of this.queues[database]?.values() ?? []) this.makeReady(queue)
  }

  /** Serves clients whose keys are ready, until no key is. REQUIRES: called between units. */
  serve(): void {
    if (this.isServing) return
    this.isServing = true
    while (this.ready.length > 0) {
      const { ready } = this
      this.ready = []
      for (const queue of ready) this.serveQueue(queue)
    }
    this.isServing = false
  }

  /** Makes postponed queues ready again, after a gate has opened. */
  retryPostponed(): void {
    if (this.postponed.length === 0) return
    this.ready = this.ready.concat(this.postponed)
    this.postponed = []
    this.handler.wake()
  }

  /** Answers clients that have timed out. REQUIRES: called in a turn, between units. */
  expire(): void {
    const nowMs = this.monotonicMs()
    for (let { first } = this.timeOuts; first !== undefined && first.deadlineMs <= nowMs; first = this.timeOuts.first) this.timeOut(first)
  }

  /** CLIENT UNBLOCK; returns true if the client was blocked. */
  unblock(client: object, how: 'timeout' | 'error'): boolean {
    const blocked = this.byClient.get(client)
    if (blocked === undefined) return false
    if (how === 'timeout') this.timeOut(blocked)
    else this.fail(blocked, UNBLOCKED_BY_CLIENT_TEXT)
    return true
  }

  /** Fails and disconnects all blocked clients, because the node has become a replica. */
  endAll(): void {
    for (const blocked of [...this.byClient.values()]) {
      this.fail(blocked, UNBLOCKED_BY_ROLE_TEXT)
      blocked.client.close('after-reply')
    }
  }

  /** Fails the clients for which `reasonOf` returns a text. */
  failWhere(reasonOf: (blocked: BlockedClient) => Bytes | null): void {
    for (const blocked of [...this.byClient.values()]) {
      const reason = reasonOf(blocked)
      if (reason !== null) this.fail(blocked, reason)
    }
  }

  /** Removes a client that has disconnected; returns true if it was blocked. */
  forget(client: object): boolean {
    const blocked = this.byClient.get(client)
    if (blocked !== undefined) this.remove(blocked)
    return blocked !== undefined
  }

  /** Unblocks a client that has been answered. */
  finish(blocked: BlockedClient): void {
    this.remove(blocked)
    blocked.client.lastActiveMs = this.monotonicMs()
    this.handler.onAnswered(blocked)
  }

  private timeOut(blocked: BlockedClient): void {
    blocked.client.reply(blocked.options.onTimeout)
    this.finish(blocked)
  }

  private fail(blocked: BlockedClient, text: Bytes): void {
    this.handler.fail(blocked, text)
    this.finish(blocked)
  }

  private serveQueue(queue: KeyQueue): void {
    queue.isReady = false
    let isPostponed = false
    let leftWaiting = null as Set<Bytes> | null // labels (`waitGroup`) of clients left blocked
    for (const blocked of queue.clients) {
      const { waitGroup } = blocked.options
      if (waitGroup !== undefined && leftWaiting?.has(waitGroup) === true) continue
      if (!this.handler.mayServe(blocked)) {
        isPostponed = true
        continue
      }
      const entry = this.keyspace.database(queue.database).peek(queue.key)
      if (concerns(entry, blocked.options)) this.handler.runAgain(blocked)
      // No other client of the queue can be served either.
      else if (queue.deletionWaiters === 0 && !isAwaitable(entry)) break
      if (waitGroup !== undefined && queue.clients.has(blocked)) {
        leftWaiting ??= new Set()
        leftWaiting.add(waitGroup)
      }
    }
    if (!isPostponed || queue.isReady) return
    queue.isReady = true
    this.postponed.push(queue)
  }

  private makeReady(queue: KeyQueue): void {
    if (queue.isReady) return
    queue.isReady = true
    this.ready.push(queue)
    if (this.ready.length === 1 && !this.isServing) this.handler.wake()
  }

  private queueOf(database: number, key: Bytes): KeyQueue {
    const queues = must(this.queues[database])
    let queue = queues.get(key)
    if (queue === undefined) {
      queue = { database, key, clients: new Set(), deletionWaiters: 0, isReady: false }
      queues.set(key, queue)
    }
    return queue
  }

  private remove(blocked: BlockedClient): void {
    this.byClient.delete(blocked.client)
    this.timeOuts.remove(blocked)
    for (const queue of blocked.queues) {
      queue.clients.delete(blocked)
      if (blocked.options.wakesOnDelete === true) queue.deletionWaiters--
      if (queue.clients.size === 0) this.queues[queue.database]?.delete(queue.key)
    }
    if (this.byClient.size === 0) this.keyspace.keyWaiters = null
    blocked.options.ended?.()
  }
}

/** True if a key has the awaited type, or if the client also waits for its deletion. */
function concerns(entry: Entry | undefined, { kind, wakesOnDelete }: BlockOptions): boolean {
  return wakesOnDelete === true || kindOf(entry) === kind
}

/** True if commands exist that block on a value of this type. */
function isAwaitable(entry: Entry | undefined): boolean {
  const kind = kindOf(entry)
  return kind === KIND_LIST || kind === KIND_SORTED_SET || kind === KIND_STREAM
}

/** The kind of a key's collection; 0 if it is none. */
function kindOf(entry: Entry | undefined): number {
  const value = entry?.value
  return typeof value === 'object' && value !== null && 'kind' in value ? value.kind : 0
}

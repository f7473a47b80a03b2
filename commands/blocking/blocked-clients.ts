/**
 * Clients that wait for keys. Each key that is waited for has a queue, in the order in which its clients were blocked; a client stands in the
 * queues of all its keys. A key that may be ready is noted while a unit runs; at the unit's end (`serve`) the commands of its queue are run
 * again, one after the other, and go on waiting where there is nothing for them. What they change may make other keys ready.
 *
 * A client that is served, or whose time is up, goes on with its next request in a microtask: outside of every unit.
 * Databases count by index, as SELECT does.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Entry } from '../../storage/keyspace/entry.ts'
import type { Awaited, Keyspace } from '../../storage/keyspace/keyspace.ts'
import { KIND_LIST, KIND_SORTED_SET, KIND_STREAM } from '../../storage/records/records.ts'
import type { Client } from '../core/executor.ts'
import type { CommandRuntime } from '../core/runtimes.ts'
import type { BlockOptions } from './blocking.ts'
import { TimeOuts } from './time-outs.ts'

export interface BlockedClient {
  readonly client: Client
  readonly runtime: CommandRuntime
  /** The request. */
  readonly args: Bytes[]
  readonly options: BlockOptions
  readonly queues: readonly KeyQueue[]
  /** Monotonic, ms; Infinity for none. */
  readonly deadlineMs: number
  heapIndex: number
  /** How long its command has run so far, in microseconds. */
  micros: number
}

interface KeyQueue {
  readonly database: number
  readonly key: Bytes
  readonly clients: Set<BlockedClient>
  /** How many of them wait for the key's end as well. */
  orGone: number
  /** It stands among those to be looked at. */
  isReady: boolean
}

/** What is done to those who are blocked. */
export interface BlockedHandler {
  /** Runs the command again and answers unless it waits on; then calls `finish`. */
  runAgain(blocked: BlockedClient): void
  /** Whether nothing stands in the way of the command. */
  isOpen(blocked: BlockedClient): boolean
  /** It has been answered. */
  ended(blocked: BlockedClient): void
  fail(blocked: BlockedClient, text: Bytes): void
}

const UNBLOCKED = 'UNBLOCKED client unblocked via CLIENT UNBLOCK'
const ROLE_CHANGED = 'UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)'

export class BlockedClients implements Awaited {
  /** Called when there is something to serve: in no turn, perhaps. */
  wake: () => void = () => {}
  private readonly keyspace: Keyspace
  private readonly handler: BlockedHandler
  private readonly monotonicMs: () => number
  private readonly byClient = new Map<object, BlockedClient>()
  /** By database and key. */
  private readonly queues: Map<Bytes, KeyQueue>[]
  private readonly timeOuts = new TimeOuts<BlockedClient>()
  private ready: KeyQueue[] = []
  /** Ready, but something stands in the way of the commands. */
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

  /** Clients whose time is limited. */
  get timedCount(): number {
    return this.timeOuts.size
  }

  /** Keys that somebody waits for, and those of them whose end somebody waits for. */
  keyCounts(): { readonly all: number; readonly orGone: number } {
    let all = 0
    let orGone = 0
    for (const queues of this.queues) {
      all += queues.size
      for (const queue of queues.values()) if (queue.orGone > 0) orGone++
    }
    return { all, orGone }
  }

  /** When the next client's time is up: monotonic, ms. */
  get nextDeadlineMs(): number {
    return this.timeOuts.first?.deadlineMs ?? Number.POSITIVE_INFINITY
  }

  get hasReady(): boolean {
    return this.ready.length > 0
  }

  has(client: object): boolean {
    return this.byClient.has(client)
  }

  /** A command has answered BLOCKED; if it did so before, its client keeps its place. */
  block(client: Client, runtime: CommandRuntime, args: Bytes[], options: BlockOptions): void {
    if (this.byClient.has(client)) return
    const queues: KeyQueue[] = []
    const deadlineMs = options.timeoutMs === 0 ? Number.POSITIVE_INFINITY : this.monotonicMs() + options.timeoutMs
    const blocked: BlockedClient = { client, runtime, args, options, queues, deadlineMs, heapIndex: -1, micros: 0 }
    for (const key of options.keys) {
      const queue = this.queueOf(client.database, key)
      if (queue.clients.has(blocked)) continue // the same key again
      queue.clients.add(blocked)
      queues.push(queue)
      if (options.orGone === true) queue.orGone++
    }
    if (deadlineMs !== Number.POSITIVE_INFINITY) this.timeOuts.add(blocked)
    this.byClient.set(client, blocked)
    this.keyspace.awaited = this
  }

  changed(database: number, key: Bytes): void {
    const queue = this.queues[database]?.get(key)
    if (queue !== undefined) this.makeReady(queue)
  }

  replaced(database: number): void {
    for (const queue of this.queues[database]?.values() ?? []) this.makeReady(queue)
  }

  /** Serves those whose keys are ready, until there are none. To be called between units. */
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

  /** Something that stood in the way of commands has gone. */
  retry(): void {
    if (this.postponed.length === 0) return
    this.ready = this.ready.concat(this.postponed)
    this.postponed = []
    this.wake()
  }

  /** Answers those whose time is up. To be called in a turn, between units. */
  expire(): void {
    const now = this.monotonicMs()
    for (let { first } = this.timeOuts; first !== undefined && first.deadlineMs <= now; first = this.timeOuts.first) this.timeOut(first)
  }

  /** CLIENT UNBLOCK; whether the client was blocked. */
  unblock(client: object, how: 'timeout' | 'error'): boolean {
    const blocked = this.byClient.get(client)
    if (blocked === undefined) return false
    if (how === 'timeout') this.timeOut(blocked)
    else this.fail(blocked, UNBLOCKED)
    return true
  }

  /** The node is a replica now: everyone is told so and sent away. */
  endAll(): void {
    for (const blocked of [...this.byClient.values()]) {
      this.fail(blocked, ROLE_CHANGED)
      blocked.client.close('after-reply')
    }
  }

  /** The client has gone; whether it was blocked. */
  forget(client: object): boolean {
    const blocked = this.byClient.get(client)
    if (blocked !== undefined) this.remove(blocked)
    return blocked !== undefined
  }

  /** The client has been answered. */
  finish(blocked: BlockedClient): void {
    this.remove(blocked)
    blocked.client.lastActiveMs = this.monotonicMs()
    this.handler.ended(blocked)
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
    let leftWaiting = null as Set<Bytes> | null // of those who are alike
    for (const blocked of queue.clients) {
      const { alike } = blocked.options
      if (alike !== undefined && leftWaiting?.has(alike) === true) continue
      if (!this.handler.isOpen(blocked)) {
        isPostponed = true
        continue
      }
      const entry = this.keyspace.database(queue.database).peek(queue.key)
      if (concerns(entry, blocked.options)) this.handler.runAgain(blocked)
      else if (queue.orGone === 0 && !isAwaitable(entry)) break
      if (alike !== undefined && queue.clients.has(blocked)) {
        leftWaiting ??= new Set()
        leftWaiting.add(alike)
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
    if (this.ready.length === 1 && !this.isServing) this.wake()
  }

  private queueOf(database: number, key: Bytes): KeyQueue {
    const queues = this.queues[database] as Map<Bytes, KeyQueue>
    let queue = queues.get(key)
    if (queue === undefined) {
      queue = { database, key, clients: new Set(), orGone: 0, isReady: false }
      queues.set(key, queue)
    }
    return queue
  }

  private remove(blocked: BlockedClient): void {
    this.byClient.delete(blocked.client)
    this.timeOuts.remove(blocked)
    for (const queue of blocked.queues) {
      queue.clients.delete(blocked)
      if (blocked.options.orGone === true) queue.orGone--
      if (queue.clients.size === 0) this.queues[queue.database]?.delete(queue.key)
    }
    if (this.byClient.size === 0) this.keyspace.awaited = null
  }
}

/** Whether a key is of the type that is waited for, or its absence is. */
function concerns(entry: Entry | undefined, { kind, orGone }: BlockOptions): boolean {
  return orGone === true || kindOf(entry) === kind
}

/** Whether there are commands that wait for a value like this. */
function isAwaitable(entry: Entry | undefined): boolean {
  const kind = kindOf(entry)
  return kind === KIND_LIST || kind === KIND_SORTED_SET || kind === KIND_STREAM
}

/** What collection a key is; 0 for none. */
function kindOf(entry: Entry | undefined): number {
  const value = entry?.value
  return typeof value === 'object' && value !== null && 'kind' in value ? value.kind : 0
}

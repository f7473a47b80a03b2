/**
 * The turn of the event loop (ARCHITECTURE.md, "A turn"). Requests of one poll phase share a
 * reading of the clock until it is older than a millisecond. Then the open group is appended and
 * the clock is read again. The check phase closes the turn's last group, flushes every client with
 * pending replies, and does a slice of background work.
 *
 * Replies leave only after the group of their turn is written; with appendfsync always, only after
 * it is durable. Messages that a suspended unit has caused wait for the unit's end, when its
 * changes enter the group.
 */
import { assert } from '../../base/assert.ts'
import type { Storage } from '../../storage/storage.ts'
import type { TurnTimes } from '../metrics/turn-times.ts'

/** The part of the storage engine that a turn drives. */
export type TurnStorage = Pick<Storage, 'keyspace' | 'isReady' | 'binlog' | 'beginTurn' | 'commit' | 'expireDue' | 'background'>

/** A client that was replied to in this turn. */
export interface TurnClient {
  /** Sends the replies collected so far. */
  flush(): void
  /** Keeps the replies collected so far until the binlog is durable up to `offset`. */
  seal(offset: number): void
  /** Sends the replies that were sealed up to `offset`. */
  unseal(offset: number): void
  /** Stops running requests until `release`. */
  hold(): void
  release(): void
  /** Closes the connection and discards its replies. */
  close(how: 'now'): void
  /** True if unsent messages or replies may show changes of a unit that has not ended. */
  readonly mayShowOpenUnit: boolean
}

/** The calls that a turn makes at its end, in this order. */
export interface TurnEvents {
  /**
   * Serves blocked clients before the group is appended, after keys have expired. Keys can become
   * ready outside of units: by expired keys, and by groups from a master.
   */
  serveBlocked(): void
  /**
   * Before the group is appended, after blocked clients were served: sends clients the
   * notifications collected in the turn. Returns true if another turn must send the rest.
   */
  notifyClients(): boolean
  /** After the group is appended: returns false if the replies must not be sent. */
  mayReply(): boolean
  /** After the group is appended and the replies are out: sends appended bytes to replicas. */
  feedReplicas(): void
  /** After the background work. */
  onEnded(): void
}

/** Runs the turns of the event loop: groups, replies, feeds and background work. */
export class Turn {
  /** True with appendfsync always. */
  mustWaitForSync = false
  private readonly storage: TurnStorage
  private readonly events: TurnEvents
  private readonly times: TurnTimes
  private touched: TurnClient[] = []
  /** True while a turn's group could not be written; the clients in `stalled` wait for it. */
  private isStalled = false
  private stalled: TurnClient[] = []
  /** True if a client may be sent something in this turn that is not written. */
  private hasExposedUncommitted = false
  private sealed = new Set<TurnClient>()
  private isScheduled = false
  private readonly endLater = () => this.end()
  private readonly endCheckpointSlice = () => this.times.end('checkpoint-slice')

  constructor(storage: TurnStorage, events: TurnEvents, times: TurnTimes) {
    this.storage = storage
    this.events = events
    this.times = times
  }

  /** To be called before anything runs; begins a turn unless one has begun. */
  begin(): void {
    if (this.isScheduled) return
    this.isScheduled = true
    this.storage.beginTurn()
    setImmediate(this.endLater)
  }

  /**
   * Reads the clock again, between units. A group has one clock, so the open group is appended
   * first.
   */
  renewClock(): void {
    this.times.start()
    this.storage.commit()
    this.times.end('binlog-append')
    this.storage.beginTurn()
  }

  /** To be called once a turn for each client that was replied to. */
  addReplied(client: TurnClient): void {
    this.touched.push(client)
  }

  /**
   * To be called when work of an earlier turn ends: a suspended unit, a walk. Its reply may show a
   * group that could not be written meanwhile.
   */
  exposeUncommitted(): void {
    this.hasExposedUncommitted = true
  }

  /** Forgets a client that has disconnected. */
  forget(client: TurnClient): void {
    this.sealed.delete(client)
  }

  /** Ends the turn now. */
  end(): void {
    const { storage, events, times } = this
    // Clients served now belong to this turn, since its group has one clock.
    this.isScheduled = true
    const moreExpired = storage.expireDue()
    events.serveBlocked()
    const hasMoreToNotify = events.notifyClients()
    times.start()
    const outcome = storage.commit()
    times.end('binlog-append')
    assert(this.isScheduled, 'a turn ends once')
    this.isScheduled = false
    const { touched } = this
    if (touched.length > 0) this.touched = []
    if (!events.mayReply()) this.cutOff(touched)
    else if (outcome === 'stalled' && (!this.isStalled || this.hasExposedUncommitted)) this.keepStalled(touched)
    else if (touched.length > 0) this.flush(touched)
    this.hasExposedUncommitted = false
    // Replicas also wait for changes that no client waits for: expired keys.
    if (this.mustWaitForSync && storage.isReady) storage.binlog.sync()
    times.end('send-replies')
    events.feedReplicas()
    times.end('feed-replicas')
    const moreWork = storage.background(this.endCheckpointSlice)
    times.end('eviction-cycle')
    events.onEnded()
    if (moreExpired || hasMoreToNotify || moreWork) this.begin()
  }

  /** Called when the group that could not be written is written. */
  unstall(): void {
    assert(this.isStalled || this.stalled.length === 0, 'clients wait only for a group that could not be written')
    const { stalled } = this
    this.stalled = []
    this.isStalled = false
    this.flush(stalled)
    for (const client of stalled) client.release()
  }

  private keepStalled(clients: TurnClient[]): void {
    this.isStalled = true
    this.stalled = this.stalled.concat(clients)
    for (const client of clients) client.hold()
  }

  private flush(touched: TurnClient[]): void {
    const clients = this.storage.keyspace.isUnitSuspended ? this.withoutOpenUnit(touched) : touched
    const binlog = this.mustWaitForSync && this.storage.isReady ? this.storage.binlog : null
    const offset = binlog?.end.offset ?? 0
    assert(binlog === null || binlog.synced <= offset, 'no more of the binlog is durable than there is')
    if (binlog === null || binlog.synced >= offset) {
      for (const client of clients) client.flush()
      return
    }
    for (const client of clients) {
      client.seal(offset)
      this.sealed.add(client)
    }
    void binlog.syncTo(offset).then(() => this.unseal())
  }

  /** Closes all clients that wait for a reply. */
  private cutOff(touched: readonly TurnClient[]): void {
    for (const client of [...touched, ...this.stalled, ...this.sealed]) client.close('now')
  }

  /** Returns the clients that may be flushed; the others are flushed in a later turn. */
  private withoutOpenUnit(clients: TurnClient[]): TurnClient[] {
    for (const client of clients) if (client.mayShowOpenUnit) this.touched.push(client)
    return clients.filter(({ mayShowOpenUnit }) => !mayShowOpenUnit)
  }

  private unseal(): void {
    const { synced } = this.storage.binlog
    for (const client of this.sealed) client.unseal(synced)
  }
}

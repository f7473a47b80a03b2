/**
 * The turn of the event loop (ARCHITECTURE.md, "A turn"). Requests of one poll phase share a reading
 * of the clock until it is older than a millisecond. Then the open group is appended and another
 * reading is taken. The check phase closes the turn's last group, flushes every client that has
 * something to be told, and does a slice of background work.
 *
 * Replies leave only after the group of their turn is written, and with appendfsync always only after it is on the medium. What a unit that is
 * suspended has told clients waits for its end: that is when the group gets what it has done.
 */
import type { Storage } from '../../storage/storage.ts'

/** What a turn drives of the engine. */
export type TurnStorage = Pick<Storage, 'keyspace' | 'isReady' | 'binlog' | 'beginTurn' | 'commit' | 'expireDue' | 'background'>

/** A client in this turn. */
export interface TurnClient {
  /** Sends what has been replied so far. */
  flush(): void
  /** Keeps what has been replied so far until the binlog is synced up to an offset. */
  seal(offset: number): void
  /** Sends what was sealed up to an offset. */
  unseal(offset: number): void
  /** Stops running requests until `release`. */
  hold(): void
  release(): void
  /** It has been told of what a unit has done that was not over then. */
  readonly isToldByUnit: boolean
}

export class Turn {
  /** appendfsync always */
  waitForSync = false
  /** Serves clients who have waited for what has changed outside of units: keys that have expired, groups from a master. */
  serveBlocked: () => void = () => {}
  /** Tells clients what has come together in the turn, before replies leave; whether there is more to do in another. */
  tellClients: () => boolean = () => false
  private readonly storage: TurnStorage
  private readonly feed: () => void
  private readonly afterEnd: () => void
  private touched: TurnClient[] = []
  /** A turn's group could not be written, and these clients wait for it. */
  private isStalled = false
  private stalled: TurnClient[] = []
  /** Somebody may be told in this turn what is not written. */
  private showsUnwritten = false
  private sealed = new Set<TurnClient>()
  private scheduled = false
  private readonly endLater = () => this.end()

  /** `feed` sends replicas what has been appended. */
  constructor(storage: TurnStorage, feed: () => void, afterEnd: () => void) {
    this.storage = storage
    this.feed = feed
    this.afterEnd = afterEnd
  }

  /** To be called before anything runs; begins a turn unless one has begun. */
  begin(): void {
    if (this.scheduled) return
    this.scheduled = true
    this.storage.beginTurn()
    setImmediate(this.endLater)
  }

  /**
   * Takes another reading of the clock, between units. A group has one clock, so the open group is
   * appended first.
   */
  renewClock(): void {
    this.storage.commit()
    this.storage.beginTurn()
  }

  /** A client has been replied to in this turn. To be called once a turn and client. */
  touch(client: TurnClient): void {
    this.touched.push(client)
  }

  /** What began before is over: a unit that had been suspended, a walk. It may say what a group holds that could not be written meanwhile. */
  mayShowUnwritten(): void {
    this.showsUnwritten = true
  }

  /** A client has gone. */
  forget(client: TurnClient): void {
    this.sealed.delete(client)
  }

  /** Ends the turn now. */
  end(): void {
    const { storage } = this
    this.scheduled = true // who is served now belongs to this turn: its group has one clock
    const moreExpired = storage.expireDue()
    this.serveBlocked()
    const moreToTell = this.tellClients()
    const outcome = storage.commit()
    this.scheduled = false
    const { touched } = this
    if (touched.length > 0) this.touched = []
    if (outcome === 'stalled' && (!this.isStalled || this.showsUnwritten)) this.keepStalled(touched)
    else if (touched.length > 0) this.flush(touched)
    this.showsUnwritten = false
    if (this.waitForSync && storage.isReady) storage.binlog.sync() // replicas wait for what no client waits for: keys that have expired
    this.feed()
    const moreWork = storage.background()
    this.afterEnd()
    if (moreExpired || moreToTell || moreWork) this.begin()
  }

  /** The group that could not be written is written now. */
  unstall(): void {
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
    const clients = this.storage.keyspace.isUnitOpen ? this.withoutToldByUnit(touched) : touched
    const binlog = this.waitForSync && this.storage.isReady ? this.storage.binlog : null
    const offset = binlog?.end.offset ?? 0
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

  /** The others are told in a turn to come. */
  private withoutToldByUnit(clients: TurnClient[]): TurnClient[] {
    for (const client of clients) if (client.isToldByUnit) this.touched.push(client)
    return clients.filter(({ isToldByUnit }) => !isToldByUnit)
  }

  private unseal(): void {
    const { synced } = this.storage.binlog
    for (const client of this.sealed) client.unseal(synced)
  }
}

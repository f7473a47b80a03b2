/**
 * Client-side caching: clients keep what they have read, and the server notifies them of changes
 * (CLIENT TRACKING).
 *
 *   a request reads  -> the table remembers the client as a reader of its keys
 *   a key changes    -> the table forgets the key and its readers are notified
 *   all keys change  -> every client is notified, once for each command
 *
 * Clients that have named prefixes (BCAST) are notified of matching keys at the end of the turn.
 *
 * No notification leaves before the turn's group is written. A client receives notifications of its
 * own changes after the reply. RESP3 clients receive a push; a redirection target may also be a
 * RESP2 subscriber. While no client tracks, the keyspace is not observed and each request only
 * checks `isActive`.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Random } from '../../base/clock.ts'
import type { KeyObserver } from '../../storage/keyspace/key-events.ts'
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import type { Command } from '../contract/command.ts'
import { keysOf } from '../contract/key-finder.ts'
import { Message } from '../contract/reply.ts'
import type { Session } from '../contract/session.ts'
import type { SessionTracker, TrackingOptions, TrackingPort } from '../contract/tracking.ts'
import { Broadcasts } from './broadcasts.ts'
import { Tracker } from './tracker.ts'
import { TrackingTable } from './tracking-table.ts'

const CHANNEL = '__redis__:invalidate'
/**
 * Keys removed in the first turn in which the table exceeds its limit. Each following turn removes
 * this many more.
 */
const FORGOTTEN_A_TURN = 100

/** Client-side caching: notifies clients of changes of keys that they have read. */
export class Tracking implements TrackingPort, KeyObserver {
  /** True if any client tracks. */
  isActive = false
  readonly table: TrackingTable
  readonly broadcasts = new Broadcasts()
  private readonly keyspace: Keyspace
  private readonly find: (id: number) => Session | undefined
  private readonly trackers = new Set<SessionTracker>()
  /** Trackers with pending notifications. */
  private readonly owed = new Set<SessionTracker>()
  /** The session whose request runs. */
  private requester: Session | null = null
  /** All keys may have changed, and no client has been notified yet. */
  private isAllChanged = false
  private forgottenATurn = FORGOTTEN_A_TURN

  /** `find` finds a client by its id. */
  constructor(keyspace: Keyspace, random: Random, find: (id: number) => Session | undefined) {
    this.keyspace = keyspace
    this.table = new TrackingTable(random)
    this.find = find
  }

  get clientCount(): number {
    return this.trackers.size
  }

  /** Starts tracking or changes its options. Prefixes are added to the existing ones. */
  enable(session: Session, options: TrackingOptions, prefixes: readonly Bytes[]): void {
    let { tracker } = session
    if (tracker === null) {
      tracker = new Tracker(session, options)
      session.tracker = tracker
      this.trackers.add(tracker)
      this.keyspace.observe(this)
      this.isActive = true
    }
    tracker.options = options
    tracker.isRedirectBroken = false
    if (!options.isBroadcast) return
    for (const prefix of prefixes.length === 0 ? [''] : prefixes) this.broadcasts.add(tracker, prefix)
  }

  disable(session: Session): void {
    const { tracker } = session
    if (tracker === null) return
    session.tracker = null
    tracker.isOver = true
    this.broadcasts.remove(tracker)
    this.trackers.delete(tracker)
    this.owed.delete(tracker)
    this.table.noteReaderGone(tracker)
    if (this.trackers.size > 0) return
    this.isActive = false
    this.requester = null
    this.table.clear(this.trackers)
    this.keyspace.unobserve(this)
  }

  /**
   * Called before a request runs. Returns true unless another request runs this one as its part.
   * `afterCommand` takes the result.
   */
  beginRequest(session: Session): boolean {
    if (this.requester !== null) return false
    this.requester = session
    return true
  }

  /**
   * Called after a request has run and before its reply. `isWhole` is true if it is neither part of
   * another request nor suspended.
   */
  afterCommand(command: Command, args: readonly Bytes[], isWhole: boolean): void {
    const tracker = this.requester?.tracker ?? null
    if (tracker?.mayRemember === true && isRead(command)) {
      for (const position of keysOf(command, args)) this.remember(must(args[position]), tracker)
    }
    this.invalidateAllIfNeeded()
    if (isWhole) this.requester = null
  }

  /** Called after a request was answered, whether it ran or not. */
  afterReply(session: Session, command: Command | null): void {
    const { tracker } = session
    if (tracker === null) return
    if (tracker.isCachingSaid && session.transaction === null && command?.name.startsWith('client|') !== true) tracker.isCachingSaid = false
    if (tracker.pending.length > 0) this.tellPending(tracker)
  }

  /** Called after a suspended request was answered. */
  afterSuspension(session: Session, command: Command): void {
    this.requester = null
    this.afterReply(session, command)
  }

  /** Called after every command: notifies all trackers if all keys may have changed. */
  invalidateAllIfNeeded(): void {
    if (!this.isAllChanged) return
    this.isAllChanged = false
    this.table.clear(this.trackers)
    for (const tracker of this.trackers) {
      if (tracker.session === this.requester) this.owe(tracker, null)
      else this.tell([tracker], null)
    }
  }

  /**
   * Called after the last command of a turn. Returns true if another turn must continue the work.
   */
  endTurn(): boolean {
    this.invalidateAllIfNeeded()
    // A suspended request is answered before its own notifications are sent.
    for (const tracker of this.owed) if (tracker.session !== this.requester) this.tellPending(tracker)
    this.broadcasts.tell((trackers, keys) => this.tell(trackers, keys))
    for (let i = 0; i < this.forgottenATurn && this.table.isFull; i++) this.forgetAny()
    this.forgottenATurn = this.table.isFull ? this.forgottenATurn + FORGOTTEN_A_TURN : FORGOTTEN_A_TURN
    return this.table.isFull
  }

  changes(_database: number, key: Bytes): void {
    const by = this.keyspace.isExpiring ? null : this.requester
    if (this.broadcasts.prefixCount > 0) this.broadcasts.note(key, by)
    const readers = this.table.removeKey(key)
    if (readers !== null)
      this.tellReaders(
        readers.filter(({ session, options }) => !options.mustSkipOwn || session !== by),
        key,
      )
  }

  replaces(): void {
    this.isAllChanged = true
  }

  replacesAll(): void {
    this.isAllChanged = true
    this.invalidateAllIfNeeded()
  }

  private remember(key: Bytes, tracker: SessionTracker): void {
    const { keyCount } = this.table
    this.table.add(key, tracker)
    if (this.table.isFull && this.table.keyCount > keyCount) this.forgetAny()
  }

  /** Removes a random key as if it had changed by itself; NOLOOP does not apply. */
  private forgetAny(): void {
    const key = this.table.randomKey()
    this.tellReaders(this.table.removeKey(key) ?? [], key)
  }

  private tellReaders(readers: readonly SessionTracker[], key: Bytes): void {
    const others: SessionTracker[] = []
    for (const reader of readers) {
      if (reader.isOver || reader.options.isBroadcast) continue
      if (reader.session === this.requester) this.owe(reader, key)
      else others.push(reader)
    }
    this.tell(others, [key])
  }

  private owe(tracker: SessionTracker, key: Bytes | null): void {
    tracker.pending.push(key)
    this.owed.add(tracker)
  }

  private tellPending(tracker: SessionTracker): void {
    const { pending } = tracker
    tracker.pending = []
    this.owed.delete(tracker)
    for (const key of pending) this.tell([tracker], key === null ? null : [key])
  }

  /**
   * Notifies clients of changed keys; null means that all keys may have changed. Each form of the
   * message is built once for all.
   */
  private tell(trackers: readonly SessionTracker[], keys: readonly Bytes[] | null): void {
    let push: Message | null = null
    let published: Message | null = null
    for (const tracker of trackers) {
      const target = this.targetOf(tracker)
      if (target === null) continue
      if (target.resp === 3) {
        push ??= new Message(['invalidate', keys])
        target.push(push)
      } else if (target !== tracker.session && target.subscriptions !== null) {
        published ??= new Message(['message', CHANNEL, keys])
        target.push(published)
      }
    }
  }

  /** Returns the session to notify; null if the redirection target has disconnected. */
  private targetOf(tracker: SessionTracker): Session | null {
    const { session, options } = tracker
    if (options.redirect === 0) return session
    const target = this.find(options.redirect)
    if (target !== undefined && !target.isLeaving) return target
    tracker.isRedirectBroken = true
    if (session.resp === 3) session.push(new Message(['tracking-redir-broken', options.redirect]))
    return null
  }
}

/** Scripts track the keys that their commands read, not the keys they declare. */
function isRead({ flags, group }: Command): boolean {
  return group !== 'scripting' && flags.includes('readonly')
}

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
 * The number of keys removed in the first turn in which the table exceeds its limit. Each following
 * turn removes this many more.
 */
const REMOVED_PER_TURN = 100

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
  private readonly withPending = new Set<SessionTracker>()
  /** The session whose request runs. */
  private requester: Session | null = null
  /** All keys may have changed, and no client has been notified yet. */
  private isAllChanged = false
  private removedPerTurn = REMOVED_PER_TURN

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
    tracker.hasEnded = true
    this.broadcasts.remove(tracker)
    this.trackers.delete(tracker)
    this.withPending.delete(tracker)
    this.table.noteReaderGone(tracker)
    if (this.trackers.size > 0) return
    this.isActive = false
    this.requester = null
    this.table.clear(this.trackers)
    this.keyspace.unobserve(this)
  }

  /**
   * Called before a request runs. Returns true unless another request runs this one as a part; pass
   * the result to `afterCommand`.
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
    if (tracker.hasCachingAnswer && session.transaction === null && command?.name.startsWith('client|') !== true)
      tracker.hasCachingAnswer = false
    if (tracker.pending.length > 0) this.notifyPending(tracker)
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
      else this.notify([tracker], null)
    }
  }

  /**
   * Called after the last command of a turn. Returns true if another turn must continue the work.
   */
  endTurn(): boolean {
    this.invalidateAllIfNeeded()
    // A suspended request is answered before its own notifications are sent.
    for (const tracker of this.withPending) if (tracker.session !== this.requester) this.notifyPending(tracker)
    this.broadcasts.notifyAll((trackers, keys) => this.notify(trackers, keys))
    for (let i = 0; i < this.removedPerTurn && this.table.isFull; i++) this.removeRandomKey()
    this.removedPerTurn = this.table.isFull ? this.removedPerTurn + REMOVED_PER_TURN : REMOVED_PER_TURN
    return this.table.isFull
  }

  onChange(_database: number, key: Bytes): void {
    const by = this.keyspace.isExpiring ? null : this.requester
    if (this.broadcasts.prefixCount > 0) this.broadcasts.note(key, by)
    const readers = this.table.removeKey(key)
    if (readers !== null)
      this.notifyReaders(
        readers.filter(({ session, options }) => !options.mustSkipOwn || session !== by),
        key,
      )
  }

  /** Notifies the readers of the chosen keys as if these had changed. */
  forgetKeys(isChosen: (key: Bytes) => boolean): void {
    if (!this.isActive) return
    for (const key of this.table.keysWhere(isChosen)) this.notifyReaders(this.table.removeKey(key) ?? [], key)
  }

  onReplace(): void {
    this.isAllChanged = true
  }

  onReplaceAll(): void {
    this.isAllChanged = true
    this.invalidateAllIfNeeded()
  }

  private remember(key: Bytes, tracker: SessionTracker): void {
    const { keyCount } = this.table
    this.table.add(key, tracker)
    if (this.table.isFull && this.table.keyCount > keyCount) this.removeRandomKey()
  }

  /** Removes a random key as if it had changed by itself; NOLOOP does not apply. */
  private removeRandomKey(): void {
    const key = this.table.randomKey()
    this.notifyReaders(this.table.removeKey(key) ?? [], key)
  }

  private notifyReaders(readers: readonly SessionTracker[], key: Bytes): void {
    const others: SessionTracker[] = []
    for (const reader of readers) {
      if (reader.hasEnded || reader.options.isBroadcast) continue
      if (reader.session === this.requester) this.owe(reader, key)
      else others.push(reader)
    }
    this.notify(others, [key])
  }

  private owe(tracker: SessionTracker, key: Bytes | null): void {
    tracker.pending.push(key)
    this.withPending.add(tracker)
  }

  private notifyPending(tracker: SessionTracker): void {
    const { pending } = tracker
    tracker.pending = []
    this.withPending.delete(tracker)
    for (const key of pending) this.notify([tracker], key === null ? null : [key])
  }

  /**
   * Notifies clients of changed keys; null means that all keys may have changed. The RESP2 and the
   * RESP3 form of the message are each built once.
   */
  private notify(trackers: readonly SessionTracker[], keys: readonly Bytes[] | null): void {
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

/**
 * The replicas of this node: one SlaveItem for each announced ip:port. Events in, decisions out.
 * Times are monotonic, ms.
 *
 *   (none) -METASYNC-> bound to a connection -close-> absent -METASYNC-> bound
 *                                                     absent -replica-forget-after-> (none)
 *
 * An existing item is the normal case. METASYNC binds it to the connection of the request, under a
 * new session, and fences the connection that had it before. Requests that still come from there
 * find no session and change nothing. The acknowledged and pinned offsets stay until the next
 * TRYSYNC. The same attempt on the same connection keeps its session.
 */
import { assert, must } from '../../base/assert.ts'
import { type MetaSyncReply, type MetaSyncRequest, type RefusalCode, staleText } from '../protocol/messages.ts'
import { type Claimant, Claims } from './claims.ts'

/** The limit of items, absent ones included. The item absent for longest makes room. */
export const MAX_SLAVE_ITEMS = 1000

/** A question to a replica whose ACK may be old. */
interface Question {
  /** The number of its "?" in the stream. */
  readonly number: number
  /** Monotonic time; the question was sent then or later. */
  readonly sinceMs: number
}

export interface SlaveItem {
  readonly ip: string
  readonly port: number
  readonly claims: Claims
  runId: string
  attempt: number
  /** The session; 0 means none: METASYNC has to come first. */
  session: number
  /** The reply to the METASYNC of this session. */
  meta: MetaSyncReply | null
  /** Id of its connection; null after the replica has left. */
  connection: number | null
  address: string
  /** The offset that TRYSYNC granted, until BINLOGSYNC uses it. */
  grantedOffset: number | null
  /** The acknowledged offset up to which the replica has applied the binlog. */
  applied: number
  /** The acknowledged offset up to which its binlog is durable. */
  synced: number
  /** The binlog from this offset on must stay; Infinity if none is needed. */
  pinned: number
  /** Monotonic time of the last message, or of the last progress of a full sync. */
  heardMs: number
  /** Monotonic time when it was last known to be alive as a replica of this node. */
  ackedMs: number
  /** The unanswered question that decides whether its ACKs are recent; null if there is none. */
  openQuestion: Question | null
  /** Monotonic time when it left; null while it is attached. */
  leftMs: number | null
}

/** The connection of a request. */
export interface Caller {
  readonly id: number
  readonly address: string
}

export type Binding =
  | { readonly type: 'same'; readonly item: SlaveItem }
  /**
   * `fenced`: the connection that had the item before. `evicted`: the process that loses the
   * address to one known for longer; a conflict begins. `wasRefused`: this process was refused
   * until now; its conflict has ended.
   */
  | {
      readonly type: 'bound'
      readonly item: SlaveItem
      readonly fenced: number | null
      readonly evicted: Claimant | null
      readonly wasRefused: boolean
    }
  /** `holder`: the process that holds a contested address. `isNew`: a conflict begins. */
  | {
      readonly type: 'refused'
      readonly code: RefusalCode
      readonly text: string
      readonly conflict: { readonly holder: Claimant; readonly isNew: boolean } | null
    }

/** The replicas of this node by announced address, and the connections that they are bound to. */
export class SlaveItems {
  private readonly items = new Map<string, SlaveItem>()
  private readonly bound = new Map<number, SlaveItem>()
  private sessions = 0

  get all(): Iterable<SlaveItem> {
    return this.items.values()
  }

  /** The items bound to a connection. */
  get attached(): Iterable<SlaveItem> {
    return this.bound.values()
  }

  get attachedCount(): number {
    return this.bound.size
  }

  get count(): number {
    return this.items.size
  }

  /** The item bound to a connection. */
  of(connection: number): SlaveItem | undefined {
    return this.bound.get(connection)
  }

  /** Binds the item of the announced address to the caller's connection, or refuses. */
  metaSync(request: MetaSyncRequest, ip: string, caller: Caller, timeoutMs: number, monotonicMs: number): Binding {
    const { port, runId, attempt } = request
    const key = `${ip}:${port}`
    const item = this.items.get(key) ?? this.create(ip, port, monotonicMs)
    if (item === null) return refused('ERR', `${MAX_SLAVE_ITEMS} replicas are attached`)
    const isAlive = item.connection !== null && monotonicMs - item.heardMs <= timeoutMs
    const claim = item.claims.claim(runId, attempt, caller.address, isAlive, monotonicMs)
    if (claim.type === 'stale') return refused('STALE', staleText(attempt, runId, claim.attempt))
    if (claim.type === 'refused') {
      const { holder, isNew } = claim
      const text = `${key} is announced by two processes: ${holder.runId} at ${holder.address} has it, ${runId} at ${caller.address} is refused`
      return { ...refused('DUPLICATE', text), conflict: { holder, isNew } }
    }
    const isSame = item.runId === runId && item.attempt === attempt && item.connection === caller.id && item.session > 0
    if (isSame) {
      item.heardMs = monotonicMs
      return { type: 'same', item }
    }
    const { evicted, wasRefused } = claim
    return { type: 'bound', item, fenced: this.bind(item, request, caller, monotonicMs), evicted, wasRefused }
  }

  /** The item with this session, if the session was given on this connection. */
  withSession(session: number, connection: number): SlaveItem | undefined {
    const item = this.bound.get(connection)
    return item !== undefined && item.session === session && session > 0 ? item : undefined
  }

  /** Ends the session of an item; METASYNC begins another one. */
  endSession(item: SlaveItem): void {
    item.session = 0
    item.meta = null
    item.grantedOffset = null
  }

  /** Handles a closed connection. Returns the item that was still bound to it. */
  detach(connection: number, monotonicMs: number): SlaveItem | undefined {
    const item = this.bound.get(connection)
    if (item === undefined) return undefined
    this.bound.delete(connection)
    this.endSession(item)
    item.connection = null
    item.leftMs = monotonicMs
    return item
  }

  /** Drops the items that left at least `afterMs` ago. Returns them. */
  removeAbsent(afterMs: number, monotonicMs: number): readonly SlaveItem[] {
    const forgotten = [...this.items.values()].filter(({ leftMs }) => leftMs !== null && monotonicMs - leftMs >= afterMs)
    for (const item of forgotten) this.items.delete(keyOf(item))
    return forgotten
  }

  /** Begins a session on a connection. Returns the connection that had the item before, or null. */
  private bind(item: SlaveItem, { runId, attempt }: MetaSyncRequest, caller: Caller, monotonicMs: number): number | null {
    const other = this.bound.get(caller.id)
    // The replica on this connection announces another address than before.
    if (other !== undefined && other !== item) this.detach(caller.id, monotonicMs)
    const fenced = item.connection === caller.id ? null : item.connection
    if (fenced !== null) this.bound.delete(fenced)
    this.bound.set(caller.id, item)
    assert(this.bound.size <= this.items.size, 'each connection is bound to a replica of its own')
    this.endSession(item)
    item.session = ++this.sessions
    item.runId = runId
    item.attempt = attempt
    item.connection = caller.id
    item.address = caller.address
    item.heardMs = monotonicMs
    item.leftMs = null
    return fenced
  }

  /** Returns a new item; null if all of MAX_SLAVE_ITEMS are attached. */
  private create(ip: string, port: number, monotonicMs: number): SlaveItem | null {
    if (this.items.size >= MAX_SLAVE_ITEMS && !this.makeRoom()) return null
    const item: SlaveItem = {
      ip,
      port,
      claims: new Claims(),
      runId: '',
      attempt: 0,
      session: 0,
      meta: null,
      connection: null,
      address: '',
      grantedOffset: null,
      applied: 0,
      synced: 0,
      pinned: Number.POSITIVE_INFINITY,
      heardMs: monotonicMs,
      ackedMs: monotonicMs,
      openQuestion: null,
      leftMs: null,
    }
    this.items.set(keyOf(item), item)
    return item
  }

  private makeRoom(): boolean {
    let oldest: SlaveItem | undefined
    for (const item of this.items.values()) {
      if (item.leftMs !== null && (oldest === undefined || item.leftMs < must(oldest.leftMs))) oldest = item
    }
    if (oldest !== undefined) this.items.delete(keyOf(oldest))
    return oldest !== undefined
  }
}

export const keyOf = ({ ip, port }: Pick<SlaveItem, 'ip' | 'port'>) => `${ip}:${port}`

function refused(code: RefusalCode, text: string): Extract<Binding, { type: 'refused' }> {
  return { type: 'refused', code, text, conflict: null }
}

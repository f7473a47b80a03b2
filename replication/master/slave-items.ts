/**
 * Who replicates from here: one SlaveItem for each announced ip:port. Events in, decisions out; times are monotonic, ms.
 *
 *   (none) -METASYNC-> bound to a connection, under a session -close-> absent -METASYNC-> bound ... absent -a long time-> (none)
 *
 * That an item exists is normal. METASYNC binds it to the connection that it came on, under a new session, and whatever connection had it
 * before is fenced: nothing that still comes from there finds a session, so it can change nothing. What the replica has acknowledged and
 * what it pins stay until its TRYSYNC says otherwise. The same attempt on the same connection is the same session.
 */
import { type Meta, type MetaSyncRequest, type RefusalCode, staleText } from '../protocol/messages.ts'
import type { Question } from '../replica/liveness.ts'
import { type Claimant, Claims } from './claims.ts'

/** Of all items, absent ones included; the one that has been absent longest makes room. */
export const MAX_SLAVE_ITEMS = 1000

export interface SlaveItem {
  readonly ip: string
  readonly port: number
  readonly claims: Claims
  runId: string
  attempt: number
  /** 0: none, METASYNC has to come first. */
  session: number
  /** What METASYNC was answered under this session. */
  meta: Meta | null
  /** Id of the connection that it is bound to; null: the replica has left. */
  connection: number | null
  address: string
  /** Where TRYSYNC has let it go on, until it does. */
  continued: number | null
  /** Acknowledged offsets. */
  applied: number
  synced: number
  /** The binlog from here on must stay; Infinity: any of it may go. */
  pinned: number
  heardMs: number
  /** When it was last known to be alive as a follower of this node. */
  ackedMs: number
  /** Its ACKs may be old ones until this is answered. */
  doubt: Question | null
  leftMs: number | null
}

/** The connection that a request came on. */
export interface Caller {
  readonly id: number
  readonly address: string
}

export type Binding =
  | { readonly type: 'same'; readonly item: SlaveItem }
  /** `fenced`: the connection that had it. `evicted`: the process that has lost it to one that was there before, which begins a conflict.
   *  `wasRefused`: until now, in a conflict that has ended. */
  | {
      readonly type: 'bound'
      readonly item: SlaveItem
      readonly fenced: number | null
      readonly evicted: Claimant | null
      readonly wasRefused: boolean
    }
  /** `holder`: of an item in conflict with the one that is refused; with it, `isNew`: the conflict begins. */
  | {
      readonly type: 'refused'
      readonly code: RefusalCode
      readonly text: string
      readonly conflict: { readonly holder: Claimant; readonly isNew: boolean } | null
    }

export class SlaveItems {
  private readonly items = new Map<string, SlaveItem>()
  private readonly bound = new Map<number, SlaveItem>()
  private sessions = 0

  get all(): Iterable<SlaveItem> {
    return this.items.values()
  }

  /** Those that are bound to a connection. */
  get attached(): Iterable<SlaveItem> {
    return this.bound.values()
  }

  get attachedCount(): number {
    return this.bound.size
  }

  get count(): number {
    return this.items.size
  }

  /** What is bound to a connection. */
  of(connection: number): SlaveItem | undefined {
    return this.bound.get(connection)
  }

  metaSync(request: MetaSyncRequest, ip: string, caller: Caller, timeoutMs: number, nowMs: number): Binding {
    const { port, runId, attempt } = request
    const key = `${ip}:${port}`
    const item = this.items.get(key) ?? this.create(ip, port, nowMs)
    if (item === null) return refused('ERR', `${MAX_SLAVE_ITEMS} replicas are attached`)
    const isAlive = item.connection !== null && nowMs - item.heardMs <= timeoutMs
    const claim = item.claims.claim(runId, attempt, caller.address, isAlive, nowMs)
    if (claim.type === 'stale') return refused('STALE', staleText(attempt, runId, claim.attempt))
    if (claim.type === 'refused') {
      const { holder, isNew } = claim
      const text = `${key} is announced by two processes: ${holder.runId} at ${holder.address} has it, ${runId} at ${caller.address} is refused`
      return { ...refused('DUPLICATE', text), conflict: { holder, isNew } }
    }
    const isSame = item.runId === runId && item.attempt === attempt && item.connection === caller.id && item.session > 0
    if (isSame) {
      item.heardMs = nowMs
      return { type: 'same', item }
    }
    const { evicted, wasRefused } = claim
    return { type: 'bound', item, fenced: this.bind(item, request, caller, nowMs), evicted, wasRefused }
  }

  /** The item with this session, if it was given on this connection. */
  withSession(session: number, connection: number): SlaveItem | undefined {
    const item = this.bound.get(connection)
    return item !== undefined && item.session === session && session > 0 ? item : undefined
  }

  /** The session is over; METASYNC begins another one. */
  endSession(item: SlaveItem): void {
    item.session = 0
    item.meta = null
    item.continued = null
  }

  /** A connection has gone. The item that was bound to it, if any still was. */
  left(connection: number, nowMs: number): SlaveItem | undefined {
    const item = this.bound.get(connection)
    if (item === undefined) return undefined
    this.bound.delete(connection)
    this.endSession(item)
    item.connection = null
    item.leftMs = nowMs
    return item
  }

  /** Drops those that left so long ago. */
  forget(afterMs: number, nowMs: number): readonly SlaveItem[] {
    const forgotten = [...this.items.values()].filter(({ leftMs }) => leftMs !== null && nowMs - leftMs >= afterMs)
    for (const item of forgotten) this.items.delete(keyOf(item))
    return forgotten
  }

  private bind(item: SlaveItem, { runId, attempt }: MetaSyncRequest, caller: Caller, nowMs: number): number | null {
    const other = this.bound.get(caller.id)
    if (other !== undefined && other !== item) this.left(caller.id, nowMs) // it announces another address now
    const fenced = item.connection === caller.id ? null : item.connection
    if (fenced !== null) this.bound.delete(fenced)
    this.bound.set(caller.id, item)
    this.endSession(item)
    item.session = ++this.sessions
    item.runId = runId
    item.attempt = attempt
    item.connection = caller.id
    item.address = caller.address
    item.heardMs = nowMs
    item.leftMs = null
    return fenced
  }

  private create(ip: string, port: number, nowMs: number): SlaveItem | null {
    if (this.items.size >= MAX_SLAVE_ITEMS && !this.makeRoom()) return null
    const item: SlaveItem = {
      ...{ ip, port, claims: new Claims(), runId: '', attempt: 0, session: 0, meta: null, connection: null, address: '' },
      ...{
        continued: null,
        applied: 0,
        synced: 0,
        pinned: Number.POSITIVE_INFINITY,
        heardMs: nowMs,
        ackedMs: nowMs,
        doubt: null,
        leftMs: null,
      },
    }
    this.items.set(keyOf(item), item)
    return item
  }

  private makeRoom(): boolean {
    let oldest: SlaveItem | undefined
    for (const item of this.items.values()) {
      if (item.leftMs !== null && (oldest === undefined || item.leftMs < (oldest.leftMs as number))) oldest = item
    }
    if (oldest !== undefined) this.items.delete(keyOf(oldest))
    return oldest !== undefined
  }
}

export const keyOf = ({ ip, port }: Pick<SlaveItem, 'ip' | 'port'>) => `${ip}:${port}`

function refused(code: RefusalCode, text: string): Extract<Binding, { type: 'refused' }> {
  return { type: 'refused', code, text, conflict: null }
}

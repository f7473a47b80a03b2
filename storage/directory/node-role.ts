/**
 * The role of the node, master or replica, and its history. Each change is stored before it counts.
 *
 * A master deletes expired keys. A replica hides them, and deletes them when its master's log does.
 * While memory differs from the log (`distrusted`), it may only answer reads.
 */
import { rethrowAssertion } from '../../base/assert.ts'
import type { Random } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Binlog } from '../binlog/binlog.ts'
import type { ExpiryMode, Keyspace } from '../keyspace/keyspace.ts'
import {
  adoptedIdentity,
  clearedIdentity,
  followingIdentity,
  type Identity,
  type MasterAddress,
  ownIdentity,
  type PastHistory,
  promotedIdentity,
  type Role,
  roleOf,
} from './identity.ts'
import type { IdentityStore } from './identity-store.ts'

export interface NodeRoleOptions {
  readonly identities: IdentityStore
  readonly keyspace: Keyspace
  readonly random: Random
  readonly log: Log
  readonly fatal: (error: unknown) => void
}

/**
 * The reason for which a master deletes no expired keys for now.
 *
 * - `replication`: FAILOVER or a shutdown has paused writes.
 * - `clients`: CLIENT PAUSE has paused them.
 * - `role`: this node may not stay the master. A deletion that it logs by itself would make its log
 *   differ from that of the next master.
 * - `lease`: this node is a master whose lease in the cluster has ended. Another may be the master.
 */
export type ExpiryHold = 'replication' | 'clients' | 'role' | 'lease'

/** The role of the node and its stored history. */
export class NodeRole {
  /**
   * The reason why memory cannot be trusted to match the log; null if it can. Only a full sync or a
   * reload clears it.
   */
  distrusted: string | null = null
  /** The reasons to delete nothing for now, for either role. */
  private readonly expiryHolds = new Set<ExpiryHold>()
  private readonly options: NodeRoleOptions

  constructor(options: NodeRoleOptions) {
    this.options = options
  }

  get identity(): Identity {
    return this.options.identities.current
  }

  get role(): Role {
    return roleOf(this.identity)
  }

  /**
   * The effect of lookups on expired keys while the binlog can be written and nothing is replayed.
   */
  get ordinaryExpiryMode(): ExpiryMode {
    return this.role === 'master' && this.expiryHolds.size === 0 ? 'delete' : 'hide'
  }

  holdExpiry(why: ExpiryHold, isHeld: boolean): void {
    if (isHeld) this.expiryHolds.add(why)
    else this.expiryHolds.delete(why)
  }

  save(identity: Identity): void {
    this.options.identities.save(identity)
  }

  /**
   * Makes this node a replica. The writes that it acknowledged as a master are made durable first.
   * Otherwise a power loss could leave a replica that lacks some of them.
   */
  setMaster(binlog: Binlog, master: MasterAddress): void {
    if (this.role === 'master') binlog.syncNow()
    this.save(followingIdentity(this.identity, master))
    this.options.keyspace.expiryMode = this.ordinaryExpiryMode
  }

  promote(binlog: Binlog): void {
    const { keyspace, random, fatal } = this.options
    binlog.syncNow() // the watermark of later groups vouches for this node's own disk
    this.save(promotedIdentity(this.identity, binlog.end.offset, random))
    binlog.replicationId = this.identity.replicationId
    keyspace.expiryMode = this.ordinaryExpiryMode
    if (this.distrusted !== null) fatal(new Error(`${this.distrusted}: memory must not be written to; a restart reads the data on disk`))
  }

  adopt(binlog: Binlog, replicationId: string, past: readonly PastHistory[]): void {
    const adopted = adoptedIdentity(this.identity, replicationId, past)
    if (JSON.stringify(adopted) !== JSON.stringify(this.identity)) this.save(adopted)
    binlog.replicationId = replicationId
  }

  /**
   * Begins a history of this node's own, unless it is writing one. What other nodes wrote before is
   * made durable first, because the watermark of later groups covers it.
   */
  beginOwnHistory(binlog: Binlog): void {
    if (this.identity.ownFrom !== null) return
    binlog.syncNow()
    this.save(ownIdentity(this.identity, binlog.end.offset, this.options.random))
    binlog.replicationId = this.identity.replicationId
  }

  clear(binlog: Binlog): void {
    this.save(clearedIdentity(this.identity, this.options.random))
    binlog.replicationId = this.identity.replicationId
  }

  /** Records the end of the binlog. REQUIRES: everything is durable and no more writes follow. */
  noteCleanEnd(offset: number): void {
    try {
      this.save({ ...this.identity, cleanEnd: offset })
    } catch (error) {
      rethrowAssertion(error)
      this.options.log.error(
        { error: String(error) },
        'cannot record the clean shutdown; the next start of a master begins another history',
      )
    }
  }

  distrust(reason: string): void {
    this.distrusted = reason
    this.options.log.error({ reason }, 'memory differs from the log: this node only serves reads until a full sync has replaced its data')
    try {
      this.save({ ...this.identity, fullSync: reason })
    } catch (error) {
      rethrowAssertion(error)
      this.options.log.warn(
        { error: String(error) },
        'cannot persist the full-sync requirement; a restart before the next full sync may skip it',
      )
    }
  }
}

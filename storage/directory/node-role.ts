/**
 * What the node is, master or replica, and of which history: each change is stored before it counts.
 *
 * A master deletes keys whose time has come; a replica hides them and deletes on its master's word. While memory is not what the log says
 * (`distrusted`), nothing may be made of it but answers to reads.
 */
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

/** Clients' writes are paused: by a handover or a shutdown, by CLIENT PAUSE. Or this node may not stay the master: nothing it would log by itself
 *  may end the identity of its log with the other's. */
export type ExpiryHold = 'replication' | 'clients' | 'role'

export class NodeRole {
  /** Why memory is not what the log says; null when it is. */
  distrusted: string | null = null
  /** Why nothing may be deleted for now, whatever the role. */
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

  /** What lookups do with keys past their deadline when nothing is out of the ordinary. */
  get restingExpiry(): ExpiryMode {
    return this.role === 'master' && this.expiryHolds.size === 0 ? 'delete' : 'hide'
  }

  holdExpiry(why: ExpiryHold, isHeld: boolean): void {
    if (isHeld) this.expiryHolds.add(why)
    else this.expiryHolds.delete(why)
  }

  save(identity: Identity): void {
    this.options.identities.save(identity)
  }

  /** What it has acknowledged as a master is on the medium first: a power loss from here on makes it no master that lacks some of it. */
  follow(binlog: Binlog, master: MasterAddress): void {
    if (this.role === 'master') binlog.syncNow()
    this.save(followingIdentity(this.identity, master))
    this.options.keyspace.expiry = this.restingExpiry
  }

  promote(binlog: Binlog): void {
    const { keyspace, random, fatal } = this.options
    binlog.syncNow() // what the watermark of the groups to come speaks of is on this medium
    this.save(promotedIdentity(this.identity, binlog.end.offset, random))
    binlog.replicationId = this.identity.replicationId
    keyspace.expiry = this.restingExpiry
    if (this.distrusted !== null) fatal(new Error(`${this.distrusted}: memory cannot be written to, the data on disk can`))
  }

  adopt(binlog: Binlog, replicationId: string, past: readonly PastHistory[]): void {
    const adopted = adoptedIdentity(this.identity, replicationId, past)
    if (JSON.stringify(adopted) !== JSON.stringify(this.identity)) this.save(adopted)
    binlog.replicationId = replicationId
  }

  clear(binlog: Binlog): void {
    this.save(clearedIdentity(this.identity, this.options.random))
    binlog.replicationId = this.identity.replicationId
  }

  /** Everything is on the medium and nothing will be written any more. */
  noteCleanEnd(offset: number): void {
    try {
      this.save({ ...this.identity, cleanEnd: offset })
    } catch (error) {
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
      this.options.log.warn(
        { error: String(error) },
        'cannot persist the full-sync requirement; a restart before the next full sync may skip it',
      )
    }
  }
}

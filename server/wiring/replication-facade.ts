/** Replication as commands see it: each session's connection, and what storage adds. */
import { networkInterfaces } from 'node:os'
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { ClientError, LOADING_TEXT } from '../../commands/contract/errors.ts'
import type { FailoverOptions, ReplicationPort, WaitReached, WaitTarget } from '../../commands/contract/ports.ts'
import type { Reply } from '../../commands/contract/reply.ts'
import type { Session } from '../../commands/contract/session.ts'
import type {
  AckRequest,
  BinlogSyncRequest,
  DbSyncRequest,
  MetaSyncReply,
  MetaSyncRequest,
  TrySyncReply,
  TrySyncRequest,
} from '../../replication/protocol/messages.ts'
import { newHandshake, type PsyncRequest, type RedisHandshake } from '../../replication/protocol/psync.ts'
import type { Replication } from '../../replication/replication.ts'
import type { WaitCondition } from '../../replication/waiters.ts'
import type { Storage } from '../../storage/storage.ts'
import type { ReplicaSocket } from '../network/replica-socket.ts'
import { roleReply } from './role-reply.ts'

/** A connection that may become a replica's. */
interface RequestConnection {
  /** Null until METASYNC was granted. */
  replica: ReplicaSocket | null
  asReplica(): ReplicaSocket
}

export interface FacadeOptions {
  readonly storage: Storage
  /** Its replication is null until the binlog has been replayed. */
  readonly state: { readonly replication: Replication | null }
  /** The open connections by the ids of their sessions. */
  readonly connections: ReadonlyMap<number, RequestConnection>
  /** Ports on which clients reach this server. */
  ownPorts(): readonly number[]
  /** The addresses that this server announces. */
  ownAddresses(): readonly string[]
}

/** Replication as commands and INFO see it. */
export class ReplicationFacade implements ReplicationPort {
  private readonly options: FacadeOptions
  /** The options that REPLCONF has set, by session. */
  private readonly handshakes = new WeakMap<Session, RedisHandshake>()

  constructor(options: FacadeOptions) {
    this.options = options
  }

  get isReplica(): boolean {
    return this.options.storage.role === 'replica'
  }

  get mustLogMessages(): boolean {
    const { storage, state } = this.options
    if (state.replication === null || storage.stalled !== null || storage.isDiskLow) return false
    // A replica logs no message, except those of a Redis master, for its own replicas.
    if (this.isReplica && !state.replication.link.isApplyingRedis) return false
    return state.replication.master.replicas.hasAttached && !state.replication.isWritingPaused
  }

  role(): Reply {
    return roleReply(this.options.storage, this.options.state.replication)
  }

  follow(host: Bytes, port: number, how: 'partial' | 'full'): 'started' | 'already' {
    if (this.isSelf(host, port)) throw new ClientError('ERR The master ip:port and the slave ip:port are the same')
    return this.started.follow(host, port, how)
  }

  leave(): void {
    this.started.leave()
  }

  failover(options: FailoverOptions): void {
    this.started.startFailover(options)
  }

  abortFailover(): void {
    this.started.abortFailover()
  }

  clearReplicationId(): void {
    this.started.clearReplicationId()
  }

  purgeLogsTo(offset: number): void {
    if (this.options.state.replication === null) throw new ClientError(LOADING_TEXT)
    const { storage } = this.options
    if (offset > storage.binlog.end.offset) throw new ClientError('ERR the offset is beyond the end of the binlog')
    storage.purgeTo(offset)
    if (storage.binlog.startOffset < offset && storage.binlog.segments.some(({ end }) => end <= offset)) {
      throw new ClientError('ERR recovery or a replica still needs a part of these files; the others have been removed')
    }
  }

  async wait(session: Session, target: WaitTarget): Promise<WaitReached> {
    return await this.started.wait(session, this.conditionOf(session, target))
  }

  reached(session: Session, target: WaitTarget): WaitReached {
    return this.started.reached(this.conditionOf(session, target))
  }

  answerInquiry(inquiry: MetaSyncRequest): MetaSyncReply {
    return this.started.master.answerInquiry(inquiry)
  }

  metaSync(session: Session, request: MetaSyncRequest): MetaSyncReply {
    const connection = this.connectionOf(session)
    const socket = connection.asReplica()
    const meta = this.started.master.metaSync(socket, request)
    connection.replica = socket
    return meta
  }

  trySync(session: Session, request: TrySyncRequest): TrySyncReply {
    return this.started.master.trySync(this.socketOf(session), request)
  }

  dbSync(session: Session, request: DbSyncRequest): void {
    this.started.master.dbSync(this.socketOf(session), request)
  }

  binlogSync(session: Session, request: BinlogSyncRequest): void {
    this.started.master.binlogSync(this.socketOf(session), request.session, request.offset)
  }

  handshakeOf(session: Session): RedisHandshake {
    const known = this.handshakes.get(session)
    if (known !== undefined) return known
    const handshake = newHandshake()
    this.handshakes.set(session, handshake)
    return handshake
  }

  /** A reply to a later request would be read as a part of what the replica is sent. */
  psync(session: Session, request: PsyncRequest | null): void {
    const connection = this.connectionOf(session)
    if (connection.replica !== null) return
    const socket = connection.asReplica()
    this.started.master.redis.psync(socket, this.handshakeOf(session), request)
    connection.replica = socket
    session.replyMode = 'off'
  }

  acknowledge(session: Session, ack: AckRequest): void {
    this.started.master.ack(this.socketOf(session), ack)
  }

  /** Throws LOADING until the binlog has been replayed. */
  private get started(): Replication {
    const { replication } = this.options.state
    if (replication === null) throw new ClientError(LOADING_TEXT)
    return replication
  }

  private connectionOf({ id }: Session): RequestConnection {
    return must(this.options.connections.get(id), 'requests of replicas come on open connections')
  }

  private socketOf(session: Session): ReplicaSocket {
    return must(this.connectionOf(session).replica, 'METASYNC comes before other requests of replicas')
  }

  private conditionOf({ lastWriteOffset }: Session, target: WaitTarget): WaitCondition {
    // A full sync since then may have left a shorter log.
    const isOfThisLog = lastWriteOffset <= this.options.storage.binlog.end.offset
    return { ...target, after: isOfThisLog ? lastWriteOffset : -1 }
  }

  private isSelf(host: Bytes, port: number): boolean {
    // In the configuration, 0 means none.
    if (port === 0 || !this.options.ownPorts().includes(port)) return false
    const addresses = Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? [])
    return ['localhost', ...addresses, ...this.options.ownAddresses()].includes(host.toLowerCase()) || host.startsWith('127.')
  }
}

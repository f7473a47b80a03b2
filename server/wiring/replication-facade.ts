/**
 * Replication as commands and INFO see it: parses their words, and returns replies and Redis's
 * error texts.
 */
import { networkInterfaces } from 'node:os'
import type { Bytes } from '../../base/bytes.ts'
import { ClientError, LOADING_TEXT } from '../../commands/contract/errors.ts'
import type { FailoverOptions, ReplicationPort, WaitReached, WaitTarget } from '../../commands/contract/ports.ts'
import { NO_REPLY, OK, type Reply, SimpleString } from '../../commands/contract/reply.ts'
import type { Session } from '../../commands/contract/session.ts'
import {
  type AckRequest,
  metaReply,
  Refusal,
  readBinlogSync,
  readDbSync,
  readInquiry,
  readMetaSync,
  readTrySync,
  trySyncReplyWords,
} from '../../replication/protocol/messages.ts'
import type { Replication } from '../../replication/replication.ts'
import type { WaitCondition } from '../../replication/waiters.ts'
import type { Storage } from '../../storage/storage.ts'
import type { Connection } from '../network/connection.ts'
import type { ReplicaPeer } from '../network/replica-peer.ts'

/** ROLE's word for each state of the link. */
const ROLE_STATES: Readonly<Record<string, string>> = {
  none: 'none',
  connect: 'connect',
  connecting: 'connecting',
  auth: 'handshake',
  meta_sync: 'handshake',
  try_sync: 'handshake',
  db_sync: 'sync',
  swapping: 'sync',
  binlog_sync: 'connected',
}

export interface FacadeOptions {
  readonly storage: Storage
  /**
   * Its replication is null until storage has recovered. Until then, commands that need replication
   * are refused as loading.
   */
  readonly state: { readonly replication: Replication | null }
  /**
   * Ports on which clients reach this server; `ownAddresses` are the addresses that it announces.
   */
  ownPorts(): readonly number[]
  ownAddresses(): readonly string[]
}

export class ReplicationFacade implements ReplicationPort {
  private readonly options: FacadeOptions

  constructor(options: FacadeOptions) {
    this.options = options
  }

  private get replication(): Replication | null {
    return this.options.state.replication
  }

  get isReplica(): boolean {
    return this.options.storage.role === 'replica'
  }

  get passesOn(): boolean {
    const { storage } = this.options
    if (this.replication === null || this.isReplica || storage.stalled !== null || storage.diskLow) return false
    return this.replication.master.hasReplicas && !this.replication.writesPaused
  }

  follow(host: Bytes, port: number, how: 'from where we are' | 'full sync'): Reply {
    if (this.isSelf(host, port)) throw new ClientError('ERR The master ip:port and the slave ip:port are the same')
    return this.attempt((replication) => {
      if (replication.follow(host, port, how) === 'already') return new SimpleString('OK Already connected to specified master')
      return OK
    })
  }

  leave(): Reply {
    return this.attempt((replication) => {
      replication.leave()
      return OK
    })
  }

  role(): Reply {
    const { storage } = this.options
    const { master } = storage.identity
    const end = storage.isReady ? storage.binlog.end.offset : 0
    if (this.isReplica && master !== undefined && master !== null) {
      const state = this.replication?.link.view.state ?? 'connect'
      return ['slave', master.host, master.port, ROLE_STATES[state] ?? state, this.replication?.link.isUp === true ? end : -1]
    }
    const online = this.replication?.master.online() ?? []
    // Redis counts from its first replica on: a master that never had a replica or a master answers
    // 0.
    const hadCompany = storage.identity.past.length > 0 || online.length > 0 || (this.replication?.master.absent().length ?? 0) > 0
    return ['master', hadCompany ? end : 0, online.map(({ ip, port, applied }) => [ip, String(port), String(applied)])]
  }

  failover(options: FailoverOptions): Reply {
    return this.attempt((replication) => {
      replication.startFailover(options)
      return OK
    })
  }

  abortFailover(): Reply {
    return this.attempt((replication) => {
      replication.abortFailover()
      return OK
    })
  }

  clearReplicationId(): Reply {
    return this.attempt((replication) => {
      replication.clearReplicationId()
      return OK
    })
  }

  purgeLogsTo(offset: number): Reply {
    return this.attempt(() => {
      const { storage } = this.options
      if (offset > storage.binlog.end.offset) throw new ClientError('ERR the offset is beyond the end of the binlog')
      storage.purgeTo(offset)
      if (storage.binlog.startOffset < offset && storage.binlog.segments.some(({ end }) => end <= offset)) {
        throw new ClientError('ERR recovery or a replica still needs a part of these files; the others have been removed')
      }
      return OK
    })
  }

  async wait(session: Session, target: WaitTarget): Promise<WaitReached> {
    try {
      return await this.mustBeReady().wait(session, this.conditionOf(session, target))
    } catch (error) {
      throw asClientError(error)
    }
  }

  reached(session: Session, target: WaitTarget): WaitReached {
    return this.mustBeReady().reached(this.conditionOf(session, target))
  }

  private mustBeReady(): Replication {
    if (this.replication === null) throw new ClientError(LOADING_TEXT)
    return this.replication
  }

  private conditionOf({ lastWriteAt }: Session, target: WaitTarget): WaitCondition {
    // A full sync since then may have left a shorter log.
    const isOfThisLog = lastWriteAt <= this.options.storage.binlog.end.offset
    return { ...target, after: isOfThisLog ? lastWriteAt : -1 }
  }

  metaSync(session: Session, args: readonly Bytes[]): Reply {
    const connection = session as Connection
    return this.attempt(({ master }) => {
      const inquiry = readInquiry(args)
      if (inquiry !== null) return metaReply(master.answer(inquiry))
      const peer = connection.asReplica()
      const meta = master.metaSync(peer, readMetaSync(args))
      connection.replica = peer
      return metaReply(meta)
    })
  }

  trySync(session: Session, args: readonly Bytes[]): Reply {
    return this.asReplica(session, (replication, peer) => trySyncReplyWords(replication.master.trySync(peer, readTrySync(args))))
  }

  dbSync(session: Session, args: readonly Bytes[]): Reply {
    return this.asReplica(session, (replication, peer) => {
      replication.master.dbSync(peer, readDbSync(args))
      return NO_REPLY
    })
  }

  binlogSync(session: Session, args: readonly Bytes[]): Reply {
    return this.asReplica(session, (replication, peer) => {
      const request = readBinlogSync(args)
      replication.master.binlogSync(peer, request.session, request.offset)
      return NO_REPLY
    })
  }

  acknowledge(session: Session, ack: AckRequest): void {
    this.asReplica(session, (replication, peer) => {
      replication.master.ack(peer, ack)
      return NO_REPLY
    })
  }

  private asReplica(session: Session, act: (replication: Replication, peer: ReplicaPeer) => Reply): Reply {
    const { replica } = session as Connection
    return this.attempt((replication) => {
      if (replica === null) throw new Refusal('BADSESSION', 'METASYNC has to come first on a connection')
      return act(replication, replica)
    })
  }

  private attempt(act: (replication: Replication) => Reply): Reply {
    if (this.replication === null) throw new ClientError(LOADING_TEXT)
    try {
      return act(this.replication)
    } catch (error) {
      throw asClientError(error)
    }
  }

  private isSelf(host: Bytes, port: number): boolean {
    if (port === 0 || !this.options.ownPorts().includes(port)) return false // in the configuration, 0 means none
    const addresses = Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? [])
    return ['localhost', ...addresses, ...this.options.ownAddresses()].includes(host.toLowerCase()) || host.startsWith('127.')
  }
}

function asClientError(error: unknown): unknown {
  return error instanceof Refusal ? new ClientError(`${error.code} ${error.message}`) : error
}

/** The events, facts and actions of the state machine of a replica (machine.ts). */
import type { Bytes } from '../../base/bytes.ts'
import type { Random } from '../../base/clock.ts'
import type { BinlogPosition } from '../../storage/binlog/group.ts'
import type { Identity, MasterAddress, PastHistory } from '../../storage/directory/identity.ts'
import type { LinkReply, SnapshotHead } from '../protocol/messages.ts'
import type { ReplicationSettings } from '../protocol/settings.ts'

/**
 * none: no master. connect: waits for the next try. connecting ... try_sync: waits for a reply.
 * db_sync: receives a full sync. installing: installs the received data. binlog_sync: in step, or
 * about to be. redis: the master is a Redis, and redis-link.ts speaks with it.
 */
export type LinkState =
  | 'none'
  | 'connect'
  | 'connecting'
  | 'auth'
  | 'meta_sync'
  | 'try_sync'
  | 'db_sync'
  | 'installing'
  | 'binlog_sync'
  | 'redis'

/** REQUIRES: events of earlier connections are filtered out. */
export type LinkEvent =
  | { readonly type: 'follow'; readonly master: MasterAddress }
  | { readonly type: 'leave' }
  /** Replace the connection. */
  | { readonly type: 'reconnect'; readonly reason: string }
  | { readonly type: 'connected' }
  | { readonly type: 'closed'; readonly reason: string }
  /** Data of the master arrived, at `atMs` or later. */
  | { readonly type: 'received'; readonly atMs: number }
  | { readonly type: 'reply'; readonly reply: LinkReply }
  /** The stream of the binlog has begun, and not with a refusal. */
  | { readonly type: 'streaming' }
  /** The master has ended the stream of the binlog. */
  | { readonly type: 'ended'; readonly text: string }
  /** The received groups do not follow the binlog of this node. */
  | { readonly type: 'bad-group'; readonly offset: number; readonly reason: string }
  /** A failure of this node. */
  | { readonly type: 'failed'; readonly reason: string }
  /** All records of the snapshot are written. */
  | { readonly type: 'copied' }
  /** The copy has failed; its records are discarded. */
  | { readonly type: 'copy-failed'; readonly reason: string }
  | { readonly type: 'installed' }
  /** Time has passed. Comes about ten times a second. */
  | { readonly type: 'tick' }

export type LinkAction =
  | { readonly type: 'dial'; readonly host: string; readonly port: number }
  | { readonly type: 'send'; readonly words: readonly Bytes[] }
  | { readonly type: 'hang-up' }
  /** Continue under these ids. */
  | { readonly type: 'adopt-history'; readonly replicationId: string; readonly past: readonly PastHistory[] }
  /** The master has taken over, as requested. */
  | { readonly type: 'failover-done' }
  | { readonly type: 'require-full-sync'; readonly reason: string }
  /** Parse the data that follows as binlog, from this offset on. */
  | { readonly type: 'stream'; readonly offset: number }
  /** A snapshot begins to arrive, or resumes. */
  | { readonly type: 'copy'; readonly head: SnapshotHead }
  | { readonly type: 'chunk'; readonly chunk: Buffer }
  | { readonly type: 'abandon-copy' }
  | { readonly type: 'install' }
  /** Begin the conversation with a Redis on this connection. */
  | { readonly type: 'redis' }
  /** Begin the stream of the Redis whose full sync was installed. */
  | { readonly type: 'redis-installed' }
  | { readonly type: 'log'; readonly level: 'debug' | 'info' | 'warn'; readonly fields: object; readonly text: string }
  /** The state, the chain or the ids have changed. */
  | { readonly type: 'changed' }

/** The actions of a full sync, and of a conversation with a Redis. */
export type SyncAction = Extract<LinkAction, { readonly type: 'copy' | 'chunk' | 'abandon-copy' | 'install' | 'redis' | 'redis-installed' }>

/** The state of the node at the time of the call. */
export interface LinkFacts {
  /** Monotonic time. */
  readonly monotonicMs: number
  readonly random: Random
  /** True if this node can follow a Redis. */
  readonly mayFollowRedis?: boolean
  readonly settings: ReplicationSettings
  readonly runId: string
  readonly databases: number
  /** The port that clients use to reach this node. */
  readonly port: number
  readonly identity: Identity
  /** Why this node needs a full sync; null if it needs none. */
  readonly fullSync: string | null
  /** The end of the binlog. */
  readonly end: BinlogPosition
  /** True if this node has no key and never had one. */
  readonly isEmpty: boolean
  /** An unfinished full sync, and the record key (hexadecimal) after which it would resume. */
  readonly copy: { readonly snapshot: string; readonly after: string | null } | null
  /** Bytes written of that copy, and bytes free on the disk. */
  readonly copiedBytes: number
  readonly freeBytes: number
  /** True while this node does not read the connection, for reasons of its own. */
  readonly isPaused: boolean
}

/** The visible state of a link. Times are monotonic, ms. */
export interface LinkStatus {
  readonly state: LinkState
  /** In `binlog_sync`: true once the stream has begun. Until then the master may refuse it. */
  readonly isStreaming: boolean
  readonly master: MasterAddress | null
  /** The known run ids upstream: the master, its master, and so on. */
  readonly chain: readonly string[]
  /** The number of METASYNC requests since the start of the process. */
  readonly attempts: number
  /**
   * `needed`: this node cannot continue its master's history, also after a cut. `installed`: the
   * stream after a full sync has not begun.
   */
  readonly fullSync: 'needed' | 'installed' | null
  /** The numbers of completed syncs. */
  readonly fullSyncs: number
  readonly partialSyncs: number
  /** Why the link is down, or was down until recently. */
  readonly reason: string | null
  readonly reasonSinceMs: number | null
  /** In `connect`: the time of the next try. */
  readonly retryAtMs: number
  /** Null while it is up, and before it was ever up. */
  readonly downSinceMs: number | null
  readonly lastIoMs: number | null
}

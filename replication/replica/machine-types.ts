/** What the replica's state machine (replica.ts) is told, what it may ask about its node, and what it wants done. */
import type { Bytes } from '../../base/bytes.ts'
import type { Random } from '../../base/clock.ts'
import type { BinlogPosition } from '../../storage/binlog/group.ts'
import type { Identity, MasterAddress, PastHistory } from '../../storage/directory/identity.ts'
import type { LinkReply, SnapshotHead } from '../protocol/messages.ts'
import type { ReplicationSettings } from '../settings.ts'

/**
 * none: there is no master. connect: waits before it dials again. connecting ... try_sync: an answer is awaited. db_sync: a full sync comes
 * in. swapping: all of it is here and takes the old data's place. binlog_sync: in step, or about to be.
 */
export type LinkState = 'none' | 'connect' | 'connecting' | 'auth' | 'meta_sync' | 'try_sync' | 'db_sync' | 'swapping' | 'binlog_sync'

/** Events of a connection that is no longer in use do not come. */
export type LinkEvent =
  | { readonly type: 'follow'; readonly master: MasterAddress }
  | { readonly type: 'leave' }
  /** The connection is to be made anew. */
  | { readonly type: 'reconnect'; readonly reason: string }
  | { readonly type: 'connected' }
  | { readonly type: 'closed'; readonly reason: string }
  /** Something was heard of the master, which came in then or later. */
  | { readonly type: 'received'; readonly atMs: number }
  | { readonly type: 'reply'; readonly reply: LinkReply }
  /** The first of the binlog's stream has come, and it is not a refusal. */
  | { readonly type: 'streaming' }
  /** The master has ended the binlog's stream. */
  | { readonly type: 'ended'; readonly text: string }
  /** What came is not what follows on this node's binlog. */
  | { readonly type: 'bad group'; readonly offset: number; readonly reason: string }
  /** Something on this side. */
  | { readonly type: 'failed'; readonly reason: string }
  /** All records of the snapshot are here. */
  | { readonly type: 'copied' }
  /** What had come of it is void. */
  | { readonly type: 'copy failed'; readonly reason: string }
  | { readonly type: 'swapped' }
  /** Time passes. To come some ten times a second. */
  | { readonly type: 'tick' }

export type LinkAction =
  | { readonly type: 'dial'; readonly host: string; readonly port: number }
  | { readonly type: 'send'; readonly words: readonly Bytes[] }
  | { readonly type: 'hang up' }
  /** Go on under these ids. */
  | { readonly type: 'adopt history'; readonly replicationId: string; readonly past: readonly PastHistory[] }
  /** The master has taken over, as it was asked to. */
  | { readonly type: 'failover done' }
  | { readonly type: 'require full sync'; readonly reason: string }
  /** What comes from now on is the binlog, from this offset. */
  | { readonly type: 'stream'; readonly offset: number }
  /** A snapshot begins to come in, or goes on. */
  | { readonly type: 'copy'; readonly head: SnapshotHead }
  | { readonly type: 'chunk'; readonly chunk: Buffer }
  | { readonly type: 'abandon copy' }
  | { readonly type: 'swap' }
  | { readonly type: 'log'; readonly level: 'debug' | 'info' | 'warn'; readonly fields: object; readonly text: string }
  /** State, chain or ids are others now. */
  | { readonly type: 'changed' }

/** The node as it is when asked. */
export interface LinkFacts {
  /** Monotonic. */
  readonly nowMs: number
  readonly random: Random
  readonly settings: ReplicationSettings
  readonly runId: string
  readonly databases: number
  /** What clients reach this node on. */
  readonly port: number
  readonly identity: Identity
  /** Why what is here must not be continued from. */
  readonly fullSync: string | null
  /** Of the binlog. */
  readonly end: BinlogPosition
  /** No key, and none ever. */
  readonly isEmpty: boolean
  /** An unfinished full sync, and the record key (hexadecimal) behind which it would go on. */
  readonly copy: { readonly snapshot: string; readonly after: string | null } | null
  /** What has been written of that, and what is free on the disk, in bytes. */
  readonly copiedBytes: number
  readonly freeBytes: number
  /** The connection is not being read from, for a reason of this node's. */
  readonly isPaused: boolean
}

/** What is to be seen of a link. Times are monotonic, ms. */
export interface LinkStatus {
  readonly state: LinkState
  /** In `binlog_sync`: whether anything of the stream has come. Until then the master may refuse it. */
  readonly isStreaming: boolean
  readonly master: MasterAddress | null
  /** Run ids: the master's, its master's, and so on, as far as known. */
  readonly chain: readonly string[]
  /** Of METASYNC, since the process began. */
  readonly attempts: number
  /** Completed. */
  readonly fullSyncs: number
  readonly partialSyncs: number
  /** Why there is no link, or was none until just now. */
  readonly reason: string | null
  readonly reasonSinceMs: number | null
  /** In `connect`: when it is tried again. */
  readonly retryAtMs: number
  /** Null while it is up, and before it ever was. */
  readonly downSinceMs: number | null
  readonly lastIoMs: number | null
}

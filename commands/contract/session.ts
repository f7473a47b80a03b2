/**
 * A client as commands see it: its identity and its settings, never its socket.
 * `server/network/connection.ts` implements it; tests use `test/support/harness/fake-session.ts`.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { SessionUser } from './access.ts'
import type { Message, Reply } from './reply.ts'
import type { SessionSubscriptions } from './subscriptions.ts'
import type { SessionTracker } from './tracking.ts'
import type { SessionTransaction, SessionWatch } from './transactions.ts'

export type ReplyMode = 'on' | 'off' | 'skip' | 'skip-next'

/** The role of the remote end. Replicas of this node and its master are not ordinary clients. */
export type RemoteRole = 'client' | 'replica' | 'master'

/** The state that every session has, with its initial values. */
export class SessionState {
  /** Index of the selected database. */
  database = 0
  resp: 2 | 3 = 2
  name: Bytes = ''
  libraryName: Bytes = ''
  libraryVersion: Bytes = ''
  replyMode: ReplyMode = 'on'
  isEvictionExempt = false
  mustNotTouch = false
  isMonitoring = false
  /** True for the session that runs a script's commands. */
  isScript = false
  /** True from ASKING to the next request, or to the end of the next transaction. */
  isAsking = false
  /** True from READONLY to READWRITE. */
  isReadingReplica = false
  /** Null without subscriptions. */
  subscriptions: SessionSubscriptions | null = null
  /** CLIENT TRACKING state; null when off. */
  tracker: SessionTracker | null = null
  /** The connection is about to be closed. */
  isLeaving = false
  /** Set between MULTI and EXEC. */
  transaction: SessionTransaction | null = null
  /** The keys named by WATCH. */
  watch: SessionWatch | null = null
  /** Binlog offset of the group that holds the session's last write; -1 before the first write. */
  lastWriteOffset = -1
  /** The last command run, such as `set` or `config|get`. */
  lastCommand: Bytes = ''

  /** Advances CLIENT REPLY SKIP when a reply is not sent. */
  protected skipReply(): void {
    if (this.replyMode === 'skip') this.replyMode = 'on'
    else if (this.replyMode === 'skip-next') this.replyMode = 'skip'
  }
}

export interface Session extends SessionState {
  readonly id: number
  readonly remoteRole: RemoteRole
  /** The authenticated user, whose rules apply. */
  user: SessionUser
  /** True if the client gave a password or needed none at the start. */
  isAuthenticated: boolean
  /** `ip:port`, `[ip]:port` or `path:0` for a Unix socket. */
  readonly address: string
  readonly localAddress: string
  /** Start of the session: monotonic, ms. */
  readonly createdAtMs: number
  /** Start of its last command: monotonic, ms. */
  lastActiveMs: number
  /** Bytes, for CLIENT LIST. */
  queryBufferBytes(): number
  outputBufferBytes(): number
  /**
   * Sends a message regardless of CLIENT REPLY. While a command of this session runs, the message
   * follows its reply.
   */
  push(message: Message): void
  /** Ends the connection: `now` drops unsent bytes, `after-reply` sends them first. */
  close(how: 'now' | 'after-reply'): void
}

/** A session that receives replies. */
export interface Client extends Session {
  reply(reply: Reply): void
  /** `text` begins with its code word. */
  replyError(text: Bytes): void
  /** Offers the request that a gate holds again, outside of any command. */
  retryGate(): void
  /**
   * Continues after a command that waited. `mayShowUnit` is true if the reply may show changes of
   * an open unit.
   */
  asyncDone(mayShowUnit?: boolean): void
}

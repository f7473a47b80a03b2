/**
 * A client as commands see it: who it is and what it has set, never its socket. `server/network/connection.ts` implements it; tests use
 * `test/support/harness/fake-session.ts`.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { User } from '../acl/user.ts'
import type { Tracker } from '../clients/tracker.ts'
import type { Subscriptions } from '../pubsub/pub-sub.ts'
import type { Transaction } from '../transactions/transaction.ts'
import type { Watch } from '../transactions/watches.ts'
import type { Message } from './reply.ts'

export type ReplyMode = 'on' | 'off' | 'skip' | 'skip-next'

/** What is at the other end: who follows this node, or whom it follows, is no ordinary client. */
export type Peer = 'client' | 'replica' | 'master'

/** What every session has, as it is when it begins. */
export class SessionState {
  /** Index of the selected database. */
  database = 0
  resp: 2 | 3 = 2
  name: Bytes = ''
  libraryName: Bytes = ''
  libraryVersion: Bytes = ''
  replyMode: ReplyMode = 'on'
  noEvict = false
  noTouch = false
  monitoring = false
  /** It runs commands for a script. */
  isScript = false
  /** Null while it is subscribed to nothing. */
  subscriptions: Subscriptions | null = null
  /** Null while it is not told what changes of what it has read. */
  tracker: Tracker | null = null
  /** Its connection is about to be closed. */
  isLeaving = false
  /** Between MULTI and EXEC. */
  transaction: Transaction | null = null
  /** What WATCH has named. */
  watch: Watch | null = null
  /** Binlog offset at which the group begins that holds its last write; -1 before the first. */
  lastWriteAt = -1
  /** `set` or `config|get`: the last command run. */
  lastCommand: Bytes = ''
}

export interface Session extends SessionState {
  readonly id: number
  readonly peer: Peer
  /** Who it is, and may do what that user may. */
  user: User
  /** Whether it has said a password, or needed none when it began. */
  authenticated: boolean
  /** `ip:port`, `[ip]:port` or `path:0` for a Unix socket. */
  readonly address: string
  readonly localAddress: string
  /** When it began: monotonic, ms. */
  readonly createdAtMs: number
  /** When its last command ran: monotonic, ms. */
  lastActiveMs: number
  /** For CLIENT LIST, in bytes. */
  queryBufferBytes(): number
  outputBufferBytes(): number
  /** Sends a message, whatever CLIENT REPLY says; while a command of this session runs, after its reply. */
  push(message: Message): void
  /** Ends the connection: `now` drops what is unsent, `after-reply` sends it first. */
  close(how: 'now' | 'after-reply'): void
}

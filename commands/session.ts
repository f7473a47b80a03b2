/**
 * A client as commands see it: who it is and what it has set, never its socket. `server/connection.ts` implements it; tests use
 * `test/support/fake-session.ts`.
 */
import type { Bytes } from '../storage/bytes.ts'

export type ReplyMode = 'on' | 'off' | 'skip' | 'skip-next'

/** What is at the other end: who follows this node, or whom it follows, is no ordinary client. */
export type Peer = 'client' | 'replica' | 'master'

export interface Session {
  readonly id: number
  readonly peer: Peer
  /** Index of the selected database. */
  database: number
  resp: 2 | 3
  authenticated: boolean
  name: Bytes
  libraryName: Bytes
  libraryVersion: Bytes
  replyMode: ReplyMode
  noEvict: boolean
  noTouch: boolean
  monitoring: boolean
  /** `ip:port`, `[ip]:port` or `path:0` for a Unix socket. */
  readonly address: string
  readonly localAddress: string
  readonly createdAtMs: number
  /** Wall time of the last command, ms. */
  lastActiveMs: number
  /** Binlog offset at which the group begins that holds its last write; -1 before the first. */
  lastWriteAt: number
  /** `set` or `config|get`: the last command run. */
  lastCommand: Bytes
  /** For CLIENT LIST, in bytes. */
  queryBufferBytes(): number
  outputBufferBytes(): number
  /** Ends the connection: `now` drops what is unsent, `after-reply` sends it first. */
  close(how: 'now' | 'after-reply'): void
}

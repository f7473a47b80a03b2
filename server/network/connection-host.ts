/** What a connection is given by the server around it, and how long its client may leave replies unread. */
import type { Acl } from '../../commands/acl/acl.ts'
import type { Executor } from '../../commands/core/executor.ts'
import type { Turn } from '../loop/turn.ts'
import type { Prefetcher } from '../protocol/prefetch.ts'
import type { DecoderLimits } from '../protocol/request-decoder.ts'
import type { Connection } from './connection.ts'
import type { ReplicaPeer } from './replica-peer.ts'

/** Hard limit, soft limit and its seconds, bytes; 0 means none. */
interface UnsentLimit {
  readonly hard: number
  readonly soft: number
  readonly softSeconds: number
}

/** What a connection needs of the server. */
export interface ConnectionHost {
  readonly executor: Executor
  readonly turn: Turn
  readonly prefetcher: Prefetcher
  readonly limits: DecoderLimits
  readonly acl: Acl
  /** For input that has not run, bytes; infinite for none. */
  queryLimitBytes: number
  /** For unsent replies, by what the client is. Replaced as a whole when the configuration changes. */
  outputLimits: { readonly normal: UnsentLimit; readonly pubsub: UnsentLimit }
  received(bytes: number): void
  sent(bytes: number): void
  /** The same of binlog bytes that a replica is fed. */
  fed(bytes: number): void
  /** A replica has taken what it was fed. */
  drained(peer: ReplicaPeer): void
  /** The connection is about to be closed: its client is to be given nothing more. */
  leaving(connection: Connection): void
  /** The client sends nothing more, and may have gone: it does not wait for others any more. */
  inputEnded(connection: Connection): void
  closed(connection: Connection): void
  /** A client was closed because it went past a limit. */
  cutOff(what: 'output' | 'query'): void
  log(fields: object, text: string): void
  /** Requests that have come are about to run: what stands in their way is as of now. */
  beginRequests(): void
  monotonicMs(): number
}

/** Whether unsent replies have passed a limit: the hard one at once, the soft one when they stay past it for its seconds. */
export class OutputLimit {
  private readonly host: ConnectionHost
  /** Monotonic time since when the soft limit is passed, ms; 0 while it is not. */
  private softSince = 0

  constructor(host: ConnectionHost) {
    this.host = host
  }

  /** The bytes of all unsent replies, if they are past a limit; else 0. What is not encoded yet counts, and is counted only where there is a limit. */
  passedBy(what: 'normal' | 'pubsub', encodedBytes: number, replies: { readonly restBytes: number }): number {
    const { hard, soft } = this.host.outputLimits[what]
    if (hard === 0 && soft === 0) return 0
    const unsent = encodedBytes + replies.restBytes
    return this.isPassed(what, unsent) ? unsent : 0
  }

  private isPassed(what: 'normal' | 'pubsub', unsentBytes: number): boolean {
    const { hard, soft, softSeconds } = this.host.outputLimits[what]
    const now = this.host.monotonicMs()
    if (soft > 0 && unsentBytes > soft) this.softSince ||= now
    else this.softSince = 0
    return (hard > 0 && unsentBytes > hard) || (this.softSince !== 0 && now - this.softSince > softSeconds * 1000)
  }

  /** Everything has been sent. */
  reset(): void {
    this.softSince = 0
  }
}

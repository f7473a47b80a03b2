/** The server as a connection sees it, and the limits of a client's unread replies. */
import type { Acl } from '../../commands/acl/acl.ts'
import type { Executor } from '../../commands/execution/executor.ts'
import type { Turn } from '../loop/turn.ts'
import type { DecoderLimits } from '../protocol/decoder-limits.ts'
import type { Prefetcher } from '../protocol/prefetch.ts'
import type { Preloader } from '../protocol/preloader.ts'
import type { Connection } from './connection.ts'
import type { ReplicaSocket } from './replica-socket.ts'

/** Hard and soft limit in bytes, and the seconds of the soft limit; 0 means none. */
interface UnsentLimit {
  readonly hard: number
  readonly soft: number
  readonly softSeconds: number
}

/** The parts of the server that a connection uses. */
export interface ConnectionHost {
  readonly executor: Executor
  readonly turn: Turn
  readonly prefetcher: Prefetcher
  readonly preloader: Preloader
  readonly limits: DecoderLimits
  readonly acl: Acl
  /** Limit in bytes for input that has not run; infinite for none. */
  queryLimitBytes: number
  /**
   * Limits for unsent replies by class of client. Replaced as a whole when the configuration
   * changes.
   */
  outputLimits: { readonly normal: UnsentLimit; readonly pubsub: UnsentLimit }
  onReceived(bytes: number): void
  onSent(bytes: number): void
  /** Like `onSent`, for binlog bytes sent to a replica. */
  onFed(bytes: number): void
  /** The replica's socket has drained. */
  onDrained(socket: ReplicaSocket): void
  /** The connection is about to close: its client must be sent nothing more. */
  onLeaving(connection: Connection): void
  /** The client sends nothing more and may have gone, so it no longer waits for others. */
  onInputEnded(connection: Connection): void
  onClosed(connection: Connection): void
  /** A client was closed because it exceeded a limit. */
  onCutOff(what: 'output' | 'query'): void
  log(fields: object, text: string): void
  /** Received requests are about to run: updates the gates' reasons and the clock. */
  beginRequests(): void
  monotonicMs(): number
}

/**
 * Checks unsent replies against a client's limits: the hard limit at once, the soft one once it has
 * been exceeded for its seconds.
 */
export class OutputLimit {
  private readonly host: ConnectionHost
  /** Monotonic time since which the soft limit is exceeded, ms; 0 while it is not. */
  private softSinceMs = 0

  constructor(host: ConnectionHost) {
    this.host = host
  }

  /**
   * Returns the bytes of all unsent replies, encoded or not, if they exceed a limit; else 0.
   * Counting the others takes O(elements), so without a limit they are not counted.
   */
  unsentBytesPastLimit(what: 'normal' | 'pubsub', encodedBytes: number, replies: { readonly restBytes: number }): number {
    const { hard, soft } = this.host.outputLimits[what]
    if (hard === 0 && soft === 0) return 0
    const unsent = encodedBytes + replies.restBytes
    return this.noteUnsent(what, unsent) ? unsent : 0
  }

  /** Records since when the soft limit is exceeded. Returns true if the bytes exceed a limit. */
  private noteUnsent(what: 'normal' | 'pubsub', unsentBytes: number): boolean {
    const { hard, soft, softSeconds } = this.host.outputLimits[what]
    const monotonicMs = this.host.monotonicMs()
    if (soft > 0 && unsentBytes > soft) this.softSinceMs ||= monotonicMs
    else this.softSinceMs = 0
    return (hard > 0 && unsentBytes > hard) || (this.softSinceMs !== 0 && monotonicMs - this.softSinceMs > softSeconds * 1000)
  }

  /** To be called when everything has been sent. */
  reset(): void {
    this.softSinceMs = 0
  }
}

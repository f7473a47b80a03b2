/** The requests that a client has queued since MULTI. */
import type { Bytes } from '../../base/bytes.ts'
import type { CommandRuntime } from '../contract/runtimes.ts'
import type { QueuedRequest, SessionTransaction } from '../contract/transactions.ts'

/** The requests that a client has queued since MULTI. */
export class Transaction implements SessionTransaction {
  readonly requests: QueuedRequest[] = []
  /** A request was refused since MULTI, so EXEC will refuse the transaction. */
  isSpoiled = false
  /** Total size of the queued words. */
  bytes = 0

  queue(runtime: CommandRuntime, args: Bytes[]): void {
    this.requests.push({ runtime, args })
    for (const word of args) this.bytes += word.length
  }
}

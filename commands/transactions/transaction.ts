/** The requests that a client has queued since MULTI. */
import type { Request } from '../contract/request.ts'
import type { SessionTransaction } from '../contract/transactions.ts'

/** The requests that a client has queued since MULTI. */
export class Transaction implements SessionTransaction {
  readonly requests: Request[] = []
  /** A request was refused since MULTI, so EXEC will refuse the transaction. */
  isSpoiled = false
  /** Total size of the queued words. */
  bytes = 0

  queue(request: Request): void {
    this.requests.push(request)
    for (const word of request.args) this.bytes += word.length
  }
}

/** What a client has queued since MULTI. */
import type { Bytes } from '../../base/bytes.ts'
import type { CommandRuntime } from '../core/runtimes.ts'

export interface QueuedRequest {
  readonly runtime: CommandRuntime
  readonly args: Bytes[]
}

export class Transaction {
  readonly requests: QueuedRequest[] = []
  /** A request has been refused since MULTI: EXEC will refuse the whole. */
  isSpoiled = false
  /** Of all words queued. */
  bytes = 0

  queue(runtime: CommandRuntime, args: Bytes[]): void {
    this.requests.push({ runtime, args })
    for (const word of args) this.bytes += word.length
  }
}

/**
 * A request on its way through the executor: the words of a client and the command that they name.
 *
 * A connection has one Request and refills it for each request that arrives. Each queued request of
 * a transaction and each call of a script has its own, because it runs while the connection's
 * Request is in use. So has a blocked command that runs again with other words.
 */
import type { Bytes } from '../../base/bytes.ts'
import { type CommandRuntime, UNKNOWN_COMMAND } from './runtimes.ts'
import type { Client } from './session.ts'

const NO_WORDS: Bytes[] = []

/** The words of a client and the command that they name. */
export class Request {
  readonly client: Client
  args: Bytes[]
  /** The executor sets it when it has found the command. */
  runtime: CommandRuntime
  /**
   * The buffer that holds the request's canonical encoding from `start` to `end`; null for none.
   */
  raw: Buffer | null = null
  start = 0
  end = 0

  constructor(client: Client, args: Bytes[] = NO_WORDS, runtime: CommandRuntime = UNKNOWN_COMMAND) {
    this.client = client
    this.args = args
    this.runtime = runtime
  }

  fill(args: Bytes[], raw: Buffer | null, start: number, end: number): void {
    this.args = args
    this.raw = raw
    this.start = start
    this.end = end
  }

  /** Drops the words, which may be large. */
  clear(): void {
    this.args = NO_WORDS
    this.raw = null
  }
}

/**
 * Opens LevelDB again after a failed write, because it takes no more writes until then. Opening
 * writes files, which a full disk refuses as well. LevelDB is therefore closed only if the disk
 * takes a file:
 *
 *   write failed -> room to open? --no---> reads continue on the open one; ask again in a second
 *                        |
 *                       yes -> close -> open -> failed: nothing can be read; open again in a second
 *                                        |
 *                                       open: writes and checkpoints continue
 */
import { rethrowAssertion } from '../../base/assert.ts'
import type { Log } from '../../base/log.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'

const RETRY_MS = 1000

export interface ReopeningHost {
  readonly keyspace: Keyspace
  readonly log: Log
  /** Stops the background work that reads and writes LevelDB beside requests and checkpoints. */
  stopBackground(): Promise<void>
  resumeBackground(): void
  isClosing(): boolean
  /** Called when LevelDB can no longer be read, can be read again, or `failure` has changed. */
  onAvailabilityChanged(): void
  /** Called when an attempt to open LevelDB has failed. */
  onFailed(reason: Error): void
}

/** Closes and opens LevelDB after a failed write, and retries every second. */
export class Reopening {
  /**
   * The error of the last failed attempt; null before the first one, and when LevelDB is open
   * again.
   */
  failure: string | null = null
  private readonly host: ReopeningHost

  constructor(host: ReopeningHost) {
    this.host = host
  }

  /**
   * Resolves when LevelDB is open again, without a time limit. Rejects only while storage is
   * closing.
   */
  async run(): Promise<void> {
    const { host } = this
    for (let attempts = 1; ; attempts++) {
      try {
        await this.attempt()
        if (attempts > 1) host.log.info({}, 'LevelDB is open again')
        this.failure = null
        host.onAvailabilityChanged()
        return
      } catch (error) {
        rethrowAssertion(error)
        if (host.isClosing()) throw error
        this.failed(error as Error)
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    }
  }

  private async attempt(): Promise<void> {
    const { host } = this
    const { records } = host.keyspace
    if (records.isOpen) {
      records.checkRoom()
      this.failure = null // a short pause of reads is not reported as a failure
    }
    await host.stopBackground()
    try {
      const reopened = records.reopen()
      host.onAvailabilityChanged() // nothing can be read from here on
      await reopened
    } finally {
      if (records.isOpen) host.resumeBackground()
    }
  }

  private failed({ message, cause }: Error): void {
    const { host } = this
    const text = cause instanceof Error ? cause.message : message
    const { isOpen } = host.keyspace.records
    if (text !== this.failure) {
      const outcome = isOpen ? 'reads continue' : 'requests that need it are refused'
      host.log.error({ error: text }, `cannot reopen LevelDB, retrying every second: ${outcome}`)
    }
    this.failure = text
    host.onFailed(new Error(text))
    host.onAvailabilityChanged()
  }
}

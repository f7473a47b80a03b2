/**
 * Before a shutdown, writes are paused and replicas are fed until all have everything or
 * shutdown-timeout has passed.
 */
import type { Replication } from '../../replication/replication.ts'
import type { Storage } from '../../storage/storage.ts'
import type { Config } from '../config/config.ts'
import type { Logger } from '../logging/log.ts'
import type { Turn } from './turn.ts'

const LOOK_EVERY_MS = 10

export interface DrainParts {
  readonly config: Config
  readonly log: Logger
  readonly storage: Storage
  readonly turn: Turn
  /** Its replication is null until the binlog has been replayed. */
  readonly state: { readonly replication: Replication | null }
}

/** Feeds the replicas before a shutdown, until they have everything or the time is up. */
export class Drain {
  private readonly parts: DrainParts
  private current: 'none' | 'waiting' | 'aborted' | 'skipped' = 'none'

  constructor(parts: DrainParts) {
    this.parts = parts
  }

  /** Resolves with true if the shutdown is to continue, false if it was aborted. */
  async run(): Promise<boolean> {
    const { config, storage, log, state } = this.parts
    const { replication } = state
    const timeoutMs = config.number('shutdown-timeout') * 1000
    if (replication === null || timeoutMs === 0) return true
    storage.commit() // so that replicas are also waited for with this turn's writes
    if (replication.laggards === 0) return true
    this.current = 'waiting'
    replication.pauseWrites('shutdown')
    log.info({ replicas: replication.laggards, timeoutMs }, 'shutdown waits for replicas to catch up')
    await this.drained(replication, timeoutMs)
    const isAborted = this.isAborted
    this.current = 'none'
    if (isAborted) replication.resumeWrites('shutdown')
    else if (replication.laggards > 0)
      log.warn({ replicas: replication.laggards }, 'shutdown continues although replicas have not caught up')
    return !isAborted
  }

  /** Aborts a waiting shutdown. Returns false if there was none. */
  abort(): boolean {
    if (this.current === 'none') return false
    this.current = 'aborted'
    return true
  }

  /** Ends the wait for replicas; the shutdown continues. */
  skip(): void {
    if (this.current === 'waiting') this.current = 'skipped'
  }

  private get isAborted(): boolean {
    return this.current === 'aborted'
  }

  private drained(replication: Replication, timeoutMs: number): Promise<void> {
    let leftMs = timeoutMs
    return new Promise((resolve) => {
      const timer = setInterval(() => {
        leftMs -= LOOK_EVERY_MS
        replication.master.askForAcks()
        this.parts.turn.begin()
        if (leftMs > 0 && this.current === 'waiting' && replication.laggards > 0) return
        clearInterval(timer)
        resolve()
      }, LOOK_EVERY_MS)
    })
  }
}

/**
 * Before a shutdown, writes are paused and replicas are fed until all have everything or
 * shutdown-timeout has passed.
 */
import type { Replication } from '../../replication/replication.ts'
import type { Node } from '../node.ts'

const LOOK_EVERY_MS = 10

export class Drain {
  private readonly node: Node
  private current: 'none' | 'waiting' | 'aborted' | 'hurried' = 'none'

  constructor(node: Node) {
    this.node = node
  }

  /** Resolves with true if the shutdown is to continue, false if it was aborted. */
  async run(): Promise<boolean> {
    const { links, config, engine, log } = this.node
    const timeoutMs = config.number('shutdown-timeout') * 1000
    if (links === null || timeoutMs === 0) return true
    engine.commit() // so that replicas are also waited for with this turn's writes
    if (links.laggards === 0) return true
    this.current = 'waiting'
    links.pauseWrites('shutdown', true)
    log.info({ replicas: links.laggards, timeoutMs }, 'shutdown waits for replicas to catch up')
    await this.drained(links, timeoutMs)
    const isAborted = this.isAborted
    this.current = 'none'
    if (isAborted) links.pauseWrites('shutdown', false)
    else if (links.laggards > 0) log.warn({ replicas: links.laggards }, 'shutdown continues although replicas have not caught up')
    return !isAborted
  }

  /** Aborts a waiting shutdown. Returns false if there was none. */
  abort(): boolean {
    if (this.current === 'none') return false
    this.current = 'aborted'
    return true
  }

  /** Ends the wait for replicas; the shutdown continues. */
  hurry(): void {
    if (this.current === 'waiting') this.current = 'hurried'
  }

  private get isAborted(): boolean {
    return this.current === 'aborted'
  }

  private drained(links: Replication, timeoutMs: number): Promise<void> {
    let leftMs = timeoutMs
    return new Promise((resolve) => {
      const timer = setInterval(() => {
        leftMs -= LOOK_EVERY_MS
        links.master.askForAcks()
        this.node.turn.begin()
        if (leftMs > 0 && this.current === 'waiting' && links.laggards > 0) return
        clearInterval(timer)
        resolve()
      }, LOOK_EVERY_MS)
    })
  }
}

/** Before a shutdown, replicas are given time to get everything: writes wait, what is there is fed, until all have it or the time is up. */
import type { Node } from './node.ts'

const LOOK_EVERY_MS = 10

export class Drain {
  isUnderWay = false
  private readonly node: Node
  private aborted = false

  constructor(node: Node) {
    this.node = node
  }

  /** Resolves to whether the shutdown is to go on. */
  async run(): Promise<boolean> {
    const { node } = this
    const { links, config, log, gates } = node
    const timeoutMs = config.number('shutdown-timeout') * 1000
    if (links === null || timeoutMs === 0 || links.laggards === 0) return true
    this.isUnderWay = true
    this.aborted = false
    gates.refresh()
    log.info({ replicas: links.laggards, timeoutMs }, 'shutdown waits for replicas to get everything')
    await this.drained(timeoutMs)
    this.isUnderWay = false
    if (links.laggards > 0 && !this.aborted) log.warn({ replicas: links.laggards }, 'shutdown goes on though replicas lack something')
    if (this.aborted) gates.refresh()
    return !this.aborted
  }

  /** Whether there was a shutdown to stop. */
  abort(): boolean {
    if (!this.isUnderWay) return false
    this.aborted = true
    return true
  }

  private drained(timeoutMs: number): Promise<void> {
    const { node } = this
    let leftMs = timeoutMs
    return new Promise((resolve) => {
      const timer = setInterval(() => {
        leftMs -= LOOK_EVERY_MS
        node.links?.master.askForAcks()
        node.turn.begin()
        if (leftMs > 0 && !this.aborted && node.links !== null && node.links.laggards > 0) return
        clearInterval(timer)
        resolve()
      }, LOOK_EVERY_MS)
    })
  }
}

/** Memory figures of the process and of the storage, with the highest and the first that were seen. */
import type { ClientsPort, MemoryFigure } from '../commands/ports.ts'
import type { Storage } from '../storage/storage.ts'

export class MemoryGauge {
  private peak = 0
  private startup = 0

  /** To be called once the data is recovered. */
  started(): void {
    this.startup = this.sample()
  }

  /** Looks at what is in use now, for the peak; to be called now and then, not more often than every 100 ms. Bytes. */
  sample(): number {
    const { heapUsed, external } = process.memoryUsage()
    const used = heapUsed + external
    this.peak = Math.max(this.peak, used)
    return used
  }

  figures(storage: Storage, clients: ClientsPort): ReadonlyMap<MemoryFigure, number> {
    const used = this.sample()
    const { heapTotal, rss } = process.memoryUsage()
    const { keyspace, settings, group } = storage
    let clientBytes = 0
    for (const session of clients.all()) clientBytes += session.queryBufferBytes() + session.outputBufferBytes()
    return new Map<MemoryFigure, number>([
      ['used', used],
      ['heap', heapTotal],
      ['rss', rss],
      ['peak', this.peak],
      ['startup', this.startup],
      ['dataset', keyspace.residentBytes],
      ['dirty', keyspace.dirtyBytes + keyspace.frozenBytes],
      ['clients', clientBytes],
      ['binlog', group.bodyLength],
      ['cache-limit', settings.cacheBytes],
      ['dirty-limit', settings.checkpoint.dirtyLimitBytes],
    ])
  }
}

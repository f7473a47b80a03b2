/** Implements the port through which commands and INFO reach the storage engine. */
import type { StoragePort } from '../../commands/contract/ports.ts'
import type { Storage } from '../../storage/storage.ts'
import { releaseHeap } from '../process/heap.ts'
import { heapUsage, residentMemory } from '../process/memory.ts'

/** The storage engine as commands and INFO see it. */
export class StorageFacade implements StoragePort {
  private readonly storage: Storage
  private readonly wake: () => void
  private readonly reloadAll: () => Promise<void>
  private readonly clientBytes: () => number
  private peakBytes = 0
  private startupBytes = 0

  constructor(options: { storage: Storage; wake: () => void; reload: () => Promise<void>; clientBytes: () => number }) {
    this.storage = options.storage
    this.wake = options.wake
    this.reloadAll = options.reload
    this.clientBytes = options.clientBytes
  }

  checkpoint(): Promise<void> {
    const landed = this.storage.checkpoint()
    this.wake()
    return landed
  }

  get isCheckpointRunning(): boolean {
    return this.storage.checkpointer.isRunning
  }

  get lastCheckpointSeconds(): number {
    return Math.floor(this.storage.checkpointer.lastLandedMs / 1000)
  }

  reload(): Promise<void> {
    return this.reloadAll()
  }

  expireBeforeWalk(): void {
    this.storage.expiry.expireBeforeWalk()
  }

  /**
   * Returns the memory in use, in bytes, and updates the peak. To be called after recovery and then
   * periodically.
   */
  sample(): number {
    const used = usedBytes()
    if (this.startupBytes === 0) this.startupBytes = used
    this.peakBytes = Math.max(this.peakBytes, used)
    return used
  }

  releaseMemory(): void {
    this.storage.keyspace.eviction.packAll()
    releaseHeap()
  }

  memory(): ReadonlyMap<string, number> {
    const used = this.sample()
    const { keyspace, settings, group } = this.storage
    const heap = heapUsage()
    const resident = residentMemory()
    return new Map([
      ['used', used],
      ['heap', heap.totalBytes + heap.externalBytes],
      ['rss', resident.totalBytes],
      ['rss-anonymous', resident.anonymousBytes],
      ['peak', this.peakBytes],
      ['startup', this.startupBytes],
      ['dataset', keyspace.residentBytes],
      ['dirty', keyspace.dirtyBytes + keyspace.frozenBytes],
      ['clients', this.clientBytes()],
      ['binlog', group.bodyLength],
      ['cache-limit', settings.cacheBytes],
      ['dirty-limit', settings.checkpoint.dirtyLimitBytes],
    ])
  }
}

function usedBytes(): number {
  const { usedBytes, externalBytes } = heapUsage()
  return usedBytes + externalBytes
}

/**
 * A full sync puts another data set in the place of the one in use:
 *
 *   a generation is filled beside it -> no checkpoint, no background work -> sealed: all of it on the medium
 *     -> in one synchronous moment: CURRENT names it, the identity follows, memory is emptied and looks at the new records
 *     -> the old records are closed, and the old generation is removed file by file
 *
 * Until that moment the old data is served. The rename of CURRENT decides: a crash before it leaves the old data set, one after it the new
 * one, whole either way. A failure before it leaves everything as it was; one after it ends the process.
 */
import type { BinlogPosition } from '../binlog/group.ts'
import { listSegments } from '../binlog/segments.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'
import { loadMeta, openBinlog, type Parts, resumeBackground, stopBackground } from '../recovery/parts.ts'
import type { ScanCursors } from '../scan/scan-cursors.ts'
import type { StorageOptions } from '../storage-options.ts'
import { currentName, nameCurrent } from './directory.ts'
import { FillingGeneration, type History, type NextGeneration, removeGeneration } from './generations.ts'
import { replacedIdentity } from './identity.ts'
import type { IdentityStore } from './identity-store.ts'

export interface SwapHost {
  readonly options: StorageOptions
  readonly keyspace: Keyspace
  readonly scanCursors: ScanCursors
  readonly identities: IdentityStore
  parts(): Parts
  /** Why the data may not be replaced now; null where it may. */
  refusal(): string | null
  swapped(): void
}

const SLICE_MS = 1

export class Swap {
  /** What an earlier process has left, to be gone on with. */
  readonly unfinished: NextGeneration | null
  private readonly host: SwapHost
  private next: FillingGeneration | null
  private underWay: Promise<void> | null = null
  private hasFailed = false
  private removing: Promise<void> = Promise.resolve()

  constructor(host: SwapHost, unfinished: FillingGeneration | null) {
    this.host = host
    this.unfinished = unfinished
    this.next = unfinished
  }

  /** No checkpoint may begin. */
  get isUnderWay(): boolean {
    return this.underWay !== null || this.hasFailed
  }

  async nextGeneration(source: readonly string[] | null): Promise<NextGeneration> {
    await this.idle()
    await this.next?.abandon()
    this.next = await FillingGeneration.create(this.host.options, source)
    return this.next
  }

  async adopt(next: NextGeneration, position: BinlogPosition, history: History): Promise<void> {
    if (next !== this.next || this.next.isAdopted) throw new Error('not the generation that is being filled')
    if (this.underWay !== null) throw new Error('the generation is being adopted')
    this.underWay = this.replace(this.next, position, history).finally(() => {
      this.underWay = null
    })
    await this.underWay
  }

  /** Resolves when no data set is being put in place. */
  async idle(): Promise<void> {
    await this.underWay?.catch(() => {}) // whoever began it is told
  }

  /** Waits for what is under way. What is being filled is kept for the next process where that can go on with it. */
  async close(): Promise<void> {
    await this.idle()
    await this.next?.keep()
    await this.removing
  }

  private async replace(next: FillingGeneration, position: BinlogPosition, history: History): Promise<void> {
    const { options, keyspace } = this.host
    const parts = this.host.parts()
    const { files, directory, clock, fatal } = options
    const old = { generation: parts.generation, binlog: parts.binlog, records: keyspace.records }
    await this.checkpointIdle()
    await stopBackground(parts)
    try {
      await next.seal(position, history)
      await old.binlog.syncTo(old.binlog.end.offset) // replies that wait for that go out: the offsets of the next log are others
      next.mustBeWanted()
      const refusal = this.host.refusal()
      if (refusal !== null) throw new Error(refusal)
    } catch (error) {
      resumeBackground(parts, clock.wallMs())
      throw error
    }
    try {
      nameCurrent(files, directory, next.name)
      this.moveTo(next, position, history)
    } catch (error) {
      if (this.mayBeNamed(next)) {
        this.hasFailed = true
        fatal(error) // which of the two a start would find is not known, or memory is not what the disk says
      } else resumeBackground(parts, clock.wallMs())
      throw error
    }
    await parts.sweeper.start().catch((error: unknown) => {
      options.log.warn({ error: String(error) }, 'cannot read the garbage records of the new data; the next start clears them')
    })
    await old.binlog.discard()
    await old.records.close()
    try {
      next.forgetProgress()
    } catch {} // that of the generation in use is never looked at
    this.removing = removeGeneration(files, directory, old.generation.name).catch((error: unknown) => {
      options.log.warn({ error: String(error) }, 'cannot remove the data from before the full sync; the next start removes it')
    })
  }

  /** The synchronous moment. */
  private moveTo(next: FillingGeneration, position: BinlogPosition, history: History): void {
    const { options, keyspace, scanCursors, identities } = this.host
    const parts = this.host.parts()
    const { replicationId, past } = history
    identities.save(replacedIdentity(identities.current, next.name, replicationId, past))
    next.isAdopted = true
    const segments = listSegments(options.files, next.generation.binlog)
    const binlog = openBinlog(options, next.generation, { segments, end: position, synced: position.offset, replicationId })
    binlog.succeed(parts.binlog)
    parts.binlog = binlog
    parts.generation = next.generation
    keyspace.reset()
    keyspace.records = next.records
    scanCursors.clear()
    loadMeta(keyspace, scanCursors)
    parts.checkpointer.moveTo(binlog, position.offset)
    parts.expiry.resume(options.clock.wallMs())
    this.host.swapped()
  }

  private mayBeNamed(next: FillingGeneration): boolean {
    const { files, directory } = this.host.options
    try {
      return currentName(files, directory) === next.name
    } catch {
      return true
    }
  }

  /** Lets a checkpoint end that is under way, in slices: clients are served meanwhile. */
  private async checkpointIdle(): Promise<void> {
    const { checkpointer } = this.host.parts()
    while (checkpointer.isRunning) {
      checkpointer.slice(SLICE_MS, false)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

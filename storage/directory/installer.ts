/**
 * A full sync or an import replaces the data set in use by another one:
 *
 *   a data set is filled beside it -> no checkpoint, no background work
 *     -> sealed: all of it durable
 *     -> in one synchronous moment: CURRENT names it, the identity follows, memory is emptied and
 *        reads the new records
 *     -> the old records are closed, and the old data set is removed file by file
 *
 * Until that moment the old data is served. The rename of CURRENT decides. A crash before it leaves
 * the old data set, a crash after it the new one, whole in both cases. A failure before it leaves
 * everything as it was; a failure after it ends the process.
 */
import { assert, at, rethrowAssertion } from '../../base/assert.ts'
import type { BinlogPosition } from '../binlog/group.ts'
import { listSegments } from '../binlog/segments.ts'
import type { Keyspace } from '../keyspace/keyspace.ts'
import { countMissingSlots, type EngineParts, loadMeta, resumeBackground, stopBackground } from '../recovery/engine-parts.ts'
import type { ScanCursors } from '../scan/scan-cursors.ts'
import type { CountedSlots } from '../slots/slot-counts.ts'
import type { StorageOptions } from '../storage-options.ts'
import { type DataSetHistory, FillingDataSet, type IncomingDataSet, removeDataSet } from './data-sets.ts'
import { currentName, nameCurrent } from './directory.ts'
import { type Role, replacedIdentity, roleOf } from './identity.ts'
import type { IdentityStore } from './identity-store.ts'

export interface InstallerHost {
  readonly options: StorageOptions
  readonly keyspace: Keyspace
  readonly scanCursors: ScanCursors
  readonly identities: IdentityStore
  parts(): EngineParts
  /** Returns the reason why the data may not be replaced now, or null. */
  refusal(): string | null
  onInstalled(): void
}

const SLICE_MS = 1

/** Replaces the data set in use by one that a full sync has filled. */
export class DataSetInstaller {
  /** The data set that an earlier process has left to be continued. */
  readonly unfinished: IncomingDataSet | null
  private readonly host: InstallerHost
  private next: FillingDataSet | null
  private underWay: Promise<void> | null = null
  private hasFailed = false
  private removing: Promise<void> = Promise.resolve()

  constructor(host: InstallerHost, unfinished: FillingDataSet | null) {
    this.host = host
    this.unfinished = unfinished
    this.next = unfinished
  }

  /** True while no checkpoint may begin. */
  get isUnderWay(): boolean {
    return this.underWay !== null || this.hasFailed
  }

  async beginDataSet(source: readonly string[] | null): Promise<IncomingDataSet> {
    await this.idle()
    await this.next?.abandon()
    this.next = await FillingDataSet.create(this.host.options, source)
    return this.next
  }

  /**
   * Installs a filled data set. Rejects if this node's role is not `role`. A master continues the
   * new log at its end.
   */
  async install(next: IncomingDataSet, position: BinlogPosition, history: DataSetHistory, role: Role): Promise<void> {
    if (next !== this.next || this.next.isInstalled) throw new Error('not the data set that is being filled')
    if (this.underWay !== null) throw new Error('the data set is being installed')
    this.underWay = this.replace(this.next, position, history, role).finally(() => {
      this.underWay = null
    })
    await this.underWay
  }

  /** Resolves when no data set is being installed. */
  async idle(): Promise<void> {
    await this.underWay?.catch(rethrowAssertion) // the caller of `install` gets the error
  }

  /**
   * Waits for the work under way. Keeps the data set being filled if the next process can
   * continue it.
   */
  async close(): Promise<void> {
    await this.idle()
    await this.next?.keep()
    await this.removing
  }

  private async replace(next: FillingDataSet, position: BinlogPosition, history: DataSetHistory, role: Role): Promise<void> {
    const { options, keyspace } = this.host
    const parts = this.host.parts()
    const { files, directory, clock, fatal } = options
    const old = { dataSet: parts.dataSet, binlog: parts.binlog, records: keyspace.records }
    await this.checkpointIdle()
    await stopBackground(parts)
    let counted: CountedSlots | null
    try {
      await next.seal(position, history)
      counted = await countMissingSlots(keyspace, next.records)
      // Replies that wait for this log are sent: the next log has other offsets.
      await old.binlog.syncTo(old.binlog.end.offset)
      next.throwIfEnding()
      const now = roleOf(this.host.identities.current)
      const refusal = now === role ? this.host.refusal() : `this node is a ${now}`
      if (refusal !== null) throw new Error(refusal)
    } catch (error) {
      resumeBackground(parts, clock.wallMs())
      throw error
    }
    try {
      nameCurrent(files, directory, next.name)
      this.moveTo(next, position, history, counted)
    } catch (error) {
      if (this.mayBeCurrent(next)) {
        this.hasFailed = true
        fatal(error) // a restart could find either data set, or memory differs from the disk
      } else resumeBackground(parts, clock.wallMs())
      throw error
    }
    await parts.sweeper.start().catch((error: unknown) => {
      rethrowAssertion(error)
      options.log.warn({ error: String(error) }, 'cannot read the garbage records of the new data; the next start clears them')
    })
    await old.binlog.discard()
    await old.records.close()
    try {
      next.discardProgress()
    } catch (error) {
      // Another error does no harm: the data set in use never reads the file.
      rethrowAssertion(error)
    }
    this.removing = removeDataSet(files, directory, old.dataSet.name).catch((error: unknown) => {
      rethrowAssertion(error)
      options.log.warn({ error: String(error) }, 'cannot remove the data from before the full sync; the next start removes it')
    })
  }

  /** The synchronous moment of the replacement. */
  private moveTo(next: FillingDataSet, position: BinlogPosition, history: DataSetHistory, counted: CountedSlots | null): void {
    const { options, keyspace, scanCursors, identities } = this.host
    const parts = this.host.parts()
    const { replicationId, past } = history
    assert(!keyspace.isUnitSuspended && keyspace.frozenGeneration === 0, 'data is replaced between units, with no checkpoint under way')
    assert(next.name !== parts.dataSet.name, 'a data set is not replaced by itself')
    identities.save(replacedIdentity(identities.current, next.name, replicationId, past))
    next.isInstalled = true
    const segments = listSegments(options.files, next.dataSet.binlog)
    assert(segments.length === 1 && at(segments, 0).start === position.offset, 'the binlog of a full sync begins where its data ends')
    const binlog = parts.openBinlog(next.dataSet, { segments, end: position, synced: position.offset, replicationId })
    binlog.inheritFrom(parts.binlog)
    parts.binlog = binlog
    parts.dataSet = next.dataSet
    keyspace.reset()
    keyspace.records = next.records
    scanCursors.clear()
    loadMeta(keyspace, scanCursors, counted)
    parts.checkpointer.moveTo(binlog, position.offset)
    parts.expiry.resume(options.clock.wallMs())
    assert(binlog.end.offset === position.offset && binlog.synced === position.offset, 'the binlog of a full sync is empty and durable')
    assert(identities.current.generation === next.name, 'the identity is that of the data in use')
    this.host.onInstalled()
  }

  /** True if CURRENT names this data set, or cannot be read. */
  private mayBeCurrent(next: FillingDataSet): boolean {
    const { files, directory } = this.host.options
    try {
      return currentName(files, directory) === next.name
    } catch (error) {
      rethrowAssertion(error)
      return true
    }
  }

  /** Lets a checkpoint under way end, in slices, while clients are served. */
  private async checkpointIdle(): Promise<void> {
    const { checkpointer } = this.host.parts()
    while (checkpointer.isRunning) {
      checkpointer.slice(SLICE_MS, false)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

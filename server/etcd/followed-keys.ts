/**
 * The keys of a prefix, kept as etcd has them:
 *
 *   read all -> watch from the next revision -> (lost) watch from the last revision seen
 *      ^                       |
 *      `----- compacted -------'
 *
 * A watch of a member that hangs is silent. So all keys are also read every `checkMs`; if they
 * differ from what the watch has told, they count, and the watch begins again.
 */
import type { EtcdChange, EtcdValue, WatchMessage } from './answers.ts'
import type { Etcd, EtcdRange } from './etcd.ts'
import { EtcdError } from './etcd-error.ts'
import type { EtcdStream } from './gateway.ts'

export interface FollowedKeysOptions {
  readonly etcd: Pick<Etcd, 'findAll' | 'watch'>
  readonly prefix: string
  /** The pause after a failure. */
  readonly retryMs: number
  readonly checkMs: number
  /** Called after the first reading and after each change. */
  onChanged(): void
  /** Called for each failure; the keys stay as they were, and are tried again. */
  onFailure(error: EtcdError): void
}

/** Follows the keys of a prefix. */
export class FollowedKeys {
  /** The keys with their values; empty until `isRead`. */
  readonly values = new Map<string, EtcdValue>()
  isRead = false
  private readonly options: FollowedKeysOptions
  /** The revision up to which `values` is complete. */
  private revision = 0
  private stream: EtcdStream | null = null
  private timer: NodeJS.Timeout | null = null
  private isClosed = false
  private running: Promise<void> = Promise.resolve()

  constructor(options: FollowedKeysOptions) {
    this.options = options
  }

  start(): void {
    this.again(0)
  }

  /** Resolves when nothing is called any more. */
  async close(): Promise<void> {
    this.isClosed = true
    this.stop()
    await this.running
  }

  private stop(): void {
    this.stream?.close()
    this.stream = null
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
  }

  /** Reads all keys after a pause, and then watches. */
  private again(delayMs: number): void {
    this.stop()
    if (this.isClosed) return
    this.timer = setTimeout(() => {
      this.running = this.readAll()
    }, delayMs)
  }

  private async readAll(): Promise<void> {
    const { etcd, prefix, retryMs, checkMs, onFailure } = this.options
    let range: EtcdRange
    try {
      range = await etcd.findAll(prefix)
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error
      onFailure(error)
      this.again(retryMs)
      return
    }
    if (this.isClosed) return
    const isNew = this.loadAll(range)
    if (isNew || this.stream === null) this.watch()
    if (isNew) this.options.onChanged()
    if (this.isClosed) return
    this.timer = setTimeout(() => {
      this.running = this.readAll()
    }, checkMs)
  }

  /** Takes over what was read. Returns false if it is known already. */
  private loadAll({ values, revision }: EtcdRange): boolean {
    if (this.isRead && revision <= this.revision) return false
    this.revision = revision
    const isSame = values.length === this.values.size && values.every((one) => this.values.get(one.key)?.modRevision === one.modRevision)
    if (this.isRead && isSame) return false
    this.isRead = true
    this.values.clear()
    for (const value of values) this.values.set(value.key, value)
    return true
  }

  private watch(): void {
    const { etcd, prefix, retryMs, onFailure } = this.options
    this.stream?.close()
    const stream = etcd.watch(prefix, this.revision + 1, {
      onMessage: (message) => {
        if (this.stream === stream) this.applyMessage(message)
      },
      onEnded: (error) => {
        if (this.stream !== stream) return
        this.stream = null
        onFailure(error)
        this.again(retryMs)
      },
    })
    this.stream = stream
  }

  private applyMessage({ revision, changes, isCancelled }: WatchMessage): void {
    if (isCancelled) {
      this.again(0) // the revision was compacted: what was missed cannot be told one by one
      return
    }
    let isNew = false
    for (const change of changes) isNew = this.apply(change) || isNew
    this.revision = Math.max(this.revision, revision)
    if (isNew) this.options.onChanged()
  }

  private apply({ key, value }: EtcdChange): boolean {
    if (value === null) return this.values.delete(key)
    if ((this.values.get(key)?.modRevision ?? 0) >= value.modRevision) return false
    this.values.set(key, value)
    return true
  }
}

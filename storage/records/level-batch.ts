/** Batches of LevelDB, as `RecordStore` has them. */
import type { ClassicLevel } from 'classic-level'
import { rethrowAssertion } from '../../base/assert.ts'
import type { RecordBatch } from './record-store.ts'

/** A key that no record has. */
const NO_RECORD = Buffer.from([0])

/** Runs a write, or rejects because an earlier one has failed. */
type Attempt = (write: () => Promise<void>) => Promise<void>

/** One atomic write to LevelDB. */
export class LevelBatch implements RecordBatch {
  sizeBytes = 0
  count = 0
  private readonly batch
  /**
   * Makes the batch's size known to V8: classic-level frees a batch when V8 collects its object,
   * and V8 does not know its size. No code touches these bytes, so they take no memory.
   */
  private weight: ArrayBuffer | null = null
  private readonly level: ClassicLevel<Buffer, Buffer>
  private readonly writeBufferBytes: number
  private readonly attempt: Attempt
  /** Makes the name of the batch's log durable. */
  private readonly syncNames: () => void

  constructor(level: ClassicLevel<Buffer, Buffer>, writeBufferBytes: number, attempt: Attempt, syncNames: () => void) {
    this.level = level
    this.writeBufferBytes = writeBufferBytes
    this.attempt = attempt
    this.syncNames = syncNames
    this.batch = level.batch()
  }

  put(key: Buffer, value: Buffer): void {
    this.batch.put(key, value)
    this.sizeBytes += key.length + value.length
    this.count++
  }

  remove(key: Buffer): void {
    this.batch.del(key)
    this.sizeBytes += key.length
    this.count++
  }

  async write(): Promise<void> {
    this.weight ??= new ArrayBuffer(this.sizeBytes)
    await this.attempt(async () => {
      await this.batch.write({ sync: true })
      this.syncNames()
    })
    if (this.sizeBytes < this.writeBufferBytes) return
    // LevelDB moves a full write buffer to a table only at the next write. Until then a restart has
    // to read it from LevelDB's log (0.7 s for 57 MB), so this write comes now. Its failure does
    // not matter, because the batch is durable.
    await this.attempt(() => this.level.del(NO_RECORD)).catch(rethrowAssertion)
  }

  writeLazily(): Promise<void> {
    this.weight ??= new ArrayBuffer(this.sizeBytes)
    return this.attempt(() => this.batch.write({ sync: false }))
  }
}

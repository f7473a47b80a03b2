/** A load into a record store in memory. */
import { type Bytes, type BytesInPlace, bytesOf } from '../../../base/bytes.ts'
import type { RecordBatch, RecordLoad } from '../../../storage/records/record-store.ts'
import { rootKey, stringRoot } from '../../../storage/records/records.ts'

const textOfRange = ({ bytes, from, length }: BytesInPlace): Bytes => bytes.latin1Slice(from, from + length)

/** Collects records and writes them as one batch. */
export class MemoryLoad implements RecordLoad {
  readonly mustFlush = false
  private readonly batch: RecordBatch
  private readonly keys = new Set<Bytes>()
  private hasDuplicate = false

  constructor(batch: RecordBatch) {
    this.batch = batch
  }

  put(key: Buffer, value: Buffer): void {
    this.claim(key)
    this.batch.put(key, value)
  }

  putString(dbId: number, key: BytesInPlace, value: BytesInPlace, expireAtMs: number): void {
    this.put(rootKey(dbId, textOfRange(key)), stringRoot(textOfRange(value), expireAtMs))
  }

  claim(key: Buffer): void {
    const name = bytesOf(key)
    if (this.keys.has(name)) this.hasDuplicate = true
    this.keys.add(name)
  }

  async flush(): Promise<void> {}

  async complete(): Promise<boolean> {
    if (this.hasDuplicate) return false
    if (this.batch.count > 0) await this.batch.writeLazily()
    return true
  }
}

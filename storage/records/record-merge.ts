/**
 * Sorted runs of records, merged into tables. A run is a part of a file, in the form of
 * record-sort.ts. A tree of losers finds the run with the least key: each inner node holds the run
 * that lost there, so that one path of comparisons follows each record (Knuth, volume 3, 5.4.1).
 */
import { must, rethrowAssertion } from '../../base/assert.ts'
import { copyBytes } from '../../base/copy-bytes.ts'
import type { File, Files } from '../../base/files.ts'
import { CLAIMED, compareKeys, HEAD_BYTES, recordBytes, uint32At } from './record-sort.ts'
import { TableWriter, type WrittenTable } from './table-writer.ts'

// hot: runs for each record of an import

/** A table is ended when its blocks have this many bytes. */
const TABLE_BYTES = 8 * 1024 * 1024
const MIN_RUN_READ_BYTES = 16 * 1024
const MAX_RUN_READ_BYTES = 256 * 1024
/** Tables whose fsync may be under way. */
const MAX_SYNCS = 4

/** A run, from a record on, up to an offset. */
export interface RunRange {
  readonly from: number
  readonly end: number
}

export interface RunMergeRequest {
  readonly path: string
  readonly runs: readonly RunRange[]
  /** The first key; null: from the beginning. */
  readonly from: Uint8Array | null
  /** The key before which the merge ends; null: it does not. */
  readonly before: Uint8Array | null
  /** Memory for reading the runs, which nothing else uses meanwhile. */
  readonly memory: SharedArrayBuffer
  /** Returns the path of the next table. */
  readonly nextPath: () => string
}

export interface MergedTable extends WrittenTable {
  readonly path: string
}

/** Merges runs into durable tables. Returns null if a key occurs twice. */
export async function mergeRuns(files: Files, request: RunMergeRequest): Promise<readonly MergedTable[] | null> {
  const input = files.openSync(request.path, 'read')
  try {
    const merge = new RunMerge(input, request)
    const tables: MergedTable[] = []
    const syncs: Promise<void>[] = []
    while (!merge.isAtEnd) {
      const path = request.nextPath()
      const file = files.openSync(path, 'create')
      const table = merge.writeTable(file)
      const sync = file.datasync().finally(() => file.closeSync())
      sync.catch(rethrowAssertion) // awaited below
      syncs.push(sync)
      if (merge.hasDuplicate) break
      if (table !== null) tables.push({ path, ...table })
      if (syncs.length >= MAX_SYNCS) await syncs.shift()
    }
    await Promise.all(syncs)
    return merge.hasDuplicate ? null : tables
  } finally {
    input.closeSync()
  }
}

/** The next record of a run. Its bytes are valid until `advance`. */
class RunReader {
  bytes: Buffer
  keyOffset = 0
  keyLength = 0
  valueLength = 0
  isAtEnd = false
  private readonly file: File
  private readonly end: number
  /** The offset in the file of the bytes that are held, and their number. */
  private offset: number
  private length = 0
  private next = 0

  constructor(file: File, range: RunRange, bytes: Buffer) {
    this.file = file
    this.bytes = bytes
    this.offset = range.from
    this.end = range.end
  }

  /** Goes to the next record. */
  advance(): void {
    let at = this.next
    if (at + HEAD_BYTES > this.length || at + recordBytes(this.bytes, at) > this.length) {
      if (this.offset + at >= this.end) {
        this.isAtEnd = true
        return
      }
      this.refill(at)
      at = 0
    }
    const { bytes } = this
    this.keyLength = uint32At(bytes, at)
    this.valueLength = uint32At(bytes, at + 4)
    this.keyOffset = at + HEAD_BYTES
    this.next = this.keyOffset + this.keyLength + (this.valueLength === CLAIMED ? 0 : this.valueLength)
  }

  /** Reads on, into the buffer that is held: a new one for each read would be garbage. */
  private refill(at: number): void {
    this.offset += at
    this.fill()
    const needed = this.length < HEAD_BYTES ? HEAD_BYTES : recordBytes(this.bytes, 0)
    if (needed > this.bytes.length) {
      this.bytes = Buffer.allocUnsafeSlow(needed)
      this.fill()
    }
    if (this.length < needed) throw new Error('a temporary file of the load is cut short')
  }

  private fill(): void {
    const wanted = Math.min(this.bytes.length, this.end - this.offset)
    this.length = this.file.fillSync(wanted < this.bytes.length ? this.bytes.subarray(0, wanted) : this.bytes, this.offset)
  }
}

/** The records of all runs in ascending order. */
class RunMerge {
  hasDuplicate = false
  private readonly readers: readonly RunReader[]
  private readonly losers: Int32Array
  private readonly before: Uint8Array | null
  private winner = 0
  /** The key before. */
  private last = new Uint8Array(64)
  private lastLength = -1
  private readonly writer = new TableWriter()

  constructor(file: File, { runs, from, before, memory }: RunMergeRequest) {
    const share = Math.floor(memory.byteLength / runs.length)
    const size = Math.min(MAX_RUN_READ_BYTES, share)
    this.before = before
    this.readers = runs.map((run, index) => {
      const bytes = share < MIN_RUN_READ_BYTES ? Buffer.allocUnsafeSlow(MIN_RUN_READ_BYTES) : Buffer.from(memory, index * size, size)
      return new RunReader(file, run, bytes)
    })
    this.losers = new Int32Array(this.readers.length).fill(-1)
    for (const reader of this.readers) {
      reader.advance()
      if (from !== null) {
        while (!reader.isAtEnd && compareKeys(reader.bytes, reader.keyOffset, reader.keyLength, from, 0, from.length) < 0) reader.advance()
      }
    }
    for (let i = this.readers.length - 1; i >= 0; i--) this.play(i)
  }

  get isAtEnd(): boolean {
    const { bytes, keyOffset, keyLength, isAtEnd } = must(this.readers[this.winner])
    return isAtEnd || (this.before !== null && compareKeys(bytes, keyOffset, keyLength, this.before, 0, this.before.length) >= 0)
  }

  /** Writes the next records as a table. Returns null if all of them were claimed keys. */
  writeTable(file: File): WrittenTable | null {
    const { writer } = this
    writer.startTable(file)
    let isEmpty = true
    while (writer.sizeBytes < TABLE_BYTES && !this.isAtEnd) {
      const { winner } = this
      const reader = this.readers[winner]!
      const { bytes, keyOffset, keyLength, valueLength } = reader
      if (keyLength === this.lastLength && compareKeys(bytes, keyOffset, keyLength, this.last, 0, keyLength) === 0) {
        this.hasDuplicate = true
        return null
      }
      if (valueLength !== CLAIMED) {
        writer.add(bytes, keyOffset, keyLength, valueLength)
        isEmpty = false
      }
      this.remember(bytes, keyOffset, keyLength)
      reader.advance()
      this.play(winner)
    }
    return isEmpty ? null : writer.end()
  }

  private remember(bytes: Uint8Array, keyOffset: number, keyLength: number): void {
    if (keyLength > this.last.length) this.last = new Uint8Array(2 * keyLength)
    copyBytes(bytes, keyOffset, keyLength, this.last, 0)
    this.lastLength = keyLength
  }

  /** Lets a run with a new record play against the losers on its way to the root. */
  private play(run: number): void {
    const { losers } = this
    let winner = run
    for (let node = (run + losers.length) >> 1; node > 0; node >>= 1) {
      const other = losers[node]!
      if (other === -1) {
        // The tree is being filled: the run waits here for its first opponent.
        losers[node] = winner
        return
      }
      if (this.isBefore(other, winner)) {
        losers[node] = winner
        winner = other
      }
    }
    this.winner = winner
  }

  private isBefore(a: number, b: number): boolean {
    const first = this.readers[a]!
    const second = this.readers[b]!
    if (first.isAtEnd || second.isAtEnd) return !first.isAtEnd
    return compareKeys(first.bytes, first.keyOffset, first.keyLength, second.bytes, second.keyOffset, second.keyLength) < 0
  }
}

/** Writing a sorted run of records into the file of all runs (record-sort.ts has the form). */
import { copyBytes } from '../../base/copy-bytes.ts'
import type { File, Files } from '../../base/files.ts'
import { HEAD_BYTES, RecordSorter, recordBytes, uint32At } from './record-sort.ts'

// hot: runs for each record of an import

const OUT_BYTES = 1024 * 1024
/** Bytes of a run between two marks. */
const MARK_BYTES = 1024 * 1024
/** No mark is set at a longer key. */
const MAX_MARK_KEY_BYTES = 1024

/** The key and the offset of a record of a run. */
export interface Mark {
  readonly key: Uint8Array
  readonly offset: number
}

/** Writes runs, one after the other, with memory that it keeps for the next. */
export class RunWriter {
  private readonly sorter = new RecordSorter()
  private readonly out = Buffer.allocUnsafeSlow(OUT_BYTES)

  /** Writes records as a run at an offset of a file. Returns marks in the order of their keys. */
  write(files: Files, path: string, offset: number, bytes: Buffer, count: number): readonly Mark[] {
    const order = this.sorter.sorted(bytes, bytes.length, count)
    const file = files.openSync(path, 'update')
    try {
      return this.writeInOrder(file, offset, bytes, order)
    } finally {
      file.closeSync()
    }
  }

  private writeInOrder(file: File, offset: number, bytes: Buffer, order: Uint32Array): readonly Mark[] {
    const { out } = this
    const marks: Mark[] = []
    let length = 0
    let writtenTo = offset
    let markedTo = offset
    for (const at of order) {
      const size = recordBytes(bytes, at)
      if (length + size > out.length) {
        file.writeSync([out.subarray(0, length)], writtenTo)
        writtenTo += length
        length = 0
      }
      const keyLength = uint32At(bytes, at)
      if (writtenTo + length >= markedTo && keyLength <= MAX_MARK_KEY_BYTES) {
        marks.push({ key: new Uint8Array(bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + keyLength)), offset: writtenTo + length })
        markedTo = writtenTo + length + MARK_BYTES
      }
      if (size > out.length) {
        file.writeSync([bytes.subarray(at, at + size)], writtenTo)
        writtenTo += size
        continue
      }
      copyBytes(bytes, at, size, out, length)
      length += size
    }
    file.writeSync([out.subarray(0, length)], writtenTo)
    return marks
  }
}

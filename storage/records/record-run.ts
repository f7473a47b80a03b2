/** Writing a sorted run of records into the file of all runs (record-sort.ts has the form). */
import type { Files } from '../../base/files.ts'
import { HEAD_BYTES, recordBytes, sortedRecords, uint32At } from './record-sort.ts'

// hot: runs for each record of an import

const OUT_BYTES = 1024 * 1024
const SHORT_BYTES = 48
/** Bytes of a run between two marks. */
const MARK_BYTES = 1024 * 1024
/** No mark is set at a longer key. */
const MAX_MARK_KEY_BYTES = 1024

/** The key and the offset of a record of a run. */
export interface Mark {
  readonly key: Uint8Array
  readonly offset: number
}

/** Writes records as a run at an offset of a file. Returns marks in the order of their keys. */
export function writeRun(files: Files, path: string, offset: number, bytes: Uint8Array, count: number): readonly Mark[] {
  const order = sortedRecords(bytes, bytes.length, count)
  const marks: Mark[] = []
  const file = files.openSync(path, 'update')
  try {
    let out = Buffer.allocUnsafeSlow(OUT_BYTES)
    let length = 0
    let writtenTo = offset
    let markedTo = offset
    for (const at of order) {
      const size = recordBytes(bytes, at)
      if (length + size > out.length) {
        file.writeSync([out.subarray(0, length)], writtenTo)
        writtenTo += length
        length = 0
        if (size > out.length) out = Buffer.allocUnsafeSlow(size)
      }
      const keyLength = uint32At(bytes, at)
      if (writtenTo + length >= markedTo && keyLength <= MAX_MARK_KEY_BYTES) {
        marks.push({ key: bytes.slice(at + HEAD_BYTES, at + HEAD_BYTES + keyLength), offset: writtenTo + length })
        markedTo = writtenTo + length + MARK_BYTES
      }
      if (size <= SHORT_BYTES) for (let i = 0; i < size; i++) out[length + i] = bytes[at + i]!
      else out.set(bytes.subarray(at, at + size), length)
      length += size
    }
    file.writeSync([out.subarray(0, length)], writtenTo)
  } finally {
    file.closeSync()
  }
  return marks
}

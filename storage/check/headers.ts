/** Verifies that a collection's header agrees with its trees. */
import { type Bytes, bufferOf } from '../../base/bytes.ts'
import type { Collection } from '../values/collection.ts'
import { DEADLINE_BYTES, Hash } from '../values/hash.ts'
import { idText } from '../values/streams/id.ts'
import { Stream } from '../values/streams/stream.ts'
import type { Findings } from './report.ts'

/** The first and the last key of a tree. */
export interface Edges {
  readonly first: Bytes
  readonly last: Bytes
}

/** Verifies the header of a collection. `edgesOf` returns null for an empty tree. */
export function checkHeader(value: Collection, edgesOf: (index: number) => Edges | null, place: string, findings: Findings): void {
  if (value instanceof Hash) checkNextDeadline(value, edgesOf(1), place, findings)
  if (value instanceof Stream) checkStream(value, edgesOf(0), place, findings)
}

function checkNextDeadline({ nextDeadlineMs }: Hash, deadlines: Edges | null, place: string, findings: Findings): void {
  const first = deadlines === null ? 0 : Number(bufferOf(deadlines.first.slice(0, DEADLINE_BYTES)).readBigUInt64BE())
  if (nextDeadlineMs !== first)
    findings.damage(place, `its header gives ${nextDeadlineMs} as the first deadline of its fields; the fields give ${first}`)
}

function checkStream({ lastId, maxDeletedId, entriesAdded, size }: Stream, entries: Edges | null, place: string, findings: Findings): void {
  if (entries !== null && entries.last > lastId)
    findings.damage(place, `holds the entry ${idText(entries.last)}, which is past its last id, ${idText(lastId)}`)
  if (maxDeletedId > lastId)
    findings.damage(place, `its greatest deleted id, ${idText(maxDeletedId)}, is past its last id, ${idText(lastId)}`)
  if (entriesAdded < size) findings.damage(place, `holds ${size} entries, although only ${entriesAdded} were ever added`)
}

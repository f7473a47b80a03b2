/** Stream entries as replies. */
import type { Bytes } from '../../base/bytes.ts'
import { idText } from '../../storage/values/streams/id.ts'
import { unpackEntry } from '../../storage/values/streams/packed-entry.ts'
import type { Stream } from '../../storage/values/streams/stream.ts'
import type { Reply } from '../contract/reply.ts'

/** An entry: its id, and its fields and values alternating. */
export function entryReply(id: Bytes, entry: Bytes): Reply {
  return [idText(id), unpackEntry(entry)]
}

/** The entry with this id; undefined if it does not exist. */
export function findEntry({ entries }: Stream, id: Bytes): Reply | undefined {
  return entries.find(id) ? entryReply(id, entries.value as Bytes) : undefined
}

/** Up to `count` entries from this rank on. */
export function entriesReply({ entries }: Stream, rank: number, count: number, direction: 'forward' | 'backward'): Reply[] {
  const replies: Reply[] = []
  if (count <= 0) return replies
  const cursor = entries.cursor(rank, direction)
  for (let left = count; left > 0 && cursor.next(); left--) replies.push(entryReply(cursor.key, cursor.value as Bytes))
  return replies
}

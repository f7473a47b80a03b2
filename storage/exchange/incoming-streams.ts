/** Streams from the parts that the RDB reader delivers; incoming.ts has the other types. */
import { must } from '../../base/assert.ts'
import { type Bytes, MAX_BYTES_LENGTH } from '../../base/bytes.ts'
import type { RdbPendingEntry, RdbStreamId, RdbStreamState, RdbValuePart } from '../../rdb/elements.ts'
import { damagedAt } from '../../rdb/format/rdb-error.ts'
import type { OwnerDatabase } from '../tree/owner.ts'
import { newCollection } from '../values/collection.ts'
import type { Consumer } from '../values/streams/consumers.ts'
import { type ConsumerGroup, createGroup } from '../values/streams/groups.ts'
import { uint64Of, ZERO_ID } from '../values/streams/id.ts'
import { packEntry } from '../values/streams/packed-entry.ts'
import { Stream } from '../values/streams/stream.ts'

const MAX_COUNT = 2n ** 63n - 1n
/** Bytes of a word's length in a packed entry, at most. */
const MAX_LENGTH_BYTES = 5

/**
 * Throws RdbError for a part whose numbers a stream cannot have. Parts of other types pass.
 */
export function checkStreamPart(part: RdbValuePart): void {
  switch (part.kind) {
    case 'stream':
      checkState(part)
      break
    case 'stream-entries':
      for (const { fields } of part.entries) {
        const sizeBytes = fields.reduce((sum, text) => sum + text.length + MAX_LENGTH_BYTES, 2 * MAX_LENGTH_BYTES)
        if (sizeBytes > MAX_BYTES_LENGTH) throw damagedAt(0, 'an entry of a stream is too large')
      }
      break
    case 'stream-group':
      if ((part.entriesRead ?? 0n) > MAX_COUNT) throw damagedAt(0, 'a group has read more entries than a stream can have')
      break
    case 'stream-pending':
      if (part.entries.some(({ deliveredAtMs }) => deliveredAtMs < 0)) throw damagedAt(0, 'an entry was delivered before 1970')
      break
    case 'stream-consumer':
      if (part.seenAtMs < 0) throw damagedAt(0, 'a consumer was seen before 1970')
  }
}

function checkState({ length, lastId, maxDeletedId, entriesAdded }: RdbStreamState): void {
  if (maxDeletedId !== null && maxDeletedId > lastId) throw damagedAt(0, 'the last id of a stream is before one that was deleted')
  if (entriesAdded !== null && (entriesAdded < length || entriesAdded > MAX_COUNT)) {
    throw damagedAt(0, 'a stream has another number of entries than were added')
  }
}

/** Returns a stream of checked parts, which no key owns yet. */
export function streamOf(parts: readonly RdbValuePart[], db: OwnerDatabase): Stream {
  const builder = new StreamBuilder(db)
  for (const part of parts) builder.add(part)
  return builder.stream
}

/**
 * Fills a new stream with checked parts. A consumer counts as last active when it was last seen:
 * RDBs up to version 10 lack the former, and all nodes must load the same value.
 */
export class StreamBuilder {
  readonly stream: Stream
  private state: RdbStreamState | null = null
  private group: ConsumerGroup | null = null
  private consumer: Consumer | null = null
  /** The pending entries of `group`. */
  private pending = new Map<RdbStreamId, RdbPendingEntry>()

  constructor(db: OwnerDatabase) {
    this.stream = newCollection(db, Stream)
  }

  add(part: RdbValuePart): void {
    const { stream } = this
    switch (part.kind) {
      case 'stream-entries':
        for (const { id, fields } of part.entries) stream.entries.append(id, must(packEntry(fields, 0)))
        break
      case 'stream':
        this.state = part
        stream.setCounters(part.lastId, uint64Of(part.entriesAdded ?? part.length), part.maxDeletedId ?? ZERO_ID)
        break
      case 'stream-group':
        this.beginGroup(part.name, part.lastId, part.entriesRead)
        break
      case 'stream-pending':
        for (const entry of part.entries) this.pending.set(entry.id, entry)
        break
      case 'stream-consumer':
        this.consumer = must(this.group).createConsumer(part.name, part.seenAtMs)
        this.consumer.activeAtMs = part.seenAtMs
        this.consumer.save()
        break
      case 'stream-consumer-pending':
        for (const id of part.ids) this.assign(must(this.pending.get(id)))
    }
  }

  private beginGroup(name: Bytes, lastId: RdbStreamId, entriesRead: bigint | null): void {
    const group = createGroup(this.stream, name, lastId, entriesRead === null ? -1 : uint64Of(entriesRead))
    if (this.state?.entriesAdded === null) group.entriesRead = this.stream.distanceOf(lastId)
    group.save()
    this.group = group
    this.pending = new Map()
  }

  private assign({ id, deliveredAtMs, deliveryCount }: RdbPendingEntry): void {
    must(this.group).assign(id, must(this.consumer), deliveredAtMs, deliveryCount)
  }
}

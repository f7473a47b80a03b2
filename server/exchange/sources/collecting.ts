/**
 * Items from parts: the parts of a key are gathered until its value is whole. Where an item is
 * needed, the value has to be in memory in any case.
 */
import { assert, at, must } from '../../../base/assert.ts'
import { systemClock } from '../../../base/clock.ts'
import type { RdbPart, RdbPendingEntry, RdbStreamId, RdbValuePart } from '../../../rdb/elements.ts'
import type { RdbConsumer, RdbGroup, RdbItem, RdbStreamValue, RdbValue } from '../../../rdb/values.ts'
import type { ExportSummary, ItemBatches } from '../items.ts'
import { type KeySelection, type PartBatches, wantedBy } from '../parts.ts'

const NO_ID = '\0'.repeat(16)

type KeyPart = Extract<RdbPart, { kind: 'key' }>

/** Yields the items of the parts that are wanted. Expired and unselected keys are counted. */
export async function* itemsOfParts(batches: PartBatches, selection: KeySelection, summary: ExportSummary): ItemBatches {
  const collector = new Collector(selection, summary)
  for await (const parts of batches) yield collector.items(parts)
}

class Collector {
  private readonly summary: ExportSummary
  private readonly isWanted: ReturnType<typeof wantedBy>
  private readonly nowMs = systemClock.wallMs()
  private database = 0
  private key: KeyPart | null = null
  private parts: RdbValuePart[] = []
  private isSkipped = false

  constructor(selection: KeySelection, summary: ExportSummary) {
    this.summary = summary
    this.isWanted = wantedBy(selection)
  }

  *items(parts: Iterable<RdbPart>): Generator<RdbItem> {
    for (const part of parts) {
      switch (part.kind) {
        case 'key':
          this.openKey(part)
          break
        case 'key-end':
          if (this.isSkipped) break
          if (this.parts.length > 0) yield this.item()
          else this.summary.empty++
          break
        case 'database':
          this.database = part.index
          yield { kind: 'database', index: part.index }
          break
        case 'skipped':
          this.summary.skipped.push(part.what)
          break
        case 'library':
          yield { kind: 'library', code: part.code }
          break
        case 'start':
        case 'aux':
        case 'sizes':
        case 'slot':
        case 'end':
          break
        default:
          assert(part.kind !== 'string-key', 'items are made of the parts of values')
          if (!this.isSkipped) this.parts.push(part)
      }
    }
  }

  private openKey(part: KeyPart): void {
    const { key, expireAtMs } = part
    const isExpired = expireAtMs !== null && expireAtMs <= this.nowMs
    const isFiltered = !isExpired && this.isWanted?.(this.database, key) === false
    if (isExpired) this.summary.expired++
    if (isFiltered) this.summary.filtered++
    this.key = part
    this.parts = []
    this.isSkipped = isExpired || isFiltered
  }

  private item(): RdbItem {
    const { key, expireAtMs } = must(this.key)
    const value = valueOfParts(this.parts, this.nowMs)
    this.parts = []
    return { kind: 'key', key, expireAtMs, value }
  }
}

type CollectedParts<K extends RdbPart['kind']> = readonly Extract<RdbPart, { kind: K }>[]

/** Returns the value of all its parts. Fields that are expired are left out. */
function valueOfParts(parts: readonly RdbValuePart[], nowMs: number): RdbValue {
  switch (at(parts, 0).kind) {
    case 'string': {
      const pieces = (parts as CollectedParts<'string'>).map(({ piece }) => piece)
      return { type: 'string', sizeBytes: pieces.reduce((sum, piece) => sum + piece.length, 0), pieces }
    }
    case 'list': {
      const elements = (parts as CollectedParts<'list'>).flatMap((part) => part.elements)
      return { type: 'list', count: elements.length, elements }
    }
    case 'set': {
      const members = (parts as CollectedParts<'set'>).flatMap((part) => part.members)
      return { type: 'set', count: members.length, members }
    }
    case 'sorted-set': {
      const members = (parts as CollectedParts<'sorted-set'>).flatMap((part) =>
        part.members.map((member, index) => [member, at(part.scores, index)] as const),
      )
      members.sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1))
      return { type: 'sorted-set', count: members.length, members }
    }
    case 'hash':
      return hashOf(parts as CollectedParts<'hash'>, nowMs)
    default:
      return streamOf(parts)
  }
}

function hashOf(parts: CollectedParts<'hash'>, nowMs: number): RdbValue {
  const all = parts.flatMap(({ fields, values, deadlinesMs }) =>
    fields.map((field, index) => [field, at(values, index), deadlinesMs?.[index] ?? null] as const),
  )
  const fields = all.filter(([, , deadlineMs]) => deadlineMs === null || deadlineMs > nowMs)
  let minDeadlineMs: number | null = null
  for (const [, , deadlineMs] of fields) if (deadlineMs !== null) minDeadlineMs = Math.min(minDeadlineMs ?? deadlineMs, deadlineMs)
  return { type: 'hash', count: fields.length, minDeadlineMs, fields }
}

function streamOf(parts: readonly RdbValuePart[]): RdbStreamValue {
  const entries = parts.flatMap((part) => (part.kind === 'stream-entries' ? part.entries : []))
  const state = must(parts.find((part) => part.kind === 'stream'))
  return {
    type: 'stream',
    count: entries.length,
    entries,
    lastId: state.lastId,
    firstId: state.firstId ?? entries[0]?.id ?? NO_ID,
    maxDeletedId: state.maxDeletedId ?? NO_ID,
    entriesAdded: state.entriesAdded ?? state.length,
    groups: groupsOf(parts),
  }
}

interface CollectedGroup extends RdbGroup {
  pendingCount: number
  readonly pending: RdbPendingEntry[]
  readonly consumers: (RdbConsumer & { pendingCount: number; readonly pendingIds: RdbStreamId[] })[]
}

function groupsOf(parts: readonly RdbValuePart[]): CollectedGroup[] {
  const groups: CollectedGroup[] = []
  for (const part of parts) {
    const group = groups.at(-1)
    if (part.kind === 'stream-group') {
      const { name, lastId, entriesRead } = part
      groups.push({ name, lastId, entriesRead, pendingCount: 0, pending: [], consumers: [] })
    } else if (part.kind === 'stream-pending') {
      for (const entry of part.entries) must(group).pending.push(entry)
      must(group).pendingCount += part.entries.length
    } else if (part.kind === 'stream-consumer') {
      const { name, seenAtMs, activeAtMs } = part
      must(group).consumers.push({ name, seenAtMs, activeAtMs, pendingCount: 0, pendingIds: [] })
    } else if (part.kind === 'stream-consumer-pending') {
      const consumer = must(must(group).consumers.at(-1))
      for (const id of part.ids) consumer.pendingIds.push(id)
      consumer.pendingCount += part.ids.length
    }
  }
  return groups
}

/** Values as plain data: gathered from the reader's parts, and given to the writer. */
import type { Bytes } from '../../../base/bytes.ts'
import type { RdbPart, RdbPendingEntry, RdbStreamEntry, RdbStreamState, RdbValuePart } from '../../../rdb/elements.ts'
import type { RdbGroup, RdbValue } from '../../../rdb/values.ts'

interface ConsumerContent {
  name: Bytes
  seenAtMs: number
  activeAtMs: number | null
  ids: Bytes[]
}

export interface GroupContent {
  name: Bytes
  lastId: Bytes
  entriesRead: bigint | null
  pending: RdbPendingEntry[]
  consumers: ConsumerContent[]
}

export type Content =
  | { type: 'string'; value: Bytes }
  | { type: 'list'; elements: Bytes[] }
  | { type: 'set'; members: Bytes[] }
  | { type: 'sorted-set'; members: [Bytes, number][] }
  | { type: 'hash'; fields: [Bytes, Bytes, number | null][] }
  | { type: 'stream'; entries: RdbStreamEntry[]; state: Omit<RdbStreamState, 'kind'> | null; groups: GroupContent[] }

interface KeyContent {
  expireAtMs: number | null
  idleSeconds: number | null
  frequency: number | null
  content: Content
}

export interface FileContent {
  version: number
  aux: Map<Bytes, Bytes>
  libraries: Bytes[]
  skipped: string[]
  isVerified: boolean
  /** By database and key. */
  keys: Map<string, KeyContent>
}

function emptyContent(type: Content['type']): Content {
  if (type === 'string') return { type, value: '' }
  if (type === 'list') return { type, elements: [] }
  if (type === 'set' || type === 'sorted-set') return { type, members: [] } as Content
  return type === 'hash' ? { type, fields: [] } : { type, entries: [], state: null, groups: [] }
}

/** Adds a part to a value. */
function addPart(content: Content, part: RdbValuePart): void {
  if (content.type === 'string' && part.kind === 'string') content.value += part.piece
  else if (content.type === 'list' && part.kind === 'list') content.elements.push(...part.elements)
  else if (content.type === 'set' && part.kind === 'set') content.members.push(...part.members)
  else if (content.type === 'sorted-set' && part.kind === 'sorted-set') {
    for (const [index, member] of part.members.entries()) content.members.push([member, part.scores[index]!])
  } else if (content.type === 'hash' && part.kind === 'hash') {
    for (const [index, field] of part.fields.entries()) {
      content.fields.push([field, part.values[index]!, part.deadlinesMs?.[index] ?? null])
    }
  } else if (content.type === 'stream') addStreamPart(content, part)
  else throw new Error(`${content.type} got ${part.kind}`)
}

function addStreamPart(content: Extract<Content, { type: 'stream' }>, part: RdbValuePart): void {
  const group = content.groups.at(-1)
  if (part.kind === 'stream-entries') content.entries.push(...part.entries)
  else if (part.kind === 'stream') {
    const { kind: _, ...state } = part
    content.state = state
  } else if (part.kind === 'stream-group') {
    content.groups.push({ name: part.name, lastId: part.lastId, entriesRead: part.entriesRead, pending: [], consumers: [] })
  } else if (part.kind === 'stream-pending') group!.pending.push(...part.entries)
  else if (part.kind === 'stream-consumer') {
    group!.consumers.push({ name: part.name, seenAtMs: part.seenAtMs, activeAtMs: part.activeAtMs, ids: [] })
  } else if (part.kind === 'stream-consumer-pending') group!.consumers.at(-1)!.ids.push(...part.ids)
  else throw new Error(`stream got ${part.kind}`)
}

/** Returns the value of its parts. */
export function contentOf(type: Content['type'], parts: Iterable<RdbValuePart>): Content {
  const content = emptyContent(type)
  for (const part of parts) addPart(content, part)
  return content
}

/** Returns the content of a file. */
export async function fileContent(parts: AsyncIterable<RdbPart>): Promise<FileContent> {
  const file: FileContent = { version: 0, aux: new Map(), libraries: [], skipped: [], isVerified: false, keys: new Map() }
  let database = 0
  let current: KeyContent | null = null
  for await (const part of parts) {
    if (part.kind === 'key') {
      const { expireAtMs, idleSeconds, frequency } = part
      current = { expireAtMs, idleSeconds, frequency, content: emptyContent(part.type) }
      file.keys.set(`${database}:${part.key}`, current)
    } else if (part.kind === 'key-end') current = null
    else if (current !== null) addPart(current.content, part as RdbValuePart)
    else if (part.kind === 'database') database = part.index
    else if (part.kind === 'aux') file.aux.set(part.name, part.value)
    else if (part.kind === 'library') file.libraries.push(part.code)
    else if (part.kind === 'skipped') file.skipped.push(part.what)
    else if (part.kind === 'start') file.version = part.version
    else if (part.kind === 'end') file.isVerified = part.isVerified
  }
  return file
}

/** Returns the content with the order that its type does not keep made the same. */
export function sorted(content: Content): Content {
  if (content.type === 'set') return { ...content, members: [...content.members].sort() }
  if (content.type === 'hash') return { ...content, fields: [...content.fields].sort(([a], [b]) => (a < b ? -1 : 1)) }
  if (content.type !== 'sorted-set') return content
  return { ...content, members: [...content.members].sort(([a], [b]) => (a < b ? -1 : 1)) }
}

/** Returns a value for the writer. A string comes in two pieces. */
export function rdbValueOf(content: Content): RdbValue {
  switch (content.type) {
    case 'string':
      return { type: 'string', sizeBytes: content.value.length, pieces: piecesOf(content.value) }
    case 'list':
      return { type: 'list', count: content.elements.length, elements: content.elements }
    case 'set':
      return { type: 'set', count: content.members.length, members: content.members }
    case 'sorted-set': {
      const members = [...content.members].sort(([a, x], [b, y]) => (x === y ? (a < b ? -1 : 1) : x - y))
      return { type: 'sorted-set', count: members.length, members }
    }
    case 'hash': {
      const deadlines = content.fields.flatMap(([, , deadlineMs]) => deadlineMs ?? [])
      const minDeadlineMs = deadlines.length === 0 ? null : Math.min(...deadlines)
      return { type: 'hash', count: content.fields.length, minDeadlineMs, fields: content.fields }
    }
    default:
      return streamValue(content)
  }
}

function streamValue({ entries, state, groups }: Extract<Content, { type: 'stream' }>): RdbValue {
  const { lastId, firstId, maxDeletedId, entriesAdded } = state!
  return {
    type: 'stream',
    count: entries.length,
    entries,
    lastId,
    firstId: firstId!,
    maxDeletedId: maxDeletedId!,
    entriesAdded: entriesAdded!,
    groups: groups.map(
      ({ name, lastId: groupId, entriesRead, pending, consumers }): RdbGroup => ({
        name,
        lastId: groupId,
        entriesRead,
        pendingCount: pending.length,
        pending,
        consumers: consumers.map(({ ids, ...consumer }) => ({ ...consumer, pendingCount: ids.length, pendingIds: ids })),
      }),
    ),
  }
}

function piecesOf(value: Bytes): Bytes[] {
  if (value.length < 100_000) return [value]
  const half = value.length >> 1
  return [value.slice(0, half), value.slice(half)]
}

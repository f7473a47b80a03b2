/**
 * Keys as lines of JSON, one key a line:
 *
 *   line    { "db": n, "key": text, "type": type, "value": value, "expireAt": ms }
 *         | { "library": text }                      a library of functions
 *   text    a string of JSON, in UTF-8; { "base64": string } for bytes that are not UTF-8
 *   value   string        text
 *           list, set     [text ...]
 *           zset          [[text, score] ...]        a score is a number, "inf" or "-inf"
 *           hash          [[text, text] | [text, text, ms] ...]    ms: the deadline of the field
 *           stream        { "entries": [[id, [text ...]] ...], "lastId": id, "maxDeletedId": id,
 *                           "entriesAdded": n, "groups": [group ...] }
 *   group   { "name": text, "lastId": id, "entriesRead": n or null,
 *             "pending": [[id, deliveredAt, deliveries] ...],
 *             "consumers": [{ "name": text, "seenAt": ms, "activeAt": ms or null,
 *                             "pending": [id ...] } ...] }
 *   id      "ms-sequence"
 *
 * `db` is 0 and `expireAt` is none where they are absent. Times are in ms since the epoch.
 */
import { isUtf8 } from 'node:buffer'
import { type Bytes, bytesOfText } from '../../base/bytes.ts'
import type { RdbPart, RdbStreamId, RdbType, RdbValuePart } from '../../rdb/elements.ts'
import { numbersOf, streamId } from '../../rdb/encodings/stream-ids.ts'
import type { RdbGroup, RdbItem, RdbStreamValue, RdbValue } from '../../rdb/values.ts'
import { ExchangeRefusal } from './refusal.ts'

const TYPES: Readonly<Record<string, RdbType>> = {
  string: 'string',
  list: 'list',
  set: 'set',
  zset: 'sorted-set',
  hash: 'hash',
  stream: 'stream',
}
const NO_ID = '\0'.repeat(16)

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

/** Returns the line of an item; null for an item that has none. `database` is that of the key. */
export function lineOf(item: RdbItem, database: number): string | null {
  if (item.kind === 'library') return `${JSON.stringify({ library: jsonOf(item.code) })}\n`
  if (item.kind !== 'key') return null
  const { key, expireAtMs, value } = item
  const type = value.type === 'sorted-set' ? 'zset' : value.type
  const deadline = expireAtMs === null ? {} : { expireAt: expireAtMs }
  return `${JSON.stringify({ db: database, key: jsonOf(key), type, value: valueJson(value), ...deadline })}\n`
}

function jsonOf(bytes: Bytes): Json {
  const buffer = Buffer.from(bytes, 'latin1')
  return isUtf8(buffer) ? buffer.toString() : { base64: buffer.toString('base64') }
}

function valueJson(value: RdbValue): Json {
  switch (value.type) {
    case 'string':
      return jsonOf([...value.pieces].join(''))
    case 'list':
      return Array.from(value.elements, jsonOf)
    case 'set':
      return Array.from(value.members, jsonOf)
    case 'sorted-set':
      return Array.from(value.members, ([member, score]) => [jsonOf(member), scoreJson(score)])
    case 'hash':
      return Array.from(value.fields, ([field, content, deadlineMs]) => {
        const pair = [jsonOf(field), jsonOf(content)]
        return deadlineMs === null ? pair : [...pair, deadlineMs]
      })
    default:
      return streamJson(value)
  }
}

const scoreJson = (score: number): Json => (Number.isFinite(score) ? score : score > 0 ? 'inf' : '-inf')
const idJson = (id: RdbStreamId): Json => numbersOf(id).join('-')

function streamJson({ entries, lastId, maxDeletedId, entriesAdded, groups }: RdbStreamValue): Json {
  return {
    entries: Array.from(entries, ({ id, fields }) => [idJson(id), fields.map(jsonOf)]),
    lastId: idJson(lastId),
    maxDeletedId: idJson(maxDeletedId),
    entriesAdded: Number(entriesAdded),
    groups: groups.map(groupJson),
  }
}

function groupJson({ name, lastId, entriesRead, pending, consumers }: RdbGroup): Json {
  return {
    name: jsonOf(name),
    lastId: idJson(lastId),
    entriesRead: entriesRead === null ? null : Number(entriesRead),
    pending: Array.from(pending, ({ id, deliveredAtMs, deliveryCount }) => [idJson(id), deliveredAtMs, deliveryCount]),
    consumers: consumers.map(({ name: consumer, seenAtMs, activeAtMs, pendingIds }) => ({
      name: jsonOf(consumer),
      seenAt: seenAtMs,
      activeAt: activeAtMs,
      pending: Array.from(pendingIds, idJson),
    })),
  }
}

/** Returns the parts of a line. Throws ExchangeRefusal, which names the line by its number. */
export function partsOfLine(text: string, lineNumber: number): RdbPart[] {
  try {
    const line = new Fields(JSON.parse(text) as Json)
    if (line.has('library')) return [{ kind: 'library', code: bytesIn(line.get('library')) }]
    const type = TYPES[String(line.get('type'))]
    if (type === undefined) throw new TypeError('"type" is string, list, set, zset, hash or stream')
    const key = bytesIn(line.get('key'))
    const expireAtMs = line.has('expireAt') ? timeIn(line.get('expireAt')) : null
    const database = line.has('db') ? countIn(line.get('db')) : 0
    return [
      { kind: 'database', index: database },
      { kind: 'key', key, type, expireAtMs, idleSeconds: null, frequency: null },
      ...valueParts(type, line.get('value')),
      { kind: 'key-end' },
    ]
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error
    throw ExchangeRefusal.ofData(`line ${lineNumber}: ${error.message}`)
  }
}

/** The fields of an object of JSON. Throws TypeError for a field that is missing. */
class Fields {
  private readonly fields: { readonly [name: string]: Json }

  constructor(json: Json | undefined) {
    if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new TypeError('an object is expected')
    this.fields = json as { readonly [name: string]: Json }
  }

  has(name: string): boolean {
    return this.fields[name] !== undefined
  }

  get(name: string): Json {
    const value = this.fields[name]
    if (value === undefined) throw new TypeError(`"${name}" is missing`)
    return value
  }
}

function bytesIn(json: Json | undefined): Bytes {
  if (typeof json === 'string') return bytesOfText(json)
  const base64 = new Fields(json).get('base64')
  if (typeof base64 !== 'string') throw new TypeError('"base64" is a string')
  return Buffer.from(base64, 'base64').latin1Slice()
}

function arrayIn(json: Json | undefined): readonly Json[] {
  if (!Array.isArray(json)) throw new TypeError('an array is expected')
  return json
}

function countIn(json: Json | undefined): number {
  if (typeof json !== 'number' || !Number.isSafeInteger(json) || json < 0) throw new TypeError('a whole number is expected')
  return json
}

const timeIn = countIn

function scoreIn(json: Json | undefined): number {
  if (json === 'inf' || json === '-inf') return json === 'inf' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
  if (typeof json !== 'number') throw new TypeError('a score is a number, "inf" or "-inf"')
  return json
}

function idIn(json: Json | undefined): RdbStreamId {
  const found = typeof json === 'string' ? /^(\d{1,20})-(\d{1,20})$/.exec(json) : null
  const [ms, sequence] = [BigInt(found?.[1] ?? 0), BigInt(found?.[2] ?? 0)]
  if (found === null || ms >= 2n ** 64n || sequence >= 2n ** 64n) throw new TypeError('an id of a stream is "ms-sequence"')
  return streamId(ms, sequence)
}

/** A collection without elements has no part. */
function valueParts(type: RdbType, json: Json): RdbValuePart[] {
  if (type === 'string') return [{ kind: 'string', piece: bytesIn(json) }]
  if (type === 'stream') return streamParts(new Fields(json))
  const elements = arrayIn(json)
  if (elements.length === 0) return []
  if (type === 'list') return [{ kind: 'list', elements: elements.map(bytesIn) }]
  if (type === 'set') return [{ kind: 'set', members: elements.map(bytesIn) }]
  const rows = elements.map(arrayIn)
  const names = rows.map((row) => bytesIn(row[0]))
  if (type === 'sorted-set') return [{ kind: 'sorted-set', members: names, scores: rows.map((row) => scoreIn(row[1])) }]
  const deadlinesMs = rows.map((row) => (row.length > 2 ? timeIn(row[2]) : null))
  const hasDeadlines = deadlinesMs.some((deadlineMs) => deadlineMs !== null)
  return [{ kind: 'hash', fields: names, values: rows.map((row) => bytesIn(row[1])), deadlinesMs: hasDeadlines ? deadlinesMs : null }]
}

function streamParts(stream: Fields): RdbValuePart[] {
  const entries = arrayIn(stream.get('entries')).map((json) => {
    const [id, fields] = arrayIn(json)
    return { id: idIn(id), fields: arrayIn(fields).map(bytesIn) }
  })
  let before = NO_ID
  for (const { id, fields } of entries) {
    if (id <= before) throw new TypeError('the ids of a stream do not ascend')
    if (fields.length === 0 || fields.length % 2 !== 0) throw new TypeError('an entry of a stream has fields and values in turn')
    before = id
  }
  const lastId = stream.has('lastId') ? idIn(stream.get('lastId')) : before
  if (lastId < before) throw new TypeError('the last id of a stream is before an entry')
  const state: RdbValuePart = {
    kind: 'stream',
    length: BigInt(entries.length),
    lastId,
    firstId: entries[0]?.id ?? NO_ID,
    maxDeletedId: stream.has('maxDeletedId') ? idIn(stream.get('maxDeletedId')) : NO_ID,
    entriesAdded: BigInt(stream.has('entriesAdded') ? countIn(stream.get('entriesAdded')) : entries.length),
  }
  const groups = stream.has('groups') ? arrayIn(stream.get('groups')) : []
  const names = new Set<Bytes>()
  const ofGroups = groups.flatMap((json) => groupParts(new Fields(json), names))
  return entries.length === 0 ? [state, ...ofGroups] : [{ kind: 'stream-entries', entries }, state, ...ofGroups]
}

function groupParts(group: Fields, names: Set<Bytes>): RdbValuePart[] {
  const name = unique(names, bytesIn(group.get('name')))
  const read = group.get('entriesRead')
  const entries = arrayIn(group.get('pending')).map((json) => {
    const [id, deliveredAt, deliveries] = arrayIn(json)
    return { id: idIn(id), deliveredAtMs: timeIn(deliveredAt), deliveryCount: countIn(deliveries) }
  })
  const unowned = new Set<Bytes>()
  for (const { id } of entries) unique(unowned, id)
  const consumerNames = new Set<Bytes>()
  const consumers = arrayIn(group.get('consumers')).flatMap((json): RdbValuePart[] => {
    const consumer = new Fields(json)
    const ids = arrayIn(consumer.get('pending')).map(idIn)
    for (const id of ids) if (!unowned.delete(id)) throw new TypeError('a consumer has a pending entry that its group lacks')
    const active = consumer.get('activeAt')
    const seenAtMs = timeIn(consumer.get('seenAt'))
    const activeAtMs = active === null ? null : timeIn(active)
    const owner = unique(consumerNames, bytesIn(consumer.get('name')))
    return [
      { kind: 'stream-consumer', name: owner, seenAtMs, activeAtMs },
      { kind: 'stream-consumer-pending', ids },
    ]
  })
  if (unowned.size > 0) throw new TypeError('a pending entry has no consumer')
  const entriesRead = read === null ? null : BigInt(countIn(read))
  return [{ kind: 'stream-group', name, lastId: idIn(group.get('lastId')), entriesRead }, { kind: 'stream-pending', entries }, ...consumers]
}

function unique(seen: Set<Bytes>, name: Bytes): Bytes {
  if (seen.has(name)) throw new TypeError('a group, a consumer or a pending entry comes twice')
  seen.add(name)
  return name
}

/** Values as the commands that make them, and as a client of redis-server sees them. */
import type { Bytes } from '../../../base/bytes.ts'
import type { RdbPendingEntry } from '../../../rdb/elements.ts'
import { numbersOf, streamId } from '../../../rdb/encodings/stream-ids.ts'
import type { WireClient, WireReply } from '../servers/wire-client.ts'
import type { Content, GroupContent } from './contents.ts'

type Words = (Bytes | number)[]

const MAX_WORDS = 400

const idText = (id: Bytes): string => numbersOf(id).join('-')
const idOf = (text: Bytes): Bytes => {
  const [ms, sequence] = text.split('-').map(BigInt) as [bigint, bigint]
  return streamId(ms, sequence)
}

const scoreText = (score: number): string => (Number.isFinite(score) ? String(score) : score > 0 ? 'inf' : '-inf')

function inParts(name: string, key: Bytes, words: Words): Words[] {
  const commands: Words[] = []
  for (let i = 0; i < words.length; i += MAX_WORDS) commands.push([name, key, ...words.slice(i, i + MAX_WORDS)])
  return commands
}

/** Returns commands that make the value. */
export function commandsOf(key: Bytes, content: Content): Words[] {
  switch (content.type) {
    case 'string':
      return [['SET', key, content.value]]
    case 'list':
      return inParts('RPUSH', key, content.elements)
    case 'set':
      return inParts('SADD', key, content.members)
    case 'sorted-set':
      return inParts(
        'ZADD',
        key,
        content.members.flatMap(([member, score]) => [scoreText(score), member]),
      )
    case 'hash':
      return inParts(
        'HSET',
        key,
        content.fields.flatMap((entry) => [entry[0], entry[1]]),
      )
    default:
      return streamCommands(key, content)
  }
}

function streamCommands(key: Bytes, { entries, groups }: Extract<Content, { type: 'stream' }>): Words[] {
  const commands: Words[] = entries.map(({ id, fields }) => ['XADD', key, idText(id), ...fields])
  for (const [index, { id }] of entries.entries()) if (index % 7 === 3) commands.push(['XDEL', key, idText(id)])
  for (const { name, consumers, pending, lastId } of groups) {
    commands.push(['XGROUP', 'CREATE', key, name, idText(lastId)])
    for (const consumer of consumers) {
      commands.push(['XGROUP', 'CREATECONSUMER', key, name, consumer.name])
      for (const { id, deliveredAtMs, deliveryCount } of pending.filter((entry) => consumer.ids.includes(entry.id))) {
        const times = ['TIME', deliveredAtMs, 'RETRYCOUNT', deliveryCount, 'FORCE', 'JUSTID']
        commands.push(['XCLAIM', key, name, consumer.name, '0', idText(id), ...times])
      }
    }
  }
  return commands
}

const pairs = (reply: WireReply): [Bytes, Bytes][] => {
  const words = reply as readonly Bytes[]
  return Array.from({ length: words.length / 2 }, (_, index) => [words[index * 2]!, words[index * 2 + 1]!])
}

/** Returns the value as commands show it; what they do not show is taken from `read`. */
export async function seenBy(client: WireClient, key: Bytes, read: Content): Promise<Content> {
  switch (read.type) {
    case 'string':
      return { type: 'string', value: (await client.call('GET', key)) as Bytes }
    case 'list':
      return { type: 'list', elements: [...((await client.call('LRANGE', key, '0', '-1')) as Bytes[])] }
    case 'set':
      return { type: 'set', members: [...((await client.call('SMEMBERS', key)) as Bytes[])] }
    case 'sorted-set': {
      const found = pairs(await client.call('ZRANGE', key, '0', '-1', 'WITHSCORES'))
      const number = (text: Bytes) => (text.endsWith('inf') ? (text.startsWith('-') ? -1 : 1) * Number.POSITIVE_INFINITY : Number(text))
      return { type: 'sorted-set', members: found.map(([member, score]) => [member, number(score)]) }
    }
    case 'hash':
      return { type: 'hash', fields: pairs(await client.call('HGETALL', key)).map(([field, value]) => [field, value, null]) }
    default:
      return seenStream(client, key, read)
  }
}

function fieldsOf(reply: WireReply): Map<Bytes, WireReply> {
  const words = reply as readonly WireReply[]
  const found = new Map<Bytes, WireReply>()
  for (let i = 0; i < words.length; i += 2) found.set(words[i] as Bytes, words[i + 1]!)
  return found
}

async function seenStream(client: WireClient, key: Bytes, read: Extract<Content, { type: 'stream' }>): Promise<Content> {
  const info = fieldsOf(await client.call('XINFO', 'STREAM', key, 'FULL', 'COUNT', '0'))
  const entries = (info.get('entries') as readonly (readonly [Bytes, readonly Bytes[]])[]).map(([id, fields]) => ({
    id: idOf(id),
    fields: [...fields],
  }))
  const groups = (info.get('groups') as readonly WireReply[]).map((group, index) => seenGroup(fieldsOf(group), read.groups[index]))
  return {
    type: 'stream',
    entries,
    state: {
      length: BigInt(info.get('length') as number),
      lastId: idOf(info.get('last-generated-id') as Bytes),
      firstId: idOf(info.get('recorded-first-entry-id') as Bytes),
      maxDeletedId: idOf(info.get('max-deleted-entry-id') as Bytes),
      entriesAdded: BigInt(info.get('entries-added') as number),
    },
    groups,
  }
}

function seenGroup(group: Map<Bytes, WireReply>, read: GroupContent | undefined): GroupContent {
  const entriesRead = group.get('entries-read')
  const pending = (group.get('pending') as readonly (readonly [Bytes, Bytes, number, number])[]).map(
    ([id, , deliveredAtMs, deliveryCount]): RdbPendingEntry => ({ id: idOf(id), deliveredAtMs, deliveryCount }),
  )
  const consumers = (group.get('consumers') as readonly WireReply[]).map((reply, index) => {
    const consumer = fieldsOf(reply)
    const ids = (consumer.get('pending') as readonly (readonly [Bytes])[]).map(([id]) => idOf(id))
    const activeAtMs = read?.consumers[index]?.activeAtMs ?? null
    return { name: consumer.get('name') as Bytes, seenAtMs: consumer.get('seen-time') as number, activeAtMs, ids }
  })
  return {
    name: group.get('name') as Bytes,
    lastId: idOf(group.get('last-delivered-id') as Bytes),
    entriesRead: typeof entriesRead === 'number' ? BigInt(entriesRead) : null,
    pending,
    consumers,
  }
}

/**
 * All data of a server, in a form for comparing it with an earlier state or with another server.
 */
import type { Bytes } from '../../../base/bytes.ts'
import { until } from '../servers/running-server.ts'
import { type WireClient, WireError, type WireReply } from '../servers/wire-client.ts'
import type { Dialect } from './random-collections.ts'
import type { Words } from './random-commands.ts'

/** Databases that random commands write to. */
export const DATABASES = 3

const READERS: Readonly<Record<Bytes, (key: Bytes) => Words>> = {
  string: (key) => ['GET', key],
  hash: (key) => ['HGETALL', key],
  list: (key) => ['LRANGE', key, 0, -1],
  set: (key) => ['SMEMBERS', key],
  zset: (key) => ['ZRANGE', key, 0, -1, 'WITHSCORES'],
  stream: (key) => ['XINFO', 'STREAM', key, 'FULL', 'COUNT', 0],
}

/**
 * Every key of every database with its deadline and value; for hashes also the deadlines of fields.
 */
export async function dataset(client: WireClient, dialect: Dialect = 'haypile'): Promise<Map<string, readonly WireReply[]>> {
  const all = new Map<string, readonly WireReply[]>()
  for (let database = 0; database < DATABASES; database++) {
    await client.call('SELECT', database)
    const keys = ((await client.call('KEYS', '*')) as Bytes[]).sort()
    const described = await contentOf(client, keys, dialect)
    for (const [i, key] of keys.entries()) all.set(`${database} ${key}`, described[i] as readonly WireReply[])
  }
  return all
}

/**
 * Returns the type, deadline and value of each key of the selected database. Hashes also have the
 * deadlines of their fields.
 */
export async function contentOf(client: WireClient, keys: readonly Bytes[], dialect: Dialect): Promise<(readonly WireReply[])[]> {
  const types = (await client.pipeline(keys.map((key) => ['TYPE', key]))) as Bytes[]
  const deadlines = await client.pipeline(keys.map((key) => ['PEXPIRETIME', key]))
  const values = await client.pipeline(keys.map((key, i) => READERS[types[i] as Bytes]?.(key) ?? ['GET', key]))
  const fieldDeadlines = await client.pipeline(keys.map((key, i) => fieldReader(key, types[i], values[i] as WireReply, dialect)))
  return keys.map((_, i) => {
    const type = types[i] as Bytes
    const fields = type === 'hash' && dialect === 'haypile' ? [inOrder(type, withNames(values[i], fieldDeadlines[i]))] : []
    return [type, deadlines[i] as WireReply, inOrder(type, values[i] as WireReply), ...fields]
  })
}

function fieldReader(key: Bytes, type: Bytes | undefined, value: WireReply, dialect: Dialect): Words {
  if (type !== 'hash' || dialect !== 'haypile' || !Array.isArray(value) || value.length === 0) return ['PING']
  const names = (value as Bytes[]).filter((_, i) => i % 2 === 0)
  return ['HPEXPIRETIME', key, 'FIELDS', names.length, ...names]
}

function withNames(value: WireReply | undefined, deadlines: WireReply | undefined): WireReply {
  if (!Array.isArray(value) || !Array.isArray(deadlines)) return []
  return deadlines.flatMap((deadline, i) => [value[2 * i] as WireReply, deadline])
}

/** A canonical form, independent of the server's internal order and of its format of numbers. */
function inOrder(type: Bytes, value: WireReply): WireReply {
  if (value instanceof WireError || !Array.isArray(value)) return value
  if (type === 'set') return [...value].sort()
  if (type === 'hash') return pairsOf(value).sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))
  if (type === 'zset') return pairsOf(value).map(([member, score]) => [member as WireReply, Number.parseFloat(infinite(score as Bytes))])
  return type === 'stream' ? withoutClocks(value) : value
}

const infinite = (score: Bytes) => (/^-?inf$/.test(score) ? score.replace('inf', 'Infinity') : score)

function pairsOf(flat: readonly WireReply[]): WireReply[][] {
  return Array.from({ length: flat.length / 2 }, (_, i) => flat.slice(2 * i, 2 * i + 2))
}

/**
 * Fields of a stream that its commands do not determine: when consumers were last active, and
 * Redis's tree.
 */
const NOT_COMPARED = new Set<WireReply>(['seen-time', 'active-time', 'radix-tree-keys', 'radix-tree-nodes'])

function withoutClocks(value: WireReply): WireReply {
  if (!Array.isArray(value)) return value
  const kept: WireReply[] = []
  for (let i = 0; i < value.length; i++) {
    if (NOT_COMPARED.has(value[i] as WireReply)) i++
    else kept.push(withoutClocks(value[i] as WireReply))
  }
  return kept
}

/** Waits until the keys and fields that expire within the next minute are gone. */
export async function withoutShortDeadlines(client: WireClient): Promise<void> {
  await until('keys with short deadlines to be deleted', async () => {
    const soon = Date.now() + 60_000
    const isSoon = (deadline: WireReply | undefined) => typeof deadline === 'number' && deadline >= 0 && deadline <= soon
    return [...(await dataset(client)).values()].every(([, deadline, , fields]) => {
      return !isSoon(deadline) && !((fields ?? []) as WireReply[][]).some(([, ends]) => isSoon(ends))
    })
  })
}

/** Payloads of a redis-server, with values of every type and encoding in many sizes. */
import type { Bytes } from '../../../base/bytes.ts'
import type { Seeded } from '../generators/seed.ts'
import { type WireClient, WireError } from '../servers/wire-client.ts'
import { commandsOf } from './client-view.ts'
import { randomContent, TYPES } from './random-contents.ts'

/** Settings with which one value gets other encodings, or more nodes. */
const SETTINGS: readonly Readonly<Record<string, string>>[] = [
  { rdbcompression: 'yes', 'list-max-listpack-size': '-2', 'stream-node-max-entries': '100', 'hash-max-listpack-entries': '512' },
  { rdbcompression: 'no', 'list-max-listpack-size': '3', 'stream-node-max-entries': '2', 'hash-max-listpack-entries': '3' },
]
/** Small values, in which a changed byte is more often a length or a count. */
const SMALL: readonly (readonly Bytes[])[] = [
  ['SET', 'string', '12345'],
  ['RPUSH', 'list', 'a', '1', 'x'.repeat(100), '-5', ''],
  ['SADD', 'intset', '1', '-70000', '300'],
  ['SADD', 'set', 'a', '1'],
  ['ZADD', 'zset', '1', 'a', '2', 'b', '3.5', 'c', '-1', 'd', 'inf', '7'],
  ['HSET', 'hash', 'a', '1', 'b', 'text', 'c', '12345'],
  ['XADD', 'stream', '1-1', 'f', 'v'],
  ['XADD', 'stream', '1-2', 'f', 'w'],
  ['XADD', 'stream', '2-1', 'g', 'v'],
  ['XADD', 'stream', '5-1', 'f', 'w'],
  ['XDEL', 'stream', '1-2'],
  ['XGROUP', 'CREATE', 'stream', 'group', '0'],
  ['XREADGROUP', 'GROUP', 'group', 'one', 'COUNT', '2', 'STREAMS', 'stream', '>'],
  ['XREADGROUP', 'GROUP', 'group', 'two', 'STREAMS', 'stream', '>'],
  ['XADD', 'emptied', '1-1', 'f', 'v'],
  ['XDEL', 'emptied', '1-1'],
  ['XGROUP', 'CREATE', 'emptied', 'group', '$'],
]

async function mustRun(client: WireClient, commands: readonly (readonly (Bytes | number)[])[]): Promise<void> {
  for (const reply of await client.pipeline(commands)) if (reply instanceof WireError) throw new Error(reply.text)
}

/** Fills the server's keyspace, under `rounds` values of each type and setting. */
async function fill(client: WireClient, chance: Seeded, rounds: number): Promise<void> {
  for (const [index, settings] of SETTINGS.entries()) {
    for (const [name, value] of Object.entries(settings)) await mustRun(client, [['CONFIG', 'SET', name, value]])
    await mustRun(
      client,
      SMALL.map(([name, key, ...words]) => {
        const isGroup = name === 'XGROUP' || name === 'XREADGROUP'
        const renamed = (word: Bytes | undefined) =>
          isGroup && /^(?:stream|emptied)$/.test(word ?? '') ? `${word} ${index}` : (word ?? '')
        return isGroup ? [name!, renamed(key), ...words.map(renamed)] : [name!, `${key} ${index}`, ...words]
      }),
    )
    for (let round = 0; round < rounds; round++) {
      for (const type of TYPES) await mustRun(client, commandsOf(`${type} ${index} ${round}`, randomContent(chance, type)))
    }
  }
}

/** Returns the payloads of values of each type, which the server holds afterwards. */
export async function payloadsOfRedis(client: WireClient, chance: Seeded, rounds: number): Promise<Buffer[]> {
  await fill(client, chance, rounds)
  const keys = ((await client.call('KEYS', '*')) as Bytes[]).sort()
  const payloads: Buffer[] = []
  for (const compression of ['yes', 'no']) {
    await mustRun(client, [['CONFIG', 'SET', 'rdbcompression', compression]])
    for (const payload of await client.pipeline(keys.map((key) => ['DUMP', key]))) payloads.push(Buffer.from(payload as Bytes, 'latin1'))
  }
  return payloads
}

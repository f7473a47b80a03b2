/** Data of every type, in several databases, with deadlines and a library of functions. */
import * as assert from 'uvu/assert'
import { commandsOf } from '../rdb/client-view.ts'
import { randomContent, TYPES } from '../rdb/random-contents.ts'
import { type WireClient, WireError } from '../servers/wire-client.ts'
import { DATABASES } from './dataset.ts'
import type { Seeded } from './seed.ts'

const KEYS = 60
const LIBRARY = "#!lua name=lib\nredis.register_function('f', function() return 1 end)"
const FAR_MS = 4_000_000_000_000

/** Fills databases with values of each type, small and large, some with deadlines. */
export async function fill(client: WireClient, chance: Seeded): Promise<void> {
  for (let database = 0; database < DATABASES; database++) {
    await client.call('SELECT', database)
    for (let i = 0; i < KEYS; i++) {
      const key = i === 0 ? 'k\u00ff\u0000\r\n' : i === 1 ? '12345' : i === 2 ? 'gr\u00c3\u00bc\u00c3\u009fe' : `key ${i}`
      const content = randomContent(chance, TYPES[i % TYPES.length])
      for (const reply of await client.pipeline(commandsOf(key, content))) assert.not.instance(reply, WireError)
      if (i % 3 === 0) await client.call('PEXPIREAT', key, FAR_MS + i)
    }
  }
  const many = Array.from({ length: 30_000 }, (_, index) => `element ${index} ${'x'.repeat(index % 90)}`)
  for (let from = 0; from < many.length; from += 500) {
    const some = many.slice(from, from + 500)
    await client.call('RPUSH', 'large list', ...some)
    await client.call('SADD', 'large set', ...some)
    await client.call('ZADD', 'large sorted set', ...some.flatMap((member, index) => [(from + index) / 7, member]))
    await client.call('HSET', 'large hash', ...some.flatMap((field, index) => [field, index]))
  }
  await client.call('SET', 'large string', 'bytes \u0000\u00ff'.repeat(300_000))
  assert.is(await client.call('FUNCTION', 'LOAD', LIBRARY), 'lib')
}

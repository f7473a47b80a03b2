/** Compares all data of two servers key by key, without holding it. */
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { contentOf } from '../../support/generators/dataset.ts'
import type { Dialect } from '../../support/generators/random-collections.ts'
import type { WireClient, WireReply } from '../../support/servers/wire-client.ts'

const DATABASES = 16
const SCAN_KEYS = 500

export interface Walked {
  readonly keys: number
  /** Keys with a deadline. */
  readonly deadlines: number
  /** Fields of hashes with a deadline. */
  readonly fieldDeadlines: number
}

/** Passes the keys of a server to `visit`, some at a time; a key may come twice. */
export async function eachKeys(client: WireClient, visit: (keys: readonly Bytes[], database: number) => Promise<void>): Promise<void> {
  for (let database = 0; database < DATABASES; database++) {
    await client.call('SELECT', database)
    for (let cursor = '0'; ; ) {
      const [next, keys] = (await client.call('SCAN', cursor, 'COUNT', SCAN_KEYS)) as readonly [Bytes, readonly Bytes[]]
      if (keys.length > 0) await visit(keys, database)
      cursor = next
      if (cursor === '0') break
    }
  }
}

/** Fails unless both servers have equal keys, values, deadlines and libraries. */
export async function assertSameData(one: WireClient, other: WireClient, dialect: Dialect): Promise<Walked> {
  let [keyCount, deadlines, fieldDeadlines] = [0, 0, 0]
  let selected = -1
  await eachKeys(one, async (keys, database) => {
    if (database !== selected) await other.call('SELECT', database)
    selected = database
    const [expected, found] = await Promise.all([contentOf(one, keys, dialect), contentOf(other, keys, dialect)])
    for (const [i, key] of keys.entries()) {
      assert.equal(found[i], expected[i], `${database} ${JSON.stringify(key)}`)
      const [, deadline, , fields] = expected[i]!
      if (deadline !== -1) deadlines++
      fieldDeadlines += ((fields ?? []) as readonly WireReply[][]).filter(([, ends]) => ends !== -1).length
    }
    keyCount += keys.length
  })
  assert.equal(await sizesOf(other), await sizesOf(one))
  assert.equal(await other.call('FUNCTION', 'LIST', 'WITHCODE'), await one.call('FUNCTION', 'LIST', 'WITHCODE'))
  return { keys: keyCount, deadlines, fieldDeadlines }
}

async function sizesOf(client: WireClient): Promise<WireReply[]> {
  const sizes: WireReply[] = []
  for (let database = 0; database < DATABASES; database++) {
    await client.call('SELECT', database)
    sizes.push(await client.call('DBSIZE'))
  }
  return sizes
}

/**
 * A server whose data is larger than its cache, cold after a restart. Memory stays within the limit
 * while pipelines and walks read the data.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cacheBytesAtMost } from '../../../storage/keyspace/eviction.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'

const CACHE_BYTES = 16 * 2 ** 20
const KEYS = 40_000
const VALUE = 'v'.repeat(1000)
const BATCH = 500
const CLIENTS = 10

async function residentBytes(server: RunningServer): Promise<number> {
  return Number(/storage_resident_bytes:(\d+)/.exec(String(await server.call('INFO', 'storage')))?.[1])
}

test('cold pipelines of many clients and a walk over all keys keep the cache within its limit and leeway', async () => {
  const server = await RunningServer.start({ flags: { 'cache-memory': '16mb', 'enable-debug-command': 'yes' } })
  try {
    const filler = await server.connect()
    for (let from = 0; from < KEYS; from += BATCH) {
      await filler.call('MSET', ...Array.from({ length: BATCH }, (_, index) => [`key:${from + index}`, VALUE]).flat())
    }
    await filler.call('SAVE')
    await until('the written keys to be evicted', async () => (await residentBytes(server)) <= CACHE_BYTES)
    await filler.close()
    await server.restart()
    let most = 0
    let isReading = true
    const watching = (async () => {
      while (isReading) most = Math.max(most, await residentBytes(server))
    })()
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => server.connect()))
    await Promise.all(
      clients.map(async (client, number) => {
        for (let from = number * BATCH; from < KEYS; from += CLIENTS * BATCH) {
          const values = await Promise.all(Array.from({ length: BATCH }, (_, index) => client.call('GET', `key:${from + index}`)))
          assert.ok(values.every((value) => value === VALUE))
        }
      }),
    )
    await clients[0]?.call('DEBUG', 'DIGEST')
    isReading = false
    await watching
    assert.ok(most <= cacheBytesAtMost(CACHE_BYTES), `${most} bytes`)
    await until('the leeway to be given back', async () => (await residentBytes(server)) <= CACHE_BYTES)
    for (const client of clients) await client.close()
  } finally {
    await server.stop()
  }
})

test.run()

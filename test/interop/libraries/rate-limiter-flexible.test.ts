/**
 * Limits of rate-limiter-flexible over both clients: one works by a script, the other by
 * transactions.
 */
import { Redis } from 'ioredis'
import {
  BurstyRateLimiter,
  type IRateLimiterRedisOptions,
  RateLimiterQueue,
  RateLimiterRedis,
  RateLimiterRes,
  RateLimiterUnion,
} from 'rate-limiter-flexible'
import { createClient } from 'redis'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { closeOpened, opened } from './opened.ts'

let server: RunningServer
test.before(async () => {
  server = await RunningServer.start()
})
test.after(() => server.stop())
test.after.each(closeOpened)

const CLIENTS: Record<string, () => Promise<Pick<IRateLimiterRedisOptions, 'storeClient' | 'useRedisPackage'>>> = {
  ioredis: async () => ({ storeClient: opened(new Redis({ port: server.port }), (client) => client.quit()) }),
  redis: async () => {
    const storeClient = opened(createClient({ url: `redis://127.0.0.1:${server.port}` }), (client) => client.close())
    await storeClient.connect()
    return { storeClient, useRedisPackage: true }
  },
}

/** Sends requests at the same time and returns the outcomes. */
async function requests(count: number, consume: () => Promise<RateLimiterRes>): Promise<{ allowed: number; refused: number }> {
  let allowed = 0
  let refused = 0
  const one = async () => {
    try {
      await consume()
      allowed++
    } catch (refusal) {
      assert.instance(refusal, RateLimiterRes)
      refused++
    }
  }
  await Promise.all(Array.from({ length: count }, one))
  return { allowed, refused }
}

for (const [name, client] of Object.entries(CLIENTS)) {
  test(`${name}: simultaneous requests pass up to the number of points, and again after the duration`, async () => {
    const options = await client()
    const limiters = [1, 2].map(() => new RateLimiterRedis({ ...options, keyPrefix: `${name}-points`, points: 5, duration: 1 }))
    const some = (key: string) => requests(20, () => (limiters[Math.floor(Math.random() * 2)] as RateLimiterRedis).consume(key))
    assert.equal(await some('ann'), { allowed: 5, refused: 15 })
    assert.equal(await some('bob'), { allowed: 5, refused: 15 })
    const state = await limiters[0]?.get('ann')
    assert.is(state?.consumedPoints, 20)
    assert.is(state?.remainingPoints, 0)
    const { msBeforeNext = 0 } = state ?? {}
    assert.ok(msBeforeNext > 0 && msBeforeNext <= 1000, `${msBeforeNext} ms`)
    await until('the second to be over', async () => (await limiters[0]?.get('ann')) === null)
    assert.equal(await some('ann'), { allowed: 5, refused: 15 })
  })

  test(`${name}: points can be rewarded, deducted and blocked for a time`, async () => {
    const limiter = new RateLimiterRedis({ ...(await client()), keyPrefix: `${name}-change`, points: 3, duration: 60, blockDuration: 120 })
    assert.is((await limiter.consume('ann', 2)).remainingPoints, 1)
    assert.is((await limiter.reward('ann', 1)).consumedPoints, 1)
    assert.is((await limiter.penalty('ann', 1)).consumedPoints, 2)
    assert.equal(await requests(3, () => limiter.consume('ann')), { allowed: 1, refused: 2 })
    const blocked = Number(await server.call('PTTL', `${name}-change:ann`))
    assert.ok(blocked > 60_000 && blocked <= 120_000, 'refused ones are blocked for longer')
    assert.is(await limiter.delete('ann'), true)
    assert.is(await limiter.get('ann'), null)
    await limiter.block('bob', 30)
    assert.equal(await requests(1, () => limiter.consume('bob')), { allowed: 0, refused: 1 })
    await limiter.set('for ever', 2, 0)
    assert.is((await limiter.get('for ever'))?.consumedPoints, 2)
    assert.is(await server.call('TTL', `${name}-change:for ever`), -1)
  })

  test(`${name}: bursts, combined limits and queued requests work`, async () => {
    const options = await client()
    const limiter = (keyPrefix: string, points: number, duration: number) =>
      new RateLimiterRedis({ ...options, keyPrefix: `${name}-${keyPrefix}`, points, duration })
    const bursty = new BurstyRateLimiter(limiter('steady', 2, 60), limiter('burst', 3, 60))
    assert.equal(await requests(10, () => bursty.consume('ann') as Promise<RateLimiterRes>), { allowed: 5, refused: 5 })
    const union = new RateLimiterUnion(limiter('second', 10, 60), limiter('minute', 2, 60))
    await union.consume('ann')
    await union.consume('ann')
    const refusal = await union.consume('ann').catch((reason) => reason as object)
    assert.equal(Object.keys(refusal), [`${name}-minute`])
    const queue = new RateLimiterQueue(limiter('queue', 2, 1))
    const started = performance.now()
    assert.equal(await Promise.all([1, 2, 3, 4].map(() => queue.removeTokens(1))), [1, 0, 1, 0])
    assert.ok(performance.now() - started > 500)
  })
}

test.run()

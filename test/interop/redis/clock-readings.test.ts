/**
 * redis-server gives the values that test/integration/clients/clock-readings.test.ts expects of
 * haypile.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CLOCK_CASES, poppedOfExpired, repliesOf } from '../../support/cases/clock-cases.ts'
import { RedisServer } from '../../support/servers/redis-server.ts'
import { haveTools } from '../tools.ts'

if (haveTools('clock readings of redis-server', 'redis-server')) {
  test('redis-server gives the expected replies', async () => {
    const redis = await RedisServer.start(['--enable-debug-command', 'yes'])
    for (const { name, requests, replies } of CLOCK_CASES) {
      const got = await repliesOf(redis.port, requests)
      assert.equal(
        got.map((reply, i) => (replies[i] === undefined ? undefined : reply)),
        replies,
        name,
      )
    }
    assert.is(await poppedOfExpired(redis.port), null)
    await redis.stop()
  })
}

test.run()

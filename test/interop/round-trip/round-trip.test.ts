/** A small data set with every type goes from Redis through haypile and back unchanged. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seeded } from '../../support/generators/seed.ts'
import { haveTools } from '../tools.ts'
import { roundTrip } from './round-trip.ts'

const KEYS = 6000

if (haveTools('a round trip through Redis', 'redis-server')) {
  test('a data set with every type is the same after files, replicas and deadlines of fields', async () => {
    const { seed } = seeded('round trip')
    const { redis, haypile } = await roundTrip({ seed, keys: KEYS, report: (part, ms) => console.log(`${part}: ${Math.round(ms)} ms`) })
    assert.ok(redis.keys > KEYS && redis.deadlines > KEYS / 5, JSON.stringify(redis))
    assert.ok(haypile.keys >= redis.keys && haypile.fieldDeadlines > KEYS / 10, JSON.stringify(haypile))
  })
}

test.run()

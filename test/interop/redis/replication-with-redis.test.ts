/** A haypile and a redis-server that shall follow one another: neither can, and both say why. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RedisServer } from '../../support/servers/redis-server.ts'
import { infoOf } from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { haveTools } from '../tools.ts'

const REDIS_REFUSED = 'a Redis asks to be a replica of this haypile and is refused: only a haypile can be one'

if (haveTools('replication with redis-server', 'redis-server')) {
  test('a haypile that follows a Redis reports that its master is one', async () => {
    const redis = await RedisServer.start()
    const replica = await RunningServer.start({ flags: { replicaof: `127.0.0.1 ${redis.port}` } })
    const reason = /^METASYNC: the master is a Redis or the like, not a haypile: ERR unknown command /
    await until('the reason', async () => reason.test((await infoOf(replica)).get('repl_last_error') ?? ''))
    assert.is((await infoOf(replica)).get('master_link_status'), 'down')
    assert.ok(replica.log.includes('the master is a Redis or the like'))
    await replica.stop()
    await redis.stop()
  })

  test('a Redis that follows a haypile is refused on each try, and logged once', async () => {
    const master = await RunningServer.start()
    const redis = await RedisServer.start(['--replicaof', '127.0.0.1', String(master.port)])
    const refusals = async () => Number(/errorstat_ERR:count=(\d+)/.exec((await master.call('INFO', 'errorstats')) as string)?.[1] ?? 0)
    await until('two tries', async () => (await refusals()) >= 4)
    assert.is(master.log.split(REDIS_REFUSED).length - 1, 1)
    for (const name of ['PSYNC', 'sync']) {
      const reply = (await master.call(name, '?', '-1')) as { text: string }
      assert.is(reply.text, `ERR unknown command '${name}': this is a haypile, not a Redis, and only a haypile can be its replica`)
    }
    await redis.stop()
    await master.stop()
  })
}

test.run()

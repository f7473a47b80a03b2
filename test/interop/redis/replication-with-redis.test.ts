/** A haypile that shall follow a redis-server: it cannot, and says why. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RedisServer } from '../../support/servers/redis-server.ts'
import { infoOf } from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { haveTools } from '../tools.ts'

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
}

test.run()

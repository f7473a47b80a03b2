/** redis-benchmark against a master with replicas: afterwards all nodes hold equal data. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { assertEqual, fullSyncs, inStep, startReplica, stopAll } from '../../support/servers/replicated-servers.ts'
import { RunningServer } from '../../support/servers/running-server.ts'
import { haveTools, run } from '../tools.ts'

if (haveTools('redis-benchmark with replicas', 'redis-benchmark')) {
  test('after redis-benchmark a master, its replica and a sub-replica have equal data', async () => {
    const master = await RunningServer.start()
    const replica = await startReplica(master.port)
    const last = await startReplica(replica.port)
    await inStep(master, replica, last)
    for (const words of [
      ['-t', 'set,incr,mset', '-n', 20_000, '-r', 10_000, '-c', 20],
      ['-t', 'set,incr', '-n', 40_000, '-r', 20_000, '-P', 16, '-d', 200],
    ]) {
      const { status, out, error } = await run('redis-benchmark', ['-p', master.port, '-q', ...words])
      assert.is(status, 0, error)
      assert.not.match(out + error, /error/i)
    }
    const late = await startReplica(master.port)
    await assertEqual(master, replica, last, late)
    assert.ok(Number(await replica.call('DBSIZE')) > 10_000)
    assert.is(await fullSyncs(master), 2)
    await stopAll(late, last, replica, master)
  })
}

test.run()

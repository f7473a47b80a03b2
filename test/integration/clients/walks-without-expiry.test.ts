/** SCAN and RANDOMKEY delete expired keys while expiry in the background is off. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RunningServer } from '../../support/servers/running-server.ts'

for (const [words, nothing] of [
  [
    ['SCAN', '0'],
    ['0', []],
  ],
  [['RANDOMKEY'], null],
] as const) {
  test(`${words[0]} deletes expired keys after DEBUG SET-ACTIVE-EXPIRE 0`, async () => {
    const server = await RunningServer.start()
    const client = await server.connect()
    await client.call('DEBUG', 'SET-ACTIVE-EXPIRE', '0')
    await client.call('SET', 'a', '1', 'PX', '1')
    await client.call('SET', 'b', '1', 'PX', '1')
    await client.call('DEBUG', 'SLEEP', '0.01')
    assert.is(await client.call('DBSIZE'), 2)
    assert.equal(await client.call(...words), nothing)
    assert.is(await client.call('DBSIZE'), 0)
    await client.close()
    await server.stop()
  })
}

test.run()

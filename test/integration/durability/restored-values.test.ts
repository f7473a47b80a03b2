/** Restored values on disk and on a replica: the log of RESTORE leaves the same everywhere. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seeded } from '../../support/generators/seed.ts'
import { FIXTURES } from '../../support/rdb/fixtures.ts'
import { mutatedPayload } from '../../support/rdb/mutations.ts'
import { linked, startReplica } from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import type { WireClient } from '../../support/servers/wire-client.ts'

const CHANGED = 600
const FAR_MS = 4_000_000_000_000

/** Restores each fixture and what of changed payloads is taken. Returns the number of keys. */
async function restoreAll(client: WireClient): Promise<number> {
  const { integer, pick, ...chance } = seeded('restored values')
  for (const [index, { payload }] of FIXTURES.entries()) {
    const deadline = index % 3 === 0 ? [FAR_MS + index, payload.latin1Slice(), 'ABSTTL'] : ['0', payload.latin1Slice()]
    assert.is(await client.call('RESTORE', `fixture ${index}`, ...deadline), 'OK')
  }
  for (let i = 0; i < CHANGED; i++) {
    const payload = mutatedPayload({ integer, pick, ...chance }, pick(FIXTURES).payload)
    await client.call('RESTORE', `changed ${integer(50)}`, String(integer(2) * 100_000), payload.latin1Slice(), 'REPLACE')
  }
  return (await client.call('DBSIZE')) as number
}

const digestOf = (server: RunningServer) => server.call('DEBUG', 'DIGEST')

test('restored values are the same on a replica, and after kill -9', async () => {
  const flags = { 'enable-debug-command': 'yes', appendfsync: 'always' }
  const server = await RunningServer.start({ flags })
  const replica = await startReplica(server.port, { flags })
  try {
    await linked(replica)
    const client = await server.connect()
    const keys = await restoreAll(client)
    assert.ok(keys > FIXTURES.length + 10, `${keys} keys`)
    await client.close()
    const digest = await digestOf(server)
    await until('the replica to have the same', async () => (await digestOf(replica)) === digest)
    await server.restart('SIGKILL')
    assert.is(await digestOf(server), digest)
  } finally {
    await replica.stop()
    await server.stop()
  }
})

test.run()

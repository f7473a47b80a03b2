/** A replica written from the documented grammar alone holds the data of its master. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { MinimalReplica } from '../../support/servers/minimal-replica.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'

const numberIn = (text: unknown, field: string) => Number(new RegExp(`${field}:(\\d+)`).exec(String(text))?.[1])

/** Waits until the replica has its master's offset, and compares all strings of all databases. */
async function assertHoldsAll(master: RunningServer, replica: MinimalReplica): Promise<void> {
  const offset = numberIn(await master.call('INFO', 'replication'), 'master_repl_offset')
  await until('the replica to have everything', () => replica.position.offset >= offset)
  assert.is(replica.position.offset, offset)
  const client = await master.connect()
  const held = new Map<string, string>()
  for (const index of ['0', '5']) {
    await client.call('SELECT', index)
    for (const key of (await client.call('KEYS', '*')) as string[]) held.set(`${index} ${key}`, (await client.call('GET', key)) as string)
  }
  await client.close()
  assert.equal([...replica.data].sort(), [...held].sort())
}

test('a replica written from the grammar full-syncs, follows, and resumes after a cut link', async () => {
  const master = await RunningServer.start()
  const client = await master.connect()
  // Pages, and some that are not there.
  await client.call('SETRANGE', 'holes', 100_000, 'x'.repeat(30_000))
  for (let i = 0; i < 3000; i++) await client.call('SET', `key${i}`, `value ${i} \x00\xff`)
  await client.call('SELECT', 5)
  await client.call('SET', 'key1', 'of another database', 'PX', 1_000_000)
  const replica = new MinimalReplica()
  const following = replica.follow(master.port)
  await until('the full sync', () => replica.fullSyncs === 1)
  await client.call('APPEND', 'key1', ', and more')
  await client.call('SELECT', 0)
  await client.pipeline([['INCR', 'n'], ['INCR', 'n'], ['DEL', 'key7']]) // biome-ignore format: one line
  assert.is(await client.call('WAIT', 1, 20_000), 1)
  await assertHoldsAll(master, replica)
  for (let cut = 0; cut < 3; cut++) {
    const pipeline = client.pipeline(Array.from({ length: 500 }, (_, i) => ['SET', `cut${cut}:${i % 50}`, 'v'.repeat(i)]))
    replica.wire?.socket.destroy()
    await pipeline
    await assertHoldsAll(master, replica)
  }
  const stats = await client.call('INFO', 'stats')
  assert.is(numberIn(stats, 'sync_full'), 1)
  assert.ok(replica.continues >= 3)
  assert.is(replica.fullSyncs, 1)
  assert.match(String(await client.call('INFO', 'replication')), /slave0:ip=127.0.0.1,port=7001,state=online/)
  replica.stop()
  await following
  await client.close()
  await master.stop()
})

test('a replica of an empty master receives the meta record alone', async () => {
  const master = await RunningServer.start()
  const replica = new MinimalReplica()
  const following = replica.follow(master.port)
  await until('the full sync', () => replica.fullSyncs === 1)
  await master.call('SET', 'first', '1')
  await assertHoldsAll(master, replica)
  replica.stop()
  await following
  await master.stop()
})

test.run()

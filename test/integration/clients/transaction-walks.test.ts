/**
 * Walks over the keys inside transactions of a real server. They run with writers and checkpoints
 * at the same time, and after a restart, a full sync and a reload.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { fill, follow, fullSyncs, inStep, stopAll } from '../../support/servers/replicated-servers.ts'
import { RunningServer } from '../../support/servers/running-server.ts'
import type { WireClient, WireReply } from '../../support/servers/wire-client.ts'

async function together(client: WireClient, ...lines: string[]): Promise<WireReply[]> {
  await client.call('MULTI')
  for (const line of lines) await client.call(...line.split(' '))
  return (await client.call('EXEC')) as WireReply[]
}

test('KEYS in a transaction agrees with DBSIZE during writes and checkpoints', async () => {
  const server = await RunningServer.start({ flags: { 'checkpoint-binlog-bytes': '1mb' } })
  const [writer, saver, walker] = [await server.connect(), await server.connect(), await server.connect()]
  const count = 3000
  for (let i = 0; i < count; i++) void writer.call('SET', `k:${i}`, 'x'.repeat(1000))
  await writer.call('PING')
  let isOver = false
  const writing = (async () => {
    for (let i = 0; !isOver; i++) await together(writer, `RENAME k:${i} k:${count + i}`, `SET k:${count + i} ${i}`)
  })()
  const saving = (async () => {
    while (!isOver) await saver.call('SAVE')
  })()
  for (let round = 0; round < 25; round++) {
    const [keys, size, [, some], random] = (await together(walker, 'KEYS *', 'DBSIZE', 'SCAN 0 COUNT 100', 'RANDOMKEY')) as [
      string[],
      number,
      [string, string[]],
      string,
    ]
    assert.is(size, count)
    assert.is(keys.length, count)
    assert.is(new Set(keys).size, count)
    assert.ok(some.length > 0)
    assert.equal(some, keys.slice(0, some.length))
    assert.ok(keys.includes(random))
  }
  isOver = true
  await Promise.all([writing, saving])
  await server.restart()
  const again = await server.connect()
  const [keys] = (await together(again, 'KEYS *', 'SET new 1')) as [string[]]
  assert.is(keys.length, count)
  await server.stop()
})

test('after a full sync and a reload KEYS in a transaction reads the current data', async () => {
  const master = await RunningServer.start()
  const replica = await RunningServer.start({ flags: { 'enable-debug-command': 'yes' } })
  await fill(replica, 'old', 500)
  await replica.call('SAVE')
  const client = await replica.connect()
  const keysNow = async () => ((await together(client, 'KEYS *', 'DBSIZE'))[0] as string[]).length
  assert.is(await keysNow(), 500)
  await replica.call('DEBUG', 'RELOAD')
  assert.is(await keysNow(), 500)
  await fill(master, 'fresh', 300)
  await follow(replica, master, 'FORCE')
  await inStep(master, replica)
  assert.is(await fullSyncs(master), 1)
  assert.is(await keysNow(), 300)
  await fill(master, 'more', 10)
  await inStep(master, replica)
  assert.is(await keysNow(), 310)
  await stopAll(replica, master)
})

test('KEYS in a transaction sees the data after kill -9 and a restart', async () => {
  const server = await RunningServer.start()
  await fill(server, 'k', 100)
  await server.call('SAVE')
  const client = await server.connect()
  assert.is(((await together(client, 'KEYS *'))[0] as string[]).length, 100)
  await server.kill9()
  await server.launch()
  const again = await server.connect()
  assert.is(((await together(again, 'KEYS *'))[0] as string[]).length, 100)
  await server.stop()
})

test.run()

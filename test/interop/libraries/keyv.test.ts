/** A cache of keyv with @keyv/redis, which has a client of its own. */
import KeyvRedis, { createKeyv } from '@keyv/redis'
import { Keyv } from 'keyv'
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
test.before.each(async () => {
  await server.call('FLUSHALL')
})

function cache(namespace: string): Keyv {
  return opened(createKeyv(`redis://127.0.0.1:${server.port}`, { namespace, throwOnErrors: true, clearBatchSize: 50 }), (it) =>
    it.disconnect(),
  )
}

test('values of all kinds are returned unchanged, and missing ones as undefined', async () => {
  const keyv = cache('kinds')
  const values = { text: 'grün', number: 1.5, none: null, list: [1, [2, { deep: true }]], bytes: Buffer.from([0, 255, 10, 13]) }
  for (const [key, value] of Object.entries(values)) assert.ok(await keyv.set(key, value))
  for (const [key, value] of Object.entries(values)) assert.equal(await keyv.get(key), value, key)
  assert.is(await keyv.get('other'), undefined)
  assert.is(await keyv.has('text'), true)
  assert.is(await keyv.delete('text'), true)
  assert.is(await keyv.delete('text'), false)
  assert.is(await keyv.has('text'), false)
})

test('many values are set, checked, read and deleted at once', async () => {
  const keyv = cache('many')
  const keys = Array.from({ length: 100 }, (_, i) => `key${i}`)
  await keyv.setMany(keys.map((key, value) => ({ key, value })))
  assert.equal(await keyv.getMany([...keys, 'other']), [...keys.keys(), undefined])
  assert.equal(await keyv.hasMany(['key0', 'other', 'key99']), [true, false, true])
  assert.is(await keyv.deleteMany(keys.slice(0, 50)), true)
  assert.is((await keyv.getMany(keys)).filter((value) => value === undefined).length, 50)
})

test('values expire', async () => {
  const keyv = cache('times')
  await keyv.set('short', 1, 60_000)
  await keyv.set('long', 2, 60_000)
  assert.is(await keyv.get('short'), 1)
  await keyv.set('short', 1, 60)
  await until('the key to end', async () => (await server.call('EXISTS', 'times::short')) === 0)
  assert.is(await keyv.get('short'), undefined)
  assert.is(await keyv.get('long'), 2)
})

test('a namespace is walked and cleared separately', async () => {
  const [one, other] = [cache('one'), cache('other')]
  await one.setMany(Array.from({ length: 500 }, (_, i) => ({ key: `key${i}`, value: i })))
  await other.set('key', 'kept')
  const found = new Map<string, number>()
  for await (const [key, value] of (one.iterator as () => AsyncGenerator<[string, number]>)()) found.set(key, value)
  assert.is(found.size, 500)
  for (let i = 0; i < 500; i++) assert.is(found.get(`key${i}`), i)
  await one.clear()
  assert.is(await server.call('DBSIZE'), 1)
  assert.is(await other.get('key'), 'kept')
})

test('the adapter works alone in a database of its own', async () => {
  const adapter = new KeyvRedis<string>({ url: `redis://127.0.0.1:${server.port}/3` }, { useUnlink: false, noNamespaceAffectsAll: true })
  opened(adapter, () => adapter.disconnect())
  const keyv = new Keyv({ store: adapter, useKeyPrefix: false })
  await keyv.set('a', 'b')
  assert.is(await keyv.get('a'), 'b')
  assert.is(await server.call('DBSIZE'), 0)
  await keyv.clear()
  assert.is(await keyv.get('a'), undefined)
})

test.run()

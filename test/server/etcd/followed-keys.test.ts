/** Keys that are followed: watches that end, hang, or begin at a revision that is gone. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Etcd } from '../../../server/etcd/etcd.ts'
import { FollowedKeys } from '../../../server/etcd/followed-keys.ts'
import { FakeGateway, type GatewayRequest } from '../../support/cluster/fake-gateway.ts'
import { until } from '../../support/servers/running-server.ts'

const base64 = (text: string) => Buffer.from(text).toString('base64')
const entry = (key: string, value: string, revision: number) => ({
  key: base64(key),
  value: base64(value),
  create_revision: '1',
  mod_revision: String(revision),
})
const told = (revision: number, ...events: object[]) => ({ result: { header: { revision: String(revision) }, events } })

/** Follows `/p/` on a fake gateway, whose keys a test sets. */
async function following(run: (world: Awaited<ReturnType<typeof made>>) => Promise<void>, checkMs = 60_000): Promise<void> {
  const world = await made(checkMs)
  try {
    await run(world)
  } finally {
    await world.followed.close()
    world.etcd.close()
    await world.gateway.stop()
  }
}

async function made(checkMs: number) {
  const gateway = await FakeGateway.start()
  const etcd = new Etcd({ endpoints: [gateway.endpoint], timeoutMs: 1000 })
  const world = { gateway, etcd, stored: { revision: 5, entries: [entry('/p/a', 'one', 3)] }, changes: 0, failures: [] as string[] }
  gateway.answer = () => ({ header: { revision: String(world.stored.revision) }, kvs: world.stored.entries })
  const followed = new FollowedKeys({
    etcd,
    prefix: '/p/',
    retryMs: 5,
    checkMs,
    onChanged: () => world.changes++,
    onFailure: ({ message }) => world.failures.push(message),
  })
  followed.start()
  await until('the watch', () => gateway.streams.length === 1)
  return Object.assign(world, { followed })
}

const watches = (requests: readonly GatewayRequest[]) =>
  requests
    .filter(({ path }) => path === '/v3/watch')
    .map(({ body }) => (body as { create_request: { start_revision: string } }).create_request.start_revision)

const valuesOf = (followed: FollowedKeys) => [...followed.values.values()].map(({ key, value }) => `${key}=${value}`).sort()

test('all keys are read first, then each change is applied', async () => {
  await following(async ({ gateway, followed }) => {
    assert.equal(valuesOf(followed), ['/p/a=one'])
    assert.equal(watches(gateway.requests), ['6'])
    gateway.tell({ result: { header: { revision: '5' }, created: true } })
    gateway.tell(told(7, { kv: entry('/p/b', 'two', 7) }, { type: 'DELETE', kv: { key: base64('/p/a'), mod_revision: '7' } }))
    await until('the change', () => followed.values.has('/p/b'))
    assert.equal(valuesOf(followed), ['/p/b=two'])
  })
})

test('a watch that is cut continues after the last revision that it has told', async () => {
  await following(async (world) => {
    const { gateway, followed } = world
    gateway.tell(told(8, { kv: entry('/p/a', 'two', 8) }))
    await until('the change', () => followed.values.get('/p/a')?.value === 'two')
    world.stored = { revision: 8, entries: [entry('/p/a', 'two', 8)] }
    gateway.streams.at(-1)?.destroy()
    await until('another watch', () => gateway.streams.length === 2)
    assert.equal(watches(gateway.requests), ['6', '9'])
    assert.equal([world.changes, world.failures.length], [2, 1])
  })
})

test('a watch whose revision was compacted is replaced by reading all keys again', async () => {
  await following(async (world) => {
    const { gateway, followed } = world
    world.stored = { revision: 40, entries: [entry('/p/c', 'three', 30)] }
    gateway.tell({ result: { header: { revision: '40' }, canceled: true, compact_revision: '35' } })
    await until('another watch', () => gateway.streams.length === 2)
    assert.equal(valuesOf(followed), ['/p/c=three'])
    assert.equal(watches(gateway.requests), ['6', '41'])
  })
})

test('a watch that hangs is noticed by reading all keys from time to time', async () => {
  await following(async (world) => {
    world.stored = { revision: 9, entries: [entry('/p/a', 'late', 9)] }
    await until('the change', () => world.followed.values.get('/p/a')?.value === 'late')
    await until('another watch', () => world.gateway.streams.length === 2)
    assert.equal(watches(world.gateway.requests), ['6', '10'])
  }, 20)
})

test('lines that are no messages of etcd end the watch, and it begins again', async () => {
  await following(async ({ gateway, followed, failures }) => {
    gateway.streams.at(-1)?.write('{"result":{"header":{"revision":"x"}}}\n')
    await until('another watch', () => gateway.streams.length === 2)
    assert.is(failures.length, 1)
    assert.equal(valuesOf(followed), ['/p/a=one'])
  })
})

test.run()

/**
 * socket.io on two servers, joined by each of its adapters for Redis: pub/sub, sharded channels,
 * and a stream.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter'
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { Server, type ServerOptions } from 'socket.io'
import { io as connectTo, type Socket } from 'socket.io-client'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { closeOpened, opened } from './opened.ts'

type Adapter = NonNullable<Parameters<Server['adapter']>[0]>

let server: RunningServer
test.before(async () => {
  server = await RunningServer.start()
})
test.after(() => server.stop())
test.after.each(async () => {
  await closeOpened()
  const clients = async () =>
    String(await server.call('CLIENT', 'LIST'))
      .trim()
      .split('\n')
  await until('the adapters to have ended their connections', async () => (await clients()).length === 1)
  await server.call('FLUSHALL')
})

const openIoredis = () => opened(new Redis({ port: server.port, host: '127.0.0.1' }), (client) => client.disconnect())

async function openRedis() {
  const client = createClient({ url: `redis://127.0.0.1:${server.port}` })
  client.on('error', () => {})
  opened(client, () => client.close())
  return client.connect()
}

const ADAPTERS: Record<string, () => Promise<Adapter>> = {
  'redis-adapter, ioredis': async () => createAdapter(openIoredis(), openIoredis()),
  'redis-adapter, redis': async () => createAdapter(await openRedis(), await openRedis()),
  'sharded adapter, ioredis': async () => createShardedAdapter(openIoredis(), openIoredis()),
  'sharded adapter, redis': async () => createShardedAdapter(await openRedis(), await openRedis()),
  'streams adapter, ioredis': async () => createStreamsAdapter(openIoredis(), { blockTimeInMs: 100 }),
  'streams adapter, redis': async () => createStreamsAdapter(await openRedis(), { blockTimeInMs: 100 }),
}

interface Person {
  readonly socket: Socket
  /** Messages heard since the last call of `heard`. */
  heard: unknown[][]
}

interface World {
  readonly one: Server
  readonly other: Server
  /** The first two are connected to `one`, the others to `other`. */
  readonly people: readonly [Person, Person, Person, Person]
}

async function openServer(adapter: Adapter, options: Partial<ServerOptions>): Promise<{ io: Server; url: string }> {
  const http = createServer()
  const io = new Server(http, { adapter, transports: ['websocket'], ...options })
  opened(io, () => io.close())
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  return { io, url: `http://127.0.0.1:${(http.address() as AddressInfo).port}` }
}

async function openPerson(url: string): Promise<Person> {
  const socket = opened(connectTo(url, { transports: ['websocket'], reconnectionDelay: 20, reconnectionDelayMax: 50 }), (it) => it.close())
  const person: Person = { socket, heard: [] }
  socket.onAny((...event) => {
    if (event[0] !== 'warm') person.heard.push(event)
  })
  socket.on('question', (number: number, reply: (value: number) => void) => reply(number * 2))
  await until('a person to be connected', () => socket.connected)
  return person
}

/** Starts two servers that hear each other, with two people each. */
async function openWorld(adapter: () => Promise<Adapter>, options: Partial<ServerOptions> = {}): Promise<World> {
  const [one, other] = [await openServer(await adapter(), options), await openServer(await adapter(), options)]
  const people = await Promise.all([one, one, other, other].map(({ url }) => openPerson(url)))
  const warm = new Set<number>()
  for (const [i, { socket }] of people.entries()) socket.on('warm', (from: number) => warm.add(2 * i + from))
  await until('all to hear both servers', () => {
    one.io.emit('warm', 0)
    other.io.emit('warm', 1)
    return warm.size === 8
  })
  await until('both to know of each other', async () => {
    const servers = [one.io, other.io].map((io) => io.of('/').adapter.serverCount())
    return (await Promise.all(servers)).every((count) => count === 2)
  })
  const world = { one: one.io, other: other.io, people: people as unknown as World['people'] }
  await heard(world)
  return world
}

/**
 * Waits until everybody has heard everything, which marks from both servers show. Returns the
 * messages.
 */
async function heard({ one, other, people }: World): Promise<unknown[][][]> {
  one.emit('end')
  other.emit('end')
  await until('the ends to be heard', () => people.every((person) => person.heard.filter(([name]) => name === 'end').length === 2))
  return people.map((person) => person.heard.splice(0).filter(([name]) => name !== 'end'))
}

for (const [name, adapter] of Object.entries(ADAPTERS)) {
  test(`${name}: every client receives broadcasts in order, bytes included`, async () => {
    const world = await openWorld(adapter)
    for (let i = 0; i < 50; i++) world.one.emit('number', i)
    world.one.emit('bytes', Buffer.from([0, 255, 13, 10]), { text: 'grün' })
    const said = Array.from({ length: 50 }, (_, i): unknown[] => ['number', i])
    said.push(['bytes', Buffer.from([0, 255, 13, 10]), { text: 'grün' }])
    for (const all of await heard(world)) assert.equal(all, said)
  })

  test(`${name}: rooms span servers`, async () => {
    const world = await openWorld(adapter)
    const [ann, , , dora] = world.people
    const ids = [ann.socket.id, dora.socket.id] as [string, string]
    world.one.in(ids).socketsJoin(['kitchen', 'house'])
    await until('both sockets to be in the room', async () => (await world.other.in('kitchen').fetchSockets()).length === 2)
    world.other.to('kitchen').emit('said', 'in the kitchen')
    world.other.except('kitchen').emit('said', 'elsewhere')
    world.other.to(ids[0]).emit('said', 'to ann')
    await until('the others to hear', () => world.people.every((person) => person.heard.length > 0) && ann.heard.length > 1)
    const elsewhere = [['said', 'elsewhere']]
    assert.equal(await heard(world), [
      [
        ['said', 'in the kitchen'],
        ['said', 'to ann'],
      ],
      elsewhere,
      elsewhere,
      [['said', 'in the kitchen']],
    ])
    world.one.in(ids[1]).socketsLeave('kitchen')
    await until('one socket to leave', async () => (await world.one.in('kitchen').fetchSockets()).length === 1)
    assert.is((await world.one.in('house').fetchSockets()).length, 2)
  })

  test(`${name}: sockets of all servers are listed, asked and disconnected`, async () => {
    const world = await openWorld(adapter)
    const ids = world.people.map(({ socket }) => socket.id).sort()
    for (const io of [world.one, world.other]) assert.equal((await io.fetchSockets()).map(({ id }) => id).sort(), ids)
    assert.equal(await world.one.timeout(3000).emitWithAck('question', 21), [42, 42, 42, 42])
    const gone = world.people[3]
    world.one.in(gone.socket.id as string).disconnectSockets(true)
    await until('one socket to be disconnected', () => !gone.socket.connected)
    await until('three to be left', async () => (await world.one.fetchSockets()).length === 3)
  })

  test(`${name}: servers exchange messages`, async () => {
    const world = await openWorld(adapter)
    const told: unknown[] = []
    world.one.on('told', () => told.push('itself'))
    world.other.on('told', (what) => told.push(what))
    world.other.on('asked', (number, reply) => reply(number + 1))
    world.one.serverSideEmit('told', { by: 'one' })
    await until('the other server to get the message', () => told.length > 0)
    assert.equal(told, [{ by: 'one' }])
    assert.equal(await world.one.serverSideEmitWithAck('asked', 1), [2])
  })

  if (name.startsWith('streams')) {
    test(`${name}: a reconnecting client receives what it missed`, async () => {
      const world = await openWorld(adapter, { connectionStateRecovery: { maxDisconnectionDuration: 10_000 } })
      const [ann] = world.people
      const { id } = ann.socket
      world.one.emit('said', 'before')
      await until('the message to arrive', () => ann.heard.length === 1)
      ann.socket.io.engine.close()
      await until('the connection to be cut', () => !ann.socket.connected)
      world.other.emit('said', 'meanwhile')
      await until('the client to be connected again', () => ann.socket.connected)
      world.other.emit('said', 'after')
      await until('three to be heard', () => ann.heard.length === 3)
      assert.ok(ann.socket.recovered)
      assert.is(ann.socket.id, id)
      assert.equal(
        ann.heard.map(([, what]) => what),
        ['before', 'meanwhile', 'after'],
      )
    })
  }
}

test.run()

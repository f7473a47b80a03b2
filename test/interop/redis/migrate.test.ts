/** MIGRATE between haypile and redis-server, both ways, with passwords, time-outs and cut links. */
import * as net from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { seeded } from '../../support/generators/seed.ts'
import { commandsOf, seenBy } from '../../support/rdb/client-view.ts'
import { type Content, sorted } from '../../support/rdb/contents.ts'
import { randomContent } from '../../support/rdb/random-contents.ts'
import { RedisServer } from '../../support/servers/redis-server.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { type WireClient, WireError } from '../../support/servers/wire-client.ts'
import { haveTools } from '../tools.ts'

const KEYS = 60
const LONG_MS = 60_000
const FAR_MS = 4_000_000_000_000
/** More than the buffers of two sockets hold. */
const LARGE_BYTES = 40_000_000
/** Clients whose payloads together exceed their limit by far. */
const MOVERS = 12

const READING = 'IOERR error or timeout reading to target instance'

async function textOf(reply: Promise<unknown>): Promise<unknown> {
  const answer = await reply
  return answer instanceof WireError ? answer.text : answer
}

/** Starts a listener that treats each connection so. */
async function listen(connected: (socket: net.Socket) => void): Promise<{ port: number; close(): Promise<void> }> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    connected(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as net.AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
}

async function fill(client: WireClient, contents: ReadonlyMap<string, Content>): Promise<void> {
  for (const [key, content] of contents) {
    for (const reply of await client.pipeline(commandsOf(key, content))) assert.not.instance(reply, WireError)
  }
}

if (haveTools('MIGRATE with redis-server', 'redis-server')) {
  test('random values go to redis-server and come back', async () => {
    const server = await RunningServer.start()
    const other = await RedisServer.start(['--sanitize-dump-payload', 'yes'])
    const haypile = await server.connect()
    const redis = await other.connect()
    try {
      const chance = seeded('migrated values')
      const contents = new Map(Array.from({ length: KEYS }, (_, index) => [`k${index}`, randomContent(chance)]))
      await fill(haypile, contents)
      await haypile.call('PEXPIRE', 'k0', LONG_MS)
      const before = new Map<string, Content>()
      for (const [key, content] of contents) before.set(key, sorted(await seenBy(haypile, key, content)))
      const keys = [...contents.keys()]
      assert.is(await haypile.call('MIGRATE', '127.0.0.1', other.port, '', '0', '5000', 'COPY', 'KEYS', ...keys), 'OK')
      assert.is(await haypile.call('DBSIZE'), KEYS)
      assert.is(await haypile.call('MIGRATE', '127.0.0.1', other.port, '', '0', '5000', 'REPLACE', 'KEYS', ...keys, 'none'), 'OK')
      assert.is(await haypile.call('DBSIZE'), 0)
      assert.is(await redis.call('DBSIZE'), KEYS)
      const ttl = (await redis.call('PTTL', 'k0')) as number
      assert.ok(ttl > 0 && ttl <= LONG_MS)
      for (const [key, content] of contents) assert.equal(sorted(await seenBy(redis, key, content)), before.get(key), key)
      assert.is(await redis.call('MIGRATE', '127.0.0.1', server.port, '', '2', '5000', 'KEYS', ...keys), 'OK')
      await haypile.call('SELECT', '2')
      for (const [key, content] of contents) assert.equal(sorted(await seenBy(haypile, key, content)), before.get(key), key)
    } finally {
      await haypile.close()
      await redis.close()
      await other.stop()
      await server.stop()
    }
  })

  test('a hash whose fields have deadlines is refused by Redis 7.0 and stays, and loses none on the way to haypile', async () => {
    const servers = [await RunningServer.start(), await RunningServer.start()] as const
    const other = await RedisServer.start()
    const [from, to, redis] = [await servers[0].connect(), await servers[1].connect(), await other.connect()]
    try {
      await from.call('HSET', 'h', 'a', '1', 'b', '2')
      await from.call('HPEXPIREAT', 'h', FAR_MS, 'FIELDS', 1, 'a')
      const refusal = 'ERR DUMP payload version or checksum are wrong'
      const move = (port: number) => textOf(from.call('MIGRATE', '127.0.0.1', port, 'h', '0', '5000'))
      assert.is(await move(other.port), `ERR Target instance replied with error: ${refusal}`)
      assert.is(await textOf(redis.call('RESTORE', 'h', '0', (await from.call('DUMP', 'h')) as Bytes)), refusal)
      assert.is(await redis.call('EXISTS', 'h'), 0)
      assert.equal(await from.call('HPEXPIRETIME', 'h', 'FIELDS', 2, 'a', 'b'), [FAR_MS, -1])
      assert.is(await move(servers[1].port), 'OK')
      assert.is(await from.call('EXISTS', 'h'), 0)
      assert.equal(await to.call('HPEXPIRETIME', 'h', 'FIELDS', 2, 'a', 'b'), [FAR_MS, -1])
    } finally {
      for (const client of [from, to, redis]) await client.close()
      for (const server of [other, ...servers]) await server.stop()
    }
  })

  test('a key that is written to while the target is busy stays, and other keys go', async () => {
    const server = await RunningServer.start()
    const other = await RedisServer.start()
    const held: (() => void)[] = []
    const door = await listen((socket) => {
      held.push(() => {
        const target = net.connect(other.port, '127.0.0.1').on('error', () => {})
        socket.pipe(target).pipe(socket)
      })
    })
    const [mover, another, writer] = [await server.connect(), await server.connect(), await server.connect()]
    const redis = await other.connect()
    try {
      await writer.call('MSET', 'a', '1', 'b', '2', 'c', '3')
      const two = textOf(mover.call('MIGRATE', '127.0.0.1', door.port, '', '0', '100000', 'KEYS', 'a', 'b'))
      const one = textOf(another.call('MIGRATE', '127.0.0.1', door.port, 'c', '0', '100000'))
      await until('both transfers to have begun', () => held.length === 2)
      assert.is(await writer.call('APPEND', 'a', 'x'), 2)
      for (const open of held) open()
      assert.match(String(await two), /^ERR Keys were changed while they were transferred/)
      assert.is(await one, 'OK')
      assert.equal(await writer.call('MGET', 'a', 'b', 'c'), ['1x', null, null])
      assert.equal(await redis.call('MGET', 'a', 'b', 'c'), ['1', '2', '3'])
      assert.is(await mover.call('MIGRATE', '127.0.0.1', other.port, 'a', '0', '5000', 'REPLACE'), 'OK')
      assert.is(await redis.call('GET', 'a'), '1x')
    } finally {
      for (const client of [mover, another, writer, redis]) await client.close()
      await door.close()
      await other.stop()
      await server.stop()
    }
  })

  test('AUTH and AUTH2 open a server with a password, and its errors are passed on', async () => {
    const server = await RunningServer.start()
    const other = await RedisServer.start()
    const haypile = await server.connect()
    const redis = await other.connect()
    try {
      await redis.call('ACL', 'SETUSER', 'mover', 'on', '>secret', '~*', '+@all')
      await redis.call('CONFIG', 'SET', 'requirepass', 'word')
      const to = (...words: Bytes[]) => textOf(haypile.call('MIGRATE', '127.0.0.1', other.port, 'k', '1', '1000', ...words))
      const refused = (text: Bytes) => `ERR Target instance replied with error: ${text}`
      await haypile.call('SET', 'k', '1')
      assert.is(await to(), refused('NOAUTH Authentication required.'))
      assert.is(await to('AUTH', 'wrong'), refused('WRONGPASS invalid username-password pair or user is disabled.'))
      assert.is(await haypile.call('GET', 'k'), '1')
      assert.is(await to('AUTH', 'word', 'COPY'), 'OK')
      assert.is(await to('AUTH2', 'mover', 'secret'), refused('BUSYKEY Target key name already exists.'))
      assert.is(await to('AUTH2', 'mover', 'secret', 'REPLACE'), 'OK')
      assert.is(await haypile.call('EXISTS', 'k'), 0)
      await redis.call('AUTH', 'word')
      await redis.call('SELECT', '1')
      assert.is(await redis.call('GET', 'k'), '1')
      await haypile.call('SET', 'k', '2')
      await redis.call('ACL', 'SETUSER', 'mover', 'resetpass', '>other')
      assert.is(await to('AUTH2', 'mover', 'secret', 'REPLACE'), refused('WRONGPASS invalid username-password pair or user is disabled.'))
      assert.is(await haypile.call('GET', 'k'), '2')
    } finally {
      await haypile.close()
      await redis.close()
      await other.stop()
      await server.stop()
    }
  })
}

test('a target that never answers is a time-out, and other clients are served meanwhile', async () => {
  const server = await RunningServer.start()
  const silent = await listen(() => {})
  const haypile = await server.connect()
  const another = await server.connect()
  try {
    await haypile.call('SET', 'k', '1')
    let isOver = false
    const reply = textOf(haypile.call('MIGRATE', '127.0.0.1', silent.port, 'k', '0', '700')).finally(() => {
      isOver = true
    })
    assert.is(await another.call('SET', 'other', '1'), 'OK')
    assert.is(isOver, false)
    assert.is(await reply, READING)
    assert.is(await haypile.call('GET', 'k'), '1')
  } finally {
    await haypile.close()
    await another.close()
    await silent.close()
    await server.stop()
  }
})

test('no key is sent before the database is accepted', async () => {
  const [server, other] = [await RunningServer.start(), await RunningServer.start()]
  const [haypile, target] = [await server.connect(), await other.connect()]
  try {
    await haypile.call('SET', 'k', 'new')
    await target.call('SET', 'k', 'old')
    const reply = await textOf(haypile.call('MIGRATE', '127.0.0.1', other.port, 'k', '99', '5000', 'REPLACE'))
    assert.is(reply, 'ERR Target instance replied with error: ERR DB index is out of range')
    assert.is(await target.call('GET', 'k'), 'old')
    assert.is(await haypile.call('GET', 'k'), 'new')
  } finally {
    await haypile.close()
    await target.close()
    await other.stop()
    await server.stop()
  }
})

test('a client that leaves closes the connection of its transfer', async () => {
  const server = await RunningServer.start()
  let closed = 0
  let received = 0
  const silent = await listen((socket) => {
    socket.on('data', (data) => {
      received += data.length
    })
    socket.on('close', () => closed++)
  })
  const [haypile, another] = [await server.connect(), await server.connect()]
  try {
    await another.call('SET', 'k', '1')
    haypile.call('MIGRATE', '127.0.0.1', silent.port, 'k', '0', '2000000000').catch(() => {})
    await until('the transfer to begin', () => received > 0)
    await haypile.close()
    await until('the connection to be closed', () => closed === 1)
    assert.is(await another.call('EXISTS', 'k'), 1)
  } finally {
    await another.close()
    await silent.close()
    await server.stop()
  }
})

test('a target that stops reading is a time-out of writing', async () => {
  const server = await RunningServer.start()
  const full = await listen((socket) => {
    socket.pause()
    socket.write('+OK\r\n')
  })
  const haypile = await server.connect()
  try {
    await haypile.call('SETRANGE', 'k', LARGE_BYTES, 'x')
    assert.is(
      await textOf(haypile.call('MIGRATE', '127.0.0.1', full.port, 'k', '0', '700')),
      'IOERR error or timeout writing to target instance',
    )
    assert.is(await haypile.call('STRLEN', 'k'), LARGE_BYTES + 1)
  } finally {
    await haypile.close()
    await full.close()
    await server.stop()
  }
})

test('the payloads of many clients wait for one another while a target does not read', async () => {
  const server = await RunningServer.start()
  const stuck = await listen((socket) => {
    socket.pause()
    socket.write('+OK\r\n')
  })
  const haypile = await server.connect()
  const movers = await Promise.all(Array.from({ length: MOVERS }, () => server.connect()))
  try {
    for (const i of movers.keys()) await haypile.call('SETRANGE', `k${i}`, LARGE_BYTES, 'x')
    assert.is(await haypile.call('SAVE'), 'OK')
    const before = server.residentBytes
    const replies = movers.map((mover, i) => textOf(mover.call('MIGRATE', '127.0.0.1', stuck.port, `k${i}`, '0', LONG_MS)))
    await until('all clients to be blocked', async () => {
      assert.is(await haypile.call('PING'), 'PONG')
      return String(await haypile.call('INFO', 'clients')).includes(`blocked_clients:${MOVERS}`)
    })
    const growthBytes = server.residentBytes - before
    assert.ok(growthBytes < (MOVERS * LARGE_BYTES) / 2, `${growthBytes}`)
    await stuck.close()
    for (const reply of replies) assert.match(String(await reply), /^IOERR error or timeout/)
    assert.is(await haypile.call('DBSIZE'), MOVERS)
  } finally {
    await Promise.all([haypile, ...movers].map((client) => client.close()))
    await stuck.close()
    await server.stop()
  }
})

test('a target that nobody listens for is an error of connecting', async () => {
  const server = await RunningServer.start()
  const haypile = await server.connect()
  const gone = await listen(() => {})
  await gone.close()
  try {
    await haypile.call('SET', 'k', '1')
    assert.is(
      await textOf(haypile.call('MIGRATE', '127.0.0.1', gone.port, 'k', '0', '700')),
      'IOERR error or timeout connecting to the client',
    )
  } finally {
    await haypile.close()
    await server.stop()
  }
})

test('a link that is cut after some replies deletes the keys that were acknowledged', async () => {
  const server = await RunningServer.start()
  let connections = 0
  const cutter = await listen((socket) => {
    connections++
    socket.once('data', () => {
      socket.write('+OK\r\n')
      socket.once('data', () => socket.end('+OK\r\n'))
    })
  })
  const haypile = await server.connect()
  try {
    await haypile.call('MSET', 'a', '1', 'b', '2')
    assert.is(await textOf(haypile.call('MIGRATE', '127.0.0.1', cutter.port, '', '0', '5000', 'KEYS', 'a', 'b')), READING)
    assert.equal(await haypile.call('MGET', 'a', 'b'), [null, '2'])
    assert.is(connections, 1)
  } finally {
    await haypile.close()
    await cutter.close()
    await server.stop()
  }
})

test('a link that is cut before any reply is tried once more', async () => {
  const server = await RunningServer.start()
  let connections = 0
  const flaky = await listen((socket) => {
    const isFirst = ++connections === 1
    socket.on('data', () => (isFirst ? socket.destroy() : socket.write('+OK\r\n')))
  })
  const haypile = await server.connect()
  try {
    await haypile.call('MSET', 'a', '1', 'b', '2')
    assert.is(await haypile.call('MIGRATE', '127.0.0.1', flaky.port, 'a', '0', '5000'), 'OK')
    assert.is(connections, 2)
    assert.is(await haypile.call('EXISTS', 'a'), 0)
  } finally {
    await haypile.close()
    await flaky.close()
    await server.stop()
  }
})

test('a connection is used again, without another SELECT', async () => {
  const server = await RunningServer.start()
  const received: string[] = []
  let connections = 0
  const target = await listen((socket) => {
    connections++
    socket.on('data', (data) => {
      const text = data.latin1Slice()
      received.push(...(text.match(/SELECT|RESTORE/g) ?? []))
      socket.write('+OK\r\n'.repeat((text.match(/SELECT|RESTORE/g) ?? []).length))
    })
  })
  const haypile = await server.connect()
  try {
    await haypile.call('MSET', 'a', '1', 'b', '2')
    for (const key of ['a', 'b']) assert.is(await haypile.call('MIGRATE', '127.0.0.1', target.port, key, '0', '5000'), 'OK')
    assert.equal(received, ['SELECT', 'RESTORE', 'RESTORE'])
    assert.is(connections, 1)
    assert.match(String(await haypile.call('INFO', 'stats')), /^migrate_cached_sockets:1\r$/m)
  } finally {
    await haypile.close()
    await target.close()
    await server.stop()
  }
})

test.run()

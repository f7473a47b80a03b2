/** Malformed requests of Redis replicas: the server refuses or serves them, and goes on. */
import { connect, type Socket } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { fieldOf } from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { encodeCommand } from '../../support/servers/wire-client.ts'

const CONNECTIONS = 400

function randomRequest({ integer, pick }: Seeded, replicationId: Bytes, end: number): Bytes[] {
  const garbage = () => String.fromCharCode(...Array.from({ length: integer(40) }, () => integer(256)))
  const number = () =>
    pick(['0', '-1', '1', String(end), String(end + 1), String(integer(end)), '9223372036854775807', '1e3', '', garbage()])
  const id = () => pick(['?', replicationId, replicationId.toUpperCase(), 'f'.repeat(40), '', garbage()])
  const option = () => pick(['listening-port', 'ip-address', 'capa', 'rdb-only', 'rdb-filter-only', 'version', 'ACK', 'GETACK', garbage()])
  const value = () => pick(['eof', 'psync2', 'functions', '1', '*', number(), garbage()])
  return pick([
    ['REPLCONF', ...Array.from({ length: 1 + integer(5) }, () => pick([option(), value()]))],
    ['REPLCONF', option(), value()],
    ['REPLCONF', 'ACK', number(), 'FACK', number()],
    ['PSYNC', id(), number()],
    ['PSYNC', id(), number(), pick(['FAILOVER', garbage()])],
    ['PSYNC', id()],
    ['SYNC'],
    ['SYNC', garbage()],
    ['BINLOGSYNC', number(), number()],
    ['GET', 'key'],
  ])
}

/** A connection whose replies nobody reads as such: an RDB or a stream may be among them. */
function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket))
    socket.on('error', reject)
  })
}

test('malformed and misplaced requests of Redis replicas are refused, and the server goes on', async () => {
  const chance = seeded('psync')
  const { integer } = chance
  const server = await RunningServer.start()
  const client = await server.connect()
  await client.pipeline(Array.from({ length: 200 }, (_, i) => ['SET', `key${i}`, 'x'.repeat(i)]))
  const replicationId = await fieldOf(server, 'master_replid')
  const end = Number(await fieldOf(server, 'master_repl_offset'))
  for (let i = 0; i < CONNECTIONS; i++) {
    const fuzzed = await connected(server.port)
    const requests = Array.from({ length: 1 + integer(6) }, () => randomRequest(chance, replicationId, end))
    const bytes = Buffer.concat(requests.map((words) => encodeCommand(...words)))
    fuzzed.resume()
    fuzzed.write(integer(10) === 0 ? bytes.subarray(0, integer(bytes.length)) : bytes)
    assert.is(await client.call('GET', 'key3'), 'xxx')
    fuzzed.destroy()
  }
  await until('all replicas to be gone', async () => (await fieldOf(server, 'connected_slaves')) === '0')
  assert.is(await client.call('SET', 'after', '1'), 'OK')
  await client.close()
  await server.stop()
})

test.run()

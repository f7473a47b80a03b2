/** A server whose descriptors run out refuses some clients and never exits. */
import { readdirSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RESERVED_FILES } from '../../../server/process/open-files.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { type WireClient, WireError } from '../../support/servers/wire-client.ts'

const FULL = new WireError('ERR max number of clients reached')
const WAIT_MS = 180_000

/** The first word that the server says on a connection: the reply to PING, or why it is refused. */
async function greeting(client: WireClient): Promise<unknown> {
  client.raw('PING\r\n')
  return client.reply().catch(() => 'closed')
}

/**
 * Like `greeting`, on a new connection. A server without a spare descriptor stops listening for a
 * moment.
 */
const newGreeting = (server: RunningServer) => server.connect().then(greeting, () => 'refused')

const isLinux = process.platform === 'linux'

if (isLinux) {
  test("clients past the limit on open files are refused with Redis's text, and the server continues", async () => {
    const openFiles = 256
    const room = openFiles - RESERVED_FILES
    const server = await RunningServer.start({ openFiles })
    const control = await server.connect()
    assert.equal(await control.call('CONFIG', 'GET', 'maxclients'), ['maxclients', String(room)])
    assert.ok(server.log.includes(`maxclients is lowered to ${room}`), server.log)
    const refused = await control.call('CONFIG', 'SET', 'maxclients', '10000')
    assert.match((refused as WireError).text, /The operating system is not able to handle the specified number of clients, try with 160$/)

    const clients = await Promise.all(Array.from({ length: 500 }, () => server.connect()))
    const greetings = await Promise.all(clients.map(greeting))
    assert.is(greetings.filter((said) => said === 'PONG').length, room - 1)
    assert.is(greetings.filter((said) => said instanceof WireError && said.text === FULL.text).length, 500 - (room - 1))

    assert.is(await control.call('SET', 'k', 'v', 'PX', '1'), 'OK')
    assert.is(await control.call('SAVE'), 'OK')
    assert.is(await control.call('DEBUG', 'RELOAD'), 'OK')
    assert.match((await control.call('INFO', 'memory')) as string, /^used_memory_rss:[1-9]\d{6,}\r$/m)
    await Promise.all(clients.map((client) => client.close()))
    await until('the refused clients to be disconnected', async () => (await control.call('CLIENT', 'LIST')) !== '', WAIT_MS)
    await until('room for another', async () => (await newGreeting(server)) === 'PONG', WAIT_MS)
    await control.close()
    await server.stop()
  })

  test('without free descriptors INFO, timers and connected clients work, and new clients are served later', async () => {
    const server = await RunningServer.start({ flags: { 'checkpoint-seconds': 1 } })
    const control = await server.connect()
    assert.is(await control.call('SET', 'first', 'opens the binlog'), 'OK')
    const used = readdirSync(`/proc/${server.pid}/fd`).map(Number)
    server.limitOpenFiles(Math.max(...used.filter((fd) => fd < 200)) + 1)
    const connecting = await Promise.allSettled(Array.from({ length: 50 }, () => server.connect()))
    const clients = connecting.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    const greetings = await Promise.all(clients.map(greeting))
    assert.ok(greetings.includes('closed') || clients.length < 50, 'the limit was not reached')
    assert.match((await control.call('INFO', 'everything')) as string, /^used_memory_rss:[1-9]\d{6,}\r$/m)
    for (let i = 0; i < 100; i++) assert.is(await control.call('SET', `k${i}`, 'v', 'PX', '10'), 'OK')
    await until('the keys to expire', async () => (await control.call('DBSIZE')) === 1, WAIT_MS)
    server.limitOpenFiles(1024)
    await until('new clients to be served', async () => (await newGreeting(server)) === 'PONG', WAIT_MS)
    await Promise.all([control, ...clients].map((client) => client.close()))
    await server.stop()
  })

  test('if even refusals cannot be accepted, the server pauses listening instead of spinning or exiting', async () => {
    const server = await RunningServer.start()
    const control = await server.connect()
    assert.is(await control.call('PING'), 'PONG') // so that this connection has been accepted
    server.limitOpenFiles(5)
    const knocking = Array.from({ length: 3 }, () => newGreeting(server))
    await until('the warning in the log', () => server.log.includes('cannot accept connections'), WAIT_MS)
    await Promise.all(knocking)
    assert.is(await control.call('PING'), 'PONG')
    assert.is(server.logLines.filter(({ msg }) => msg.startsWith('cannot accept connections')).length, 1)
    server.limitOpenFiles(1024)
    await until('the server to listen again', async () => (await newGreeting(server)) === 'PONG', WAIT_MS)
    await control.close()
    await server.stop()
  })
}

test.run()

/** Clients of a node whose TCP sockets belong to other threads. */
import * as net from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Node } from '../../../server/node.ts'
import { canSharePorts } from '../../../server/process/io-threads.ts'
import type { SocketThread } from '../../../server/threads/socket-thread.ts'
import { type NodeWithClients, withNode } from '../../support/harness/in-process-node.ts'
import { makeCertificates, tlsFlags } from '../../support/servers/certificates.ts'
import { freePort, until } from '../../support/servers/running-server.ts'
import { encodeCommand, WireClient } from '../../support/servers/wire-client.ts'

const THREADS = { 'io-threads': '3' }

/** Settings and assertions on the threads, which are private. */
function threadsOf({ parts }: Node): Set<SocketThread> {
  return Reflect.get(parts.socketThreads, 'threads')
}

const withThreads = (run: (world: NodeWithClients) => Promise<void>, settings: Readonly<Record<string, string>> = {}) =>
  withNode({ ...THREADS, ...settings }, run)

async function field(client: WireClient, section: string, name: string): Promise<string | undefined> {
  return new RegExp(`^${name}:(.*)\r$`, 'm').exec(String(await client.call('INFO', section)))?.[1]
}

if (!canSharePorts(process.versions.node, process.platform)) {
  test('without shared ports the main thread owns all sockets', () =>
    withThreads(async ({ node, client }) => {
      assert.is(threadsOf(node).size, 0)
      assert.equal(await client.call('CONFIG', 'GET', 'io-threads'), ['io-threads', '1'])
      assert.is(await field(client, 'server', 'io_threads_active'), '0')
    }))
} else {
  test('clients are served by threads and have their addresses', () =>
    withThreads(async ({ node, client, other }) => {
      assert.is(threadsOf(node).size, 2)
      assert.is(await field(client, 'server', 'io_threads_active'), '1')
      const line = String(await client.call('CLIENT', 'INFO'))
      assert.match(line, `addr=127.0.0.1:${client.socket.localPort} laddr=127.0.0.1:${node.port} `)
      assert.is(await other.call('SET', 'a', '1'), 'OK')
      assert.is(await client.call('GET', 'a'), '1')
    }))

  test('requests and replies larger than the rings arrive whole', () =>
    withThreads(async ({ client, other }) => {
      const value = 'abcdefghij'.repeat(500_000)
      const [set, got] = await Promise.all([client.call('SET', 'a', value), other.call('PING')])
      assert.equal([set, got], ['OK', 'PONG'])
      const replies = await Promise.all([client, other, client, other].map((one) => one.call('GET', 'a')))
      for (const reply of replies) assert.ok(reply === value)
    }))

  test('many clients with pipelines get their own replies in order', () =>
    withThreads(async ({ node }) => {
      const clients = await Promise.all(Array.from({ length: 40 }, () => WireClient.connect({ port: node.port })))
      await Promise.all(
        clients.map(async (client, index) => {
          for (let round = 0; round < 5; round++) {
            const replies = await client.pipeline(
              Array.from({ length: 200 }, (_, i) => ['ECHO', `${index} ${round} ${i} ${'x'.repeat(i)}`]),
            )
            for (const [i, reply] of replies.entries()) assert.is(reply, `${index} ${round} ${i} ${'x'.repeat(i)}`)
          }
        }),
      )
      await Promise.all(clients.map((client) => client.close()))
    }))

  test('a client that does not read is held, shown by CLIENT LIST, and gets everything once it reads', () =>
    withThreads(async ({ node, client }) => {
      await client.call('SET', 'a', 'y'.repeat(1_000_000))
      const slow = net.connect(node.port, '127.0.0.1')
      slow.pause()
      slow.write(Buffer.concat(Array.from({ length: 50 }, () => encodeCommand('GET', 'a'))))
      const unsent = async () => {
        const lines = String(await client.call('CLIENT', 'LIST')).split('\n')
        const line = lines.find((text) => text.includes(`addr=127.0.0.1:${slow.localPort} `)) ?? ''
        return Number(/ omem=(\d+) /.exec(line)?.[1] ?? 0)
      }
      await until('replies to wait', async () => (await unsent()) > 1_000_000)
      assert.ok((await unsent()) < 8_000_000, 'the client is held')
      let receivedBytes = 0
      slow.on('data', (data: Buffer) => {
        receivedBytes += data.length
      })
      slow.resume()
      await until('all replies', () => receivedBytes === 50 * ('$1000000\r\n'.length + 1_000_000 + 2))
      await until('nothing to be unsent', async () => (await unsent()) === 0)
      slow.destroy()
    }))

  test('a client that sends much while it is blocked is not read without bound, and continues afterwards', () =>
    withThreads(async ({ client, other }) => {
      const sent = 20_000_000
      const blocked = client.call('BLPOP', 'list', '0')
      const replies = Array.from({ length: 20 }, (_, i) => client.call('SET', `key:${i}`, 'z'.repeat(sent / 20)))
      const held = async () => {
        const lines = String(await other.call('CLIENT', 'LIST')).split('\n')
        return Number(/ qbuf=(\d+) /.exec(lines.find((line) => / cmd=blpop /.test(line)) ?? '')?.[1] ?? 0)
      }
      await until('input to wait', async () => (await held()) > 256 * 1024)
      assert.ok((await held()) < sent / 2)
      await other.call('RPUSH', 'list', 'element')
      assert.equal(await blocked, ['list', 'element'])
      for (const reply of await Promise.all(replies)) assert.is(reply, 'OK')
    }))

  test('an output buffer limit closes a subscriber that does not read, once', () =>
    withThreads(
      async ({ node, client }) => {
        const slow = net.connect(node.port, '127.0.0.1')
        slow.on('error', () => {})
        slow.pause()
        slow.write(encodeCommand('SUBSCRIBE', 'news'))
        await until('the subscription', async () => (await client.call('PUBLISH', 'news', 'x')) === 1)
        const count = () => field(client, 'stats', 'client_output_buffer_limit_disconnections')
        await until('the subscriber to be closed', async () => {
          await client.call('PUBLISH', 'news', 'x'.repeat(1_000_000))
          return (await count()) !== '0'
        })
        assert.is(await count(), '1')
        slow.destroy()
      },
      { 'client-output-buffer-limit': 'pubsub 4mb 0 0' },
    ))

  test('CLIENT KILL, QUIT, a protocol error and the end of the input close connections', () =>
    withThreads(async ({ node, client }) => {
      const [killed, quitting, wrong] = await Promise.all([1, 2, 3].map(() => WireClient.connect({ port: node.port })))
      assert.ok(killed && quitting && wrong)
      assert.is(await client.call('CLIENT', 'KILL', 'ID', Number(await killed.call('CLIENT', 'ID'))), 1)
      await killed.closed
      assert.is(await quitting.call('QUIT'), 'OK')
      await quitting.closed
      wrong.socket.write('*x\r\n')
      await wrong.closed
      const half = net.connect({ port: node.port, host: '127.0.0.1', allowHalfOpen: true })
      let text = ''
      half.on('data', (data: Buffer) => {
        text += data.latin1Slice()
      })
      half.end(encodeCommand('PING'))
      await new Promise((resolve) => half.on('end', resolve))
      assert.is(text, '+PONG\r\n')
      half.destroy()
      await until('only two clients to be left', async () => (await field(client, 'clients', 'connected_clients')) === '2')
    }))

  test('connections beyond maxclients are refused with a reason', () =>
    withThreads(
      async ({ node, client, other }) => {
        await Promise.all([client.call('PING'), other.call('PING')]) // both are accepted
        const third = await WireClient.connect({ port: node.port })
        await third.closed
        assert.match(String((third.strays[0] as { text: string } | undefined)?.text), /max number of clients reached/)
        assert.is(await field(client, 'stats', 'rejected_connections'), '1')
      },
      { maxclients: '2' },
    ))

  test('messages, invalidations and blocked pops reach clients of other threads', () =>
    withThreads(async ({ client, other }) => {
      await other.call('HELLO', '3')
      await other.call('SUBSCRIBE', 'news')
      await other.call('CLIENT', 'TRACKING', 'ON')
      await other.call('GET', 'a')
      await client.call('PUBLISH', 'news', 'today')
      await client.call('SET', 'a', '1')
      await until('both messages', () => other.strays.length >= 2)
      assert.ok(other.strays.some((push) => JSON.stringify(push) === '["message","news","today"]'))
      assert.ok(other.strays.some((push) => JSON.stringify(push) === '["invalidate",["a"]]'))
    }))

  test('TLS is done by the threads, and handshakes count as clients', async () => {
    const certificates = makeCertificates('ours')
    if (certificates === null) {
      console.log('SKIPPED TLS: no openssl')
      return
    }
    const tlsPort = await freePort()
    const settings = { ...tlsFlags(certificates.of('ours')), 'tls-port': String(tlsPort), 'tls-auth-clients': 'no', maxclients: '5' }
    const trust = { rejectUnauthorized: false }
    await withThreads(async ({ client }) => {
      const secure = await WireClient.connect({ port: tlsPort, tls: trust })
      const value = 's'.repeat(3_000_000)
      assert.is(await secure.call('SET', 'a', value), 'OK')
      assert.ok((await secure.call('GET', 'a')) === value)
      assert.match(String(await secure.call('CLIENT', 'INFO')), `laddr=127.0.0.1:${tlsPort} `)
      const silent = [net.connect(tlsPort, '127.0.0.1'), net.connect(tlsPort, '127.0.0.1')]
      for (const socket of silent) socket.on('error', () => {})
      await until('the handshakes', async () => (await field(client, 'clients', 'handshaking_clients')) === '2')
      const refused = net.connect(tlsPort, '127.0.0.1')
      refused.on('error', () => {})
      refused.resume()
      await new Promise((resolve) => refused.on('close', resolve))
      assert.is(await field(client, 'stats', 'rejected_connections'), '1')
      for (const socket of silent) socket.destroy()
      await until('no handshakes', async () => (await field(client, 'clients', 'handshaking_clients')) === '0')
      await secure.close()
    }, settings)
    certificates.remove()
  })

  test('a thread that ends closes its connections and is restarted; acknowledged writes stay', () =>
    withThreads(
      async ({ node, client, other }) => {
        assert.is(await client.call('SET', 'a', '1'), 'OK')
        const [thread] = threadsOf(node)
        assert.ok(thread)
        await Reflect.get(thread, 'worker').terminate()
        await Promise.all([client.closed, other.closed])
        assert.is(node.parts.clients.connections.size, 0)
        await until('a new thread', async () => {
          try {
            const next = await WireClient.connect({ port: node.port })
            const value = await next.call('GET', 'a')
            await next.close()
            return value === '1'
          } catch {
            return false
          }
        })
        await until('the thread to be listed', () => threadsOf(node).size === 1)
      },
      { 'io-threads': '2' },
    ))

  test('a port in use is refused, though threads could share it', () =>
    withThreads(async ({ node }) => {
      let text = ''
      await withThreads(async () => {}, { port: String(node.port) }).catch((error: Error) => {
        text = error.message
      })
      assert.match(text, /^port in use/)
    }))
}

test.run()

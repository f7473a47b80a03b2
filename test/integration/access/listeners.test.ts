/** Unix sockets and TLS. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import * as net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tls from 'node:tls'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Handshakes } from '../../../server/network/handshakes.ts'
import { type Accepted, Listener } from '../../../server/network/listener.ts'
import { freePort, RunningServer, until } from '../../support/servers/running-server.ts'
import { WireClient } from '../../support/servers/wire-client.ts'

const directory = mkdtempSync(join(tmpdir(), 'haypile-listeners-'))
test.after(() => rmSync(directory, { recursive: true }))

if (process.platform === 'win32') console.log('SKIPPED unix socket: this is Windows')
else {
  test('clients connect through a Unix socket, whose file is removed at shutdown', async () => {
    const path = join(directory, 'haypile.sock')
    const server = await RunningServer.start({ flags: { unixsocket: path, unixsocketperm: '700' } })
    assert.is(statSync(path).mode & 0o777, 0o700)
    const client = await WireClient.connect({ path })
    assert.is(await client.call('SET', 'a', 'x'.repeat(100_000)), 'OK')
    assert.is(((await client.call('GET', 'a')) as string).length, 100_000)
    assert.match((await client.call('CLIENT', 'INFO')) as string, new RegExp(`addr=${path}:0`))
    await client.close()
    await server.stop()
    assert.not(existsSync(path))
  })

  test('a socket file left by a crash does not prevent a start', async () => {
    const path = join(directory, 'left.sock')
    const server = await RunningServer.start({ flags: { unixsocket: path } })
    await server.restart('SIGKILL')
    const client = await WireClient.connect({ path })
    assert.is(await client.call('PING'), 'PONG')
    await client.close()
    await server.stop()
  })
}

function openssl(...words: string[]): void {
  execFileSync('openssl', words, { cwd: directory, stdio: 'ignore' })
}

function makeCertificates(): boolean {
  try {
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'ca.key',
      '-out',
      'ca.crt',
      '-days',
      '2',
      '-subj',
      '/CN=test authority',
    )
    for (const name of ['server', 'client']) {
      openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
      openssl(
        'x509',
        '-req',
        '-in',
        `${name}.csr`,
        '-CA',
        'ca.crt',
        '-CAkey',
        'ca.key',
        '-CAcreateserial',
        '-out',
        `${name}.crt`,
        '-days',
        '2',
      )
    }
    return true
  } catch {
    return false
  }
}

const file = (name: string) => join(directory, name)
const read = (name: string) => readFileSync(file(name))

/** Opens a connection that sends nothing on its own. */
function connectSilently(port: number): net.Socket {
  const socket = net.connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.resume()
  return socket
}

if (!makeCertificates()) console.log('SKIPPED TLS: openssl is not installed')
else {
  const certificates = { 'tls-cert-file': file('server.crt'), 'tls-key-file': file('server.key'), 'tls-ca-cert-file': file('ca.crt') }
  const trust = { ca: read('ca.crt'), checkServerIdentity: () => undefined }
  const own = { cert: read('client.crt'), key: read('client.key') }

  test('TLS works beside plain TCP and demands a client certificate by default', async () => {
    const tlsPort = await freePort()
    const server = await RunningServer.start({ flags: { 'tls-port': tlsPort, ...certificates } })
    const client = await WireClient.connect({ port: tlsPort, tls: { ...trust, ...own } })
    assert.is(await client.call('SET', 'a', 'x'.repeat(200_000)), 'OK')
    assert.is(((await client.call('GET', 'a')) as string).length, 200_000)
    const pipeline = await client.pipeline(Array.from({ length: 1000 }, () => ['INCR', 'n']))
    assert.is(pipeline.at(-1), 1000)
    await client.close()
    const answer = await WireClient.connect({ port: tlsPort, tls: trust })
      .then(
        (stranger) => stranger.call('PING'),
        (error: Error) => error,
      )
      .catch((error: Error) => error)
    assert.ok(answer instanceof Error, 'a client without a certificate is not served')
    assert.is(await server.call('PING'), 'PONG')
    await server.stop()
  })

  test('tls-auth-clients no accepts clients without a certificate', async () => {
    const tlsPort = await freePort()
    const server = await RunningServer.start({ flags: { 'tls-port': tlsPort, 'tls-auth-clients': 'no', ...certificates } })
    const client = await WireClient.connect({ port: tlsPort, tls: trust })
    assert.is(await client.call('PING'), 'PONG')
    await client.close()
    await server.stop()
  })

  test('garbage on the TLS port does not disturb other clients', async () => {
    const tlsPort = await freePort()
    const server = await RunningServer.start({ flags: { 'tls-port': tlsPort, 'tls-auth-clients': 'no', ...certificates } })
    for (let i = 0; i < 50; i++) {
      const plain = await WireClient.connect({ port: tlsPort })
      plain.socket.removeAllListeners('data')
      plain.raw('PING\r\n')
      await plain.close()
    }
    const client = await WireClient.connect({ port: tlsPort, tls: trust })
    assert.is(await client.call('PING'), 'PONG')
    await client.close()
    await server.stop()
  })

  test('TLS handshakes in progress count as clients for maxclients and in INFO', async () => {
    const tlsPort = await freePort()
    const server = await RunningServer.start({ flags: { 'tls-port': tlsPort, 'tls-auth-clients': 'no', maxclients: 4, ...certificates } })
    const admin = await server.connect()
    const field = async (section: string, name: string) =>
      Number(new RegExp(`^${name}:(\\d+)`, 'm').exec((await admin.call('INFO', section)) as string)?.[1])
    await until('the first client to be alone', async () => (await field('clients', 'connected_clients')) === 1)
    const silent = [connectSilently(tlsPort), connectSilently(tlsPort), connectSilently(tlsPort)]
    await until('three handshakes', async () => (await field('clients', 'handshaking_clients')) === 3)
    assert.is(await field('clients', 'connected_clients'), 4)
    const rejected = await field('stats', 'rejected_connections')
    const plain = net.connect(server.port, '127.0.0.1')
    let told = ''
    plain.on('data', (data) => {
      told += data
    })
    await until('a word', () => told !== '')
    assert.is(told, '-ERR max number of clients reached\r\n')
    const oneTooMany = connectSilently(tlsPort)
    await until('the connection to be closed', () => oneTooMany.closed)
    assert.is(await field('stats', 'rejected_connections'), rejected + 2)
    silent[0]?.destroy()
    await until('a place', async () => (await field('clients', 'handshaking_clients')) === 2)
    const client = await WireClient.connect({ port: tlsPort, tls: trust })
    assert.is(await client.call('PING'), 'PONG', 'the last place is for whoever shakes hands')
    assert.equal([await field('clients', 'handshaking_clients'), await field('clients', 'connected_clients')], [2, 4])
    await client.close()
    await admin.close()
    for (const socket of [...silent, plain]) socket.destroy()
    await server.stop()
  })

  test('a handshake that keeps sending single bytes still ends at its time limit', async () => {
    const tlsPort = await freePort()
    const handshakes = new Handshakes(300)
    const accepted: Accepted[] = []
    const accept = (one: Accepted) => {
      accepted.push(one)
      return null
    }
    const door = { handshakes, admitToHandshake: (_: unknown, begin: () => void) => begin(), accept }
    const listener = new Listener(door, { warn() {}, info() {} })
    const settings = {
      addresses: ['127.0.0.1'],
      port: null,
      backlog: 10,
      unixSocket: '',
      unixPermissions: 0,
      keepAliveSeconds: 0,
      isShared: false,
    }
    const { 'tls-cert-file': certFile, 'tls-key-file': keyFile } = certificates
    await listener.listen(settings, { port: tlsPort, certFile, keyFile, caFile: '', authClients: 'no' })
    const served = tls.connect({ port: tlsPort, host: '127.0.0.1', ...trust })
    await until('the quick client to be served', () => accepted.length === 1)
    assert.is(handshakes.count, 0)
    const slow = connectSilently(tlsPort)
    // A record of 16 KiB, and the handshake in it.
    const hello = [0x16, 3, 1, 0x3f, 0xff, 1, 0, 0x3f, 0xfb, 3, 3]
    const drip = setInterval(() => slow.write(Buffer.from([hello.shift() ?? 0])), 10)
    await until('the handshake', () => handshakes.count === 1)
    await until('the end of the slow handshake', () => slow.closed)
    clearInterval(drip)
    await until('the place to be free', () => handshakes.count === 0)
    assert.is(served.closed, false, 'whoever is done has no limit')
    const other = connectSilently(tlsPort)
    await until('the handshake', () => handshakes.count === 1)
    listener.close()
    await until('the end of those under way', () => other.closed)
    served.destroy()
    for (const { socket } of accepted) socket.destroy()
  })
}

test.run()

/** Unix sockets and TLS. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort, RunningServer } from '../support/running-server.ts'
import { WireClient } from '../support/wire-client.ts'

const directory = mkdtempSync(join(tmpdir(), 'haypile-listeners-'))
test.after(() => rmSync(directory, { recursive: true }))

if (process.platform === 'win32') console.log('SKIPPED unix socket: this is Windows')
else {
  test('clients come in through a Unix socket, whose file is gone afterwards', async () => {
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

  test('a socket file left by a crash is no hindrance', async () => {
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

if (!makeCertificates()) console.log('SKIPPED TLS: openssl is not installed')
else {
  const certificates = { 'tls-cert-file': file('server.crt'), 'tls-key-file': file('server.key'), 'tls-ca-cert-file': file('ca.crt') }
  const trust = { ca: read('ca.crt'), checkServerIdentity: () => undefined }
  const own = { cert: read('client.crt'), key: read('client.key') }

  test('TLS beside plain TCP, with a certificate of the client demanded by default', async () => {
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

  test('tls-auth-clients no lets clients in without a certificate', async () => {
    const tlsPort = await freePort()
    const server = await RunningServer.start({ flags: { 'tls-port': tlsPort, 'tls-auth-clients': 'no', ...certificates } })
    const client = await WireClient.connect({ port: tlsPort, tls: trust })
    assert.is(await client.call('PING'), 'PONG')
    await client.close()
    await server.stop()
  })

  test('garbage on the TLS port harms nobody', async () => {
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
}

test.run()

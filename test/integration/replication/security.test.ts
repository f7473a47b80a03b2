/**
 * A master says nothing of replication before AUTH. Passwords, users and TLS between a replica and
 * its master.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { metaSyncWords } from '../../../replication/protocol/messages.ts'
import { anyId, HandReplica } from '../../support/servers/hand-replica.ts'
import { infoOf, linesOf } from '../../support/servers/replicated-servers.ts'
import { freePort, RunningServer, until } from '../../support/servers/running-server.ts'
import { WireError } from '../../support/servers/wire-client.ts'

const PASSWORD = 'correct horse'
const NO_AUTH = new WireError('NOAUTH Authentication required.')

test('with a password, replication messages are refused before AUTH and make no SlaveItem', async () => {
  const master = await RunningServer.start({ flags: { requirepass: PASSWORD }, password: PASSWORD })
  const hand = new HandReplica(20_000)
  const link = await hand.connect({ port: master.port })
  const words = [
    metaSyncWords(hand.introduction()),
    ['TRYSYNC', 1, anyId(), 0, '00000000'],
    ['DBSYNC', 1, '?', '-'],
    ['BINLOGSYNC', 1, 0],
    ['REPLCONF', 'ACK', 1, 'FACK', 1],
    ['REPLCONF', 'LISTENING-PORT', 1],
    ['ROLE'],
    ['SLAVEOF', '127.0.0.1', 1],
    ['FAILOVER'],
  ]
  for (const each of words) assert.equal(await link.call(...each), NO_AUTH, each.join(' '))
  assert.match(((await link.call('AUTH', 'wrong')) as WireError).text, /^WRONGPASS/)
  assert.equal(await link.sayMetaSync(), NO_AUTH)
  const info = await infoOf(master, 'replication', PASSWORD)
  assert.is(info.get('connected_slaves'), '0')
  assert.is(info.get('offline_slave0'), undefined)
  assert.is(await link.call('AUTH', PASSWORD), 'OK')
  await link.metaSync()
  assert.is((await infoOf(master, 'replication', PASSWORD)).get('connected_slaves'), '1')
  await link.close()
  await master.stop()
})

test('a wrong masterauth is refused and retried without a SlaveItem, and a corrected one works without a restart', async () => {
  const master = await RunningServer.start({ flags: { requirepass: PASSWORD }, password: PASSWORD })
  const replica = await RunningServer.start({ flags: { replicaof: `127.0.0.1 ${master.port}`, masterauth: 'wrong' } })
  const error = async () => (await infoOf(replica)).get('repl_last_error') ?? ''
  await until('the reason to be shown', async () => (await error()).includes('WRONGPASS'))
  await replica.call('CONFIG', 'SET', 'masterauth', '')
  await until('the other reason to be shown', async () => (await error()).includes('NOAUTH'))
  const info = await infoOf(master, 'replication', PASSWORD)
  assert.is(info.get('connected_slaves'), '0')
  assert.is(info.get('offline_slave0'), undefined)
  await replica.call('CONFIG', 'SET', 'masterauth', PASSWORD)
  await until('the link to be up', async () => (await infoOf(replica)).get('master_link_status') === 'up')
  await replica.call('CONFIG', 'SET', 'masteruser', 'default')
  await replica.call('CLIENT', 'KILL', 'TYPE', 'MASTER')
  await until('the link to be up', async () => (await infoOf(replica)).get('master_link_status') === 'up')
  assert.not(replica.log.includes(PASSWORD), 'the password is in no log')
  assert.not(master.log.includes(PASSWORD))
  const loud = linesOf(replica).filter(({ level }) => level >= 40)
  assert.ok(loud.length <= 4, JSON.stringify(loud))
  await replica.stop()
  await master.stop()
})

test('a replica whose user lacks +binlogsync never shows its link as up', async () => {
  const master = await RunningServer.start({ flags: { user: 'follower on >pw +metasync +trysync +dbsync +replconf' } })
  await master.call('SET', 'key', 'value')
  const replica = await RunningServer.start({ flags: { replicaof: `127.0.0.1 ${master.port}`, masteruser: 'follower', masterauth: 'pw' } })
  const seen = new Set<string | undefined>()
  const tries = /cmdstat_binlogsync:.*rejected_calls=(\d+)/
  await until('a few tries', async () => {
    const info = await infoOf(replica)
    seen.add(info.get('master_link_status'))
    return Number(tries.exec((await master.call('INFO', 'commandstats')) as string)?.[1] ?? 0) >= 3
  })
  assert.equal([...seen], ['down'])
  const info = await infoOf(replica)
  assert.match(info.get('repl_last_error') ?? '', /^BINLOGSYNC: NOPERM User follower has no permissions to run the 'binlogsync' command/)
  assert.is(info.get('repl_partial_syncs'), '0')
  assert.not(replica.log.includes('in step with the master'))
  await replica.stop()
  await master.stop()
})

test('a replica may use a user with replication commands only, and is disconnected with that user', async () => {
  const rules = '+metasync +trysync +dbsync +binlogsync +replconf'
  const master = await RunningServer.start({ flags: { requirepass: PASSWORD, user: `follower on >pw ${rules}` }, password: PASSWORD })
  const flags = { replicaof: `127.0.0.1 ${master.port}`, masteruser: 'follower', masterauth: 'pw' }
  const replica = await RunningServer.start({ flags })
  const isUp = async () => (await infoOf(replica)).get('master_link_status') === 'up'
  await until('the link to be up', isUp)
  const admin = await master.connect()
  await admin.call('AUTH', PASSWORD)
  await admin.call('SET', 'key', 'value')
  assert.is(await admin.call('WAIT', 1, 20_000), 1)
  assert.match((await admin.call('CLIENT', 'LIST', 'TYPE', 'REPLICA')) as string, / user=follower /)
  assert.match((await replica.call('CLIENT', 'LIST', 'TYPE', 'MASTER')) as string, / user=\(superuser\) /)
  assert.is(await replica.call('GET', 'key'), 'value')
  const follower = await master.connect()
  await follower.call('AUTH', 'follower', 'pw')
  assert.equal(await follower.call('GET', 'key'), new WireError("NOPERM User follower has no permissions to run the 'get' command"))
  assert.is(await admin.call('ACL', 'DELUSER', 'follower'), 1)
  await follower.closed
  await until('the link to be down', async () => !(await isUp()))
  assert.match((await infoOf(replica)).get('repl_last_error') ?? '', /WRONGPASS|closed/)
  await admin.call('ACL', 'SETUSER', 'follower', 'on', '>pw', ...rules.split(' '))
  await until('the link to be up', isUp)
  await replica.stop()
  await admin.close()
  await master.stop()
})

const directory = mkdtempSync(join(tmpdir(), 'haypile-tls-'))
test.after(() => rmSync(directory, { recursive: true }))
const file = (name: string) => join(directory, name)

function makeCertificates(): boolean {
  const openssl = (...words: readonly string[]) => execFileSync('openssl', words, { cwd: directory, stdio: 'ignore' })
  try {
    for (const authority of ['ca', 'other']) {
      const subject = ['-subj', `/CN=${authority}`, '-days', '2', '-keyout', `${authority}.key`, '-out', `${authority}.crt`]
      openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject)
      openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', `of-${authority}.key`, '-out', 'request.csr', '-subj', '/CN=node')
      const signer = ['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`, '-CAcreateserial']
      openssl('x509', '-req', '-in', 'request.csr', ...signer, '-out', `of-${authority}.crt`, '-days', '2')
    }
    return true
  } catch {
    return false
  }
}

if (!makeCertificates()) console.log('SKIPPED TLS to the master: openssl is not installed')
else {
  const flagsOf = (own: string, trusted: string) => ({
    'tls-cert-file': file(`of-${own}.crt`),
    'tls-key-file': file(`of-${own}.key`),
    'tls-ca-cert-file': file(`${trusted}.crt`),
  })

  test("tls-replication needs certificates on both sides, and refuses another authority's with the reason", async () => {
    const tlsPort = await freePort()
    const master = await RunningServer.start({ flags: { 'tls-port': tlsPort, ...flagsOf('ca', 'ca') } })
    const client = await master.connect()
    await client.pipeline(Array.from({ length: 2000 }, (_, i) => ['SET', `tls:${i}`, 'v'.repeat(500)]))
    const options = { replicaof: `127.0.0.1 ${tlsPort}`, 'tls-replication': 'yes' }
    const replica = await RunningServer.start({ flags: { ...options, ...flagsOf('ca', 'ca') } })
    const stranger = await RunningServer.start({ flags: { ...options, ...flagsOf('other', 'ca') } })
    const distrustful = await RunningServer.start({ flags: { ...options, ...flagsOf('ca', 'other') } })
    const inStep = async () => (await replica.call('DEBUG', 'DIGEST')) === (await master.call('DEBUG', 'DIGEST'))
    await until('the replica to be in step', inStep)
    await client.call('SET', 'live', '1')
    await until('the write to arrive', async () => (await replica.call('GET', 'live')) === '1')
    for (const [server, reason] of [
      [stranger, 'it may not trust tls-cert-file'],
      [distrustful, 'self-signed certificate in certificate chain'],
    ] as const) {
      await until('the reason to be shown', async () => ((await infoOf(server)).get('repl_last_error') ?? '').includes(reason))
      assert.is((await infoOf(server)).get('master_link_status'), 'down')
    }
    assert.is((await infoOf(master)).get('connected_slaves'), '1')
    await client.close()
    for (const server of [distrustful, stranger, replica, master]) await server.stop()
  })

  test('TLS on one side only fails with a reason that names tls-replication', async () => {
    const tlsPort = await freePort()
    const master = await RunningServer.start({ flags: { 'tls-port': tlsPort, ...flagsOf('ca', 'ca') } })
    const secure = { replicaof: `127.0.0.1 ${master.port}`, 'tls-replication': 'yes', ...flagsOf('ca', 'ca') }
    const [overTls, plain] = [
      await RunningServer.start({ flags: secure }),
      await RunningServer.start({ flags: { replicaof: `127.0.0.1 ${tlsPort}` } }),
    ]
    for (const [server, reason] of [
      [
        overTls,
        /^(the master speaks plain text, not TLS: |no TLS handshake within 5 s: the master may speak plain text, )check tls-replication$/,
      ],
      [
        plain,
        /^the master (speaks TLS, not plain text: |closed the connection without sending data: it may speak TLS, )check tls-replication$/,
      ],
    ] as const) {
      const lastError = async () => (await infoOf(server)).get('repl_last_error') ?? ''
      await until('the reason to be shown', async () => (await lastError()) !== '')
      assert.match(await lastError(), reason)
      assert.ok(server.log.includes(await lastError()), 'the reason is in the log')
    }
    for (const server of [overTls, plain, master]) await server.stop()
  })
}

test.run()

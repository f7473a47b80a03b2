/** Imports from and into running servers: what is refused, and what is reported. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import * as net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { addressOf } from '../../../server/exchange/sources/connection.ts'
import { withNode } from '../../support/harness/in-process-node.ts'
import { rdbOf, streamOf } from '../../support/replication/redis-peer.ts'
import { CutProxy } from '../../support/servers/cut-proxy.ts'
import { checkClean, importFile } from '../../support/servers/imports.ts'
import { freePort } from '../../support/servers/running-server.ts'

let scratch = ''
test.before(() => {
  scratch = mkdtempSync(join(tmpdir(), 'haypile-servers-'))
})
test.after(() => rmSync(scratch, { recursive: true }))

test('a URL names a server, its user and its database, and its name has no password', () => {
  assert.equal(addressOf('rediss://me:p%40ss@[::1]:7000/3'), {
    host: '::1',
    port: 7000,
    isTls: true,
    credentials: ['me', 'p@ss'],
    database: 3,
    name: 'rediss://[::1]:7000/3',
  })
  const { port, credentials, database } = addressOf('redis://:secret@host')
  assert.equal([port, credentials, database], [6379, ['secret'], undefined])
  for (const wrong of ['redis://', 'redis://h/x', 'redis://h:x', 'http://h']) assert.throws(() => addressOf(wrong), /a server is named as/)
})

test('keys of a server go into a directory and into a database of another server', async () => {
  const directory = join(scratch, 'data')
  await withNode({ requirepass: 'secret' }, async ({ node, client }) => {
    await client.call('AUTH', 'secret')
    await client.call('HSET', 'hash', 'f', '1')
    await client.call('HPEXPIREAT', 'hash', 4_000_000_000_000, 'FIELDS', 1, 'f')
    await client.call('SET', 'string', 'v')
    const url = `redis://:secret@127.0.0.1:${node.port}`
    const { status, out, error } = await importFile(url, directory)
    assert.is(status, 0, error)
    assert.match(out, /^imported redis:\/\/127\.0\.0\.1:\d+ into /)
    await checkClean(directory)
    const refused = await importFile(url.replace('secret', 'wrong'), join(scratch, 'none'))
    assert.is(refused.status, 2)
    assert.match(refused.error, /refuses AUTH: WRONGPASS .*; nothing was imported\n$/)
  })
  await withNode({ dir: directory }, async ({ node, client }) => {
    const source = `redis://127.0.0.1:${node.port}`
    const target = { server: `${source}/5` }
    assert.match((await importFile(source, '', { target, selection: { pattern: 's*' } })).out, /: 1 keys/)
    await client.call('SELECT', 5)
    assert.equal(await client.call('KEYS', '*'), ['string'])
    const counted = await importFile(source, '', { target, isDryRun: true })
    assert.match(counted.out, /^would import .*: 3 keys/)
    assert.is(await client.call('DBSIZE'), 1)
  })
})

test('an import whose connection is cut says how many keys came, and can be run again', async () => {
  const value = 'v'.repeat(1000)
  await withNode({}, async ({ node: source, client: writer }) => {
    await writer.pipeline(Array.from({ length: 20_000 }, (_, index) => ['SET', `key ${index}`, `${index} ${value}`]))
    await writer.call('RPUSH', 'list', 'a', 'b')
    await withNode({}, async ({ node: target, client }) => {
      const from = `redis://127.0.0.1:${source.port}`
      const proxy = await CutProxy.start(target.port)
      proxy.cutAfter = 30_000
      const cut = await importFile(from, '', { target: { server: `redis://127.0.0.1:${proxy.port}` } })
      await proxy.close()
      assert.is(cut.status, 1)
      const [, keys] = /was lost.*; (\d+) keys had been imported before: run the import again with --replace\n$/.exec(cut.error) ?? []
      const there = (await client.call('DBSIZE')) as number
      assert.ok(Number(keys) > 0 && Number(keys) <= there && there < 20_001, `${keys} of ${there} keys`)
      await client.call('SET', 'key 0', 'changed')
      const again = await importFile(from, '', { target: { server: `redis://127.0.0.1:${target.port}` }, mustReplace: true })
      assert.is(again.status, 0, again.error + again.out)
      assert.is(await client.call('DBSIZE'), 20_001)
      assert.equal(await client.call('LRANGE', 'list', 0, -1), ['a', 'b'])
      assert.equal(await client.call('GET', 'key 0'), `0 ${value}`)
    })
  })
})

test('commands that had been run before a connection was cut are counted', async () => {
  const path = join(scratch, 'commands.resp')
  writeFileSync(path, 'SET key value\r\n'.repeat(30_000).replace('SET', '#\r\nSET'))
  writeFileSync(path, Buffer.concat([Buffer.from('*1\r\n$4\r\nPING\r\n'), readFileSync(path)]))
  await withNode({}, async ({ node }) => {
    const proxy = await CutProxy.start(node.port)
    proxy.cutAfter = 30_000
    const { status, error } = await importFile(path, '', { target: { server: `redis://127.0.0.1:${proxy.port}` } })
    await proxy.close()
    assert.is(status, 1)
    assert.match(error, /; \d+ commands had been run before: empty the server before they run again\n$/)
  })
})

test('a damaged RDB that claims more bytes than the server announced fails, with a stream behind it', async () => {
  const rdb = rdbOf({ text: 'x'.repeat(100) })
  rdb[rdb.indexOf('x'.repeat(100)) - 2] = 0x7f // a length of 16 KiB
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    socket.on('data', (request) => {
      if (!request.includes('SYNC')) socket.write('+OK\r\n')
      else socket.write(Buffer.concat([Buffer.from(`$${rdb.length}\r\n`), rdb, streamOf(['SET', 'later', 'v'])]))
    })
  })
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  try {
    const { status, error } = await importFile(`redis://127.0.0.1:${port}`, join(scratch, 'damaged'))
    assert.is(status, 1)
    assert.match(error, /RDB damaged at byte \d+: the data ends within an element/)
  } finally {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
})

test('a server that does not answer is named, and the source is not read', async () => {
  const url = `redis://127.0.0.1:${await freePort()}`
  const { status, error } = await importFile(url, join(scratch, 'nothing'))
  assert.is(status, 2)
  assert.match(error, /cannot be reached: .*ECONNREFUSED.*; nothing was imported/)
})

test.run()

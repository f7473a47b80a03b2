/** Imports from and into running servers: what is refused, and what is reported. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { addressOf } from '../../../server/exchange/sources/connection.ts'
import { withNode } from '../../support/harness/in-process-node.ts'
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

test('a server that does not answer is named, and the source is not read', async () => {
  const url = `redis://127.0.0.1:${await freePort()}`
  const { status, error } = await importFile(url, join(scratch, 'nothing'))
  assert.is(status, 2)
  assert.match(error, /cannot be reached: .*ECONNREFUSED.*; nothing was imported/)
})

test.run()

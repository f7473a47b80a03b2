/** Exporting data directories into RDB files. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readRdb } from '../../../rdb/reader.ts'
import { withNode } from '../../support/harness/in-process-node.ts'
import { fileContent } from '../../support/rdb/contents.ts'
import { checkClean, exportFile } from '../../support/servers/imports.ts'
import { RunningServer } from '../../support/servers/running-server.ts'

const FAR_MS = 4_000_000_000_000

let scratch = ''
let data = ''
test.before(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'haypile-export-'))
  data = join(scratch, 'data')
  await withNode({ dir: data }, async ({ node, client }) => {
    await client.call('SET', 'user:1', 'a', 'PXAT', FAR_MS)
    await client.call('HSET', 'user:2', 'f', '1', 'g', '2')
    await client.call('HPEXPIREAT', 'user:2', FAR_MS, 'FIELDS', 1, 'f')
    await client.call('SELECT', 3)
    await client.call('RPUSH', 'list', 'a', 'b')
    await node.close()
  })
})
test.after(() => rmSync(scratch, { recursive: true }))

const contentOf = (path: string) => fileContent(readRdb([readFileSync(path)]))

test('version 10 leaves deadlines of fields out and says so, version 12 holds them', async () => {
  const path = join(scratch, 'all.rdb')
  const { status, out, error } = await exportFile(path, data)
  assert.is(status, 0, error)
  assert.match(out, /: 3 keys, .*\ndeadlines of fields left out, since only --rdb-version 12 \(Redis 7\.4\) holds them: 1\n$/)
  const file = await contentOf(path)
  assert.is(file.version, 10)
  assert.equal([...file.keys.keys()], ['0:user:1', '0:user:2', '3:list'])
  assert.is(file.keys.get('0:user:1')?.expireAtMs, FAR_MS)
  const later = join(scratch, 'later.rdb')
  assert.match((await exportFile(later, data, { rdbVersion: 12 })).out, /^exported [^\n]*\n$/)
  assert.equal((await contentOf(later)).keys.get('0:user:2')?.content, {
    type: 'hash',
    fields: [
      ['f', '1', FAR_MS],
      ['g', '2', null],
    ],
  })
  await checkClean(data)
})

test('only the selected keys are written, and the report counts the others', async () => {
  const path = join(scratch, 'some.rdb')
  const { out } = await exportFile(path, data, { selection: { pattern: 'user:*' }, isJson: true })
  const { keys, filtered, lostDeadlines } = JSON.parse(out) as Record<string, number>
  assert.equal([keys, filtered, lostDeadlines], [2, 1, 1])
  assert.is((await exportFile(path, data, { selection: { database: 3 } })).status, 0)
  assert.equal([...(await contentOf(path)).keys.keys()], ['3:list'])
})

test('writes that only the log of a killed server has are exported, and expired keys are not', async () => {
  const server = await RunningServer.start()
  await server.call('SET', 'kept', '1')
  await server.call('SET', 'gone', '1', 'PX', 1)
  await server.call('HSET', 'hash', 'f', '1')
  await server.call('HPEXPIRE', 'hash', 1, 'FIELDS', 1, 'f')
  await server.kill9()
  const path = join(scratch, 'killed.rdb')
  const { status, error } = await exportFile(path, server.directory)
  assert.is(status, 0, error)
  assert.equal([...(await contentOf(path)).keys.keys()], ['0:kept'])
  await server.checkClean()
  server.remove()
})

test('a directory without data and a file without a format are refused, and nothing is written', async () => {
  const empty = join(scratch, 'empty')
  mkdirSync(empty)
  const path = join(scratch, 'none.rdb')
  for (const directory of [empty, join(scratch, 'missing')]) {
    const { status, error } = await exportFile(path, directory)
    assert.is(status, 2)
    assert.match(error, /holds no data/)
  }
  assert.equal(readdirSync(empty), [])
  assert.not.ok(existsSync(path))
  const nameless = await exportFile(join(scratch, 'dump'), data)
  assert.is(nameless.status, 2)
  assert.match(nameless.error, /names no format: use --format/)
  assert.is((await exportFile(join(scratch, 'dump'), data, { format: 'rdb' })).status, 0)
})

test('an export that fails keeps the file that was there', async () => {
  const path = join(scratch, 'kept.rdb')
  writeFileSync(path, 'before')
  mkdirSync(`${path}.new`)
  assert.is((await exportFile(path, data)).status, 2)
  assert.is(readFileSync(path, 'utf8'), 'before')
})

test.run()

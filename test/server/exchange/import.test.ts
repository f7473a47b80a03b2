/** Importing RDB files into data directories: everything arrives, or nothing remains. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readRdb } from '../../../rdb/reader.ts'
import type { RdbItem, RdbValue } from '../../../rdb/values.ts'
import { RdbWriter } from '../../../rdb/writer.ts'
import { seeded } from '../../support/generators/seed.ts'
import { withNode } from '../../support/harness/in-process-node.ts'
import { seenBy } from '../../support/rdb/client-view.ts'
import { fileContent, rdbValueOf, sorted } from '../../support/rdb/contents.ts'
import { randomContent, TYPES } from '../../support/rdb/random-contents.ts'
import { checkClean, importFile } from '../../support/servers/imports.ts'

const FAR_MS = 4_000_000_000_000
const LIBRARY = "#!lua name=lib\nredis.register_function('f', function() return 7 end)"

let scratch = ''
test.before(() => {
  scratch = mkdtempSync(join(tmpdir(), 'haypile-import-'))
})
test.after(() => rmSync(scratch, { recursive: true }))

let serial = 0
const freshPath = (name: string) => join(scratch, `${serial++}-${name}`)

function rdbOf(items: Iterable<RdbItem>): Buffer {
  const writer = new RdbWriter({ version: 12 })
  writer.begin()
  const chunks: Buffer[] = []
  for (const item of items) chunks.push(...writer.write(item))
  return Buffer.concat([...chunks, ...writer.end()])
}

function fileOf(items: Iterable<RdbItem>): string {
  const path = freshPath('dump.rdb')
  writeFileSync(path, rdbOf(items))
  return path
}

const aString = (key: string, value = 'v', expireAtMs: number | null = null): RdbItem => ({
  kind: 'key',
  key,
  expireAtMs,
  value: { type: 'string', sizeBytes: value.length, pieces: [value] },
})

function* randomItems(count: number): Generator<RdbItem> {
  const chance = seeded('import')
  yield { kind: 'library', code: LIBRARY }
  for (const index of [0, 5]) {
    yield { kind: 'database', index }
    for (let i = 0; i < count; i++) {
      const key = i === 0 ? 'k\u00ff\u0000\r\n' : `key ${i}`
      const content = randomContent(chance, TYPES[i % TYPES.length])
      if (content.type === 'hash') for (const field of content.fields) if (chance.integer(3) === 0) field[2] = FAR_MS + 5
      yield { kind: 'key', key, expireAtMs: i % 3 === 0 ? FAR_MS + i : null, value: rdbValueOf(content) }
    }
  }
}

test('keys of every type arrive with deadlines, databases and libraries, and a server serves them', async () => {
  const items = [...randomItems(60)]
  const bytes = rdbOf(items)
  const path = freshPath('dump.rdb')
  writeFileSync(path, bytes)
  const file = await fileContent(readRdb([bytes]))
  const directory = freshPath('data')
  const { status, out, error } = await importFile(path, directory)
  assert.is(status, 0, error)
  assert.match(out, /^imported .*: 120 keys, \d+ bytes, .* keys\/s\nlibraries of functions: 1\n$/)
  await checkClean(directory)
  await withNode({ dir: directory }, async ({ node, client }) => {
    for (const [place, { content, expireAtMs }] of file.keys) {
      const [database, key] = [place.slice(0, 1), place.slice(2)]
      await client.call('SELECT', database)
      assert.is(await client.call('PEXPIRETIME', key), expireAtMs ?? -1, place)
      if (content.type === 'stream') assert.is(await client.call('XLEN', key), content.entries.length)
      else assert.equal(withoutDeadlines(sorted(await seenBy(client, key, content))), withoutDeadlines(sorted(content)), place)
      if (content.type === 'hash') {
        for (const [field, , deadlineMs] of content.fields.slice(0, 5)) {
          assert.equal(await client.call('HPEXPIRETIME', key, 'FIELDS', 1, field), [deadlineMs ?? -1])
        }
      }
    }
    assert.is(await client.call('FCALL', 'f', 0), 7)
    assert.is(await client.call('SET', 'more', '1'), 'OK')
    assert.is(node.parts.storage.identity.ownFrom, 0)
    await node.close()
  })
  await checkClean(directory)
})

function withoutDeadlines<T>(content: T): T {
  const { type, fields } = content as { type?: string; fields?: [string, string, unknown][] }
  return type === 'hash' && fields !== undefined ? ({ type, fields: fields.map(([field, value]) => [field, value]) } as T) : content
}

test('a damaged RDB leaves the directory as it was, wherever the damage is', async () => {
  const bytes = rdbOf(randomItems(30))
  const truncated = freshPath('dump.rdb')
  const flipped = freshPath('dump.rdb')
  writeFileSync(truncated, bytes.subarray(0, bytes.length - 20))
  const wrong = Buffer.from(bytes)
  wrong[bytes.length - 1] = wrong[bytes.length - 1]! ^ 1
  writeFileSync(flipped, wrong)
  for (const path of [truncated, flipped]) {
    const missing = freshPath('missing')
    const { status, error } = await importFile(path, missing)
    assert.is(status, 1)
    assert.match(error, /^haypile: .*dump\.rdb: RDB damaged at byte \d+: .*; nothing was imported\n$/)
    assert.not.ok(existsSync(missing))

    const foreign = freshPath('foreign')
    mkdirSync(foreign)
    writeFileSync(join(foreign, 'dump.rdb'), bytes)
    assert.is((await importFile(path, foreign)).status, 1)
    assert.equal(readdirSync(foreign), ['dump.rdb'])
  }
})

test('a directory that has been used and holds no keys takes an import, and keeps none that fails', async () => {
  const directory = freshPath('data')
  await withNode({ dir: directory }, async ({ node, client }) => {
    await client.call('SET', 'a', '1')
    await client.call('DEL', 'a')
    await node.close()
  })
  const bad = freshPath('dump.rdb')
  writeFileSync(bad, rdbOf(randomItems(30)).subarray(0, 4000))
  assert.is((await importFile(bad, directory)).status, 1)
  await checkClean(directory)
  assert.ok(existsSync(join(directory, 'generation-000001')))
  assert.not.ok(existsSync(join(directory, 'generation-000002')))
  assert.is((await importFile(fileOf([aString('k')]), directory)).status, 0)
  await checkClean(directory)
  assert.not.ok(existsSync(join(directory, 'generation-000001')))
  await withNode({ dir: directory }, async ({ client }) => {
    assert.is(await client.call('GET', 'k'), 'v')
    assert.is(await client.call('DBSIZE'), 1)
  })
})

test('a directory with keys, that of a replica and that of a running server are refused', async () => {
  const path = fileOf([aString('k')])
  const directory = freshPath('data')
  assert.is((await importFile(path, directory)).status, 0)
  const again = await importFile(path, directory)
  assert.is(again.status, 1)
  assert.match(again.error, /holds 1 keys and 0 libraries: name an empty directory, or start its server and import with --to/)
  await checkClean(directory)

  const replica = freshPath('replica')
  await withNode({ dir: replica }, async ({ node, client }) => {
    assert.is(await client.call('REPLICAOF', '127.0.0.1', '1'), 'OK')
    const { status, error } = await importFile(path, replica)
    assert.is(status, 2)
    assert.match(error, /is in use by another process; nothing was imported/)
    await node.close()
  })
  const refused = await importFile(path, replica)
  assert.is(refused.status, 1)
  assert.match(refused.error, /belongs to a replica/)
})

test('only the selected keys arrive, and the report counts the others', async () => {
  const path = fileOf([
    aString('user:1'),
    aString('user:2', 'v', 1),
    aString('other'),
    { kind: 'database', index: 3 },
    aString('user:3'),
    { kind: 'key', key: 'user:empty', expireAtMs: null, value: { type: 'list', count: 0, elements: [] } },
  ])
  const some = await importFile(path, freshPath('data'), { selection: { pattern: 'user:*' } })
  assert.match(some.out, /: 2 keys, .*\nkeys left out: 1 expired, 1 not selected, 1 empty\n$/)
  const directory = freshPath('data')
  const one = await importFile(path, directory, { selection: { pattern: 'user:*', database: 3 }, isJson: true })
  const { keys, expired, filtered, empty, bytes } = JSON.parse(one.out) as Record<string, number>
  assert.equal([keys, expired, filtered, empty], [1, 1, 2, 1])
  assert.ok(bytes! > 0)
  await withNode({ dir: directory }, async ({ client }) => {
    await client.call('SELECT', 3)
    assert.equal(await client.call('KEYS', '*'), ['user:3'])
  })
})

test('a member that comes twice in a collection is refused', async () => {
  const twice = ['a'.repeat(100), 'b', 'b']
  const values: RdbValue[] = [
    { type: 'set', count: 3, members: twice },
    { type: 'sorted-set', count: 3, isPacked: false, members: twice.map((member, index) => [member, index] as const) },
    { type: 'hash', count: 3, isPacked: false, minDeadlineMs: null, fields: twice.map((field) => [field, 'v', null] as const) },
  ]
  for (const value of values) {
    const path = fileOf([{ kind: 'key', key: 'k', expireAtMs: null, value }])
    const { status, error } = await importFile(path, freshPath('data'))
    assert.is(status, 1, value.type)
    assert.match(error, /RDB damaged at byte \d+: .*twice/)
  }
})

test('a source that cannot be read, is no RDB or is compressed is named', async () => {
  const directory = freshPath('data')
  const compressed = freshPath('dump.rdb.gz')
  writeFileSync(compressed, Buffer.from([0x1f, 0x8b, 8, 0]))
  const text = freshPath('text')
  writeFileSync(text, 'hello')
  for (const [path, expected] of [
    [freshPath('nothing'), /cannot be read: ENOENT/],
    [compressed, /gunzip it first/],
    [text, /is no RDB file/],
  ] as const) {
    const { status, error } = await importFile(path, directory)
    assert.is(status, 2)
    assert.match(error, expected)
  }
  assert.not.ok(existsSync(directory))
})

test('a database beyond the setting is refused, and --databases makes room for it', async () => {
  const path = fileOf([{ kind: 'database', index: 40 }, aString('k')])
  const refused = await importFile(path, freshPath('data'))
  assert.is(refused.status, 1)
  assert.match(refused.error, /database 40 does not exist/)
  const directory = freshPath('data')
  assert.is((await importFile(path, directory, { databases: 64 })).status, 0)
  await withNode({ dir: directory, databases: '64' }, async ({ client }) => {
    await client.call('SELECT', 40)
    assert.is(await client.call('GET', 'k'), 'v')
  })
})

test.run()

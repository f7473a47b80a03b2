/** Keys as lines of JSON: they come back as they went, and wrong lines are refused. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readRdb } from '../../../rdb/reader.ts'
import { seeded } from '../../support/generators/seed.ts'
import { withNode } from '../../support/harness/in-process-node.ts'
import { commandsOf } from '../../support/rdb/client-view.ts'
import { fileContent } from '../../support/rdb/contents.ts'
import { randomContent, TYPES } from '../../support/rdb/random-contents.ts'
import { checkClean, exportFile, importFile } from '../../support/servers/imports.ts'
import { type WireClient, WireError } from '../../support/servers/wire-client.ts'

const FAR_MS = 4_000_000_000_000
const LIBRARY = "#!lua name=lib\nredis.register_function('f', function() return 1 end)"

let scratch = ''
let serial = 0
test.before(() => {
  scratch = mkdtempSync(join(tmpdir(), 'haypile-json-'))
})
test.after(() => rmSync(scratch, { recursive: true }))

const freshPath = (name: string) => join(scratch, `${serial++}-${name}`)

async function fill(client: WireClient): Promise<void> {
  const chance = seeded('json lines')
  for (const database of [0, 7]) {
    await client.call('SELECT', database)
    for (let i = 0; i < 48; i++) {
      const key = i === 0 ? 'k\u00ff\u0000\r\n' : i === 1 ? 'gr\u00c3\u00bcn' : `key ${i}`
      const content = randomContent(chance, TYPES[i % TYPES.length])
      for (const reply of await client.pipeline(commandsOf(key, content))) assert.not.instance(reply, WireError)
      if (i % 3 === 0) await client.call('PEXPIREAT', key, FAR_MS + i)
    }
  }
  await client.call('HSET', 'expiring', 'f', '1', 'g', '2')
  await client.call('HPEXPIREAT', 'expiring', FAR_MS, 'FIELDS', 1, 'f')
  await client.call('XGROUP', 'CREATE', 'empty stream', 'g', '$', 'MKSTREAM')
  assert.is(await client.call('FUNCTION', 'LOAD', LIBRARY), 'lib')
}

test('keys of every type come back as they went, with deadlines, bytes and libraries', async () => {
  const data = freshPath('data')
  await withNode({ dir: data }, async ({ node, client }) => {
    await fill(client)
    await node.close()
  })
  const lines = freshPath('keys.jsonl')
  const exported = await exportFile(lines, data)
  assert.is(exported.status, 0, exported.error)
  assert.match(exported.out, /: 98 keys, [^\n]*\nlibraries of functions: 1\n$/)
  const again = freshPath('data')
  const imported = await importFile(lines, again)
  assert.is(imported.status, 0, imported.error)
  assert.match(imported.out, /: 98 keys, [^\n]*\nlibraries of functions: 1\n$/)
  await checkClean(again)
  // An imported consumer was last active when it was last seen; version 10 has only the latter.
  const [before, after] = [await contentOf(data, 10), await contentOf(again, 10)]
  assert.equal(after.libraries, before.libraries)
  assert.equal([...after.keys.keys()], [...before.keys.keys()])
  for (const [place, content] of before.keys) assert.equal(after.keys.get(place), content, place)
  const expiring = '7:expiring'
  assert.equal((await contentOf(again, 12)).keys.get(expiring), (await contentOf(data, 12)).keys.get(expiring))
})

async function contentOf(directory: string, rdbVersion: 10 | 12) {
  const path = freshPath('all.rdb')
  assert.is((await exportFile(path, directory, { rdbVersion })).status, 0)
  return fileContent(readRdb([readFileSync(path)]))
}

test('a line has text where the bytes are UTF-8, and base64 where they are not', async () => {
  const path = freshPath('keys.ndjson')
  const lines = [
    '{"key":"gr\u00fcn","type":"string","value":{"base64":"/wA="},"expireAt":4000000000000}',
    '',
    '{"db":2,"key":{"base64":"/w=="},"type":"zset","value":[["a",1.5],["b","-inf"]]}',
    '{"key":"none","type":"list","value":[]}',
  ]
  writeFileSync(path, lines.join('\n'))
  const directory = freshPath('data')
  const { status, out, error } = await importFile(path, directory)
  assert.is(status, 0, error)
  assert.match(out, /: 2 keys, [^\n]*\nkeys left out: 1 empty\n$/)
  const back = freshPath('keys.jsonl')
  assert.is((await exportFile(back, directory)).status, 0)
  assert.equal(readFileSync(back, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as unknown), [
    { db: 0, key: 'gr\u00fcn', type: 'string', value: { base64: '/wA=' }, expireAt: FAR_MS },
    { db: 2, key: { base64: '/w==' }, type: 'zset', value: [['b', '-inf'], ['a', 1.5]] },
  ]) // biome-ignore format: one key a line
})

test('a wrong line is named by its number, and nothing is imported', async () => {
  const stream = '{"key":"s","type":"stream","value":'
  const wrong: [line: string, error: RegExp][] = [
    ['{"key":"a"', /line 2: .*JSON/],
    ['{"type":"string","value":"a"}', /line 2: "key" is missing/],
    ['{"key":"a","type":"text","value":"a"}', /line 2: "type" is string, list/],
    ['{"key":"a","type":"list","value":"a"}', /line 2: an array is expected/],
    ['{"key":"a","type":"zset","value":[["a","x"]]}', /line 2: a score is a number/],
    ['{"key":"a","type":"set","value":["a","a"]}', /twice/],
    [`${stream}{"entries":[["2-1",["f","v"]],["1-1",["f","v"]]]}}`, /line 2: the ids of a stream do not ascend/],
    [`${stream}{"entries":[["2-1",["f"]]]}}`, /line 2: an entry of a stream has fields/],
    [
      `${stream}{"entries":[],"groups":[{"name":"g","lastId":"0-0","entriesRead":null,"pending":[["1-1",1,1]],"consumers":[]}]}}`,
      /line 2: a pending entry has no consumer/,
    ],
  ]
  for (const [line, expected] of wrong) {
    const path = freshPath('keys.jsonl')
    writeFileSync(path, `{"key":"ok","type":"string","value":"1"}\n${line}\n`)
    const directory = freshPath('data')
    const { status, error } = await importFile(path, directory)
    assert.is(status, 1, line)
    assert.match(error, expected)
    assert.not.ok(existsSync(directory))
  }
})

test.run()

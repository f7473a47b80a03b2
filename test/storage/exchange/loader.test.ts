/** Loading an RDB into empty records: all values arrive, and a damaged RDB is refused. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RdbError } from '../../../rdb/format/rdb-error.ts'
import { RdbReader, type RdbReaderOptions, readRdb } from '../../../rdb/reader.ts'
import type { RdbItem } from '../../../rdb/values.ts'
import { RdbWriter } from '../../../rdb/writer.ts'
import { Config } from '../../../server/config/config.ts'
import { type LoaderOptions, RdbLoader } from '../../../storage/exchange/loader.ts'
import { rdbValueOf as outgoingValue } from '../../../storage/exchange/outgoing.ts'
import { Keyspace } from '../../../storage/keyspace/keyspace.ts'
import { decodeMeta } from '../../../storage/records/meta.ts'
import { readRecordKey } from '../../../storage/records/records.ts'
import { MemoryRecords } from '../../support/disks/memory-records.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { type Content, fileContent, rdbValueOf, sorted } from '../../support/rdb/contents.ts'
import { randomContent } from '../../support/rdb/random-contents.ts'

const NOW_MS = 1_800_000_000_000
const EVERYTHING = { from: Buffer.alloc(0), before: Buffer.from([255]) }

type Key = { readonly database: number; readonly key: string; readonly content: Content; readonly expireAtMs: number | null }

function* itemsOf(keys: readonly Key[]): Generator<RdbItem> {
  let database = -1
  for (const { database: index, key, content, expireAtMs } of keys) {
    if (index !== database) yield { kind: 'database', index }
    database = index
    yield { kind: 'key', key, expireAtMs, value: rdbValueOf(content) }
  }
}

/** Returns an RDB of version 12. */
function rdbOf(items: Iterable<RdbItem>): Buffer {
  const writer = new RdbWriter({ version: 12 })
  const chunks: Buffer[] = []
  writer.begin()
  for (const item of items) chunks.push(...writer.write(item))
  return Buffer.concat([...chunks, ...writer.end()])
}

function fileOf(keys: readonly Key[]): Buffer {
  return rdbOf(itemsOf(keys))
}

interface Loaded {
  readonly loader: RdbLoader
  readonly records: MemoryRecords
  readonly meta: Buffer
}

type LoadOptions = Partial<LoaderOptions> & Pick<RdbReaderOptions, 'strings'>

async function load(file: Buffer, { strings = 'whole', ...options }: LoadOptions = {}): Promise<Loaded> {
  const records = new MemoryRecords()
  const loader = new RdbLoader({
    records,
    databaseCount: 16,
    limits: new Config(),
    cacheBytes: 64 * 1024,
    nowMs: NOW_MS,
    mustKeepExpired: false,
    libraryName: (code) => code.slice(0, 3),
    breathe: () => new Promise((resolve) => setImmediate(resolve)),
    ...options,
  })
  const reader = new RdbReader({ mustBeUnique: false }, { strings })
  reader.push(file)
  reader.end()
  for (let part = reader.next(); part !== null; part = reader.next()) {
    loader.add(part)
    if (loader.mustFlush) await loader.flush()
  }
  return { loader, records, meta: await loader.complete({ offset: 77, crc: 5 }) }
}

/** Returns what the records hold, read as a server would and written as an RDB. */
async function contentsOf({ records, meta }: Loaded) {
  const keyspace = new Keyspace(records, 16, { deleted() {}, fieldsDeleted() {} })
  keyspace.expiryMode = 'ignore'
  keyspace.restore(decodeMeta(meta))
  const items: RdbItem[] = []
  const iterator = records.iterate(EVERYTHING)
  for (const [recordKey] of await iterator.next(1_000_000)) {
    const found = readRecordKey(recordKey)
    if (found.type !== 'root') continue
    const db = keyspace.databases.find(({ id }) => id === found.dbId)!
    const entry = db.find(found.key)!
    items.push({ kind: 'database', index: db.index })
    items.push({
      kind: 'key',
      key: entry.key,
      expireAtMs: entry.expireAtMs === 0 ? null : entry.expireAtMs,
      value: outgoingValue(entry.value!),
    })
  }
  await iterator.close()
  const { keys } = await fileContent(readRdb([rdbOf(items)]))
  return { keys, keyspace }
}

/** A stream consumer's last activity is not compared: it was last active when it was last seen. */
function comparable(content: Content): unknown {
  if (content.type !== 'stream') return sorted(content)
  const groups = content.groups.map((group) => ({
    ...group,
    consumers: group.consumers.map((consumer) => ({ ...consumer, activeAtMs: null })),
  }))
  return { ...content, groups }
}

function randomKeys(chance: Seeded, count: number): Key[] {
  const keys = Array.from({ length: count }, (_, index): Key => {
    const content = randomContent(chance)
    if (content.type === 'hash' && chance.integer(2) === 0) {
      for (const field of content.fields) if (chance.integer(3) === 0) field[2] = NOW_MS + 1 + chance.integer(1e9)
    }
    return {
      database: chance.integer(4),
      key: `key${index}`,
      content,
      expireAtMs: chance.integer(3) === 0 ? NOW_MS + 1 + chance.integer(1e9) : null,
    }
  })
  return keys.sort((a, b) => a.database - b.database)
}

test('short strings become the same records whether they come whole or in parts', async () => {
  const texts = ['', '7', '-70000', 'plain', 'z'.repeat(300), 'q'.repeat(5000), 'r'.repeat(65_535), 's'.repeat(70_000)]
  const keys = texts.flatMap((text, index): Key[] =>
    [null, NOW_MS - 1, NOW_MS + index + 1].map((expireAtMs) => {
      const content: Content = { type: 'string', value: text }
      return { database: 3, key: `${index}:${expireAtMs}:${'k'.repeat(index * 9)}`, content, expireAtMs }
    }),
  )
  const isWanted = (database: number, key: string) => database === 3 && !key.startsWith('4:')
  const file = fileOf(keys)
  for (const mustKeepExpired of [false, true]) {
    const loads = (['whole', 'parts'] as const).map((strings) => load(file, { strings, mustKeepExpired, isWanted }))
    const [whole, parts] = await Promise.all(loads)
    const recordsOf = ({ records }: Loaded) => records.iterate(EVERYTHING).next(1_000_000)
    assert.equal(await recordsOf(whole!), await recordsOf(parts!))
    assert.equal(whole!.loader.summary, parts!.loader.summary)
    assert.is(whole!.loader.summary.filtered, mustKeepExpired ? 3 : 2)
    assert.equal(whole!.meta, parts!.meta)
  }
})

for (const sizes of ['default', 'small'] as const) {
  test(`values of every type are loaded as they were written, with ${sizes} limits of the loader`, async () => {
    const chance = seeded(`loader ${sizes}`)
    const file = fileOf(randomKeys(chance, 150))
    const expected = await fileContent(readRdb([file]))
    const loaded = await load(file, sizes === 'small' ? { flushBytes: 4096, maxWholeBytes: 300 } : {})
    const { keys, keyspace } = await contentsOf(loaded)
    assert.equal([...keys.keys()].sort(), [...expected.keys.keys()].sort())
    for (const [key, { content, expireAtMs }] of expected.keys) {
      const found = keys.get(key)!
      assert.equal(comparable(found.content), comparable(content), key)
      assert.is(found.expireAtMs, expireAtMs, key)
    }
    assert.is(loaded.loader.summary.keys, 150)
    const deadlines = [...expected.keys.values()].filter(({ expireAtMs }) => expireAtMs !== null)
    assert.is(
      keyspace.databases.reduce((sum, db) => sum + db.volatileCount, 0),
      deadlines.length,
    )
    assert.is(keyspace.keyCount, 150)
    const { binlogOffset, binlogCrc } = decodeMeta(loaded.meta)
    assert.equal([binlogOffset, binlogCrc], [77, 5])
  })
}

const aString = (key: string, options: Partial<Key> = {}): Key => ({
  database: 0,
  key,
  content: { type: 'string', value: 'v' },
  expireAtMs: null,
  ...options,
})

test('expired keys are counted and left out, unless a replica keeps them', async () => {
  const file = fileOf([aString('a', { expireAtMs: NOW_MS }), aString('b', { expireAtMs: NOW_MS + 1 })])
  const { summary } = (await load(file)).loader
  assert.equal([summary.keys, summary.expired], [1, 1])
  assert.is((await load(file, { mustKeepExpired: true })).loader.summary.keys, 2)
  for (const expireAtMs of [-5, 0]) {
    const { keys } = await contentsOf(await load(fileOf([aString('a', { expireAtMs })]), { mustKeepExpired: true }))
    assert.is(keys.get('0:a')?.expireAtMs, 1, `a deadline of ${expireAtMs} ms`)
  }
})

test('a filter leaves keys out by database and name', async () => {
  const file = fileOf([aString('a'), aString('b'), aString('a', { database: 1 })])
  const { loader } = await load(file, { isWanted: (database, key) => database === 0 && key === 'a' })
  assert.equal([loader.summary.keys, loader.summary.filtered], [1, 2])
})

async function refusalOf(file: Buffer, options: Partial<LoaderOptions> = {}): Promise<string> {
  try {
    await load(file, options)
  } catch (error) {
    assert.instance(error, RdbError)
    return (error as RdbError).message
  }
  return 'loaded'
}

test('a key that occurs twice is refused, in memory or not', async () => {
  assert.match(await refusalOf(fileOf([aString('a'), aString('b'), aString('a')])), /a key occurs twice/)
  const large: Content = { type: 'list', elements: Array.from({ length: 200 }, (_, index) => `element ${index}`) }
  const twice = [aString('a', { content: large }), aString('a', { content: large })]
  assert.match(await refusalOf(fileOf(twice), { maxWholeBytes: 300 }), /a key occurs twice/)
})

test('a member that occurs twice in a collection that grows is refused', async () => {
  const members = [...Array.from({ length: 2000 }, (_, index) => `member ${index}`), 'member 3']
  const contents: Content[] = [
    { type: 'set', members },
    { type: 'sorted-set', members: members.map((member, score) => [member, score]) },
    { type: 'hash', fields: members.map((member) => [member, 'v', null]) },
  ]
  for (const content of contents) {
    assert.match(await refusalOf(fileOf([aString('a', { content })]), { maxWholeBytes: 300 }), /occurs twice/, content.type)
  }
})

test('packed collections without elements are left out', async () => {
  const packed = { list: '120102', hash: '10', 'sorted set': '11', set: '14', intset: '0b' }
  for (const [name, head] of Object.entries(packed)) {
    const [type, ...count] = Buffer.from(head, 'hex')
    const body = name === 'intset' ? '080200000000000000' : '07070000000000ff'
    const bytes = Buffer.concat([
      Buffer.from('REDIS0011'),
      Buffer.from([type!, 1, 0x6b, ...count]),
      Buffer.from(body, 'hex'),
      Buffer.from('ff0000000000000000', 'hex'),
    ])
    const { loader, meta } = await load(bytes)
    assert.equal([loader.summary.keys, loader.summary.empty], [0, 1], name)
    assert.is(decodeMeta(meta).databases[0]?.keys, 0, name)
  }
})

test('a database that the server does not have is refused', async () => {
  assert.match(await refusalOf(fileOf([aString('a', { database: 16 })])), /database 16 does not exist/)
})

test('a write that fails is reported', async () => {
  const records = new MemoryRecords()
  records.failWrites()
  const file = fileOf(Array.from({ length: 100 }, (_, index) => aString(`key${index}`)))
  let text = ''
  await load(file, { records, flushBytes: 100 }).catch((error: Error) => {
    text = error.message
  })
  assert.is.not(text, '')
})

test.run()

/** A snapshot of the data as an RDB: all types, inline and in pages, and what came after it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { readRdb } from '../../../rdb/reader.ts'
import { RdbWriter } from '../../../rdb/writer.ts'
import { snapshotItems } from '../../../storage/exchange/snapshot-items.ts'
import type { DataSnapshot } from '../../../storage/records/data-snapshot.ts'
import { Disk, Engine } from '../../support/harness/engine.ts'

const CONTENT = { hasKeys: true, hasLibraries: true }

async function written(snapshot: DataSnapshot, version: 10 | 12 = 10): Promise<{ rdb: Buffer; lost: number }> {
  const writer = new RdbWriter({ version })
  writer.begin()
  const chunks: Buffer[] = []
  for await (const items of snapshotItems(snapshot, CONTENT)) for (const item of items) chunks.push(...writer.write(item))
  return { rdb: Buffer.concat([...chunks, ...writer.end()]), lost: writer.lostDeadlineCount }
}

/** The number of elements of each key, with the database and the deadline of the key. */
async function sizesOf(rdb: Buffer): Promise<Record<Bytes, string>> {
  const sizes: Record<Bytes, string> = {}
  const counts = new Map<Bytes, number>()
  let database = 0
  let name = ''
  for await (const part of readRdb([rdb])) {
    if (part.kind === 'database') database = part.index
    else if (part.kind === 'key') {
      name = `${database} ${part.key}`
      counts.set(name, 0)
      sizes[name] = String(part.expireAtMs ?? 'none')
    } else {
      const count = counts.get(name) ?? 0
      if (part.kind === 'string') counts.set(name, count + part.piece.length)
      else if (part.kind === 'list') counts.set(name, count + part.elements.length)
      else if (part.kind === 'set' || part.kind === 'sorted-set') counts.set(name, count + part.members.length)
      else if (part.kind === 'hash') counts.set(name, count + part.fields.length)
      else if (part.kind === 'stream-entries') counts.set(name, count + part.entries.length)
    }
  }
  for (const [key, count] of counts) sizes[key] = `${count} ${sizes[key]}`
  return sizes
}

const many = (count: number, words: (i: number) => string[]) => Array.from({ length: count }, (_, i) => words(i)).flat()

/** An engine whose values are in pages of few elements. */
async function filled(): Promise<Engine> {
  const engine = await Engine.open(new Disk(), { pageLimits: { inlineBytes: 100, pageBytes: 200, pageElements: 8 } })
  engine.turn(() => {
    engine.run('SET', 'string', 'abc', 'PXAT', '4000000000000')
    engine.run('SET', 'rope', 'r'.repeat(200_000))
    engine.run('RPUSH', 'list', ...many(3000, (i) => [`element ${i}`]))
    engine.run('SADD', 'set', ...many(2000, (i) => [`member ${i}`]))
    engine.run('SADD', 'integers', ...many(2000, (i) => [String(i)]))
    engine.run('ZADD', 'zset', ...many(2500, (i) => [String((i * 7919) % 2503), `member ${i}`]))
    engine.run('HSET', 'hash', ...many(1500, (i) => [`field ${i}`, `value ${i}`]))
    engine.run('HPEXPIREAT', 'hash', '4000000000000', 'FIELDS', '2', 'field 3', 'field 7')
    for (let i = 1; i <= 700; i++) engine.run('XADD', 'stream', `${i}-0`, 'field', String(i))
    engine.run('SELECT', '2')
    engine.run('SADD', 'small', 'one')
    engine.run('SELECT', '0')
  })
  await engine.checkpoint()
  return engine
}

const EXPECTED = {
  '0 hash': '1500 none',
  '0 integers': '2000 none',
  '0 list': '3000 none',
  '0 rope': '200000 none',
  '0 set': '2000 none',
  '0 stream': '700 none',
  '0 string': '3 4000000000000',
  '0 zset': '2500 none',
  '2 small': '1 none',
}

test('a snapshot gives all keys of all databases, the same each time, whatever is written meanwhile', async () => {
  const engine = await filled()
  const snapshot = engine.storage.snapshot()
  await engine.checkpoint()
  const data = await snapshot
  const first = await written(data)
  assert.equal(await sizesOf(first.rdb), EXPECTED)
  assert.is(first.lost, 2)
  engine.turn(() => {
    engine.run('DEL', 'list', 'rope', 'zset')
    engine.run('HSET', 'hash', 'another', '1')
  })
  await engine.checkpoint()
  assert.ok((await written(data)).rdb.equals(first.rdb))
  assert.is((await written(data, 12)).lost, 0)
  await data.close()
  await engine.storage.close('nosave')
})

test('a snapshot that has been closed throws while it is read', async () => {
  const engine = await filled()
  const snapshot = engine.storage.snapshot()
  await engine.checkpoint()
  const data = await snapshot
  await data.close()
  let error: unknown
  await written(data).catch((reason: unknown) => {
    error = reason
  })
  assert.match(String(error), /[sS]napshot/)
  await engine.storage.close('nosave')
})

test('a pulse is a group that changes nothing, and is not appended to an open group', async () => {
  const engine = await filled()
  const { storage } = engine
  const before = storage.binlog.end.offset
  assert.is(storage.pulse(), true)
  assert.is(storage.binlog.end.offset, before + 138)
  engine.turn(() => {
    engine.run('SET', 'a', '1')
    assert.is(storage.pulse(), false)
  })
  await engine.storage.close('nosave')
})

test.run()

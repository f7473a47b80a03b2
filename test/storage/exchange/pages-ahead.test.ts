/**
 * Pages of a snapshot's large values are read before they are needed: writing an RDB waits for the
 * store in few places, and only few pages are in memory that have not been used yet.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RdbWriter } from '../../../rdb/writer.ts'
import { snapshotItems } from '../../../storage/exchange/snapshot-items.ts'
import type { DataSnapshot } from '../../../storage/records/data-snapshot.ts'
import { readRecordKey } from '../../../storage/records/records.ts'
import { seeded } from '../../support/generators/seed.ts'
import { Disk, Engine } from '../../support/harness/engine.ts'

/** The limit of pages in one read. */
const MAX_READ = 32
const many = (count: number, words: (i: number) => string[]) => Array.from({ length: count }, (_, i) => words(i)).flat()

/** The reads of a snapshot. */
interface Reads {
  /** The pages that were read while the event loop waited, since the last chunk. */
  direct: number
  maxDirect: number
  allDirect: number
  ahead: number
  /** The largest read of pages ahead. */
  maxAhead: number
  /** Pages read more than once. */
  again: number
}

/** A snapshot that counts the reads of pages. */
function counting(snapshot: DataSnapshot): { snapshot: DataSnapshot; reads: Reads } {
  const reads: Reads = { direct: 0, maxDirect: 0, allDirect: 0, ahead: 0, maxAhead: 0, again: 0 }
  const seen = new Set<string>()
  const note = (key: Buffer) => {
    assert.is(readRecordKey(key).type, 'page')
    if (seen.has(key.latin1Slice())) reads.again++
    seen.add(key.latin1Slice())
  }
  const counted: DataSnapshot = {
    ...snapshot,
    getSync(key) {
      note(key)
      reads.direct++
      return snapshot.getSync(key)
    },
    getMany(keys) {
      for (const key of keys) note(key)
      reads.ahead += keys.length
      reads.maxAhead = Math.max(reads.maxAhead, keys.length)
      return snapshot.getMany(keys)
    },
  }
  return { snapshot: counted, reads }
}

/** Writes an RDB, reading ahead after each chunk. */
async function writeCounted(snapshot: DataSnapshot): Promise<{ rdb: Buffer; reads: Reads }> {
  const { snapshot: counted, reads } = counting(snapshot)
  const endChunk = () => {
    reads.maxDirect = Math.max(reads.maxDirect, reads.direct)
    reads.allDirect += reads.direct
    reads.direct = 0
  }
  const writer = new RdbWriter({ mayCompress: false })
  writer.begin()
  const chunks: Buffer[] = []
  for await (const batch of snapshotItems(counted, { hasKeys: true, hasLibraries: false })) {
    for (const item of batch) {
      for (const chunk of writer.write(item)) {
        chunks.push(chunk)
        endChunk()
        await batch.readAhead?.()
      }
    }
  }
  endChunk()
  return { rdb: Buffer.concat([...chunks, ...writer.end()]), reads }
}

/** Writes an RDB of the same snapshot without reading ahead. */
async function writePlain(snapshot: DataSnapshot): Promise<Buffer> {
  const writer = new RdbWriter({ mayCompress: false })
  writer.begin()
  const chunks: Buffer[] = []
  for await (const batch of snapshotItems(snapshot, { hasKeys: true, hasLibraries: false })) {
    for (const item of batch) chunks.push(...writer.write(item))
  }
  return Buffer.concat([...chunks, ...writer.end()])
}

async function snapshotOf(fill: (run: (...words: string[]) => unknown) => void): Promise<{ engine: Engine; data: DataSnapshot }> {
  const engine = await Engine.open(new Disk())
  engine.turn(() => fill((...words) => engine.run(...words)))
  await engine.checkpoint()
  const snapshot = engine.storage.snapshot()
  await engine.checkpoint()
  return { engine, data: await snapshot }
}

test('large values of every order are written without a direct read of a page', async () => {
  const chance = seeded('pages ahead')
  const shuffled = (name: string, count: number) =>
    many(count, (i) => [`${name} ${i}`])
      .map((text) => [chance.integer(1e9), text] as const)
      .sort(([a], [b]) => a - b)
      .map(([, text]) => text)
  const { engine, data } = await snapshotOf((run) => {
    run('RPUSH', 'list', ...many(20_000, (i) => [`element ${i}`]))
    for (const member of shuffled('member', 10_000)) run('SADD', 'set', member)
    for (const member of shuffled('scored', 10_000)) run('ZADD', 'zset', String(chance.integer(1000)), member)
    for (const field of shuffled('field', 10_000)) run('HSET', 'hash', field, `value of ${field}`)
    for (let i = 1; i <= 5000; i++) run('XADD', 'stream', `${i}-0`, 'field', `value ${i}`)
    run('SET', 'rope', 'r'.repeat(1_000_000))
    run('SETRANGE', 'sparse rope', '900000', 'end')
  })
  const { rdb, reads } = await writeCounted(data)
  assert.ok(reads.ahead > 250, `${reads.ahead} pages`)
  assert.is(reads.allDirect, 0)
  assert.is(reads.again, 0)
  assert.ok(reads.maxAhead <= MAX_READ, `${reads.maxAhead} pages in one read`)
  assert.ok((await writePlain(data)).equals(rdb))
  await data.close()
  await engine.storage.close('nosave')
})

test('many values of a few pages are read ahead together', async () => {
  const { engine, data } = await snapshotOf((run) => {
    for (let i = 0; i < 300; i++) run('HSET', `hash ${i}`, ...many(150, (j) => [`field ${j}`, `${'value '.repeat(8)}${i}`]))
  })
  const { reads } = await writeCounted(data)
  assert.ok(reads.ahead >= 900, `${reads.ahead} pages`)
  assert.ok(reads.maxDirect <= 2, `${reads.maxDirect} direct reads for a chunk`)
  assert.is(reads.again, 0)
  await data.close()
  await engine.storage.close('nosave')
})

test('of leaves with few elements, which may be large, four are read at once', async () => {
  const { engine, data } = await snapshotOf((run) => {
    for (let i = 0; i < 60; i++) run('RPUSH', 'list', String(i).padEnd(300_000, 'x'))
  })
  const { reads } = await writeCounted(data)
  assert.ok(reads.maxAhead <= 4, `${reads.maxAhead} pages in one read`)
  assert.ok(reads.maxDirect <= 1, `${reads.maxDirect} direct reads for a chunk`)
  await data.close()
  await engine.storage.close('nosave')
})

test('the groups of a stream are read when they are written, a few pages for a chunk', async () => {
  const { engine, data } = await snapshotOf((run) => {
    for (let i = 1; i <= 5000; i++) run('XADD', 'stream', `${i}-0`, 'field', `value ${i}`)
    for (const group of ['one', 'two']) {
      run('XGROUP', 'CREATE', 'stream', group, '0')
      for (const consumer of ['a', 'b', 'c']) run('XREADGROUP', 'GROUP', group, consumer, 'COUNT', '1500', 'STREAMS', 'stream', '>')
    }
  })
  const { rdb, reads } = await writeCounted(data)
  assert.ok(reads.maxDirect <= 32, `${reads.maxDirect} direct reads for a chunk`)
  assert.ok((await writePlain(data)).equals(rdb))
  await data.close()
  await engine.storage.close('nosave')
})

test.run()

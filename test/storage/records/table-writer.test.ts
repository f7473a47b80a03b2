/** Tables that the project writes, beside those that LevelDB writes from the same records. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { realFiles } from '../../../base/files.ts'
import { maskedCrc } from '../../../storage/records/checksums.ts'
import { TableWriter } from '../../../storage/records/table-writer.ts'
import { seeded } from '../../support/generators/seed.ts'

let directory = ''
test.before.each(() => {
  directory = mkdtempSync(join(tmpdir(), 'haypile-table-'))
})
test.after.each(() => rmSync(directory, { recursive: true, force: true }))

type Pair = readonly [key: Buffer, value: Buffer]

/** Returns records in order. No key is the beginning of another one. */
function pairsOf(seed: string): Pair[] {
  const chance = seeded(seed)
  const pairs = new Map<string, Pair>()
  for (let i = 0; i < 6000; i++) {
    const tail = Array.from({ length: chance.integer(8) }, () => chance.pick([1, 97, 128, 254, 255]))
    const key = Buffer.from([...Buffer.from(`key ${chance.integer(1e9)} `), ...tail, 0])
    const length = chance.integer(100) === 0 ? 9000 : chance.integer(200)
    pairs.set(key.toString('latin1'), [key, Buffer.alloc(length, i)])
  }
  return [...pairs.values()].sort(([a], [b]) => Buffer.compare(a, b))
}

/** Returns the one table that LevelDB makes of records, without compression. */
async function tableOfLevel(pairs: readonly Pair[]): Promise<Buffer> {
  const path = join(directory, 'db')
  const encodings = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const
  const level = new ClassicLevel<Buffer, Buffer>(path, { ...encodings, compression: false, writeBufferSize: 64 * 1024 * 1024 })
  await level.open()
  await level.batch(pairs.map(([key, value]) => ({ type: 'put', key, value })))
  await level.close()
  await level.open() // makes a table of the log
  await level.close()
  const tables = readdirSync(path).filter((name) => name.endsWith('.ldb'))
  assert.is(tables.length, 1)
  return readFileSync(join(path, tables[0]!))
}

function tableOfWriter(pairs: readonly Pair[]): Buffer {
  const path = join(directory, 'table')
  const file = realFiles.openSync(path, 'create')
  const writer = new TableWriter()
  writer.startTable(file)
  for (const [key, value] of pairs) writer.add(Buffer.concat([key, value]), 0, key.length, value.length)
  const { sizeBytes } = writer.end()
  file.closeSync()
  const table = readFileSync(path)
  assert.is(table.length, sizeBytes)
  return table
}

function varint(bytes: Buffer, from: number): [value: number, next: number] {
  let value = 0
  for (let at = from, scale = 1; ; at++, scale *= 128) {
    value += (bytes[at]! & 127) * scale
    if (bytes[at]! < 128) return [value, at + 1]
  }
}

function handlesIn(bytes: Buffer): { at: number; size: number; rest: Buffer } {
  const [at, afterAt] = varint(bytes, 0)
  const [size, next] = varint(bytes, afterAt)
  return { at, size, rest: bytes.subarray(next) }
}

/** Returns the content of a block. Fails unless its type is 0 and its checksum is correct. */
function blockAt(table: Buffer, { at, size }: { at: number; size: number }): Buffer {
  const end = at + size
  assert.is(table[end], 0)
  assert.is(table.readUInt32LE(end + 1), maskedCrc(table.subarray(at, end + 1)))
  return table.subarray(at, end)
}

function entriesOf(block: Buffer): Pair[] {
  const restarts = block.readUInt32LE(block.length - 4)
  const entries: Pair[] = []
  let last = Buffer.alloc(0)
  for (let at = 0; at < block.length - 4 * restarts - 4; ) {
    const [shared, afterShared] = varint(block, at)
    const [unshared, afterUnshared] = varint(block, afterShared)
    const [valueLength, keyAt] = varint(block, afterUnshared)
    const valueAt = keyAt + unshared
    last = Buffer.concat([last.subarray(0, shared), block.subarray(keyAt, valueAt)])
    at = valueAt + valueLength
    entries.push([last, block.subarray(valueAt, at)])
  }
  return entries
}

/** Returns the parts of a table that do not depend on sequence numbers. */
function contentOf(table: Buffer) {
  const footer = table.subarray(-48)
  const metaindexHandle = handlesIn(footer)
  const [meta, ...others] = entriesOf(blockAt(table, metaindexHandle))
  assert.is(others.length, 0)
  const index = entriesOf(blockAt(table, handlesIn(metaindexHandle.rest)))
  const blocks = index.map(([, handle]) => handlesIn(handle))
  const records = blocks.flatMap((handle) => entriesOf(blockAt(table, handle)))
  return {
    magic: footer.toString('hex', 40),
    filterName: meta![0].toString(),
    filter: blockAt(table, handlesIn(meta![1])).toString('hex'),
    blocks: blocks.map(({ at, size }) => `${at}+${size}`),
    restarts: blocks.map((handle) => blockAt(table, handle).subarray(-4).readUInt32LE(0)),
    types: [...new Set(records.map(([key]) => key.at(-8)))],
    records: records.map(([key, value]) => `${key.toString('hex', 0, key.length - 8)} ${value.toString('hex', 0, 8)} ${value.length}`),
  }
}

test('a table has the blocks, the filters and the checksums that LevelDB gives the same records', async () => {
  for (const seed of ['1', '2']) {
    const pairs = pairsOf(seed)
    const expected = contentOf(await tableOfLevel(pairs))
    const found = contentOf(tableOfWriter(pairs))
    assert.is(found.records.length, pairs.length)
    for (const part of Object.keys(expected) as (keyof typeof expected)[]) {
      assert.ok(JSON.stringify(found[part]) === JSON.stringify(expected[part]), `${part} differ, seed ${seed}`)
    }
    rmSync(join(directory, 'db'), { recursive: true })
  }
})

test.run()

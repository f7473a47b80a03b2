/** Groups received from a master: appended byte for byte, refused, taken back. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { silentLog } from '../../../base/log.ts'
import { Binlog } from '../../../storage/binlog/binlog.ts'
import { type BinlogPosition, GROUP_HEAD_BYTES, readGroupHead } from '../../../storage/binlog/group.ts'
import { OpenGroup } from '../../../storage/binlog/open-group.ts'
import { type BinlogSettings, listSegments } from '../../../storage/binlog/segments.ts'
import { MemoryFiles } from '../../support/disks/memory-files.ts'
import { fromSeed, seeded } from '../../support/generators/seed.ts'
import { nextTurn } from '../../support/harness/engine.ts'

const DIRECTORY = '/binlog'
const ALL = Number.POSITIVE_INFINITY

interface Made {
  readonly files: MemoryFiles
  readonly binlog: Binlog
  readonly fatal: unknown[]
  write(...words: string[]): void
}

function made(settings: Partial<BinlogSettings> = {}, position: BinlogPosition = { offset: 0, crc: 0 }, onSynced = () => {}): Made {
  const files = new MemoryFiles({ directories: [DIRECTORY], random: fromSeed(7).random })
  const fatal: unknown[] = []
  const group = new OpenGroup()
  const binlog = new Binlog({
    files,
    directory: DIRECTORY,
    settings: { fileSizeBytes: 2 ** 30, retentionBytes: 0, retentionMs: 0, ...settings },
    segments: [],
    position,
    synced: position.offset,
    replicationId: 'a'.repeat(40),
    log: silentLog,
    fatal: (error) => fatal.push(error),
    onSynced,
  })
  const write = (...words: string[]) => {
    group.command(0, words)
    binlog.append(group, 1_700_000_000_000)
    group.reset()
  }
  return { files, binlog, fatal, write }
}

function bytesFrom(binlog: Binlog, offset: number, maxBytes = 100): Buffer {
  const feed = binlog.openTailReader(offset)
  const pieces: Buffer[] = []
  for (let bytes = feed.read(maxBytes, ALL); bytes !== null; bytes = feed.read(maxBytes, ALL)) pieces.push(bytes)
  feed.close()
  return Buffer.concat(pieces)
}

/** Returns the positions between groups, from `first` on. */
function positions(bytes: Buffer, first: BinlogPosition): BinlogPosition[] {
  const found = [first]
  for (let at = 0; at < bytes.length; ) {
    const header = readGroupHead(bytes, at)
    assert.ok(header)
    at += GROUP_HEAD_BYTES + header.bodyLength
    found.push({ offset: first.offset + at, crc: header.crc })
  }
  return found
}

async function synced(binlog: Binlog): Promise<void> {
  await binlog.syncTo(binlog.end.offset)
}

test('received groups make the same log byte for byte, whatever the batches and segment ends', async () => {
  const chance = seeded('received groups')
  const master = made({ fileSizeBytes: 700 })
  for (let i = 0; i < 40; i++) {
    master.write('SET', `k${i}`, 'x'.repeat(chance.integer(300)))
    // A segment ends only where the log is synced.
    if (chance.integer(3) === 0 || i % 5 === 4) await synced(master.binlog)
  }
  assert.ok(master.binlog.segments.length > 3)
  const bytes = bytesFrom(master.binlog, 0, 1 + chance.integer(500))
  const places = positions(bytes, { offset: 0, crc: 0 })
  const replica = made({ fileSizeBytes: 1100 })
  for (let index = 0, batch = 0; index + 1 < places.length; batch++) {
    const count = Math.min(1 + chance.integer(5), places.length - 1 - index)
    const [from, end] = [places[index] as BinlogPosition, places[index + count] as BinlogPosition]
    replica.binlog.appendGroups(bytes.subarray(from.offset, end.offset), end, count, 5)
    index += count
    if (chance.integer(3) === 0 || batch % 2 === 1) await synced(replica.binlog)
  }
  assert.equal(replica.binlog.end, master.binlog.end)
  assert.is(replica.binlog.groupsWritten, 40)
  assert.is(replica.binlog.bytesWritten, bytes.length)
  assert.ok(replica.binlog.segments.length > 2)
  assert.ok(bytesFrom(replica.binlog, 0).equals(bytes))
  assert.equal(
    listSegments(replica.files, DIRECTORY).map(({ start, end }) => [start, end]),
    replica.binlog.segments.map(({ start, end }) => [start, end]),
  )
  for (const place of places) assert.equal(replica.binlog.positionAt(place.offset), place)
})

test('groups that do not continue the log are refused, and a failed write leaves the log unchanged', () => {
  const master = made()
  master.write('SET', 'a', '1')
  master.write('SET', 'b', '2')
  const bytes = bytesFrom(master.binlog, 0)
  const [, middle, end] = positions(bytes, { offset: 0, crc: 0 }) as [BinlogPosition, BinlogPosition, BinlogPosition]
  const { binlog, files } = made()
  assert.throws(
    () => binlog.appendGroups(bytes.subarray(middle.offset), end, 1, 1),
    /assertion failed: appended groups begin at the end of the binlog/,
  )
  files.fail({ operation: 'write', code: 'ENOSPC', isShortWrite: true })
  assert.throws(() => binlog.appendGroups(bytes, end, 2, 1), /ENOSPC/)
  assert.is(binlog.end.offset, 0)
  binlog.appendGroups(bytes, end, 2, 1)
  assert.ok(bytesFrom(binlog, 0).equals(bytes))
  assert.is(files.openSync(binlog.segments[0]?.path as string, 'read').sizeSync(), bytes.length)
})

test('the last append can be taken back, and its replacement does not count as synced', async () => {
  const master = made()
  for (const key of ['a', 'b', 'c']) master.write('SET', key, '1')
  const bytes = bytesFrom(master.binlog, 0)
  const places = positions(bytes, { offset: 0, crc: 0 })
  const [, first, second] = places as [BinlogPosition, BinlogPosition, BinlogPosition]
  const { binlog, files } = made()
  const told: [number, number][] = []
  binlog.follower = { onAppended: (start, pieces) => told.push([start, pieces.reduce((sum, piece) => sum + piece.length, 0)]) }
  binlog.appendGroups(bytes.subarray(0, first.offset), first, 1, 1)
  files.holdSyncs()
  binlog.appendGroups(bytes.subarray(first.offset, second.offset), second, 1, 1)
  let waited = false
  const waiting = binlog.syncTo(second.offset).then(() => {
    waited = true
  })
  binlog.takeBack(first)
  assert.equal(binlog.end, first)
  assert.equal(binlog.positionAt(first.offset), first)
  assert.is(files.openSync(binlog.segments[0]?.path as string, 'read').sizeSync(), first.offset)
  binlog.appendGroups(bytes.subarray(first.offset), places.at(-1) as BinlogPosition, 2, 1)
  files.releaseSyncs()
  await waiting
  assert.ok(waited)
  assert.is(binlog.synced, first.offset)
  await synced(binlog)
  assert.is(binlog.synced, bytes.length)
  assert.ok(bytesFrom(binlog, 0).equals(bytes))
  assert.equal(told, [
    [0, first.offset],
    [first.offset, second.offset - first.offset],
    [first.offset, 0],
    [first.offset, bytes.length - first.offset],
  ])
  assert.throws(() => binlog.takeBack({ offset: bytes.length + 1, crc: 0 }))
})

test('a group that is taken back after an fsync is no longer durable', () => {
  const master = made()
  for (const key of ['a', 'b']) master.write('SET', key, '1')
  const bytes = bytesFrom(master.binlog, 0)
  const [, first, second] = positions(bytes, { offset: 0, crc: 0 }) as [BinlogPosition, BinlogPosition, BinlogPosition]
  const { binlog } = made()
  binlog.appendGroups(bytes.subarray(0, first.offset), first, 1, 1)
  binlog.appendGroups(bytes.subarray(first.offset, second.offset), second, 1, 1)
  binlog.syncNow()
  assert.is(binlog.synced, second.offset)
  binlog.takeBack(first)
  assert.is(binlog.synced, first.offset)
})

test("positionAt knows group boundaries and the log's end, and no other offset", async () => {
  const { binlog, write, files } = made({ fileSizeBytes: 500 })
  for (let i = 0; i < 20; i++) {
    write('SET', `k${i}`, 'x'.repeat(i * 10))
    await synced(binlog)
  }
  const places = new Map(positions(bytesFrom(binlog, 0), { offset: 0, crc: 0 }).map((place) => [place.offset, place]))
  for (let offset = 0; offset <= binlog.end.offset + 200; offset++) assert.equal(binlog.positionAt(offset), places.get(offset) ?? null)
  const middle = binlog.segments[3]?.start as number
  binlog.purge(middle, ALL, 0)
  assert.is(binlog.startOffset, middle)
  for (const [offset, place] of places) assert.equal(binlog.positionAt(offset), offset < middle ? null : place)
  let reads = 0
  files.onOperation = (operation) => {
    if (operation === 'read') reads++
  }
  binlog.positionAt(middle)
  assert.is(reads, 1)
})

test('the bytes of a group inside a value are not taken for a group boundary', () => {
  const inner = made()
  inner.write('SET', 'x', 'y')
  const bytes = bytesFrom(inner.binlog, 0)
  const { binlog, write } = made()
  write('SET', 'a', bytes.latin1Slice())
  const at = bytesFrom(binlog, 0).indexOf(bytes)
  assert.ok(at > 0)
  assert.is(binlog.positionAt(at), null)
})

test('a log that begins at an offset knows that position and none before it', () => {
  const position = { offset: 5000, crc: 77 }
  const { binlog, write } = made({}, position)
  assert.is(binlog.startOffset, 5000)
  assert.equal(binlog.positionAt(5000), position)
  assert.is(binlog.positionAt(4999), null)
  write('SET', 'a', '1')
  assert.equal(binlog.positionAt(5000), position)
})

test('a tail reader crosses segment ends, waits at the end and continues after an append', async () => {
  const { binlog, write } = made({ fileSizeBytes: 300 })
  const feed = binlog.openTailReader(0)
  assert.is(feed.read(1000, ALL), null)
  const pieces: Buffer[] = []
  for (let i = 0; i < 10; i++) {
    write('SET', `k${i}`, 'x'.repeat(90))
    await synced(binlog)
    const limit = binlog.end.offset - 10
    for (let bytes = feed.read(77, limit); bytes !== null; bytes = feed.read(77, limit)) {
      assert.ok(bytes.length <= 77)
      pieces.push(bytes)
    }
    assert.is(feed.offset, limit)
  }
  pieces.push(feed.read(77, ALL) as Buffer)
  assert.is(feed.read(77, ALL), null)
  assert.ok(Buffer.concat(pieces).equals(bytesFrom(binlog, 0)))
  feed.close()
  feed.close()
  assert.throws(() => feed.read(1, ALL), /closed/)
})

test('a tail reader whose segment was purged fails and holds no deleted file open', async () => {
  const { binlog, write, files } = made({ fileSizeBytes: 300 })
  for (let i = 0; i < 10; i++) {
    write('SET', `k${i}`, 'x'.repeat(90))
    await synced(binlog)
  }
  const feed = binlog.openTailReader(0)
  assert.is((feed.read(10, ALL) as Buffer).length, 10)
  const before = files.usedBytes
  binlog.purge(binlog.end.offset, ALL, 0)
  assert.ok(files.usedBytes < before)
  assert.throws(() => feed.read(10, ALL), /purged/)
  const rest = binlog.openTailReader(binlog.startOffset)
  assert.ok(rest.read(10, ALL))
  await binlog.discard()
  assert.throws(() => rest.read(10, ALL), /closed/)
})

test('a follower receives every byte at the end of each append', async () => {
  const { binlog, write } = made({ fileSizeBytes: 300 })
  const told: Buffer[] = []
  let end = 0
  binlog.follower = {
    onAppended(start, pieces) {
      assert.is(start, end)
      for (const piece of pieces) told.push(Buffer.from(piece))
      end = start + pieces.reduce((sum, piece) => sum + piece.length, 0)
      assert.is(binlog.end.offset, end)
    },
  }
  write('SET', 'big', 'x'.repeat(3 * 2 ** 20))
  for (let i = 0; i < 10; i++) {
    write('SET', `k${i}`, 'x'.repeat(90))
    await synced(binlog)
  }
  assert.ok(Buffer.concat(told).equals(bytesFrom(binlog, 0, 2 ** 20)))
})

test('followers of the synced offset are notified when it has moved, and never in the middle of an append', async () => {
  const seen: number[] = []
  let appended = 0
  const { binlog, write } = made({ fileSizeBytes: 300 }, undefined, () => {
    assert.is(binlog.end.offset, appended, 'the append is over')
    seen.push(binlog.synced)
  })
  binlog.follower = {
    onAppended: (start, pieces) => {
      appended = start + pieces.reduce((sum, piece) => sum + piece.length, 0)
    },
  }
  for (let i = 0; i < 20; i++) {
    write('SET', `k${i}`, 'x'.repeat(90)) // sometimes begins a new segment, which syncs
    if (i % 5 === 0) await synced(binlog)
    await nextTurn()
  }
  await synced(binlog)
  assert.is(seen.at(-1), binlog.end.offset)
  assert.equal(
    seen,
    [...seen].sort((a, b) => a - b),
  )
})

test('discarding a log releases everyone who waits for its sync', async () => {
  const { binlog, write, files, fatal } = made()
  write('SET', 'a', '1')
  files.holdSyncs()
  const waiting = binlog.syncTo(binlog.end.offset)
  write('SET', 'b', '1')
  const later = binlog.syncTo(binlog.end.offset)
  const discarded = binlog.discard()
  await waiting
  await later
  files.releaseSyncs()
  await discarded
  assert.equal(fatal, [])
})

test.run()

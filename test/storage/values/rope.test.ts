/** Ropes against Buffers under writes, growth, checkpoints and eviction. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Checkpoint } from '../../../storage/checkpoint/checkpoint.ts'
import type { Database } from '../../../storage/keyspace/database.ts'
import { Keyspace } from '../../../storage/keyspace/keyspace.ts'
import { decodeMeta } from '../../../storage/records/meta.ts'
import { META_KEY } from '../../../storage/records/records.ts'
import { CHUNK_BYTES, MIN_ROPE_BYTES, Rope } from '../../../storage/values/rope.ts'
import { MemoryRecords } from '../../support/disks/memory-records.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'

const POSITION = { offset: 0, crc: 0 }

function made(records = new MemoryRecords()) {
  const keyspace = new Keyspace(records, 2, { deleted() {}, fieldsDeleted() {} })
  return { keyspace, records, db: keyspace.database(0) }
}

const ropeOf = (db: Database, key = 'k') => db.find(key)?.value as Rope

async function checkpoint(keyspace: Keyspace): Promise<void> {
  const running = new Checkpoint(keyspace, POSITION)
  running.encodeSome(Number.POSITIVE_INFINITY)
  await running.write()
}

/** Evicts everything clean. */
function evict(keyspace: Keyspace): void {
  for (const db of keyspace.databases)
    for (let round = 0; round < 4; round++) db.residents.advanceHand(10_000, keyspace.landedGeneration, Number.POSITIVE_INFINITY)
}

/** Returns a position that is often near the border of a chunk. */
function somewhere({ integer, pick }: Seeded, limit: number): number {
  const chunk = integer(Math.ceil(limit / CHUNK_BYTES)) * CHUNK_BYTES
  return Math.max(0, Math.min(limit, pick([integer(limit + 1), chunk, chunk - 1, chunk + 1])))
}

function assertSame(rope: Rope, twin: Buffer): void {
  assert.is(rope.length, twin.length)
  assert.ok(rope.read(0, rope.length).equals(twin))
  const rest = twin.length % CHUNK_BYTES
  if (rest > 0)
    assert.ok(
      rope
        .chunk(rope.chunkCount - 1)
        .subarray(rest)
        .every((byte) => byte === 0),
    )
}

test('a rope equals a Buffer under random writes, growth, checkpoints and eviction', async () => {
  const seed = seeded('rope')
  const { integer, pick } = seed
  const { keyspace, records, db } = made()
  let twin: Buffer = Buffer.alloc(MIN_ROPE_BYTES, 'ab')
  db.create('k', Rope.of(db, twin))
  let running: Checkpoint | null = null
  for (let step = 0; step < 1500; step++) {
    const action = integer(20)
    const rope = ropeOf(db)
    if (action < 7) {
      const at = somewhere(seed, twin.length + 3 * CHUNK_BYTES)
      const bytes = Buffer.alloc(pick([1, 2, 9, integer(200), integer(3 * CHUNK_BYTES)]), step & 0xff)
      if (at + bytes.length > 2 ** 20) continue
      db.touch(db.find('k')!)
      rope.write(at, bytes)
      twin = grown(twin, at + bytes.length)
      bytes.copy(twin, at)
    } else if (action === 7) {
      const length = Math.min(2 ** 20, twin.length + integer(2 * CHUNK_BYTES))
      db.touch(db.find('k')!)
      rope.grow(length)
      twin = grown(twin, length)
    } else if (action < 12) {
      const start = somewhere(seed, twin.length)
      const end = Math.max(start, somewhere(seed, twin.length))
      assert.ok(rope.read(start, end).equals(twin.subarray(start, end)))
      assert.ok(Buffer.concat([...rope.pieces(start, end)]).equals(twin.subarray(start, end)))
      if (start < twin.length) assert.is(rope.byteAt(start), twin[start])
    } else if (action === 12) evict(keyspace)
    else if (action === 13 && running === null) running = new Checkpoint(keyspace, POSITION)
    else if (action < 17 && running !== null) {
      if (!running.encodeSome(3)) continue
      await running.write()
      running = null
    } else if (action === 17 && integer(8) === 0) {
      db.delete('copy')
      db.create('copy', rope.copyFor(db))
      assertSame(ropeOf(db, 'copy'), twin)
    } else if (action === 18 && integer(20) === 0) {
      twin = Buffer.alloc(MIN_ROPE_BYTES + integer(1000), 'xyz')
      db.set('k', twin)
    } else assertSame(rope, twin)
  }
  if (running !== null) {
    running.encodeSome(Number.POSITIVE_INFINITY)
    await running.write()
  }
  await checkpoint(keyspace)
  evict(keyspace)
  assertSame(ropeOf(db), twin)

  const reopened = made(records)
  reopened.keyspace.restore(decodeMeta(records.getSync(META_KEY)!))
  assertSame(ropeOf(reopened.keyspace.database(0)), twin)
})

function grown(twin: Buffer, length: number): Buffer {
  return length <= twin.length ? twin : Buffer.concat([twin, Buffer.alloc(length - twin.length)])
}

test('absent chunks cost neither memory nor records', async () => {
  const { keyspace, records, db } = made()
  const rope = Rope.of(db, '')
  rope.write(2 ** 29 - 1, Buffer.from([1]))
  const before = db.residents.bytes
  db.create('k', rope)
  assert.is(rope.length, 2 ** 29)
  assert.ok(before < 2 * CHUNK_BYTES)
  assert.is(rope.byteAt(2 ** 28), 0)
  assert.is(rope.byteAt(2 ** 29 - 1), 1)
  await checkpoint(keyspace)
  assert.is(records.count, 3) // meta, root, one page
  assert.is(rope.copyFor(db).residentBytes, rope.residentBytes)
})

test('a rope that moves to another database moves its memory accounting too', () => {
  const { keyspace, db } = made()
  const other = keyspace.database(1)
  const entry = db.create('k', Buffer.alloc(MIN_ROPE_BYTES, 'a'))
  const { expireAtMs } = entry
  const held = db.residents.bytes
  const value = db.detach(entry)
  other.attach('k', value, expireAtMs)
  assert.ok(db.residents.bytes < held - MIN_ROPE_BYTES)
  assert.ok(other.residents.bytes > MIN_ROPE_BYTES)
  assert.is(ropeOf(other).length, MIN_ROPE_BYTES)
})

test('a dropped rope is freed from memory, and its pages on disk become garbage', async () => {
  const { keyspace, db } = made()
  db.create('k', Buffer.alloc(MIN_ROPE_BYTES, 'a'))
  const { objectId } = ropeOf(db)
  db.delete('k')
  assert.equal(keyspace.garbageObjects, [], 'the value has no pages on disk')
  db.create('k', Buffer.alloc(MIN_ROPE_BYTES, 'b'))
  const second = ropeOf(db).objectId
  assert.is.not(second, objectId)
  await checkpoint(keyspace)
  db.set('k', 'short')
  assert.equal(keyspace.garbageObjects, [second])
  assert.ok(db.residents.bytes < 1000)
})

test.run()

/** `haypile check` on clean and damaged directories: findings and repairs. */
import { crc32 } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { checkDirectory } from '../../../storage/check/check.ts'
import {
  deadlineKey,
  GARBAGE_DATABASE,
  GARBAGE_OBJECT,
  garbageKey,
  META_KEY,
  pageKey,
  pageValue,
  rootKey,
  ropeRoot,
  stringRoot,
} from '../../../storage/records/records.ts'
import { CHUNK_BYTES } from '../../../storage/values/rope.ts'
import { MemoryFiles } from '../../support/disks/memory-files.ts'
import { fromSeed } from '../../support/generators/seed.ts'
import { CHECKED_BINLOG, CheckWorld, landCheckpoint, setKey } from '../../support/harness/check-world.ts'

const FAR = 2_000_000_000_000

/**
 * Returns a directory with two databases, keys with and without deadlines, a rope, and several
 * segments. A checkpoint lies in the middle of the log.
 */
async function filled(): Promise<CheckWorld> {
  const world = new CheckWorld()
  const storage = await world.open()
  for (let i = 0; i < 20; i++) await setKey(storage, i % 2, `key${i}`, `value${i}`, i % 3 === 0 ? FAR + i : 0)
  await setKey(storage, 0, 'rope', 'r'.repeat(100_000))
  await landCheckpoint(storage)
  for (let i = 0; i < 20; i++) await setKey(storage, 0, `later${i}`, 'x'.repeat(200))
  await storage.close('nosave')
  return world
}

async function expectDamage(change: (world: CheckWorld) => Promise<void> | void, pattern: RegExp): Promise<void> {
  const world = await filled()
  await change(world)
  const found = await world.findings()
  assert.match(found, pattern, `expected ${pattern}, found:\n${found}`)
}

test('a directory that was shut down cleanly has no findings', async () => {
  const world = await filled()
  const report = await world.check()
  assert.equal(report.findings, [])
  assert.equal(report.records, { roots: 21, volatile: 7, pages: 7, garbage: 0 })
  assert.ok(report.binlog.segments > 3)
  assert.is(report.binlog.groups, 41)
  assert.is(report.binlog.damagedOffset, null)
})

test('a new directory has no findings, and one without data has one', async () => {
  const world = new CheckWorld()
  await (await world.open()).close('save')
  assert.is(await world.findings(), '')
  assert.match(
    (await checkDirectory({ files: new MemoryFiles(), directory: '/none', openRecords: () => world.store() })).findings[0]?.text ?? '',
    /holds no data/,
  )
})

test('a directory with flushed databases, overwritten ropes and deleted keys is clean before and after the sweep', async () => {
  const world = await filled()
  const storage = await world.open()
  storage.keyspace.flush(1)
  storage.keyspace.database(0).delete('rope')
  storage.group.command(1, ['FLUSHDB'])
  storage.group.command(0, ['DEL', 'rope'])
  storage.commit()
  await storage.close('save')
  assert.is(await world.findings(), '')
  const again = await world.open()
  await again.sweeper.idle()
  await again.close('save')
  const report = await world.check()
  assert.equal(report.findings, [])
  assert.is(report.records.garbage, 0)
  assert.is(report.records.pages, 0)
})

test('a key deleted just before its database is flushed leaves no deadline behind', async () => {
  const world = await filled()
  const storage = await world.open()
  storage.keyspace.database(0).delete('key0')
  storage.keyspace.flush(0)
  storage.group.command(0, ['FLUSHDB'])
  storage.commit()
  await storage.close('save')
  const again = await world.open()
  await again.sweeper.idle()
  await again.close('save')
  assert.is(await world.findings(), '')
})

/** Returns a record's content with its correct CRC. */
function sealed(content: readonly number[]): Buffer {
  const crc = Buffer.alloc(4)
  crc.writeUInt32BE(crc32(Buffer.from(content)))
  return Buffer.concat([Buffer.from(content), crc])
}

test('a root that does not decode is reported', async () => {
  await expectDamage((world) => world.tamper((batch) => batch.put(rootKey(1, 'key2'), sealed([9, 1, 0]))), /key "key2" .*unknown version 9/)
  await expectDamage((world) => world.tamper((batch) => batch.put(rootKey(1, 'key2'), sealed([1, 9, 0]))), /unknown kind 9/)
  await expectDamage((world) => world.tamper((batch) => batch.put(rootKey(1, 'key2'), Buffer.from([1, 1, 0, 0, 0, 0, 0]))), /fails its CRC/)
  await expectDamage(
    (world) => world.tamper((batch) => batch.put(Buffer.from('q'), Buffer.from('1'))),
    /record 71: record key of an unknown form/,
  )
})

test('counts that disagree with the records are reported', async () => {
  await expectDamage(
    (world) => world.tamper((batch) => batch.remove(rootKey(1, 'key2'))),
    /database 0 \(id 1\): holds 10 keys; the meta record states 11/,
  )
  await expectDamage(
    (world) => world.tamper((batch) => batch.put(rootKey(1, 'key2'), stringRoot('v', FAR))),
    /key "key2" .*the deadline index has no record of it(.|\n)*holds 5 keys with a deadline; the meta record states 4/,
  )
  await expectDamage(
    (world) => world.tamper((batch) => batch.put(rootKey(3, '\x00"'), stringRoot('v', 0))),
    /database 2 \(id 3\): holds 1 keys/,
  )
})

test('a deadline index that disagrees with the keys is reported', async () => {
  await expectDamage(
    (world) => world.tamper((batch) => batch.remove(deadlineKey(FAR, 1, 'key0'))),
    /key "key0" .*the deadline index has no record of it/,
  )
  await expectDamage(
    (world) => world.tamper((batch) => batch.put(deadlineKey(FAR, 1, 'none'), Buffer.alloc(0))),
    /"none".*: there is no such key/,
  )
  await expectDamage(
    (world) => world.tamper((batch) => batch.put(deadlineKey(FAR + 7, 1, 'key0'), Buffer.alloc(0))),
    /deadline 2000000000007 of key "key0" .*the key's deadline is 2000000000000/,
  )
})

test('pages without an owner or past the end are reported', async () => {
  const page = pageValue(Buffer.alloc(CHUNK_BYTES))
  await expectDamage(
    (world) => world.tamper((batch) => batch.put(pageKey(99, 0), page)),
    /page 0 of object 99: belongs to an object that no key owns/,
  )
  await expectDamage((world) => world.tamper((batch) => batch.put(pageKey(1, 7), page)), /page 7 of object 1: lies past the end/)
  await expectDamage(
    (world) => world.tamper((batch) => batch.put(pageKey(1, 6), pageValue(Buffer.alloc(CHUNK_BYTES, 1)))),
    /bytes other than zero/,
  )
  await expectDamage(
    (world) => world.tamper((batch) => batch.put(pageKey(1, 0), pageValue(Buffer.alloc(5)))),
    /holds 5 bytes instead of 16384/,
  )
  await expectDamage(
    (world) => world.tamper((batch) => batch.put(rootKey(1, 'twin'), ropeRoot(1, 100_000, 0))),
    /object 1: belongs to more than one key/,
  )
})

test('ids that are not below the next one and garbage in use are reported', async () => {
  const empty = Buffer.alloc(0)
  await expectDamage((world) => world.meta((meta) => ({ ...meta, nextObjectId: 1 })), /its object 1 is not below the next one, 1/)
  await expectDamage(
    (world) => world.meta((meta) => ({ ...meta, nextDbId: 2 })),
    /database 3 \(id 4\): its id is not below the next one, 2/,
  )
  await expectDamage((world) => world.tamper((batch) => batch.put(garbageKey(GARBAGE_DATABASE, 1), empty)), /in use, but listed as garbage/)
  await expectDamage(
    (world) => world.tamper((batch) => batch.put(garbageKey(GARBAGE_OBJECT, 1), empty)),
    /its object 1 is listed as garbage/,
  )
  await expectDamage(
    (world) => world.meta((meta) => ({ ...meta, databases: meta.databases.slice(1) })),
    /database id 1: 11 keys of a database that is neither in use nor garbage/,
  )
  await expectDamage((world) => world.tamper((batch) => batch.remove(META_KEY)), /meta record: missing or unreadable/)
})

test('a checkpoint inside a group, of another history or outside the log is reported', async () => {
  await expectDamage((world) => world.meta((meta) => ({ ...meta, binlogOffset: meta.binlogOffset - 1 })), /lies within this group/)
  await expectDamage(
    (world) => world.meta((meta) => ({ ...meta, binlogCrc: (meta.binlogCrc ^ 1) >>> 0 })),
    /belongs to another history: its CRC differs/,
  )
  await expectDamage(
    (world) => world.meta((meta) => ({ ...meta, binlogOffset: 1e9 })),
    /the log ends at \d+, before the checkpoint at 1000000000/,
  )
  await expectDamage((world) => {
    const later = world.segments().slice(0, -1)
    for (const { path } of later) world.files.removeSync(path)
  }, /the log begins at \d+, after the checkpoint/)
})

test('a flipped byte anywhere in the log is reported', async () => {
  const clean = await filled()
  const { end } = (await clean.check()).binlog
  const { random } = fromSeed(7)
  for (let round = 0; round < 100; round++) {
    const world = await filled()
    const offset = Math.floor(random() * end)
    world.flip(offset)
    const { damages, notes, binlog } = await world.check()
    assert.ok(damages + notes > 0, `byte ${offset} of ${end}`)
    assert.ok(binlog.damagedOffset !== null && binlog.damagedOffset <= offset, `byte ${offset} of ${end}`)
  }
})

test('a missing segment is reported', async () => {
  await expectDamage((world) => {
    world.files.removeSync((world.segments().at(-3) as { path: string }).path)
  }, /binlog offset \d+: no data between offset \d+ and segment \d+/)
})

test('a missing identity and a log that ends elsewhere than at shutdown are reported', async () => {
  await expectDamage((world) => world.files.removeSync('/data/identity.json'), /identity.json is missing/)
  await expectDamage((world) => {
    const last = world.segments().at(-1) as { path: string }
    const file = world.files.openSync(last.path, 'update')
    file.truncateSync(0)
    file.closeSync()
  }, /the log ended at \d+ when the server was shut down, and ends at \d+ now/)
})

test('a cut behind the checkpoint keeps everything before the damage', async () => {
  const world = await filled()
  const { start } = world.segments().at(-2) as { start: number }
  world.flip(start + 60)
  const report = await world.check('cut-binlog')
  assert.is(report.repairs.length, 1)
  assert.match(report.repairs[0] ?? '', /binlog cut at offset \d+: \d+ bytes set aside/)
  const after = await world.check()
  assert.is(after.binlog.end, start)
  assert.is(after.binlog.damagedOffset, null)
  assert.ok(world.files.listSync(CHECKED_BINLOG).some((name) => name.endsWith('.cut')))
  await (await world.open()).close('save')
})

test('a cut before the checkpoint loses nothing', async () => {
  const world = await filled()
  world.flip(10)
  const { end } = await world
    .check()
    .then(async () => (await filled()).check())
    .then(({ binlog }) => binlog)
  const report = await world.check('cut-binlog')
  assert.ok(report.repairs.length > 0)
  const after = await world.check()
  assert.is(after.damages, 0)
  assert.is(after.binlog.damagedOffset, null)
  assert.is(after.binlog.end, end)
  const storage = await world.open()
  assert.is(storage.recovery?.groups, 20)
  await storage.close('save')
})

test.run()

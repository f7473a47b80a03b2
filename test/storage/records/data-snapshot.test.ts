/** A snapshot is the state at its position, and a transfer can resume from any key. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../../base/clock.ts'
import { realFiles } from '../../../base/files.ts'
import { silentLog } from '../../../base/log.ts'
import { checkDirectory } from '../../../storage/check/check.ts'
import type { DataSnapshot } from '../../../storage/records/data-snapshot.ts'
import { LevelRecords } from '../../../storage/records/level-records.ts'
import type { OpenMode } from '../../../storage/records/record-store.ts'
import { CURSORS_KEY, META_KEY, readRecordKey } from '../../../storage/records/records.ts'
import { Storage } from '../../../storage/storage.ts'
import { seeded } from '../../support/generators/seed.ts'
import { Disk, Engine, nextTurn } from '../../support/harness/engine.ts'
import { liveContent } from '../../support/harness/engine-invariants.ts'
import { idleEvents } from '../../support/harness/storage-events.ts'
import { MASTER, receive, snapshotOf } from '../../support/replication/received.ts'

type Row = readonly [key: Buffer, value: Buffer]

async function rowsOf(snapshot: DataSnapshot, after: Buffer | null = null, count = 7): Promise<Row[]> {
  const iterator = snapshot.read(after)
  const rows: Row[] = []
  for (let part = await iterator.next(count); part.length > 0; part = await iterator.next(count)) rows.push(...part)
  await iterator.close()
  return rows
}

test('a snapshot holds the state at its position, whatever is written, checkpointed and swept meanwhile', async () => {
  const chance = seeded('snapshot under writes')
  const master = await Engine.open(new Disk(), { random: chance.random })
  const change = () => {
    const key = `k${chance.integer(60)}`
    if (chance.integer(30) === 0) return master.write('FLUSHALL')
    if (chance.integer(6) === 0) return master.write('DEL', key)
    return master.write('SET', key, chance.integer(20) === 0 ? 'x'.repeat(70_000) : String(chance.integer(1000)))
  }
  for (let i = 0; i < 200; i++) change()
  const snapshot = await snapshotOf(master)
  assert.is(snapshot.position.offset, master.storage.checkpointer.landedOffset)
  const atSnapshot = liveContent(master.storage.keyspace, 0)
  assert.is(snapshot.keys, master.storage.keyspace.keyCount)
  const replica = await Engine.open(new Disk())
  replica.storage.becomeReplica(MASTER)
  const next = await replica.storage.beginDataSet()
  const iterator = snapshot.read(null)
  for (let part = await iterator.next(3); part.length > 0; part = await iterator.next(3)) {
    await next.put(part)
    for (let i = 0; i < 3; i++) change()
    if (chance.integer(4) === 0) await master.checkpoint()
    await nextTurn()
  }
  await iterator.close()
  await replica.storage.installDataSet(next, snapshot.position, { replicationId: master.storage.identity.replicationId, past: [] })
  assert.is(liveContent(replica.storage.keyspace, 0), atSnapshot)
  receive(replica, master)
  assert.is(liveContent(replica.storage.keyspace, 0), liveContent(master.storage.keyspace, 0))
  await snapshot.close()
})

test('a snapshot can be read from behind any key; it includes the meta record and no SCAN cursors', async () => {
  let master = await Engine.open(new Disk())
  for (let i = 0; i < 20; i++) master.write('SET', `k${i}`, '1', ...(i % 4 === 0 ? ['PXAT', '9999999999999'] : []))
  master.storage.scanCursors.issue(1, 'k1')
  await master.storage.close('save')
  master = await Engine.open(master.disk.kill(() => 0))
  const snapshot = await snapshotOf(master)
  const rows = await rowsOf(snapshot)
  assert.is(rows.filter(([key]) => readRecordKey(key).type === 'root').length, 20)
  assert.is(rows.filter(([key]) => readRecordKey(key).type === 'deadline').length, 5)
  assert.is(rows.filter(([key]) => key.equals(META_KEY)).length, 1)
  assert.ok(master.disk.records.getSync(CURSORS_KEY))
  assert.not.ok(rows.some(([key]) => key.equals(CURSORS_KEY)))
  for (const [index, [key]] of rows.entries()) assert.equal(await rowsOf(snapshot, key, 1 + (index % 3)), rows.slice(index + 1))
})

test('a snapshot waits for a checkpoint that begins after the request, and fails if that fails', async () => {
  const master = await Engine.open(new Disk())
  master.write('SET', 'a', '1')
  master.disk.records.failWrites()
  await snapshotOf(master).then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, /No space/),
  )
  await master.settle()
})

test('a snapshot is void once its store was reopened: reading fails, closing does not', async () => {
  const master = await Engine.open(new Disk())
  master.write('SET', 'a', '1')
  const snapshot = await snapshotOf(master)
  const iterator = snapshot.read(null)
  await master.storage.keyspace.records.reopen()
  await iterator.next(1).then(
    () => assert.unreachable(),
    () => {},
  )
  assert.throws(() => snapshot.read(null))
  await snapshot.close()
  await snapshot.close()
})

test('a full sync on a real LevelDB is installed, survives a restart and passes the check', async () => {
  const root = mkdtempSync(join(tmpdir(), 'haypile-swap-'))
  const openRecords = (path: string, mode: OpenMode = 'existing') =>
    LevelRecords.open(path, { writeBufferBytes: 2 ** 20, blockCacheBytes: 2 ** 20 }, mode)
  const open = async (name: string) => {
    const storage = await Storage.open({
      directory: join(root, name),
      files: realFiles,
      openRecords,
      clock: systemClock,
      random: seeded(name).random,
      log: silentLog,
      settings: {
        binlog: { fileSizeBytes: 1e6, retentionBytes: 0, retentionMs: 0 },
        checkpoint: { binlogBytes: 1e12, intervalMs: 1e12, dirtyLimitBytes: 1e12 },
        cacheBytes: 1e9,
        databases: 2,
        reserveBytes: 0,
      },
      events: idleEvents(),
      fatal: (error) => {
        throw error
      },
    })
    await storage.recover({ beginGroup() {}, command() {}, endGroup() {} })
    return storage
  }
  const set = (storage: Storage, key: string, value: string) => {
    storage.beginTurn()
    storage.keyspace.database(0).set(key, value)
    storage.group.command(0, ['SET', key, value])
    storage.commit()
  }
  try {
    const [master, replica] = [await open('master'), await open('replica')]
    for (let i = 0; i < 3000; i++) set(master, `k${i}`, 'x'.repeat(500))
    set(replica, 'old', '1')
    replica.becomeReplica(MASTER)
    const taking = master.snapshot()
    while (master.background()) await nextTurn()
    const snapshot = await taking
    for (let i = 0; i < 3000; i++) set(master, `k${i}`, 'later')
    const checkpoint = master.checkpointer.request()
    while (master.background()) await nextTurn()
    await checkpoint
    assert.ok((await snapshot.estimateBytes()) > 0)
    const next = await replica.beginDataSet()
    const rows = await rowsOf(snapshot, null, 1000)
    assert.is(rows.length, 3001)
    for (let at = 0; at < rows.length; at += 300) await next.put(rows.slice(at, at + 300))
    await replica.installDataSet(next, snapshot.position, { replicationId: master.identity.replicationId, past: [] })
    assert.is(replica.keyspace.database(0).find('k2999')?.value, 'x'.repeat(500))
    assert.is(replica.keyspace.database(0).find('old'), undefined)
    await snapshot.close()
    await Promise.all([master.close('save'), replica.close('save')])
    assert.equal(
      readdirSync(join(root, 'replica')).filter((name) => name.startsWith('generation')),
      ['generation-000002'],
    )
    const again = await open('replica')
    assert.is(again.keyspace.keyCount, 3000)
    assert.is(again.keyspace.database(0).find('k0')?.value, 'x'.repeat(500))
    await again.close('save')
    const report = await checkDirectory({ files: realFiles, directory: join(root, 'replica'), openRecords })
    assert.equal(report.findings, [])
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})

test.run()

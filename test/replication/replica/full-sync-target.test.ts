/** A full sync that a replica receives: cuts, resumption and failed writes. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeChunk, encodeEndChunk } from '../../../replication/protocol/chunks.ts'
import type { FullSyncProgress } from '../../../replication/replica/full-sync-target.ts'
import { DIRECTORY, Engine, nextTurn, until } from '../../support/harness/engine.ts'
import { chunksOf, holding, MASTER_ID, master, PAST, sourceOf, TargetBench } from '../../support/replication/full-sync-target-bench.ts'

test('a full sync replaces the old data, which is served until the install', async () => {
  const bench = await TargetBench.open()
  const from = await master()
  const source = await sourceOf(from, 'a1')
  bench.target.beginTransfer(source.head)
  bench.addAll(chunksOf(source, 5, null))
  await bench.untilReported('copied')
  assert.is(bench.engine.run('GET', 'old'), 'data')
  assert.equal(bench.generations, ['generation-000001', 'generation-000002'])
  assert.is(bench.target.progress?.records, source.records.length)
  bench.target.install()
  await bench.untilReported('installed')
  bench.assertEqualTo(from)
  assert.is(bench.target.progress, null)
  assert.is(bench.target.resume, null)
  await bench.engine.settle()
  assert.equal(bench.generations, ['generation-000002'])
  await bench.engine.storage.close('save')
  const again = await Engine.open(bench.engine.disk)
  assert.is(again.run('GET', 'k7'), 'value 7')
})

test('a full sync cut after any chunk resumes behind the last written record', async () => {
  const from = await master()
  const source = await sourceOf(from, 'a1')
  const all = chunksOf(source, 7, null)
  for (let count = 0; count < all.length; count++) {
    const bench = await TargetBench.open()
    bench.target.beginTransfer(source.head)
    bench.addAll(all.slice(0, count))
    await until(() => (bench.target.progress?.records ?? 0) === Math.min(count * 7, source.records.length), 'all written')
    bench.target.cut()
    const last = source.records[Math.min(count * 7, source.records.length) - 1]
    assert.equal(bench.target.resume, { snapshot: 'a1', after: last?.[0].toString('hex') ?? null })
    await bench.finish(source, 3)
    bench.assertEqualTo(from)
  }
})

test('chunks waiting for the disk when the link breaks are written, and the next chunk continues them', async () => {
  const from = await master()
  const source = await sourceOf(from, 'a1')
  const bench = await TargetBench.open()
  const store = holding(bench)
  bench.target.beginTransfer(source.head)
  bench.addAll(chunksOf(source, 5, null).slice(0, 4))
  await until(() => store()?.heldWrites === 1, 'a write')
  bench.target.cut()
  const after = source.records[19]?.[0].toString('hex') as string
  assert.equal(bench.target.resume, { snapshot: 'a1', after })
  bench.target.beginTransfer(source.head)
  const rest = chunksOf(source, 4, after)
  bench.addAll(rest.slice(0, 2))
  store()?.releaseWrites()
  bench.addAll(rest.slice(2))
  await bench.untilReported('copied')
  assert.is(bench.target.progress?.records, source.records.length)
  bench.target.install()
  await bench.untilReported('installed')
  assert.equal(bench.reports, ['copied', 'installed'])
  bench.assertEqualTo(from)
})

test('if chunks left over from a broken link cannot be written, the next transfer fails and begins anew', async () => {
  const from = await master()
  const source = await sourceOf(from, 'a1')
  const bench = await TargetBench.open()
  const store = holding(bench)
  bench.target.beginTransfer(source.head)
  bench.addAll(chunksOf(source, 5, null).slice(0, 4))
  await until(() => store()?.heldWrites === 1, 'a write')
  bench.target.cut()
  const after = bench.target.resume?.after as string
  bench.target.beginTransfer(source.head)
  store()?.failWrites()
  store()?.releaseWrites()
  bench.addAll(chunksOf(source, 5, after))
  await bench.untilReported('failed')
  assert.is(bench.reports.length, 1)
  assert.is(bench.target.resume, null)
  assert.throws(() => bench.target.add(chunksOf(source, 5, null)[0] as Buffer), /no full sync requested/)
  await bench.finish(source)
  bench.assertEqualTo(from)
})

test('a full sync restarts if the master has another snapshot', async () => {
  const from = await master()
  const first = await sourceOf(from, 'a1')
  const bench = await TargetBench.open()
  bench.target.beginTransfer(first.head)
  bench.addAll(chunksOf(first, 5, null).slice(0, 4))
  await until(() => bench.target.progress?.records === 20, 'some written')
  bench.target.cut()
  from.write('SET', 'k7', 'changed')
  from.write('DEL', 'k8')
  const second = await sourceOf(from, 'b2')
  bench.target.beginTransfer(second.head)
  assert.equal(bench.target.resume, { snapshot: 'b2', after: null })
  bench.addAll(chunksOf(second, 5, null))
  await bench.untilReported('copied')
  assert.equal(bench.generations.length, 2, 'the first copy is removed')
  bench.target.install()
  await bench.untilReported('installed')
  bench.assertEqualTo(from)
})

test('a full sync continues if the master has another history with the same snapshot, and adopts that history', async () => {
  const from = await master()
  const source = await sourceOf(from, 'a1')
  const bench = await TargetBench.open()
  const past = [{ id: MASTER_ID, until: source.head.offset }, ...PAST]
  bench.target.beginTransfer({ ...source.head, replicationId: '7'.repeat(40), past: [] })
  bench.addAll(chunksOf(source, 5, null).slice(0, 4))
  await until(() => bench.target.progress?.records === 20, 'some written')
  bench.target.cut()
  bench.target.beginTransfer({ ...source.head, past })
  const after = bench.target.resume?.after as string
  assert.is(after, source.records[19]?.[0].toString('hex'))
  bench.addAll(chunksOf(source, 5, after))
  await bench.untilReported('copied')
  bench.target.install()
  await bench.untilReported('installed')
  assert.is(bench.engine.storage.identity.replicationId, MASTER_ID)
  assert.equal(bench.engine.storage.identity.past, past)
})

test('a damaged, unordered or unrequested chunk is refused, and the copy is kept', async () => {
  const from = await master()
  const source = await sourceOf(from, 'a1')
  const bench = await TargetBench.open()
  const { target } = bench
  const all = chunksOf(source, 5, null)
  assert.throws(() => target.add(all[0] as Buffer), /no full sync requested/)
  target.beginTransfer(source.head)
  target.add(all[0] as Buffer)
  assert.throws(() => target.add(all[0] as Buffer), /chunk 0 of a full sync arrived instead of chunk 1/)
  assert.throws(() => target.add(all[2] as Buffer), /chunk 2 of a full sync arrived instead of chunk 1/)
  const damaged = Buffer.from(all[1] as Buffer)
  damaged[30]! ^= 1
  assert.throws(() => target.add(damaged), /malformed chunk/)
  assert.throws(() => target.add(encodeEndChunk(1, 6)), /of 6 records delivered 5/)
  await until(() => target.progress?.records === 5, 'the first chunk')
  assert.is(target.resume?.after, source.records[4]?.[0].toString('hex'))
  target.add(encodeEndChunk(1, 5))
  assert.throws(() => target.add(all[1] as Buffer), /no full sync requested/)
  target.cut()
  await bench.finish(source)
  bench.assertEqualTo(from)
})

test('the target is full when a few MiB wait for the disk', async () => {
  const bench = await TargetBench.open()
  const store = holding(bench)
  const { target, reports } = bench
  const value = Buffer.alloc(1024 * 1024)
  const chunk = (sequence: number) => encodeChunk(sequence, [[Buffer.from(`k${sequence}`), value]])
  target.beginTransfer({ ...(await sourceOf(await master(), 'a1')).head, bytes: 20 * 1024 * 1024 })
  let sequence = 0
  while (!target.isFull) target.add(chunk(sequence++))
  assert.ok(sequence === 5 || sequence === 6, `${sequence} MiB`)
  await until(() => store()?.heldWrites === 1, 'a write')
  assert.equal(reports, [])
  assert.ok(target.isFull)
  store()?.releaseWrites()
  await bench.untilReported('room')
  assert.not.ok(target.isFull)
  while (!target.isFull) target.add(chunk(sequence++))
  target.abandon()
  assert.not.ok(target.isFull, 'waiting chunks are dropped')
})

test('on a full disk the copy is abandoned with the reason, and the next one begins anew', async () => {
  const from = await master()
  const source = await sourceOf(from, 'a1')
  const bench = await TargetBench.open()
  bench.target.beginTransfer(source.head)
  bench.addAll(chunksOf(source, 5, null).slice(0, 3))
  await until(() => bench.target.progress?.records === 15, 'some written')
  bench.engine.disk.recordsAt(`${DIRECTORY}/generation-000002/db`).failWrites()
  bench.addAll(chunksOf(source, 5, null).slice(3))
  await bench.untilReported('failed')
  assert.equal(bench.reports, ['failed: a full sync cannot be written: IO error: 000005.log: No space left on device'])
  assert.is(bench.target.resume, null)
  assert.is(bench.engine.run('GET', 'old'), 'data')
  await bench.finish(source)
  bench.assertEqualTo(from)
})

test('a data set that cannot be opened is reported as a failure', async () => {
  const source = await sourceOf(await master(), 'a1')
  const bench = await TargetBench.open()
  bench.engine.disk.files.fail({ operation: 'makeDirectory', code: 'ENOSPC' })
  bench.target.beginTransfer(source.head)
  bench.addAll(chunksOf(source, 5, null))
  await bench.untilReported('failed')
  assert.match(bench.reports[0] ?? '', /^failed: a full sync cannot be written: ENOSPC/)
  assert.is(bench.reports.length, 1)
  await bench.finish(source)
})

test('a full sync abandoned at any moment leaves the data unchanged and reports nothing more', async () => {
  const source = await sourceOf(await master(), 'a1')
  const moments: ((bench: TargetBench) => Promise<unknown>)[] = [
    async () => {},
    () => nextTurn(),
    (bench) => until(() => bench.target.progress?.records === 10, 'some written'),
    (bench) => bench.untilReported('copied'),
    async (bench) => {
      await bench.untilReported('copied')
      bench.target.install()
    },
    async (bench) => {
      await bench.untilReported('copied')
      bench.target.install()
      await nextTurn()
    },
  ]
  for (const moment of moments) {
    const bench = await TargetBench.open()
    bench.target.beginTransfer(source.head)
    bench.addAll(chunksOf(source, 5, null))
    await moment(bench)
    bench.reports.length = 0
    bench.target.abandon()
    assert.is(bench.target.resume, null)
    await bench.engine.settle()
    for (let turns = 0; turns < 50; turns++) await nextTurn()
    assert.equal(bench.reports, [])
    assert.is(bench.engine.run('GET', 'old'), 'data')
    assert.equal(bench.generations, ['generation-000001'])
    bench.engine.storage.promote()
    bench.engine.write('SET', 'new', 'data')
  }
})

test('data that does not match its announced position is not installed', async () => {
  const source = await sourceOf(await master(), 'a1')
  const bench = await TargetBench.open()
  bench.target.beginTransfer({ ...source.head, offset: source.head.offset + 1 })
  bench.addAll(chunksOf(source, 5, null))
  await bench.untilReported('copied')
  bench.target.install()
  await bench.untilReported('failed')
  assert.match(bench.reports.at(-1) ?? '', /a full sync cannot be installed: the received data is that of offset/)
  assert.is(bench.engine.run('GET', 'old'), 'data')
})

test('if only writes are missing when the connection ends, the replica asks for the end alone', async () => {
  const from = await master()
  const source = await sourceOf(from, 'a1')
  const bench = await TargetBench.open()
  bench.target.beginTransfer(source.head)
  bench.addAll(chunksOf(source, 5, null))
  bench.target.cut()
  for (let turns = 0; turns < 50; turns++) await nextTurn()
  assert.equal(bench.reports, [])
  assert.is(chunksOf(source, 5, bench.target.resume?.after ?? null).length, 1)
  await bench.finish(source)
  bench.assertEqualTo(from)
})

test('progress shows bytes, the recent rate and the remaining time', async () => {
  const bench = await TargetBench.open()
  const { target, clock } = bench
  const value = Buffer.alloc(10_000)
  target.beginTransfer({ ...(await sourceOf(await master(), 'a1')).head, bytes: 1_000_000 })
  assert.equal(target.progress, { bytes: 0, totalBytes: 1_000_000, records: 0, bytesPerSecond: 0, etaSeconds: null })
  for (let sequence = 0; sequence < 40; sequence++) {
    clock.advance(100)
    target.add(encodeChunk(sequence, [[Buffer.from(`k${sequence % 10}`), value]]))
    await until(() => target.progress?.records === sequence + 1, 'written')
  }
  const progress = target.progress as FullSyncProgress
  assert.is(progress.bytes, 400_080)
  assert.is(progress.totalBytes, 1_000_000)
  const { bytesPerSecond } = progress
  assert.ok(bytesPerSecond > 90_000 && bytesPerSecond < 110_000, `${bytesPerSecond}`)
  assert.is(progress.etaSeconds, Math.ceil(599_920 / bytesPerSecond))
  clock.advance(60_000)
  assert.ok((target.progress?.bytesPerSecond ?? 0) < bytesPerSecond, 'the rate falls when nothing arrives')
})

test('the total is corrected when the records are larger than the estimate', async () => {
  const { target } = await TargetBench.open()
  target.beginTransfer({ ...(await sourceOf(await master(), 'a1')).head, bytes: 500, records: 100 })
  target.add(encodeChunk(0, [[Buffer.from('k'), Buffer.alloc(999)]]))
  await until(() => target.progress?.records === 1, 'written')
  assert.is(target.progress?.totalBytes, 100_000)
})

test.run()

/** Keys counted by hash slot: their record, and an engine that counts while commands run. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { SLOTS, slotOf } from '../../../base/hash-slots.ts'
import { DamageError } from '../../../storage/records/records.ts'
import { runNow } from '../../../storage/scan/steps.ts'
import { ALL_KEYS, walkAll } from '../../../storage/scan/walk.ts'
import { SlotCounts } from '../../../storage/slots/slot-counts.ts'
import { seeded } from '../../support/generators/seed.ts'
import { Disk, Engine, type EngineOptions } from '../../support/harness/engine.ts'

const COUNTED: EngineOptions = { slots: 'counted', databases: 3 }

/** Returns the counts that the keys of a database have, found by a walk. */
function countsByWalk({ storage: { keyspace } }: Engine, index: number): number[] {
  const counts = Array.from({ length: SLOTS }, () => 0)
  const visit = (keys: readonly { readonly key: string }[]) => {
    for (const { key } of keys) counts[slotOf(key)] = (counts[slotOf(key)] ?? 0) + 1
  }
  runNow(walkAll(keyspace.database(index), ALL_KEYS, visit))
  return counts
}

function checkSlots(engine: Engine, when: string): void {
  for (let index = 0; index < 3; index++) {
    const db = engine.storage.keyspace.database(index)
    const counts = Array.from({ length: SLOTS }, (_, slot) => db.keysInSlot(slot))
    assert.equal(counts, countsByWalk(engine, index), `${when}: database ${index}`)
  }
}

const reopened = (engine: Engine, options: EngineOptions) =>
  Engine.open(
    engine.disk.kill(() => 0),
    options,
  )

test('counts survive being encoded, whatever they are', () => {
  const { random } = seeded('slot counts')
  for (let round = 0; round < 20; round++) {
    const counts = new SlotCounts()
    const keys = Math.floor(random() ** 3 * 40_000)
    for (let i = 0; i < keys; i++) counts.add(random() < 0.5 ? `k${i}` : `{${Math.floor(random() * 5)}}${i}`)
    const decoded = SlotCounts.decode(counts.encode(), keys)
    for (let slot = 0; slot < SLOTS; slot++) assert.is(decoded.of(slot), counts.of(slot))
  }
})

test('counts that are damaged are refused', () => {
  const counts = new SlotCounts()
  for (let i = 0; i < 300; i++) counts.add('{a}')
  const text = counts.encode()
  assert.is(SlotCounts.decode(text, 300).total(), 300)
  const varints = (...bytes: number[]) => Buffer.from(bytes).toString('base64')
  const damaged = [text.slice(0, -4), '', varints(0xff, 0xff, 0xff, 0xff, 0xff, 0xff), varints(0xff, 0xff, 0x03, 1), varints(5)]
  for (const bad of damaged)
    assert.throws(
      () => SlotCounts.decode(bad, 300),
      (error: unknown) => error instanceof DamageError,
      bad,
    )
})

test('counts follow every change, settle with DBSIZE, and survive restarts', async () => {
  const { random, integer, pick } = seeded('changes of slot counts')
  const key = () => `k${integer(60)}`
  const changes: (() => string[])[] = [
    () => ['SET', key(), 'v'],
    () => ['MSET', key(), '1', key(), '2'],
    () => ['SADD', `{s}${key()}`, 'm'],
    () => ['DEL', key(), `{s}${key()}`],
    () => ['RENAME', key(), key()],
    () => ['COPY', key(), key(), 'DB', pick(['0', '1', '2']), 'REPLACE'],
    () => ['MOVE', key(), '1'],
    () => ['PEXPIREAT', key(), '1'],
    () => ['SWAPDB', '0', '1'],
    () => ['FLUSHDB'],
  ]
  let engine = await Engine.open(new Disk(), COUNTED)
  for (let round = 0; round < 30; round++) {
    engine.turn(() => {
      for (let i = 0; i < 40; i++) engine.runIn(integer(3), ...pick(random() < 0.97 ? changes.slice(0, 8) : changes)())
    })
    checkSlots(engine, `round ${round}`)
    if (random() < 0.5) await engine.checkpoint()
    if (random() < 0.4) engine = await reopened(engine, COUNTED)
    checkSlots(engine, `after round ${round}`)
  }
  assert.equal(engine.broken, [])
})

test('a data set that was written outside of a cluster is counted once, at the start', async () => {
  const first = await Engine.open(new Disk(), { databases: 3 })
  first.turn(() => {
    for (let i = 0; i < 500; i++) first.runIn(i % 2, 'SET', `k${i}`, 'v')
  })
  await first.checkpoint()
  first.write('SET', '{a}', 'v')
  const second = await reopened(first, COUNTED)
  checkSlots(second, 'counted')
  assert.is(second.storage.keyspace.database(0).keysInSlot(slotOf('a')), 1)
  await second.storage.close('save')
  const third = await reopened(second, { databases: 3 })
  third.write('SET', 'outside', 'v')
  await third.storage.close('save')
  checkSlots(await reopened(third, COUNTED), 'counted again')
})

test.run()

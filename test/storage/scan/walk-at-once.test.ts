/** Walks that run in one go see the keys of that moment, in any phase of a checkpoint. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Database } from '../../../storage/keyspace/database.ts'
import { ReadAhead } from '../../../storage/scan/read-ahead.ts'
import { runLater, runNow } from '../../../storage/scan/steps.ts'
import {
  ALL_KEYS,
  StoreNotOpenError,
  storedEdges,
  type WalkedKey,
  type WalkStep,
  walk,
  walkAll,
  walkBack,
} from '../../../storage/scan/walk.ts'
import { MemoryRecords } from '../../support/disks/memory-records.ts'
import { KeyStorm, newKeyspace } from '../../support/generators/key-storm.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'

/** Returns all keys in ascending order, walked in steps of random size. */
function walkedNow(db: Database, chance: Seeded, ahead: ReadAhead): string[] {
  const isBack = chance.integer(3) === 0
  const known = chance.integer(2) === 0 ? ahead : undefined
  const found: WalkedKey[] = []
  for (let next: string | null = isBack ? '\xff' : ''; next !== null; ) {
    const count = 1 + chance.integer(60)
    const step: WalkStep = runNow(isBack ? walkBack(db, { from: '', before: next }, count) : walk(db, { from: next }, count, known))
    found.push(...step.keys)
    next = step.next
  }
  const keys = found.map(({ key }) => key)
  return isBack ? keys.reverse() : keys
}

test('a synchronous walk finds exactly the live keys in any phase of a checkpoint', async () => {
  const chance = seeded('walks at one go')
  let inFlight = 0
  for (let round = 0; round < 40; round++) {
    const storm = new KeyStorm(chance)
    const ahead = new ReadAhead()
    const compare = () => {
      for (const db of storm.keyspace.databases.slice(0, 2)) {
        assert.equal(walkedNow(db, chance, ahead), [...storm.live(db).keys()].sort(), `round ${round}, database ${db.index}`)
      }
    }
    storm.onFlight = () => {
      inFlight++
      compare()
    }
    for (let i = 150 + chance.integer(250); i > 0; i--) {
      await storm.act()
      if (chance.integer(4) === 0) compare()
    }
    await storm.land()
    const db = storm.keyspace.database(0)
    const later: string[] = []
    await runLater(walkAll(db, ALL_KEYS, (keys) => later.push(...keys.map(({ key }) => key))))
    assert.equal(walkedNow(db, chance, ahead), later)
    assert.equal(runNow(storedEdges(db)), await runLater(storedEdges(db)))
  }
  assert.ok(inFlight > 100, `${inFlight} walks during a batch`)
})

test('synchronous and asynchronous walks share what either has read ahead', async () => {
  const db = newKeyspace().database(0)
  for (let i = 0; i < 100; i++) db.set(`k${100 + i}`, '')
  const step = (from: string, ahead: ReadAhead) => walk(db, { from }, 10, ahead)
  const ahead = new ReadAhead()
  const first = runNow(step('', ahead))
  assert.is(ahead.count, 1)
  const second = await runLater(step(first.next as string, ahead))
  const third = runNow(step(second.next as string, ahead))
  assert.is(ahead.count, 1)
  assert.equal(
    [first, second, third].flatMap(({ keys }) => keys.map(({ key }) => key)),
    Array.from({ length: 30 }, (_, i) => `k${100 + i}`),
  )
})

test('a synchronous walk throws StoreNotOpenError while LevelDB is closed', async () => {
  const records = new MemoryRecords()
  const keyspace = newKeyspace(records)
  keyspace.database(0).set('k', '')
  await records.close()
  assert.throws(
    () => runNow(walk(keyspace.database(0), ALL_KEYS, 10)),
    (error: Error) => error instanceof StoreNotOpenError,
  )
})

test.run()

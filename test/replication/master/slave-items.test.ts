/** The table of attached replicas: attempts, bindings and fencing. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Claimant } from '../../../replication/master/claims.ts'
import { type Binding, MAX_SLAVE_ITEMS, type SlaveItem, SlaveItems } from '../../../replication/master/slave-items.ts'
import { seeded } from '../../support/generators/seed.ts'
import { id } from '../../support/replication/master-bench.ts'

const TIMEOUT_MS = 60_000
const A = id(1)
const B = id(2)
const C = id(3)

/** Returns the registry with a clock, and connections by their numbers. */
function registry() {
  const items = new SlaveItems()
  const state = { now: 0 }
  const metaSync = (connection: number, runId: string, attempt = 1, port = 7001, ip = '10.0.0.1') =>
    items.metaSync(
      { ip, port, runId, attempt, version: 1, isFailover: false },
      ip,
      { id: connection, address: `10.0.0.1:${connection}` },
      TIMEOUT_MS,
      state.now,
    )
  return { items, state, metaSync }
}

function bound(binding: Binding): SlaveItem {
  assert.is(binding.type, 'bound', JSON.stringify(binding))
  return (binding as { item: SlaveItem }).item
}

function refused(binding: Binding): string {
  assert.is(binding.type, 'refused', JSON.stringify(binding))
  const { code, text } = binding as Extract<Binding, { type: 'refused' }>
  return `${code} ${text}`
}

test('a repeated attempt on one connection keeps its session', () => {
  const { items, metaSync } = registry()
  const item = bound(metaSync(1, A))
  const { session } = item
  for (let i = 0; i < 1000; i++) assert.equal(metaSync(1, A), { type: 'same', item })
  assert.is(item.session, session)
  assert.is(items.count, 1)
})

test('a repeated attempt on another connection rebinds its item and fences the earlier connection', () => {
  const { items, metaSync } = registry()
  const sessions = new Set<number>()
  for (let connection = 1; connection <= 1000; connection++) {
    const binding = metaSync(connection, A)
    sessions.add(bound(binding).session)
    assert.is((binding as { fenced: number | null }).fenced, connection === 1 ? null : connection - 1)
  }
  assert.is(sessions.size, 1000)
  assert.is(items.count, 1)
  assert.is(items.attachedCount, 1)
})

test('a session is valid on its connection only, and until the next one', () => {
  const { items, metaSync } = registry()
  const first = bound(metaSync(1, A)).session
  assert.ok(items.withSession(first, 1))
  assert.is(items.withSession(first, 2), undefined)
  const second = bound(metaSync(2, A, 2)).session
  assert.is(items.withSession(first, 1), undefined)
  assert.is(items.withSession(second, 1), undefined)
  assert.is(items.withSession(first, 2), undefined)
  assert.ok(items.withSession(second, 2))
  assert.is(items.withSession(0, 2), undefined)
})

test('an ended session is invalid, and the same attempt begins another', () => {
  const { items, metaSync } = registry()
  const item = bound(metaSync(1, A))
  const { session } = item
  items.endSession(item)
  assert.is(items.withSession(session, 1), undefined)
  assert.is(items.withSession(0, 1), undefined)
  assert.is.not(bound(metaSync(1, A)).session, session)
})

test('a late close of a fenced connection changes nothing', () => {
  const { items, metaSync } = registry()
  metaSync(1, A)
  const item = bound(metaSync(2, A, 2))
  assert.is(items.detach(1, 0), undefined)
  assert.is(item.connection, 2)
  assert.is(item.leftMs, null)
})

test('acknowledged and pinned offsets stay when an item is bound to another connection', () => {
  const { metaSync } = registry()
  const item = bound(metaSync(1, A))
  item.applied = 500
  item.synced = 400
  item.pinned = 400
  assert.is(bound(metaSync(2, A, 2)), item)
  assert.equal([item.applied, item.synced, item.pinned], [500, 400, 400])
})

test('a repeated last attempt of a dead process does not take the address from its live successor', () => {
  const { items, metaSync } = registry()
  bound(metaSync(1, A, 3))
  items.detach(1, 0)
  const successor = bound(metaSync(2, B, 1))
  assert.is(refused(metaSync(3, A, 3)), `STALE attempt 3 of ${A} comes after its attempt 3`)
  assert.is(successor.connection, 2)
  items.detach(2, 0)
  assert.is(bound(metaSync(4, A, 3)).connection, 4)
})

test('an attempt older than the latest one is stale and fences nothing', () => {
  const { items, metaSync } = registry()
  const item = bound(metaSync(2, A, 7))
  assert.is(refused(metaSync(1, A, 6)), `STALE attempt 6 of ${A} comes after its attempt 7`)
  assert.is(item.connection, 2)
  assert.ok(items.withSession(item.session, 2))
  items.detach(2, 0)
  assert.match(refused(metaSync(3, A, 6)), /^STALE/)
})

test('a new run id takes the address over at once, even with the old connection half open', () => {
  const { metaSync } = registry()
  const item = bound(metaSync(1, A, 900))
  const binding = metaSync(2, B, 1)
  assert.is(bound(binding), item)
  assert.is(item.runId, B)
  assert.equal([(binding as { fenced: number }).fenced, (binding as { evicted: unknown }).evicted], [1, null])
})

test('of two live processes with one address the first gets it back, and the newcomer is refused by name', () => {
  const { items, state, metaSync } = registry()
  const item = bound(metaSync(1, A))
  metaSync(2, B)
  state.now = 1000
  const back = metaSync(3, A, 2)
  assert.is(bound(back), item)
  assert.is((back as { evicted: { runId: string } }).evicted.runId, B)
  const text = `DUPLICATE 10.0.0.1:7001 is announced by two processes: ${A} at 10.0.0.1:3 has it, ${B} at 10.0.0.1:4 is refused`
  for (let attempt = 2; attempt < 50; attempt++) {
    const again = metaSync(4, B, attempt)
    assert.is(refused(again), text)
    assert.is((again as { conflict: { isNew: boolean } }).conflict.isNew, false)
  }
  assert.is(item.runId, A)
  assert.ok(items.withSession(item.session, 3), 'the holder is not disturbed')
  assert.equal(
    item.claims.refused.map(({ runId, refusedSinceMs }) => [runId, refusedSinceMs]),
    [[B, 1000]],
  )
})

test('the newcomer gets the address when the first process closes or falls silent', () => {
  for (const end of ['close', 'silence']) {
    const { items, state, metaSync } = registry()
    metaSync(1, A)
    metaSync(2, B)
    const item = bound(metaSync(3, A, 2))
    assert.match(refused(metaSync(4, B, 2)), /^DUPLICATE/)
    if (end === 'close') items.detach(3, state.now)
    else state.now += TIMEOUT_MS
    if (end === 'silence') {
      assert.match(refused(metaSync(4, B, 3)), /^DUPLICATE/)
      state.now++
    }
    const binding = metaSync(4, B, 4)
    assert.is(bound(binding), item)
    assert.is((binding as { wasRefused: boolean }).wasRefused, true)
    assert.is(item.runId, B)
    assert.equal(item.claims.refused, [])
  }
})

test('a process that takes over from a detached one causes no conflict', () => {
  const { items, metaSync } = registry()
  metaSync(1, A)
  items.detach(1, 0)
  metaSync(2, B)
  items.detach(2, 0)
  const item = bound(metaSync(3, C))
  assert.is(item.runId, C)
  assert.equal(item.claims.refused, [])
})

test('a conflict ends when the refused process has not asked for repl-timeout; its next try begins another', () => {
  const { state, metaSync } = registry()
  metaSync(1, A)
  metaSync(2, B)
  const item = bound(metaSync(3, A, 2))
  state.now = TIMEOUT_MS
  assert.equal(item.claims.expireConflicts(TIMEOUT_MS, state.now), [])
  state.now = TIMEOUT_MS + 1
  item.heardMs = state.now
  assert.equal(
    item.claims.expireConflicts(TIMEOUT_MS, state.now).map(({ runId }) => runId),
    [B],
  )
  assert.equal(item.claims.refused, [])
  const again = metaSync(4, B, 9)
  assert.is((again as { conflict: { isNew: boolean } }).conflict.isNew, true)
})

test('few run ids are remembered for an address, and the holder is one of them', () => {
  const { metaSync } = registry()
  const item = bound(metaSync(1, A))
  for (let number = 10; number < 100; number++) bound(metaSync(number, id(number)))
  assert.is(item.runId, id(99))
  assert.is(item.claims.holder?.runId, id(99))
  assert.is(bound(metaSync(500, A)).runId, A, 'forgotten, and so treated as new')
})

test('two replicas behind one ip with different ports are two items, and so are two ips with one port', () => {
  const { items, metaSync } = registry()
  const first = bound(metaSync(1, A, 1, 7001))
  assert.is.not(bound(metaSync(2, B, 1, 7002)), first)
  assert.is.not(bound(metaSync(3, C, 1, 7001, '10.0.0.2')), first)
  assert.is(items.count, 3)
  assert.is(first.connection, 1)
})

test('a connection that announces another address detaches its earlier item', () => {
  const { items, metaSync } = registry()
  const first = bound(metaSync(1, A, 1, 7001))
  const second = bound(metaSync(1, A, 2, 7002))
  assert.is(first.connection, null)
  assert.is(second.connection, 1)
  assert.is(items.attachedCount, 1)
})

test('an item is removed a fixed time after its replica detached, and not before', () => {
  const { items, state, metaSync } = registry()
  metaSync(1, A)
  state.now = 100
  assert.ok(items.detach(1, state.now))
  assert.equal(items.removeAbsent(1000, 1099), [])
  assert.is(items.removeAbsent(1000, 1100).length, 1)
  assert.is(items.count, 0)
})

test('an item whose replica has returned is not removed', () => {
  const { items, metaSync } = registry()
  metaSync(1, A)
  items.detach(1, 0)
  metaSync(2, A, 2)
  assert.equal(items.removeAbsent(0, 10 ** 9), [])
})

test('the number of items is limited: the longest detached makes room, and otherwise a new one is refused', () => {
  const { items, state, metaSync } = registry()
  for (let port = 1; port <= MAX_SLAVE_ITEMS; port++) bound(metaSync(port, id(port), 1, port))
  assert.is(refused(metaSync(5000, A, 1, 5000)), 'ERR 1000 replicas are attached')
  state.now = 1
  items.detach(20, state.now)
  state.now = 2
  items.detach(10, state.now)
  bound(metaSync(5000, A, 1, 5000))
  assert.is(items.count, MAX_SLAVE_ITEMS)
  assert.equal(
    [...items.all].filter(({ connection }) => connection === null).map(({ port }) => port),
    [10],
  )
  bound(metaSync(5001, id(20), 1, 20))
})

test('after any sequence of events items and connections are bound one to one, and sessions never repeat', () => {
  const { integer, pick } = seeded('slave items')
  for (let round = 0; round < 50; round++) {
    const { items, state, metaSync } = registry()
    const sessions = new Set<number>()
    const attempts = new Map<string, number>()
    for (let step = 0; step < 200; step++) {
      state.now += integer(20_000)
      const connection = integer(12)
      const runId = id(integer(4))
      if (integer(4) === 0) items.detach(connection, state.now)
      else if (integer(20) === 0) items.removeAbsent(integer(100_000), state.now)
      else {
        const attempt = (attempts.get(runId) ?? 0) + pick([-1, 0, 1, 1])
        attempts.set(runId, Math.max(0, attempt, attempts.get(runId) ?? 0))
        const binding = metaSync(connection, runId, Math.max(0, attempt), 7001 + integer(3))
        if (binding.type === 'bound') {
          const { item } = binding
          assert.is(sessions.has(item.session), false)
          sessions.add(item.session)
          assert.equal([item.connection, item.runId, item.claims.holder?.runId], [connection, runId, runId])
        }
      }
      for (const item of items.all) {
        const isBound = item.connection !== null
        if (isBound) assert.is(items.of(item.connection as number), item)
        else assert.equal([item.session, item.grantedOffset], [0, null])
        assert.is(item.leftMs === null, isBound)
        assert.is(item.claims.refused.includes(item.claims.holder as Claimant), false)
      }
      assert.is([...items.all].filter((item) => item.connection !== null).length, items.attachedCount)
    }
  }
})

test.run()

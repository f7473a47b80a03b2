/** Waiting for a condition of replication with a time limit. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type WaitCondition, Waiters, type WaitResult } from '../../replication/waiters.ts'

const CLIENT = {}
const OTHER = {}

function condition(changes: Partial<WaitCondition> = {}): WaitCondition {
  return { after: 100, mustBeDurableHere: false, replicas: 1, what: 'applied', timeoutMs: 0, ...changes }
}

/** Returns waiters over figures that a test sets, and the answer that each waiter got. */
function waiters() {
  const state: WaitResult & { local: number; replicas: number } = { local: 0, replicas: 0 }
  const all = new Waiters(() => ({ ...state }))
  const answers: unknown[] = []
  const wait = (owner: object, wanted: WaitCondition, monotonicMs = 0) =>
    void all.wait(owner, wanted, monotonicMs).then(
      (result) => answers.push(result),
      (error: Error) => answers.push(error.message),
    )
  return { state, all, answers, wait }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

test('a condition that already holds is answered at once', async () => {
  const { state, all, answers, wait } = waiters()
  state.replicas = 2
  wait(CLIENT, condition())
  await settled()
  assert.equal(answers, [{ local: 0, replicas: 2 }])
  assert.is(all.count, 0)
})

test('a condition that does not hold is answered as soon as it does', async () => {
  const { state, all, answers, wait } = waiters()
  wait(CLIENT, condition({ replicas: 2 }))
  state.replicas = 1
  all.check(10)
  await settled()
  assert.equal(answers, [])
  state.replicas = 2
  all.check(20)
  await settled()
  assert.equal(answers, [{ local: 0, replicas: 2 }])
})

test('a waiter is answered with the current counts at its timeout', async () => {
  const { all, answers, wait } = waiters()
  wait(CLIENT, condition({ timeoutMs: 50 }), 1000)
  all.check(1049)
  await settled()
  assert.equal(answers, [])
  all.check(1050)
  await settled()
  assert.equal(answers, [{ local: 0, replicas: 0 }])
})

test('a condition of local durability needs the local disk and the replicas', async () => {
  const { state, all, answers, wait } = waiters()
  wait(CLIENT, condition({ mustBeDurableHere: true }))
  state.replicas = 1
  all.check(1)
  await settled()
  assert.equal(answers, [])
  state.local = 1
  all.check(2)
  await settled()
  assert.equal(answers, [{ local: 1, replicas: 1 }])
})

test('a disconnected client is not answered', async () => {
  const { state, all, answers, wait } = waiters()
  wait(CLIENT, condition())
  wait(OTHER, condition())
  all.forget(CLIENT)
  state.replicas = 1
  all.check(1)
  await settled()
  assert.is(answers.length, 1)
})

test('unblocking answers one client, like its timeout or with an error', async () => {
  const { all, answers, wait } = waiters()
  wait(CLIENT, condition())
  wait(OTHER, condition())
  assert.is(all.unblock(CLIENT, null), true)
  assert.is(all.unblock(CLIENT, null), false)
  await settled()
  assert.equal(answers, [{ local: 0, replicas: 0 }])
  assert.is(all.unblock(OTHER, new Error('UNBLOCKED')), true)
  await settled()
  assert.is(answers[1], 'UNBLOCKED')
})

test('all waiters fail when no condition can come true any more', async () => {
  const { all, answers, wait } = waiters()
  wait(CLIENT, condition())
  wait(OTHER, condition())
  all.failAll(new Error('role changed'))
  await settled()
  assert.equal(answers, ['role changed', 'role changed'])
  assert.is(all.count, 0)
})

test.run()

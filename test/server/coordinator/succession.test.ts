/** The choice of a successor: history first, then offset. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Candidate, choose } from '../../../server/coordinator/succession.ts'

const MASTER = { history: 'h2', previousHistory: 'h1' }
const replica = (id: string, history: string, offset: number, isSyncing = false): Candidate => ({ id, history, offset, isSyncing })

/** Returns the id of the successor, or the reason why there is none. */
function chosen(...candidates: readonly Candidate[]): string {
  const choice = choose(MASTER, candidates)
  return 'failure' in choice ? choice.failure : choice.successor.id
}

test('the replica with the greatest offset in the history of the master is chosen', () => {
  assert.is(chosen(replica('a', 'h2', 10), replica('b', 'h2', 30), replica('c', 'h2', 20)), 'b')
  assert.is(chosen(replica('a', 'h2', 10), replica('b', 'x', 99), replica('c', 'h1', 98)), 'a')
})

test('the history before counts only if no replica has the present one', () => {
  assert.is(chosen(replica('a', 'h1', 10), replica('b', 'h1', 11), replica('c', 'x', 99)), 'b')
})

test('a replica in a full sync is not chosen', () => {
  assert.is(chosen(replica('a', 'h2', 10), replica('b', 'h2', 30, true)), 'a')
  assert.is(chosen(replica('b', 'h2', 30, true)), 'every replica is in a full sync')
})

test('without a fitting replica there is a reason', () => {
  assert.is(chosen(), 'no replica answers')
  assert.is(chosen(replica('a', 'x', 1)), 'no replica has the history of the master')
  assert.equal(choose({ history: '', previousHistory: '' }, [replica('a', '', 1)]), { failure: 'no replica has the history of the master' })
})

test.run()

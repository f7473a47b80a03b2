/**
 * Assertions, and every `catch` on the way to the disk: none continues after a failed assertion.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { AssertionError, at, endOnFailure, must, rethrowAssertion, assert as truly } from '../../base/assert.ts'
import type { Log } from '../../base/log.ts'
import type { Binlog } from '../../storage/binlog/binlog.ts'
import { GroupWriter } from '../../storage/binlog/group-writer.ts'
import { OpenGroup } from '../../storage/binlog/open-group.ts'
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} }

function thrownBy(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

test('a true assertion does nothing', () => {
  truly(true, 'one is one')
})

test('a failed assertion throws an AssertionError with its text', () => {
  const error = thrownBy(() => truly(false, 'one is two'))
  assert.instance(error, AssertionError)
  assert.instance(error, Error)
  assert.is((error as Error).name, 'AssertionError')
  assert.is((error as Error).message, 'assertion failed: one is two')
})

test('must returns every value but undefined and null', () => {
  for (const value of [0, '', false, 0n]) assert.is(must(value), value)
  assert.instance(
    thrownBy(() => must(undefined)),
    AssertionError,
  )
  assert.match((thrownBy(() => must(null, 'the root has a child')) as Error).message, 'the root has a child')
})

test('at returns the element at a valid index', () => {
  assert.is(at([5, 6], 1), 6)
  for (const index of [-1, 2, 0.5])
    assert.instance(
      thrownBy(() => at([5, 6], index)),
      AssertionError,
    )
})

test("the program's handler receives a failed assertion before any catch", () => {
  const seen: string[] = []
  endOnFailure((error) => seen.push(error.message))
  try {
    truly(false, 'first')
  } catch {
    seen.push('caught')
  } finally {
    endOnFailure(() => {})
  }
  assert.equal(seen, ['assertion failed: first', 'caught'])
})

test('rethrowAssertion ignores other errors', () => {
  rethrowAssertion(new Error('the disk is full'))
  rethrowAssertion(undefined)
  const error = new AssertionError('a bug')
  assert.is(
    thrownBy(() => rethrowAssertion(error)),
    error,
  )
})

test('a group that fails an assertion is not kept for a later write', () => {
  const keyspace = { nowMs: 1, expiryMode: 'delete' } as Keyspace
  const asked: unknown[] = []
  const freeDiskSpace = (error: unknown) => {
    asked.push(error)
    return true
  }
  const bug = new AssertionError('the end of the binlog only grows')
  const binlog = {
    append() {
      throw bug
    },
  } as unknown as Binlog
  const writer = new GroupWriter(new OpenGroup(), keyspace, SILENT, freeDiskSpace)
  assert.is(
    thrownBy(() => writer.commit(binlog)),
    bug,
  )
  assert.is(writer.stalled, null)
  assert.equal(asked, [])
  assert.is(keyspace.expiryMode, 'delete')
})

test.run()

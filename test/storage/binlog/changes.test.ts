/** Counting the changes since the last checkpoint. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { strings } from '../../../commands/strings/strings.ts'
import { harness } from '../../support/harness/harness.ts'

test('a landed checkpoint counts only the changes before its freeze as saved', () => {
  const { run, keyspace } = harness([strings])
  const since = () => keyspace.countedChanges - keyspace.landedChanges
  const batch = { put() {}, remove() {} }
  run('SET', 'a', '1')
  run('SET', 'a', '2')
  assert.is(since(), 2)
  const failed = keyspace.freeze(batch)
  keyspace.thaw(failed)
  assert.is(since(), 2)
  keyspace.freeze(batch)
  run('SET', 'b', '1')
  assert.is(since(), 3)
  keyspace.releaseFrozen()
  assert.is(since(), 1)
  keyspace.reset()
  assert.is(since(), 0)
})

test.run()

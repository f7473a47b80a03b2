/** DBSIZE, FLUSHDB, FLUSHALL and SWAPDB: what they change and log. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { OK } from '../../../commands/contract/reply.ts'
import { databases } from '../../../commands/keys/databases.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { harness } from '../../support/harness/harness.ts'

const start = () => harness([strings, databases])
const throwsText = (run: () => unknown, text: string) => assert.throws(run, (error: Error) => error.message === text)

test('DBSIZE counts the keys of the selected database', () => {
  const { run, session } = start()
  run('MSET', 'a', '1', 'b', '2')
  assert.is(run('DBSIZE'), 2)
  session.database = 1
  assert.is(run('DBSIZE'), 0)
})

test('FLUSHDB empties the selected database, in either mode, and is logged', () => {
  for (const mode of [[], ['ASYNC'], ['sync']]) {
    const { run, session, logged } = start()
    run('SET', 'a', '1')
    session.database = 1
    run('SET', 'b', '1')
    logged()
    assert.is(run('FLUSHDB', ...mode), OK)
    assert.is(run('DBSIZE'), 0)
    assert.equal(logged(), [
      ['SELECT', '1'],
      ['FLUSHDB', ...mode],
      ['SELECT', '0'],
    ])
    session.database = 0
    assert.is(run('GET', 'a'), '1')
  }
})

test('FLUSHALL empties all databases and is logged even if they are empty', () => {
  const { run, session, keyspace, logged } = start()
  run('SET', 'a', '1')
  session.database = 3
  run('SET', 'b', '1')
  session.database = 0
  logged()
  assert.is(run('FLUSHALL'), OK)
  assert.is(keyspace.keyCount, 0)
  assert.is(run('FLUSHALL', 'ASYNC'), OK)
  assert.equal(logged(), [['FLUSHALL'], ['FLUSHALL', 'ASYNC']])
})

test('FLUSHDB and FLUSHALL refuse other words', () => {
  const { run, keyspace } = start()
  run('SET', 'a', '1')
  for (const name of ['FLUSHDB', 'FLUSHALL']) {
    throwsText(() => run(name, 'x'), 'ERR syntax error')
    throwsText(() => run(name, 'ASYNC', 'SYNC'), 'ERR syntax error')
  }
  assert.is(keyspace.keyCount, 1)
})

test('SWAPDB swaps the contents of two databases', () => {
  const { run, session, logged } = start()
  run('SET', 'a', 'zero')
  session.database = 1
  run('SET', 'a', 'one')
  logged()
  assert.is(run('SWAPDB', '0', '1'), OK)
  assert.is(run('GET', 'a'), 'zero')
  assert.is(run('SWAPDB', '1', '1'), OK)
  session.database = 0
  assert.is(run('GET', 'a'), 'one')
  assert.equal(logged()[1], ['SWAPDB', '0', '1'])
})

test('SWAPDB refuses invalid indexes', () => {
  const { run } = start()
  throwsText(() => run('SWAPDB', 'a', 'b'), 'ERR invalid first DB index')
  throwsText(() => run('SWAPDB', '99999999999', '0'), 'ERR invalid first DB index')
  throwsText(() => run('SWAPDB', '0', 'b'), 'ERR invalid second DB index')
  for (const index of ['16', '-1']) {
    throwsText(() => run('SWAPDB', index, '0'), 'ERR DB index is out of range')
    throwsText(() => run('SWAPDB', '0', index), 'ERR DB index is out of range')
  }
})

test.run()

/**
 * MIGRATE on a fake network: what is sent, deleted and logged, and keys that change meanwhile.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { ClientError } from '../../../commands/contract/errors.ts'
import type { MigrationOutcome } from '../../../commands/contract/ports.ts'
import { OK, SimpleString } from '../../../commands/contract/reply.ts'
import { dataFamilies } from '../../support/generators/data-families.ts'
import { harness } from '../../support/harness/harness.ts'

const CHANGED = 'ERR Keys were changed while they were transferred and stay here. MIGRATE with REPLACE transfers them again'
const TO = ['MIGRATE', 'other', '7000'] as const

const stored = (...isStored: boolean[]): MigrationOutcome => ({ isStored, refusal: null, failure: null })

function start() {
  const made = harness(dataFamilies)
  const { migrations } = made.server
  const mover = made.client()
  /** Ends the transfer that began last, and serves the client. */
  const end = async (outcome: MigrationOutcome) => {
    migrations.end(outcome)
    await Promise.resolve()
    await Promise.resolve()
    made.executor.serveBlocked()
  }
  const texts = () => mover.replies.map((reply) => (reply instanceof ClientError ? reply.message : reply))
  return { ...made, migrations, mover, end, texts }
}

test('keys that are acknowledged are deleted, and logged as one DEL', async () => {
  const { run, mover, migrations, end, texts, logged, keyspace } = start()
  run('MSET', 'a', '1', 'b', '2')
  run('PEXPIRE', 'b', '5000')
  logged()
  mover.send(...TO, '', '3', '50', 'REPLACE', 'AUTH2', 'u', 'p', 'KEYS', 'a', 'x', 'b')
  assert.equal(texts(), [])
  const [sent] = migrations.sent
  assert.equal(sent!.target, { host: 'other', port: '7000', database: '3', credentials: ['u', 'p'] })
  assert.equal(sent!.settings, { mayReplace: true, timeoutMs: 50 })
  assert.equal(
    sent!.keys.map(({ key, ttlMs }) => [key, ttlMs]),
    [
      ['a', 0],
      ['b', 5000],
    ],
  )
  await end(stored(true, true))
  assert.equal(texts(), [OK])
  assert.is(run('EXISTS', 'a', 'b'), 0)
  assert.equal(logged(), [['DEL', 'a', 'b']])
  assert.is(keyspace.observers, null)
})

test('COPY deletes nothing, and a missing key is NOKEY', async () => {
  const { run, mover, end, texts, logged } = start()
  run('SET', 'a', '1')
  logged()
  mover.send(...TO, 'x', '0', '50')
  mover.send(...TO, 'a', '0', '50', 'COPY')
  await end(stored(true))
  assert.equal(texts(), [new SimpleString('NOKEY'), OK])
  assert.equal(logged(), [])
})

test('after an error only the keys that were acknowledged before are deleted', async () => {
  const { run, mover, end, texts, logged } = start()
  run('MSET', 'a', '1', 'b', '2')
  logged()
  mover.send(...TO, '', '0', '50', 'KEYS', 'a', 'b')
  await end({ isStored: [true, false], refusal: null, failure: 'IOERR error or timeout reading to target instance' })
  assert.equal(texts(), ['IOERR error or timeout reading to target instance'])
  assert.equal(logged(), [['DEL', 'a']])
})

test('a key that is changed while it is transferred stays', async () => {
  const changes: Bytes[][] = [['APPEND', 'a', 'x'], ['DEL', 'a'], ['FLUSHALL'], ['SWAPDB', '0', '1'], ['RENAME', 'a', 'c']]
  for (const change of changes) {
    const { run, mover, end, texts, logged } = start()
    run('MSET', 'a', '1', 'b', '2')
    mover.send(...TO, 'a', '0', '50')
    run(...change)
    logged()
    await end(stored(true))
    assert.equal(texts(), [CHANGED], change.join(' '))
    assert.equal(logged(), [])
  }
})

test('a key that expires while it is transferred is no error', async () => {
  const { run, mover, end, texts, advance } = start()
  run('SET', 'a', '1', 'PX', '10')
  mover.send(...TO, 'a', '0', '50')
  advance(20)
  assert.is(run('EXISTS', 'a'), 0)
  await end(stored(true))
  assert.equal(texts(), [OK])
})

test('the key of a client that is unblocked or leaves stays, and nothing observes it any more', async () => {
  const { run, mover, end, texts, blocked, keyspace, logged } = start()
  run('SET', 'a', '1')
  logged()
  mover.send(...TO, 'a', '0', '50')
  blocked.unblock(mover, 'error')
  assert.equal(texts(), ['UNBLOCKED client unblocked via CLIENT UNBLOCK'])
  assert.is(keyspace.observers, null)
  await end(stored(true))
  assert.equal(logged(), [])
  assert.is(run('EXISTS', 'a'), 1)
})

test('without room for payloads a client waits, and then sends its keys as they are', async () => {
  const { run, mover, migrations, end, texts, executor } = start()
  run('MSET', 'a', '1', 'b', '2')
  migrations.hasRoom = false
  mover.send(...TO, '', '0', '50', 'KEYS', 'a', 'b')
  assert.equal([texts(), migrations.sent.length, migrations.turns.length], [[], 0, 1])
  const [turn] = migrations.turns
  turn!.ready()
  executor.serveBlocked()
  assert.equal([texts(), migrations.sent.length, migrations.turns.length], [[], 0, 1])
  run('DEL', 'a')
  turn!.isReady = true
  turn!.ready()
  executor.serveBlocked()
  assert.equal(
    migrations.sent.map(({ keys }) => keys.map(({ key }) => key)),
    [['b']],
  )
  assert.is(turn!.hasLeft, true)
  await end(stored(true))
  assert.equal(texts(), [OK])
  assert.is(run('EXISTS', 'b'), 0)
})

test('a client that waits for room gives its turn up when its keys are gone, or it is unblocked', () => {
  const { run, mover, migrations, texts, executor, blocked, client } = start()
  run('SET', 'a', '1')
  migrations.hasRoom = false
  mover.send(...TO, 'a', '0', '50')
  run('DEL', 'a')
  const [turn] = migrations.turns
  turn!.isReady = true
  turn!.ready()
  executor.serveBlocked()
  assert.equal(texts(), [new SimpleString('NOKEY')])
  assert.is(turn!.hasLeft, true)
  run('SET', 'a', '1')
  const other = client()
  other.send(...TO, 'a', '0', '50')
  blocked.unblock(other, 'error')
  assert.is(migrations.turns[1]!.hasLeft, true)
  assert.equal(migrations.sent, [])
})

test('arguments are refused as Redis refuses them', () => {
  const { run, error } = start()
  run('SET', 'a', '1')
  assert.is(error(...TO, 'a', '0', '50', 'NO'), 'ERR syntax error')
  assert.is(error(...TO, 'a', '0', '50', 'AUTH'), 'ERR syntax error')
  assert.is(error(...TO, 'a', '0', '50', 'AUTH2', 'u'), 'ERR syntax error')
  assert.is(
    error(...TO, 'a', '0', '50', 'KEYS', 'a'),
    'ERR When using MIGRATE KEYS option, the key argument must be set to the empty string',
  )
  assert.is(error(...TO, 'a', 'x', '50'), 'ERR value is not an integer or out of range')
  assert.is(error(...TO, 'a', '0', 'x'), 'ERR value is not an integer or out of range')
})

test('a transaction answers an error in the place of MIGRATE, unless there is no key', () => {
  const { run, mover, texts } = start()
  run('SET', 'a', '1')
  mover.send('MULTI')
  mover.send(...TO, 'a', '0', '50')
  mover.send(...TO, 'x', '0', '50')
  mover.send('EXEC')
  const [refused, missing] = texts().at(-1) as unknown as [{ text: string }, SimpleString]
  assert.is(refused.text, 'ERR MIGRATE cannot wait inside a transaction or a script')
  assert.equal(missing, new SimpleString('NOKEY'))
})

test.run()

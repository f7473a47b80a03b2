/**
 * Scripts that a server's state forbids. test/interop/redis/script-refusals.test.ts compares all of
 * it with redis-server.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../../support/harness/engine.ts'
import { withNode } from '../../support/harness/in-process-node.ts'
import { WireError } from '../../support/servers/wire-client.ts'

const READ_ONLY = "READONLY You can't write against a read only replica."
const MASTER_DOWN = "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."
const NOWHERE = ['SLAVEOF', '127.0.0.1', '1'] as const

test('a stale replica runs only scripts with allow-stale, and only allowed commands in them', () =>
  withNode({ 'replica-serve-stale-data': 'no' }, async ({ client }) => {
    assert.is(await client.call(...NOWHERE), 'OK')
    const texts: unknown[] = []
    for (const script of [
      'return 1',
      '#!lua flags=no-writes\nreturn 1',
      "#!lua flags=no-writes,allow-stale\nreturn redis.pcall('GET', 'a').err",
      "#!lua flags=no-writes,allow-stale\nreturn redis.call('ECHO', 'a')",
      '#!lua flags=allow-stale\nreturn 1',
    ]) {
      const reply = await client.call('EVAL', script, '0')
      texts.push(reply instanceof WireError ? reply.text : reply)
    }
    assert.equal(texts, [MASTER_DOWN, MASTER_DOWN, 'ERR Can not execute the command on a stale replica', 'a', READ_ONLY])
  }))

test("a script's declared flags are checked before it runs, even if it only reads", () =>
  withNode({}, async ({ client }) => {
    const undeclared = await client.call('EVAL_RO', '#!lua\nreturn 1', '0')
    assert.equal(undeclared, new WireError('ERR Can not execute a script with write flag using *_ro command.'))
    assert.is(await client.call(...NOWHERE), 'OK')
    for (const command of ['EVAL', 'EVAL_RO']) {
      assert.equal(await client.call(command, '#!lua\nreturn 1', '0'), new WireError(READ_ONLY))
      assert.is(await client.call(command, 'return 1', '0'), 1)
    }
  }))

test('SLAVEOF in a transaction makes its later scripts refused as in Redis', () =>
  withNode({}, async ({ client }) => {
    const replies = await client.pipeline([['MULTI'], NOWHERE, ['EVAL', '#!lua\nreturn 1', '0'], ['EXEC']])
    assert.equal(replies.at(-1), ['OK', new WireError('READONLY Can not run script with write flag on readonly replica')])
  }))

test('a script that began to write may go on writing when replicas are lacking', () =>
  withNode({ 'busy-reply-threshold': '10' }, async ({ client, node }) => {
    const { gates, storage, executor } = node.parts
    const { keyspace } = storage
    const script = "redis.call('SET', 'a', '1') while redis.call('EXISTS', 'end') == 0 do end return redis.call('SET', 'b', '1')"
    const reply = client.call('EVAL', script, '0')
    await until(() => executor.units.isSuspended, 'the suspension')
    Object.defineProperty(gates.replication, 'isShortOfReplicas', { value: true, configurable: true })
    gates.refresh()
    keyspace.database(0).set('end', '1')
    assert.is(await reply, 'OK')
    assert.equal(await client.call('SET', 'c', '1'), new WireError('NOREPLICAS Not enough good replicas to write.'))
    assert.equal(await client.call('MGET', 'a', 'b', 'c'), ['1', '1', null])
  }))

test.run()

/**
 * Scripts that run longer than busy-reply-threshold, and everything else that happens meanwhile.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../../support/harness/engine.ts'
import { holdWalks, keepReadings, type NodeWithClients, stallBinlog, withNode } from '../../support/harness/in-process-node.ts'
import { encodeCommand, WireClient, WireError, type WireReply } from '../../support/servers/wire-client.ts'

const SETTINGS = { 'busy-reply-threshold': '10' }

/** Returns a script that waits for a key. `before` runs once before that. */
const waiting = (before = '', after = "return 'done'") => `${before} while redis.call('EXISTS', 'end') == 0 do end ${after}`

/** Sets the key that the script waits for, without a command of any client. */
function letScriptEnd({ node }: NodeWithClients): void {
  const { keyspace } = node.parts.storage
  const { changes } = keyspace
  keyspace.database(0).set('end', '1')
  keyspace.changes = changes
}

const isSuspended = ({ node }: NodeWithClients) => until(() => node.parts.executor.units.isSuspended, 'the suspension')
const isOver = ({ node }: NodeWithClients) => until(() => !node.parts.executor.units.isSuspended, 'the end of the script')

/**
 * Runs `count` turns of the event loop, in which anything that is not held back would be sent and
 * arrive.
 */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve, 1))
}

/** Returns a promise with a flag that says whether it has been fulfilled. */
function watched<T>(promise: Promise<T>): { isKept: boolean; promise: Promise<T> } {
  const state = { isKept: false, promise }
  void promise.then(() => {
    state.isKept = true
  })
  return state
}

test('BLPOP blocks again after a suspended script', () =>
  withNode(SETTINGS, async (world) => {
    const { node, client, other } = world
    const reply = client.call('EVAL', waiting(), '0')
    await isSuspended(world)
    letScriptEnd(world)
    assert.is(await reply, 'done')
    const popped = other.call('BLPOP', 'list', '0')
    await until(() => node.parts.executor.blockedClients.count === 1, 'the blocked client')
    assert.is(await client.call('RPUSH', 'list', 'a'), 1)
    assert.equal(await popped, ['list', 'a'])
  }))

test('a script suspended when the binlog stalls is answered after the stall', () =>
  withNode(SETTINGS, async (world) => {
    const { node, client } = world
    keepReadings(node) // or the SET's group would be found unwritable before the script begins
    const writes = stallBinlog(node)
    client.raw(encodeCommand('CLIENT', 'REPLY', 'SKIP'))
    // In the group of the turn in which the script begins.
    client.raw(encodeCommand('SET', 'a', '1'))
    const reply = watched(client.call('EVAL', waiting("redis.call('SET', 'b', '2')", "return redis.call('MGET', 'a', 'b')"), '0'))
    await isSuspended(world)
    await until(() => node.parts.storage.stalled !== null, 'the stall')
    letScriptEnd(world)
    await isOver(world)
    await turns(20)
    assert.is(reply.isKept, false, 'answered, and not logged')
    writes()
    assert.equal(await reply.promise, ['1', '2'])
    assert.equal(await client.call('MGET', 'a', 'b'), ['1', '2'])
  }))

test('messages and effects of a suspended script reach others at its end, and other clients are answered meanwhile', () =>
  withNode({ ...SETTINGS, 'notify-keyspace-events': 'KEA' }, async (world) => {
    const { node, client, other } = world
    const tracker = await WireClient.connect({ port: node.port })
    await tracker.call('HELLO', '3')
    assert.is(await tracker.call('CLIENT', 'TRACKING', 'ON'), 'OK')
    assert.is(await tracker.call('GET', 'a'), null)
    assert.equal(await other.call('SUBSCRIBE', 'channel'), ['subscribe', 'channel', 1])
    assert.equal(await other.call('SUBSCRIBE', '__keyspace@0__:a'), ['subscribe', '__keyspace@0__:a', 2])
    const message = watched(other.reply())
    const others = [other.reply(), other.reply()]
    const invalidation = watched(tracker.reply())
    const script = waiting(
      "redis.call('PUBLISH', 'channel', 'begun') redis.call('SET', 'a', '1')",
      "return redis.call('PUBLISH', 'channel', 'done')",
    )
    const reply = watched(client.call('EVAL', script, '0'))
    await isSuspended(world)
    const third = await WireClient.connect({ port: node.port })
    const busy = await third.call('GET', 'a')
    assert.ok(busy instanceof WireError && busy.text.startsWith('BUSY '))
    await turns(20)
    assert.equal([reply.isKept, message.isKept, invalidation.isKept], [false, false, false])
    letScriptEnd(world)
    assert.is(await reply.promise, 1)
    assert.equal(await message.promise, ['message', 'channel', 'begun'])
    assert.equal(await Promise.all(others), [
      ['message', '__keyspace@0__:a', 'set'],
      ['message', 'channel', 'done'],
    ])
    assert.equal(await invalidation.promise, ['invalidate', ['a']])
    assert.is(await third.call('GET', 'a'), '1')
    await Promise.all([third.close(), tracker.close()])
  }))

test('a key that expires during a script stays until its end, watched or not', () =>
  withNode(SETTINGS, async (world) => {
    const { client, other, node } = world
    assert.is(await client.call('SET', 'a', '1', 'PX', '100'), 'OK')
    const reply = client.call('EVAL', waiting('', "return redis.call('GET', 'a')"), '0')
    await isSuspended(world)
    const deadline = node.parts.storage.keyspace.database(0).lookup('a')?.expireAtMs ?? 0
    await until(() => Date.now() > deadline, 'the end of the key')
    assert.is(await other.call('WATCH', 'a'), 'OK')
    letScriptEnd(world)
    assert.is(await reply, '1')
    assert.is(await client.call('EXISTS', 'a'), 0)
    assert.is(await other.call('MULTI'), 'OK')
    assert.equal(await other.call('EXEC'), [], 'the key had expired before WATCH')
  }))

test('a suspended script does not continue while LevelDB is being reopened', () =>
  withNode(SETTINGS, async (world) => {
    const { client, node } = world
    const reply = watched(client.call('EVAL', waiting(), '0'))
    await isSuspended(world)
    const { checkpointer } = node.parts.storage
    Object.defineProperty(checkpointer, 'isReopening', { value: true, configurable: true })
    letScriptEnd(world)
    await turns(20)
    assert.is(reply.isKept, false)
    Reflect.deleteProperty(checkpointer, 'isReopening')
    assert.is(await reply.promise, 'done')
  }))

test('a script is suspended and killed during a long conversion of its reply', () =>
  withNode(SETTINGS, async (world) => {
    const { client, other } = world
    const reply = client.call('EVAL', 'local t = {1, 2} for i = 1, 40 do t = {t, t} end return t', '0')
    await isSuspended(world)
    const busy = await other.call('PING')
    assert.ok(busy instanceof WireError && busy.text.startsWith('BUSY '))
    assert.is(await other.call('SCRIPT', 'KILL'), 'OK')
    assert.match(((await reply) as WireError).text, /^ERR Script killed by user with SCRIPT KILL\./)
    assert.is(await other.call('PING'), 'PONG')
  }))

test("after a suspended script without writes WAIT waits for the client's earlier write", () =>
  withNode(SETTINGS, async (world) => {
    const { client, other, node } = world
    await withNode({}, async (replica) => {
      assert.is(await replica.client.call('SLAVEOF', '127.0.0.1', node.port), 'OK')
      assert.is(await client.call('SET', 'a', '1'), 'OK')
      assert.is(await client.call('WAIT', '1', '0'), 1)
      const reply = client.call('EVAL', waiting(), '0')
      await isSuspended(world)
      letScriptEnd(world)
      assert.is(await reply, 'done')
      assert.is(await client.call('WAIT', '1', '2000'), 1)
      assert.is(await other.call('WAIT', '1', '2000'), 1)
    })
  }))

test('a reload is refused while a suspended script has uncommitted changes', () =>
  withNode(SETTINGS, async (world) => {
    const { client, node } = world
    const reply = client.call('EVAL', waiting("redis.call('SET', 'a', '1')"), '0')
    await isSuspended(world)
    const refusal = await node.parts.storagePort.reload().then(
      () => null,
      (error: Error) => error.message,
    )
    assert.is(refusal, 'the last writes are not in the binlog')
    letScriptEnd(world)
    assert.is(await reply, 'done')
    assert.is(await client.call('GET', 'a'), '1')
    await node.parts.storagePort.reload()
    assert.is(await client.call('GET', 'a'), '1')
  }))

test('a walk under way when a script is suspended is answered after the script', () =>
  withNode(SETTINGS, async (world) => {
    const { client, other, node } = world
    assert.is(await client.call('SET', 'a', '1'), 'OK')
    assert.is(await client.call('SAVE'), 'OK')
    const goOn = holdWalks(world)
    const keys = watched(other.call('KEYS', '*'))
    await until(() => node.parts.clients.find(2)?.lastCommand === 'keys', 'the walk')
    const reply = client.call('EVAL', waiting("redis.call('SET', 'b', '1')"), '0')
    await isSuspended(world)
    goOn()
    await turns(20)
    assert.is(keys.isKept, false)
    letScriptEnd(world)
    assert.is(await reply, 'done')
    assert.ok(Array.isArray(await keys.promise))
  }))

test('a change of role takes effect after the suspended script of its transaction', () =>
  withNode(SETTINGS, async (world) => {
    const { client, node } = world
    await client.pipeline([['MULTI'], ['SET', 'a', '1'], ['EVAL', waiting(), '0'], ['SLAVEOF', '127.0.0.1', '1'], ['SET', 'b', '1']])
    const replies = client.call('EXEC')
    await isSuspended(world)
    letScriptEnd(world)
    const [, done, followed, refused] = (await replies) as WireReply[]
    assert.equal([done, followed], ['done', 'OK'])
    assert.ok(refused instanceof WireError && refused.text.startsWith('READONLY '))
    assert.is(await client.call('SLAVEOF', 'NO', 'ONE'), 'OK')
    assert.is(node.parts.storage.keyspace.isUnitSuspended, false)
    await node.parts.storagePort.reload()
    assert.is(await client.call('GET', 'a'), '1')
  }))

test.run()

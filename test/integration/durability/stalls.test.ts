/** While the binlog cannot be written, no client sees a change that may get lost. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../../support/harness/engine.ts'
import { holdWalks, type NodeWithClients, stallBinlog, withNode } from '../../support/harness/in-process-node.ts'
import type { WireReply } from '../../support/servers/wire-client.ts'

/** Sets keys a and w of which the log knows nothing; the function ends the stall. */
async function unwritten({ node, client }: NodeWithClients): Promise<() => void> {
  const writes = stallBinlog(node)
  void client.call('MSET', 'a', '2', 'w_1', '2').catch(() => {})
  await until(() => node.parts.storage.stalled !== null, 'the stall')
  return writes
}

async function isKeptWithin(milliseconds: number, promise: Promise<WireReply>): Promise<boolean> {
  return Promise.race([promise.then(() => true), new Promise<false>((resolve) => setTimeout(() => resolve(false), milliseconds))])
}

const LIBRARY =
  "#!lua name=lib\nredis.register_function{function_name='read', callback=function() return redis.call('GET', 'a') end, flags={'no-writes'}}"

for (const [what, request] of [
  ['a read-only script', ['EVAL_RO', "return redis.call('GET', 'a')", '0']],
  ['a read-only function', ['FCALL_RO', 'read', '0']],
  ['SORT_RO with a pattern', ['SORT_RO', 'list', 'BY', 'nosort', 'GET', 'w_*']],
] as const) {
  test(`${what} waits while it could read unlogged changes`, () =>
    withNode({}, async (world) => {
      const { client, other } = world
      await client.pipeline([
        ['SET', 'a', '1'],
        ['SET', 'w_1', '1'],
        ['RPUSH', 'list', '1'],
        ['FUNCTION', 'LOAD', LIBRARY],
      ])
      const writes = await unwritten(world)
      const reply = other.call(...request)
      const early = await isKeptWithin(300, reply)
      writes()
      assert.is(early, false)
      assert.equal([await reply].flat(), ['2'])
    }))
}

test('a walk during which the binlog stalls is answered after the stall', () =>
  withNode({}, async (world) => {
    const { client, other, node } = world
    assert.equal(await client.pipeline([['SET', 'a', '1'], ['SAVE']]), ['OK', 'OK'])
    const goOn = holdWalks(world)
    const reply = other.call('KEYS', '*')
    await until(() => node.parts.clients.find(2)?.lastCommand === 'keys', 'the walk')
    const writes = await unwritten(world)
    goOn()
    const early = await isKeptWithin(300, reply)
    writes()
    assert.is(early, false)
    assert.ok(Array.isArray(await reply))
  }))

test('an unlogged library is not shown', () =>
  withNode({}, async ({ node, client, other }) => {
    const writes = stallBinlog(node)
    void client.call('FUNCTION', 'LOAD', LIBRARY).catch(() => {})
    await until(() => node.parts.storage.stalled !== null, 'the stall')
    const reply = other.call('FUNCTION', 'LIST')
    const early = await isKeptWithin(300, reply)
    writes()
    assert.is(early, false)
    assert.is(((await reply) as unknown[]).length, 1)
  }))

test('a server closed during a stall has confirmed nothing that is not logged', () =>
  withNode({}, async ({ node, client }) => {
    stallBinlog(node)
    const reply = client.call('SET', 'a', '2').catch((error: Error) => error.message)
    await until(() => node.parts.storage.stalled !== null, 'the stall')
    await node.close('nosave', 'immediate')
    assert.is(await reply, 'connection closed')
  }))

test.run()

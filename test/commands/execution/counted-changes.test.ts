/** INFO counts changes since the last save as Redis 7.2 does, command by command. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { dataFamilies } from '../../support/generators/data-families.ts'
import { harness } from '../../support/harness/harness.ts'
import { withNode } from '../../support/harness/in-process-node.ts'

/** Requests in their order, with the count that redis-server shows after each. */
const COUNTS: readonly (readonly [request: Bytes, count: number])[] = [
  ['SET a 1', 1],
  ['SET a 2 EX 100', 1],
  ['MSET a 1 b 2 c 3', 3],
  ['MSETNX d 1 e 2', 2],
  ['MSETNX d 1 f 2', 0],
  ['GET a', 0],
  ['INCR a', 1],
  ['EXPIRE a 100', 1],
  ['DEL d e nosuch', 2],
  ['UNLINK b c', 2],
  ['LPUSH l 1 2 3', 3],
  ['RPUSHX l 4 5', 2],
  ['LPOP l', 1],
  ['LPOP l 2', 2],
  ['LMPOP 1 l LEFT COUNT 9', 2],
  ['SADD s a b c a', 3],
  ['SADD s a', 0],
  ['SREM s a b x', 2],
  ['SMOVE s t c', 2],
  ['HSET h f 1 g 2', 2],
  ['HSET h f 1 g 2 i 3', 3],
  ['HDEL h f g x', 2],
  ['ZADD z 1 a 2 b 3 c', 3],
  ['ZADD z 5 a 2 b 9 d', 2],
  ['ZREM z a b x', 2],
  ['ZADD z 1 a 2 b 3 c', 2],
  ['ZPOPMIN z 2', 2],
  ['ZREMRANGEBYRANK z 0 -1', 2],
  ['GEOADD g 10 40 a 11 41 b', 2],
  ['GEOSEARCHSTORE g2 g FROMMEMBER a BYRADIUS 900 km', 2],
  ['GEORADIUS g 10 40 900 km STORE g2', 2],
  ['SORT g STORE l BY nosort', 2],
  ['SUNIONSTORE u t t', 1],
  ['PFADD p a b', 3],
  ['PFADD p a', 0],
  ['BITFIELD n SET u8 0 1 SET u8 8 2', 2],
  ['XADD x 1-1 f v', 1],
  ['XADD x 2-1 f v', 1],
  ['XADD x 3-1 f v', 1],
  ['XDEL x 1-1 9-9', 1],
  ['XTRIM x MAXLEN 0', 2],
  ['SADD s a b c d', 4],
  ['SPOP s 3', 3],
  ['SPOP s 9', 1],
  ['RENAME a b', 1],
  ['COPY b c', 1],
]

test('each command counts as many changes as in Redis', () => {
  const { run, keyspace } = harness(dataFamilies)
  for (const [request, expected] of COUNTS) {
    const before = keyspace.countedChanges
    run(...request.split(' '))
    assert.is(keyspace.countedChanges - before, expected, request)
  }
})

test('a transaction counts the changes of its commands, and FLUSHALL those of the removed keys', () => {
  const { run, keyspace } = harness(dataFamilies)
  const counted = (...request: Bytes[]) => {
    const before = keyspace.countedChanges
    run(...request)
    return keyspace.countedChanges - before
  }
  run('MULTI')
  run('SET', 'a', '1')
  run('RPUSH', 'l', '1', '2')
  run('GET', 'a')
  assert.is(counted('EXEC'), 3)
  run('SET', 'b', '1')
  assert.is(counted('FLUSHALL'), 3)
})

test('replayed commands count as many changes as on the master', () => {
  const master = harness(dataFamilies)
  const replica = harness(dataFamilies)
  for (const request of ['SADD s a b c', 'LPUSH l 1 2', 'SET a 1', 'DEL s l']) master.run(...request.split(' '))
  replica.replay(master.logged())
  assert.is(replica.keyspace.countedChanges, master.keyspace.countedChanges)
})

test('an LPUSH that serves a blocked client counts two changes, and SAVE resets the count', async () => {
  await withNode({}, async ({ client, other, node }) => {
    const changes = async () => Number(/rdb_changes_since_last_save:(\d+)/.exec(String(await other.call('INFO', 'persistence')))?.[1])
    const popped = client.call('BLPOP', 'l', '0')
    while (node.parts.executor.blockedClients.count === 0) await new Promise((resolve) => setImmediate(resolve))
    assert.is(await other.call('LPUSH', 'l', 'a'), 1)
    assert.equal(await popped, ['l', 'a'])
    assert.is(await changes(), 2)
    await other.call('EVAL', "redis.call('set', 'a', 1); redis.call('rpush', 'k', 1, 2)", '0')
    assert.is(await changes(), 5)
    await other.call('SAVE')
    assert.is(await changes(), 0)
  })
})

test.run()

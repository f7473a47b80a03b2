/**
 * Requests of as many words as a client may send, which is more than a call can have arguments.
 * Their log has the same effects elsewhere. Also words of any length.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Bytes, MAX_BYTES_LENGTH } from '../../../base/bytes.ts'
import { connection } from '../../../commands/clients/connection.ts'
import { ClientError } from '../../../commands/contract/errors.ts'
import type { Reply } from '../../../commands/contract/reply.ts'
import { Request } from '../../../commands/contract/request.ts'
import { databasesDigest } from '../../../commands/server/debug-digest.ts'
import { runLater } from '../../../storage/scan/steps.ts'
import { dataFamilies } from '../../support/generators/data-families.ts'
import { harness, TestClient } from '../../support/harness/harness.ts'

const MANY = 200_000
const names = (prefix: Bytes) => Array.from({ length: MANY }, (_, i) => `${prefix}${i}`)

/** Returns two keyspaces, of which one follows the other's log. */
function world() {
  const [master, other] = [harness([...dataFamilies, connection]), harness([...dataFamilies, connection])]
  other.keyspace.expiryMode = 'hide'
  const client = new TestClient(1, master.executor)
  return {
    master,
    client,
    run(words: Bytes[]): Reply {
      master.executor.execute(new Request(client, words))
      const reply = client.replies.pop()
      if (reply === undefined || reply instanceof ClientError) throw reply ?? new Error(`${words[0]} has not answered`)
      return reply
    },
    async compare() {
      other.replay(master.logged())
      assert.is(await runLater(databasesDigest(other.keyspace)), await runLater(databasesDigest(master.keyspace)))
    },
  }
}

test('one request sets the deadlines of very many fields', async () => {
  const { run, compare } = world()
  const fields = names('f')
  run(['HSET', 'a', ...fields.flatMap((field) => [field, 'v'])])
  assert.is((run(['HPEXPIRE', 'a', '100000', 'FIELDS', String(MANY), ...fields]) as Reply[]).length, MANY)
  await compare()
  run(['HEXPIRE', 'a', '0', 'FIELDS', String(MANY - 1), ...fields.slice(1)])
  assert.is(run(['HLEN', 'a']), 1)
  await compare()
})

test('PFADD takes very many elements', async () => {
  const { run, compare } = world()
  assert.is(run(['PFADD', 'a', ...names('e')]), 1)
  await compare()
})

test('GEOSEARCHSTORE stores a very large result', async () => {
  const { run, compare } = world()
  run(['GEOADD', 'a', ...names('m').flatMap((member) => ['10', '40', member])])
  assert.is(run(['GEOSEARCHSTORE', 'b', 'a', 'FROMLONLAT', '10', '40', 'BYRADIUS', '1', 'km']), MANY)
  await compare()
})

test('SPOP, SORT, ZUNIONSTORE and ZMPOP handle very many members', async () => {
  const { run, compare } = world()
  run(['SADD', 'a', ...names('m')])
  run(['SPOP', 'a', String(MANY / 2)])
  run(['SORT', 'a', 'ALPHA', 'STORE', 'list'])
  run(['ZUNIONSTORE', 'zset', '2', 'a', 'a'])
  run(['ZMPOP', '1', 'zset', 'MIN', 'COUNT', String(MANY / 4)])
  run(['LMPOP', '1', 'list', 'LEFT', 'COUNT', String(MANY / 4)])
  await compare()
})

test('XREADGROUP, XCLAIM and XACK handle very many entries', async () => {
  const { run, compare } = world()
  const count = 20_000
  const ids = Array.from({ length: count }, (_, i) => `${i + 1}-0`)
  for (const id of ids) run(['XADD', 'a', id, 'f', 'v'])
  run(['XGROUP', 'CREATE', 'a', 'g', '0'])
  run(['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'a', '>'])
  await compare()
  assert.is((run(['XCLAIM', 'a', 'g', 'd', '0', ...ids, 'JUSTID']) as Reply[]).length, count)
  run(['XAUTOCLAIM', 'a', 'g', 'e', '0', '-', 'COUNT', String(count), 'JUSTID'])
  run(['XACK', 'a', 'g', ...ids.slice(1)])
  await compare()
})

test('BLPOP waits for very many keys, each named twice', () => {
  const { run, master, client } = world()
  const keys = names('k')
  const waiting = new TestClient(2, master.executor)
  master.executor.execute(new Request(waiting, ['BLPOP', ...keys, ...keys, '0']))
  const { blockedClients } = master.executor
  assert.is(blockedClients.keyCounts().all, MANY)
  run(['RPUSH', `k${MANY - 1}`, 'v'])
  assert.equal(waiting.replies, [[`k${MANY - 1}`, 'v']])
  assert.equal([blockedClients.keyCounts().all, blockedClients.count, client.isHeld], [0, 0, false])
})

test('overlong members and names are refused before anything changes', () => {
  const { run, master } = world()
  const longest = 'x'.repeat(MAX_BYTES_LENGTH)
  for (const request of [
    ['ZADD', 'a', '1', 'b', '2', longest],
    ['ZADD', 'a', 'INCR', '1', longest],
    ['ZINCRBY', 'a', '1', longest],
    ['GEOADD', 'a', '1', '2', 'b', '1', '2', longest],
    ['XGROUP', 'CREATE', 'a', longest, '0', 'MKSTREAM'],
  ])
    assert.throws(() => run(request), /string exceeds maximum allowed size/)
  assert.equal(master.logged(), [])
  assert.is(run(['EXISTS', 'a']), 0)
})

test.run()

/** CLUSTER and its relatives: without a cluster, and with one that is emulated. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { slotOf } from '../../../base/hash-slots.ts'
import { clusterCommands } from '../../../commands/cluster/cluster.ts'
import { ClientError } from '../../../commands/contract/errors.ts'
import { MapReply, type Verbatim } from '../../../commands/contract/reply.ts'
import { stringCommands } from '../../../commands/strings/commands.ts'
import { transactions } from '../../../commands/transactions/transactions.ts'
import { harness } from '../../support/harness/harness.ts'

const ID = 'a'.repeat(40)

/** The text of the error that a command answers, at once or later. */
async function textOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    if (error instanceof ClientError) return error.message
    throw error
  }
  throw new Error('the command answered no error')
}

function emulated() {
  const made = harness([clusterCommands, stringCommands, transactions], { slots: 'counted' })
  made.server.cluster.mode = 'emulated'
  return made
}

test('without a cluster every CLUSTER command is refused, whatever its number of arguments', async () => {
  const { error, runAsync } = harness([clusterCommands])
  const subcommands = clusterCommands[0]?.subcommands ?? []
  assert.ok(subcommands.length > 20)
  for (const { name, arity } of subcommands) {
    const words = ['CLUSTER', name.split('|')[1] as string, ...Array.from({ length: Math.abs(arity) - 2 }, () => '1')]
    assert.is(await textOf(runAsync(...words)), 'ERR This instance has cluster support disabled', name)
    if (arity > 0) assert.is(error(...words, 'more'), `ERR wrong number of arguments for '${name}' command`)
  }
  for (const word of ['READONLY', 'READWRITE', 'ASKING']) assert.is(error(word), 'ERR This instance has cluster support disabled')
  assert.is(error('CLUSTER', 'FOO'), "ERR unknown subcommand 'FOO'. Try CLUSTER HELP.")
})

test('the slot of a key is the CRC of its hash tag', () => {
  assert.is(slotOf('123456789'), 0x31c3)
  // From CLUSTER KEYSLOT of redis-server 7.0.15.
  const slots: [key: string, slot: number][] = [
    ['{user1000}.following', 3443],
    ['user1000', 3443],
    ['foo{}{bar}', 8363],
    ['foo{{bar}}zap', 4015],
    ['{bar', 4015],
    ['foo{bar}{zap}', 5061],
    ['foo{bar', 15278],
    ['a}b{c}', 7365],
    ['', 0],
  ]
  for (const [key, slot] of slots) assert.is(slotOf(key), slot, key)
})

test('an emulated cluster is one master that owns all slots', () => {
  const { run, server } = emulated()
  assert.is((run('CLUSTER', 'NODES') as Verbatim).text, `${ID} 10.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-16383\n`)
  assert.equal(run('CLUSTER', 'SLOTS'), [[0, 16383, ['10.0.0.1', 6379, ID, []]]])
  const node = [
    'id',
    ID,
    'port',
    6379,
    'ip',
    '10.0.0.1',
    'endpoint',
    '10.0.0.1',
    'role',
    'master',
    'replication-offset',
    7,
    'health',
    'online',
  ]
  assert.equal(run('CLUSTER', 'SHARDS'), [new MapReply(['slots', [0, 16383], 'nodes', [new MapReply(node)]])])
  assert.match((run('CLUSTER', 'INFO') as Verbatim).text, /^cluster_state:ok\r\ncluster_slots_assigned:16384\r\n/)
  assert.equal([run('CLUSTER', 'MYID'), run('CLUSTER', 'MYSHARDID'), run('CLUSTER', 'LINKS')], [ID, 'b'.repeat(40), []])
  const { endpoint } = server.cluster
  server.cluster.endpoint = { ...endpoint, hostname: 'db.example', preferred: 'hostname' }
  assert.equal(run('CLUSTER', 'SLOTS'), [[0, 16383, ['db.example', 6379, ID, ['ip', '10.0.0.1']]]])
  server.cluster.endpoint = { ...endpoint, preferred: 'hostname' }
  assert.equal(run('CLUSTER', 'SLOTS'), [[0, 16383, ['?', 6379, ID, ['ip', '10.0.0.1']]]])
  server.cluster.endpoint = { ...endpoint, hostname: 'db.example', preferred: 'unknown-endpoint' }
  assert.equal(run('CLUSTER', 'SLOTS'), [[0, 16383, [null, 6379, ID, ['ip', '10.0.0.1', 'hostname', 'db.example']]]])
  assert.match((run('CLUSTER', 'NODES') as Verbatim).text, / 10\.0\.0\.1:6379@16379,db\.example myself/)
})

test('an emulated cluster acknowledges what needs no other node, and refuses what would change it', () => {
  const { run, error } = emulated()
  for (const word of ['READONLY', 'READWRITE', 'ASKING']) assert.equal(run(word), run('CLUSTER', 'SAVECONFIG'))
  assert.equal([run('CLUSTER', 'REPLICAS', ID), run('CLUSTER', 'COUNT-FAILURE-REPORTS', ID)], [[], 0])
  for (const words of [
    ['REPLICAS', 'x'],
    ['SLAVES', 'x'],
    ['FORGET', 'x'],
    ['COUNT-FAILURE-REPORTS', 'x'],
  ])
    assert.is(error('CLUSTER', ...words), 'ERR Unknown node x')
  assert.is(error('CLUSTER', 'FAILOVER'), 'ERR You should send CLUSTER FAILOVER to a replica')
  for (const words of [['MEET', '1.2.3.4', '1'], ['ADDSLOTS', '1'], ['RESET'], ['SETSLOT', '1', 'STABLE']])
    assert.match(error('CLUSTER', ...words), /is not possible in an emulated cluster/)
})

test('keys of a slot are counted and listed', async () => {
  const { run, runAsync } = emulated()
  for (const key of ['{a}1', '{a}2', '{a}3', 'b']) run('SET', key, '1')
  const slot = String(run('CLUSTER', 'KEYSLOT', 'a'))
  assert.is(slot, '15495')
  assert.is(run('CLUSTER', 'COUNTKEYSINSLOT', slot), 3)
  assert.equal(await runAsync('CLUSTER', 'GETKEYSINSLOT', slot, '2'), ['{a}1', '{a}2'])
  assert.equal(await runAsync('CLUSTER', 'GETKEYSINSLOT', '1', '2'), [])
  const refused: [words: string[], text: string][] = [
    [['COUNTKEYSINSLOT', '16384'], 'ERR Invalid slot'],
    [['COUNTKEYSINSLOT', 'x'], 'ERR value is not an integer or out of range'],
    [['GETKEYSINSLOT', '1', '-1'], 'ERR Invalid slot or number of keys'],
  ]
  for (const [words, text] of refused) assert.is(await textOf(runAsync('CLUSTER', ...words)), text)
})

test('with cluster-require-one-slot, requests and transactions with keys in several slots are refused', () => {
  const { run, error, server } = emulated()
  assert.equal(run('MSET', 'a', '1', 'b', '2'), run('CLUSTER', 'SAVECONFIG'))
  server.cluster.mustUseOneSlot = true
  const text = "CROSSSLOT Keys in request don't hash to the same slot"
  assert.is(error('MGET', 'a', 'b'), text)
  assert.equal(run('MGET', '{a}1', 'a'), [null, '1'])
  run('MULTI')
  run('GET', 'a')
  run('GET', 'b')
  assert.is(error('EXEC'), text)
  run('MULTI')
  assert.is(error('MGET', 'a', 'b'), text)
  assert.match(error('EXEC'), /^EXECABORT/)
  run('MULTI')
  run('GET', 'a')
  run('SET', '{a}2', '5')
  assert.is((run('EXEC') as readonly unknown[]).length, 2)
})

test.run()

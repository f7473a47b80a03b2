/** METASYNC, TRYSYNC, DBSYNC and BINLOGSYNC as commands: arity, gates, the port they reach. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ClientError, clientError } from '../../../commands/contract/errors.ts'
import { NO_REPLY, OK } from '../../../commands/contract/reply.ts'
import { redisReplicaRequests } from '../../../commands/replication/redis-replicas.ts'
import { replicationMessages } from '../../../commands/replication/replica-requests.ts'
import { metaReply, trySyncReplyWords } from '../../../replication/protocol/messages.ts'
import { harness as executorHarness } from '../../support/harness/harness.ts'

const ID = 'a'.repeat(40)

function harness() {
  const { run, server, session } = executorHarness([replicationMessages, redisReplicaRequests])
  const refusal = (...words: string[]): string => {
    try {
      run(...words)
    } catch (error) {
      assert.instance(error, ClientError)
      return (error as Error).message
    }
    return 'no error'
  }
  return {
    run: (line: string) => run(...line.split(' ')),
    refusal: (line: string) => refusal(...line.split(' ')),
    words: refusal,
    server,
    session,
  }
}

test("replicas' messages reach the port as requests, and its answers become replies", () => {
  const { run, server, session } = harness()
  const { replication } = server
  const introduction = { ip: '10.0.0.2', port: 6380, runId: ID, version: 1 }
  assert.equal(run(`METASYNC 10.0.0.2 6380 ${ID} 1 1`), metaReply(replication.meta))
  assert.equal(run(`metasync 10.0.0.2 6380 ${ID} 2 1 FAILOVER`), metaReply(replication.meta))
  assert.equal(run(`METASYNC 10.0.0.2 6380 ${ID} 3 1 ASK`), metaReply(replication.meta))
  session.remoteRole = 'replica'
  assert.equal(run(`TRYSYNC 5 ${ID} 100 0badcafe ${ID}`), trySyncReplyWords({ type: 'full-sync', reason: 'new', text: 'no data' }))
  assert.is(run('DBSYNC 5 ? -'), NO_REPLY)
  assert.is(run('BINLOGSYNC 5 100'), NO_REPLY)
  assert.equal(replication.calls, [
    ['metaSync', 1, { ...introduction, attempt: 1, isFailover: false }],
    ['metaSync', 1, { ...introduction, attempt: 2, isFailover: true }],
    ['answer', { ...introduction, attempt: 3, isFailover: false }],
    ['trySync', 1, { session: 5, replicationIds: [ID, ID], offset: 100, crc: 0x0badcafe, isFailover: false }],
    ['dbSync', 1, { session: 5, snapshot: null, after: null }],
    ['binlogSync', 1, { session: 5, offset: 100 }],
  ])
})

test('METASYNC must come first on a connection, and malformed messages do not reach the port', () => {
  const { refusal, server, session } = harness()
  for (const line of [`TRYSYNC 5 ${ID} x 0badcafe`, 'DBSYNC x ? -', 'BINLOGSYNC x 100'])
    assert.is(refusal(line), 'BADSESSION METASYNC has to come first on a connection', line)
  session.remoteRole = 'replica'
  assert.is(refusal(`METASYNC ip x ${ID} 1 1`), 'ERR invalid port')
  assert.is(refusal(`TRYSYNC 5 ${ID} x 0badcafe`), 'ERR invalid offset')
  assert.is(refusal('BINLOGSYNC x 100'), 'ERR invalid session')
  assert.equal(server.replication.calls, [])
})

test('messages with a wrong number of words do not reach the port', () => {
  const { refusal, server } = harness()
  const arity = (name: string) => `ERR wrong number of arguments for '${name}' command`
  assert.is(refusal(`METASYNC ip 1 ${ID} 1`), arity('metasync'))
  assert.is(refusal(`TRYSYNC 5 ${ID} 100`), arity('trysync'))
  for (const line of ['DBSYNC 5 ?', 'DBSYNC 5 ? - x']) assert.is(refusal(line), arity('dbsync'))
  for (const line of ['BINLOGSYNC 5', 'BINLOGSYNC 5 0 x']) assert.is(refusal(line), arity('binlogsync'))
  assert.equal(server.replication.calls, [])
})

test('a refusal by the master becomes the reply', () => {
  const { refusal, server } = harness()
  server.replication.refusal = clientError('STALE attempt 3 came after attempt 4')
  assert.is(refusal(`METASYNC ip 1 ${ID} 3 1`), 'STALE attempt 3 came after attempt 4')
})

test('messages are refused while the server loads and in a transaction', () => {
  for (const { name, flags } of replicationMessages) {
    if (name === 'replconf') continue
    assert.equal(flags, ['admin', 'noscript', 'no_multi', 'stale'], name)
  }
})

test('REPLCONF ACK reaches the port and has no reply', () => {
  const { run, server, session } = harness()
  session.remoteRole = 'replica'
  assert.is(run('REPLCONF ACK 100 FACK 90'), NO_REPLY)
  assert.is(run('replconf ack 110'), NO_REPLY)
  assert.is(run('REPLCONF ACK x'), NO_REPLY)
  assert.is(run('REPLCONF ACK -1 FACK 1'), NO_REPLY)
  assert.is(run('REPLCONF ACK 1 FACK 9223372036854775807'), NO_REPLY)
  assert.equal(server.replication.calls, [
    ['acknowledge', 1, 100, 90],
    ['acknowledge', 1, 110, 0],
  ])
})

test('REPLCONF ACK of an ended session is answered with the error', () => {
  const { refusal, server, session } = harness()
  session.remoteRole = 'replica'
  server.replication.refusal = clientError('BADSESSION session 3 has ended')
  assert.is(refusal('REPLCONF ACK 100 FACK 90'), 'BADSESSION session 3 has ended')
})

test('REPLCONF ACK of a client that is no replica, and GETACK, are ignored', () => {
  const { run, server } = harness()
  assert.is(run('REPLCONF ACK 100 FACK 90'), NO_REPLY)
  assert.is(run('REPLCONF GETACK *'), NO_REPLY)
  assert.equal(server.replication.calls, [])
})

test("REPLCONF keeps the options of Redis's replicas", () => {
  const { run, refusal, words, server } = harness()
  for (const line of [
    'REPLCONF',
    'REPLCONF listening-port 6380',
    'REPLCONF ip-address 10.0.0.2',
    'REPLCONF capa eof capa psync2',
    'REPLCONF version 7.2.4',
    'REPLCONF rdb-only 1 rdb-filter-only functions',
  ])
    assert.is(run(line), OK, line)
  assert.equal(server.replication.handshake, {
    ip: '10.0.0.2',
    port: 6380,
    canReadMark: true,
    canChangeId: true,
    isRdbOnly: true,
    content: { hasKeys: false, hasLibraries: true },
  })
  const cases: [line: string, text: string][] = [
    ['REPLCONF a', 'ERR syntax error'],
    ['REPLCONF ack', 'ERR syntax error'],
    ['REPLCONF listening-port x', 'ERR value is not an integer or out of range'],
    ['REPLCONF rdb-only 2', 'ERR value is out of range, value must between 0 and 1'],
    ['REPLCONF rdb-filter-only keys', 'ERR Unsupported rdb-filter-only option: keys'],
    ['REPLCONF foo bar', 'ERR Unrecognized REPLCONF option: foo'],
  ]
  for (const [line, text] of cases) assert.is(refusal(line), text, line)
  assert.is(words('REPLCONF', 'ip-address', 'x'.repeat(256)), 'ERR REPLCONF ip-address provided by replica instance is too long: 256 bytes')
  run('REPLCONF rdb-only 0')
  run('REPLCONF listening-port 70000')
  words('REPLCONF', 'rdb-filter-only', '')
  const { isRdbOnly, port, content } = server.replication.handshake
  assert.equal([isRdbOnly, port, content], [false, 0, { hasKeys: false, hasLibraries: false }])
})

test('PSYNC and SYNC reach the port with the offset before the byte that is wanted', () => {
  const { run, refusal, server } = harness()
  for (const line of ['PSYNC ? -1', `psync ${'A'.repeat(40)} 101`, 'SYNC']) assert.is(run(line), NO_REPLY, line)
  assert.equal(server.replication.calls, [
    ['psync', 1, { replicationId: '?', offset: -2 }],
    ['psync', 1, { replicationId: ID, offset: 100 }],
    ['psync', 1, null],
  ])
  assert.is(refusal('PSYNC ? x'), 'ERR value is not an integer or out of range')
  assert.is(refusal(`PSYNC ${ID} 1 FAILOVER`), "ERR PSYNC FAILOVER can't be sent to a master.")
  assert.match(refusal('PSYNC ?'), /wrong number of arguments/)
})

test.run()

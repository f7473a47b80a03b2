/** SLAVEOF, REPLICAOF, ROLE and FAILOVER as commands: parsing and refusals. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ClientError, clientError } from '../../../commands/contract/errors.ts'
import { OK, type Reply } from '../../../commands/contract/reply.ts'
import { type ArgumentDoc, argumentsOf } from '../../../commands/introspection/docs.ts'
import { failoverCommands } from '../../../commands/replication/failover.ts'
import { replication } from '../../../commands/replication/replication.ts'
import { harness as executorHarness } from '../../support/harness/harness.ts'

function harness() {
  const made = executorHarness([replication, failoverCommands])
  const { run, server, session } = made
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
    run: (line: string): Reply => run(...line.split(' ')),
    refusal: (line: string) => refusal(...line.split(' ')),
    words: refusal,
    server,
    session,
  }
}

test('SLAVEOF and REPLICAOF follow a master, partially or with a full sync', () => {
  const { run, server } = harness()
  assert.is(run('SLAVEOF 10.0.0.1 6380'), OK)
  assert.is(run('replicaof fe80::1 1 Force'), OK)
  assert.is(run('REPLICAOF master.example 65535'), OK)
  assert.is(run('REPLICAOF [::1] 6379'), OK)
  assert.equal(server.replication.calls, [
    ['follow', '10.0.0.1', 6380, 'partial'],
    ['follow', 'fe80::1', 1, 'full'],
    ['follow', 'master.example', 65535, 'partial'],
    ['follow', '::1', 6379, 'partial'],
  ])
})

test('SLAVEOF NO ONE in any case leaves the master', () => {
  const { run, server } = harness()
  assert.is(run('SLAVEOF NO ONE'), OK)
  assert.is(run('REPLICAOF no oNe'), OK)
  assert.equal(server.replication.calls, [['leave'], ['leave']])
})

test("SLAVEOF refuses invalid masters with Redis's texts", () => {
  const { refusal, words, server } = harness()
  const arity = (name: string) => `ERR wrong number of arguments for '${name}' command`
  for (const line of ['SLAVEOF', 'SLAVEOF a', 'SLAVEOF a 1 x', 'SLAVEOF a 1 FORCE x']) assert.is(refusal(line), arity('slaveof'), line)
  assert.is(refusal('REPLICAOF a 1 FORCE x'), arity('replicaof'))
  assert.is(refusal('SLAVEOF NO ONE FORCE'), 'ERR syntax error')
  for (const port of ['x', '', '-1', '65536', '99999999999999999999', '1.5']) {
    assert.is(words('SLAVEOF', 'a', port), 'ERR Invalid master port', port)
  }
  for (const host of ['', '[', '[a]', '[::1', '::1]', '[]', 'a b', 'a\n', '\xe4', 'a'.repeat(256)])
    assert.is(words('SLAVEOF', host, '1'), 'ERR Invalid master host', host)
  assert.equal(server.replication.calls, [])
})

test('SLAVEOF is refused on the connection of a replica, but SLAVEOF NO ONE is not', () => {
  const { run, refusal, session } = harness()
  session.remoteRole = 'replica'
  assert.is(refusal('SLAVEOF a 1'), 'ERR Command is not valid when client is a replica.')
  assert.is(run('SLAVEOF NO ONE'), OK)
})

test('a refusal by replication becomes the reply', () => {
  const { refusal, server } = harness()
  server.replication.refusal = clientError('ERR The master ip:port and the slave ip:port are the same')
  assert.is(refusal('SLAVEOF 127.0.0.1 6379'), 'ERR The master ip:port and the slave ip:port are the same')
})

test("ROLE returns replication's answer", () => {
  assert.equal(harness().run('ROLE'), ['master', 0, []])
})

test('CLEARREPLICATIONID takes no arguments', () => {
  const { run, refusal, server } = harness()
  assert.is(run('CLEARREPLICATIONID'), OK)
  assert.equal(server.replication.calls, [['clearReplicationId']])
  assert.is(refusal('CLEARREPLICATIONID x'), "ERR wrong number of arguments for 'clearreplicationid' command")
})

test("PURGELOGSTO takes a segment's name or an offset", () => {
  const { run, refusal, server } = harness()
  for (const word of ['00000000000067108864.log', '00000000000067108864', '67108864', '0']) run(`PURGELOGSTO ${word}`)
  assert.equal(
    server.replication.calls.map(([, offset]) => offset),
    [67108864, 67108864, 67108864, 0],
  )
  assert.match(refusal('PURGELOGSTO write2file12'), /^ERR binlog files are named by the offset of their first byte/)
  for (const word of ['67108864.log', '-1', '1x', 'x.log', '1'.repeat(21)]) {
    assert.is(refusal(`PURGELOGSTO ${word}`), 'ERR Invalid binlog file or offset', word)
  }
  assert.is(server.replication.calls.length, 4)
})

test('FAILOVER reads its options in any order', () => {
  const { run, server } = harness()
  for (const line of [
    'FAILOVER',
    'failover timeout 500',
    'FAILOVER TO h 7 FORCE TIMEOUT 5',
    'FAILOVER FORCE TIMEOUT 5 TO h 7',
    'FAILOVER to h -7',
  ])
    assert.is(run(line), OK)
  assert.is(run('FAILOVER abort'), OK)
  const to = { host: 'h', port: 7 }
  assert.equal(server.replication.calls, [
    ['failover', { to: null, isForced: false, timeoutMs: 0 }],
    ['failover', { to: null, isForced: false, timeoutMs: 500 }],
    ['failover', { to, isForced: true, timeoutMs: 5 }],
    ['failover', { to, isForced: true, timeoutMs: 5 }],
    ['failover', { to: { host: 'h', port: -7 }, isForced: false, timeoutMs: 0 }],
    ['abortFailover'],
  ])
})

test("FAILOVER has Redis's errors", () => {
  const { refusal, server } = harness()
  const notAnInteger = 'ERR value is not an integer or out of range'
  const cases: [line: string, text: string][] = [
    ['FAILOVER x', 'ERR syntax error'],
    ['FAILOVER TIMEOUT', 'ERR syntax error'],
    ['FAILOVER TIMEOUT x', notAnInteger],
    ['FAILOVER TIMEOUT 0', 'ERR FAILOVER timeout must be greater than 0'],
    ['FAILOVER TIMEOUT -5', 'ERR FAILOVER timeout must be greater than 0'],
    ['FAILOVER TIMEOUT 5 TIMEOUT 6', 'ERR syntax error'],
    ['FAILOVER TO a', 'ERR syntax error'],
    ['FAILOVER TO a b', notAnInteger],
    ['FAILOVER TO a 1 TO b 2', 'ERR syntax error'],
    ['FAILOVER TO a 99999999999999999999', notAnInteger],
    ['FAILOVER ABORT ABORT', 'ERR syntax error'],
    ['FAILOVER TIMEOUT 5 ABORT', 'ERR syntax error'],
    ['FAILOVER FORCE FORCE', 'ERR syntax error'],
  ]
  for (const [line, text] of cases) assert.is(refusal(line), text, line)
  assert.equal(server.replication.calls, [])
})

test("argument trees have Redis's names where the syntax line determines them", () => {
  const named = (argument: ArgumentDoc): string =>
    argument.parts === undefined ? argument.name : `${argument.name}(${argument.parts.map(named).join(' ')})`
  const tree = (name: string) => {
    const found = [...replication, ...failoverCommands].find((command) => command.name === name)
    return found === undefined ? '' : argumentsOf(found).map(named).join(' ')
  }
  assert.is(tree('slaveof'), 'args(host-port-force(host port force) no-one(no one))')
  assert.is(tree('failover'), 'target-force(target(host port) force) abort milliseconds')
})

test.run()

/** WAIT and WAITAOF: arguments, refusals, and the write that a client waits for. */

import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { clientError } from '../../../commands/contract/errors.ts'
import type { Reply } from '../../../commands/contract/reply.ts'
import { Request } from '../../../commands/contract/request.ts'
import { Executor } from '../../../commands/execution/executor.ts'
import { OPEN_GATES } from '../../../commands/execution/gating.ts'
import { waits } from '../../../commands/replication/wait.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { OpenGroup } from '../../../storage/binlog/open-group.ts'
import { Keyspace } from '../../../storage/keyspace/keyspace.ts'
import { MemoryRecords } from '../../support/disks/memory-records.ts'
import { FakeServer } from '../../support/harness/fake-server.ts'
import { FakeSession } from '../../support/harness/fake-session.ts'
import { harness } from '../../support/harness/harness.ts'
import { quietHooks } from '../../support/harness/quiet-hooks.ts'

function made() {
  const { server, runAsync } = harness([waits])
  const run = (line: string) => runAsync(...line.split(' '))
  const refusal = (line: string) =>
    run(line).then(
      () => 'no error',
      (error: Error) => error.message,
    )
  return { server, run, refusal }
}

test("WAIT waits for replicas that applied the client's last write, and returns their number", async () => {
  const { server, run } = made()
  server.replication.waited = { local: 1, replicas: 3 }
  assert.is(await run('WAIT 2 100'), 3)
  assert.is(await run('wait -1 0'), 3)
  assert.equal(server.replication.calls, [
    ['wait', 1, { mustBeDurableHere: false, replicas: 2, what: 'applied', timeoutMs: 100 }],
    ['wait', 1, { mustBeDurableHere: false, replicas: 0, what: 'applied', timeoutMs: 0 }],
  ])
})

test('WAITAOF waits until the log is durable here and on replicas', async () => {
  const { server, run } = made()
  server.replication.waited = { local: 1, replicas: 2 }
  assert.equal(await run('WAITAOF 1 2 100'), [1, 2])
  assert.equal(await run('WAITAOF 0 0 0'), [1, 2])
  assert.equal(server.replication.calls, [
    ['wait', 1, { mustBeDurableHere: true, replicas: 2, what: 'synced', timeoutMs: 100 }],
    ['wait', 1, { mustBeDurableHere: false, replicas: 0, what: 'synced', timeoutMs: 0 }],
  ])
})

test("WAIT and WAITAOF have Redis's errors", async () => {
  const { server, refusal } = made()
  const cases: [line: string, text: string][] = [
    ['WAIT 1', "ERR wrong number of arguments for 'wait' command"],
    ['WAIT a 1', 'ERR value is not an integer or out of range'],
    ['WAIT 0 a', 'ERR timeout is not an integer or out of range'],
    ['WAIT 0 -1', 'ERR timeout is negative'],
    ['WAIT 0 9223372036854775807', 'ERR timeout is out of range'],
    ['WAIT 0 99999999999999999999', 'ERR timeout is not an integer or out of range'],
    ['WAITAOF 1 1', "ERR wrong number of arguments for 'waitaof' command"],
    ['WAITAOF a 0 0', 'ERR value is not an integer or out of range'],
    ['WAITAOF 2 0 0', 'ERR value is out of range, value must between 0 and 1'],
    ['WAITAOF 0 -1 0', 'ERR value is out of range, must be positive'],
    ['WAITAOF 0 a 0', 'ERR value is out of range, must be positive'],
    ['WAITAOF 0 0 -1', 'ERR timeout is negative'],
  ]
  for (const [line, text] of cases) assert.is(await refusal(line), text, line)
  assert.equal(server.replication.calls, [])
})

test('WAIT and WAITAOF are refused on a replica', async () => {
  const { server, refusal } = made()
  server.replication.isReplica = true
  assert.match(
    await refusal('WAIT x x'),
    /^ERR WAIT cannot be used with replica instances\. Please also note that since Redis 4\.0 .* and are not propagated\.$/,
  )
  assert.is(
    await refusal('WAITAOF 1 1 1'),
    'ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just local and are not propagated.',
  )
})

test('an error that ends the wait becomes the reply', async () => {
  const { server, refusal } = made()
  server.replication.wait = () => Promise.reject(clientError('UNBLOCKED client unblocked via CLIENT UNBLOCK'))
  assert.is(await refusal('WAIT 1 0'), 'UNBLOCKED client unblocked via CLIENT UNBLOCK')
})

test("a client's last write is the start of its group, and reads and failures do not move it", () => {
  const group = new OpenGroup()
  const keyspace = new Keyspace(new MemoryRecords(), 16, group)
  let groupStart = 500
  const executor = new Executor({
    keyspace,
    group,
    server: new FakeServer([strings]),
    monotonicMs: () => 0,
    groupStart: () => groupStart,
    hooks: quietHooks(),
    gates: OPEN_GATES,
  })
  const client = Object.assign(new FakeSession(), { reply(_reply: Reply) {}, replyError() {} })
  const run = (...words: string[]) => executor.execute(new Request(client, words))
  assert.is(client.lastWriteOffset, -1)
  run('GET', 'a')
  assert.is(client.lastWriteOffset, -1)
  run('SET', 'a', 'x')
  assert.is(client.lastWriteOffset, 500)
  groupStart = 900
  run('GET', 'a')
  run('INCR', 'a')
  run('SETNX', 'a', 'y')
  assert.is(client.lastWriteOffset, 500)
  run('SET', 'b', 'z')
  assert.is(client.lastWriteOffset, 900)
})

test.run()

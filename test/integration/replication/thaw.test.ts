/**
 * A master that the operating system has stopped for a while (SIGSTOP, a suspended machine), and
 * the data that waits in its sockets then.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { inStep, startReplica, stopAll } from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { WireError, type WireReply } from '../../support/servers/wire-client.ts'

const LAG = { 'min-replicas-to-write': '1', 'min-replicas-max-lag': '2' }

const master = await RunningServer.start({ flags: LAG })
const replica = await startReplica(master.port)
test.after(() => stopAll(replica, master))

const wallSeconds = async () => Number(((await replica.call('TIME')) as readonly string[])[0])

/** Waits until the replica has sent ACKs for longer than the lag. */
async function acksLieInTheSocket(): Promise<void> {
  const frozenAt = await wallSeconds()
  await until('ACKs to be sent for longer than the lag', async () => (await wallSeconds()) > frozenAt + 4)
}

async function replicaCounts(): Promise<void> {
  await inStep(master, replica)
  await until('the replica to count', async () => (await master.call('SET', 'before', '1')) === 'OK')
  await inStep(master, replica)
}

/** Sends writes that wait behind ACKs in the sockets of a frozen master, and thaws it. */
async function thawed(between: () => unknown): Promise<readonly WireReply[]> {
  const clients = await Promise.all([1, 2, 3].map(() => master.connect()))
  process.kill(master.pid, 'SIGSTOP')
  let replies: Promise<WireReply>[] = []
  try {
    await acksLieInTheSocket()
    await between()
    replies = clients.map((client, i) => client.call('SET', `lost:${i}`, '1'))
  } finally {
    process.kill(master.pid, 'SIGCONT')
  }
  const answers = await Promise.all(replies)
  for (const client of clients) await client.close()
  return answers
}

function assertRefused(answers: readonly WireReply[]): void {
  for (const answer of answers) {
    assert.ok(answer instanceof WireError, `a write was taken: ${String(answer)}`)
    assert.is(answer.text, 'NOREPLICAS Not enough good replicas to write.')
  }
}

test('a thawed master refuses writes, despite buffered ACKs, if its replica does not answer', async () => {
  await replicaCounts()
  try {
    assertRefused(await thawed(() => process.kill(replica.pid, 'SIGSTOP')))
  } finally {
    process.kill(replica.pid, 'SIGCONT')
  }
})

test('a thawed master accepts writes again once its replica answers', async () => {
  await replicaCounts()
  assert.is(await replica.call('GET', 'before'), '1')
})

test('a thawed master refuses writes if its replica was promoted meanwhile', async () => {
  await replicaCounts()
  assertRefused(await thawed(() => replica.call('REPLICAOF', 'NO', 'ONE')))
})

test.run()

/** Partial or full sync: decided by the content of the logs, without an operator. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  assertEqual,
  binlogOf,
  fieldOf,
  fill,
  follow,
  fullSyncs,
  offsetOf,
  startReplica,
  stopAll,
} from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { WireError } from '../../support/servers/wire-client.ts'

const directories: string[] = []
test.after(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

/** Starts a server on a copy of the data of another one, which is not running. */
function startCopy(of: RunningServer): Promise<RunningServer> {
  const directory = mkdtempSync(join(tmpdir(), 'haypile-copy-'))
  directories.push(directory)
  cpSync(of.directory, directory, { recursive: true })
  return RunningServer.start({ directory })
}

/** Returns the reasons for which a master has refused a partial sync. */
function reasonsOf(master: RunningServer): (string | undefined)[] {
  const lines = master.logLines as readonly { msg: string; reason?: string }[]
  return lines.filter(({ msg }) => msg === 'a replica needs a full sync').map(({ reason }) => reason)
}

/** Starts two masters with the same history and data. */
async function twins(): Promise<[RunningServer, RunningServer]> {
  const one = await RunningServer.start()
  await fill(one, 'common', 100)
  process.kill(one.pid, 'SIGTERM')
  await one.stopped(0)
  const other = await startCopy(one)
  await one.launch()
  assert.is(await fieldOf(one, 'master_replid'), await fieldOf(other, 'master_replid'))
  assert.is(await offsetOf(one), await offsetOf(other))
  return [one, other]
}

test('forked logs of equal length, id and last command are told apart, and the replica full-syncs', async () => {
  const [one, other] = await twins()
  await one.call('SET', 'fork', 'a')
  await other.call('SET', 'fork', 'b')
  for (const server of [one, other]) await server.call('SET', 'last', 'the same')
  assert.is(await offsetOf(one), await offsetOf(other))
  assert.is(await fieldOf(one, 'master_replid'), await fieldOf(other, 'master_replid'))
  assert.is.not(binlogOf(one).bytes.compare(binlogOf(other).bytes), 0)
  await follow(other, one)
  await assertEqual(one, other)
  assert.is(await other.call('GET', 'fork'), 'a')
  assert.equal(reasonsOf(one), ['diverged'])
  await stopAll(other, one)
})

test('a replica ahead of its master in the same history full-syncs', async () => {
  const [one, other] = await twins()
  await fill(other, 'only here', 50)
  await follow(other, one)
  await assertEqual(one, other)
  assert.is(await other.call('EXISTS', 'only here:0'), 0)
  assert.equal(reasonsOf(one), ['ahead'])
  await stopAll(other, one)
})

test('twins that have not diverged continue without a full sync', async () => {
  const [one, other] = await twins()
  await one.call('SET', 'more', '1')
  await follow(other, one)
  await assertEqual(one, other)
  assert.is(await fullSyncs(one), 0)
  await stopAll(other, one)
})

test('a server with its own data, or own writes since, full-syncs from its master', async () => {
  const [one, other] = [await RunningServer.start(), await RunningServer.start()]
  await fill(one, 'master', 100)
  await fill(other, 'own', 300)
  assert.is(await follow(other, one), 'OK')
  await assertEqual(one, other)
  assert.is(await other.call('DBSIZE'), 100)
  assert.equal(reasonsOf(one), ['unknown'])
  await other.call('SLAVEOF', 'NO', 'ONE')
  assert.is(await other.call('SET', 'of my own', '1'), 'OK')
  await one.call('SET', 'meanwhile', '1')
  await follow(other, one)
  await assertEqual(one, other)
  assert.is(await other.call('EXISTS', 'of my own'), 0)
  assert.is(await fullSyncs(one), 2)
  await stopAll(other, one)
})

test('a replica away for longer than the retained binlog full-syncs, and one away for less does not', async () => {
  const flags = { 'binlog-file-size': '1mb', 'binlog-retention-bytes': '2mb', 'checkpoint-binlog-bytes': '1mb' }
  const master = await RunningServer.start({ flags })
  const replica = await startReplica(master.port)
  await fill(master, 'before', 100)
  await assertEqual(master, replica)
  await replica.kill9()
  await fill(master, 'short', 1000)
  await replica.launch()
  await assertEqual(master, replica)
  assert.is(await fullSyncs(master), 1)
  await replica.kill9()
  for (let round = 0; binlogOf(master).start === 0; round++) await fill(master, `long${round % 2}`, 2000, 1000)
  await replica.launch()
  await assertEqual(master, replica)
  assert.is(await fullSyncs(master), 2)
  assert.equal(reasonsOf(master), ['purged'])
  await stopAll(replica, master)
})

test('after a promotion siblings and the old master continue, and a node with writes of its own full-syncs', async () => {
  const master = await RunningServer.start()
  const [heir, sibling, loser] = [await startReplica(master.port), await startReplica(master.port), await startReplica(master.port)]
  await fill(master, 'old', 500)
  await assertEqual(master, heir, sibling, loser)
  assert.is(await heir.call('SLAVEOF', 'NO', 'ONE'), 'OK')
  assert.is(await fieldOf(heir, 'master_replid2'), await fieldOf(master, 'master_replid'))
  assert.is(Number(await fieldOf(heir, 'second_repl_offset')), (await offsetOf(heir)) + 1)
  await heir.call('SET', 'new', 'master')
  for (const server of [sibling, master]) await follow(server, heir)
  await fill(heir, 'new', 500)
  await assertEqual(heir, sibling, master)
  assert.is(await fullSyncs(heir), 0, 'all went on incrementally')
  assert.is(await fieldOf(master, 'role'), 'slave')
  // The master of `loser` is a replica now, and `loser` becomes a master of its own.
  await loser.call('SLAVEOF', 'NO', 'ONE')
  await loser.call('SET', 'lost', '1')
  await follow(loser, heir)
  await assertEqual(heir, loser)
  assert.is(await fullSyncs(heir), 1)
  await stopAll(sibling, master, loser, heir)
})

test('writes at the head of a chain of four reach its end, and every link may break', async () => {
  const head = await RunningServer.start()
  const chain = [head]
  for (let depth = 1; depth <= 3; depth++) chain.push(await startReplica((chain.at(-1) as RunningServer).port))
  const [, second, third, last] = chain as [RunningServer, RunningServer, RunningServer, RunningServer]
  await fill(head, 'chain', 1000)
  await assertEqual(head, second, third, last)
  assert.match(await fieldOf(second, 'slave0'), `port=${third.port},state=online`)
  await second.restart('SIGKILL')
  await fill(head, 'again', 200)
  await assertEqual(head, second, third, last)
  assert.is(await fullSyncs(second), 0, 'since its start')
  assert.is(await fullSyncs(third), 1)

  // The middle is taken out; its replicas move up.
  await follow(third, head)
  await fill(head, 'shorter', 200)
  await assertEqual(head, third, last)
  assert.is(await fullSyncs(head), 1)

  // The head follows its own end.
  await follow(head, last)
  await until('the cycle to be reported', async () => (await fieldOf(head, 'repl_last_error')).includes('CYCLE'))
  assert.is(await head.call('SLAVEOF', 'NO', 'ONE'), 'OK')
  await head.call('SET', 'after', 'the cycle')
  await assertEqual(head, third, last)
  assert.is(await fullSyncs(head), 1)
  await stopAll(last, third, second, head)
})

test('SLAVEOF to itself or to the present master is reported, and FORCE full-syncs anyway', async () => {
  const master = await RunningServer.start()
  const replica = await startReplica(master.port)
  await fill(master, 'force', 100)
  await assertEqual(master, replica)
  assert.equal(await follow(replica, replica), new WireError('ERR The master ip:port and the slave ip:port are the same'))
  assert.instance(await replica.call('SLAVEOF', 'localhost', replica.port), WireError)
  assert.is(await follow(replica, master), 'OK Already connected to specified master')
  assert.is(await fullSyncs(master), 1)
  assert.is(await follow(replica, master, 'FORCE'), 'OK')
  await until('the second full sync', async () => (await fullSyncs(master)) === 2)
  await assertEqual(master, replica)
  assert.equal(await replica.call('SLAVEOF', '127.0.0.1', 'x'), new WireError('ERR Invalid master port'))
  await stopAll(replica, master)
})

test('CLEARREPLICATIONID makes every replica full-sync, and a replica refuses it', async () => {
  const master = await RunningServer.start()
  const replica = await startReplica(master.port)
  await fill(master, 'clear', 100)
  await assertEqual(master, replica)
  assert.instance(await replica.call('CLEARREPLICATIONID'), WireError)
  const id = await fieldOf(master, 'master_replid')
  assert.is(await master.call('CLEARREPLICATIONID'), 'OK')
  assert.is.not(await fieldOf(master, 'master_replid'), id)
  await until('the second full sync', async () => (await fullSyncs(master)) === 2)
  await assertEqual(master, replica)
  await stopAll(replica, master)
})

test.run()

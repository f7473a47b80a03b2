/** Roles survive restarts, and binlog is kept for the replicas that need it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { HandReplica } from '../../support/servers/hand-replica.ts'
import {
  assertEqual,
  assertSameBinlog,
  binlogOf,
  fieldOf,
  fill,
  follow,
  inStep,
  linked,
  offsetOf,
  startReplica,
  stopAll,
} from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { WireClient, WireError } from '../../support/servers/wire-client.ts'

test('a restarted replica is a replica from its first answer, with or without its master', async () => {
  const master = await RunningServer.start()
  const replica = await RunningServer.start()
  await fill(master, 'role', 100)
  await follow(replica, master)
  await assertEqual(master, replica)
  await master.kill9()
  for (const how of ['SIGKILL', 'SIGTERM'] as const) {
    if (how === 'SIGKILL') await replica.kill9()
    else {
      process.kill(replica.pid, how)
      await replica.stopped(0)
    }
    const answers = new Set<string>()
    let isOver = false
    const hammer = (async () => {
      while (!isOver) {
        const client = await WireClient.connect({ port: replica.port }).catch(() => null)
        if (client === null) await new Promise((resolve) => setImmediate(resolve))
        else {
          const reply = await client.call('SET', 'forbidden', '1').catch(() => null)
          if (reply !== null) answers.add(reply instanceof WireError ? (reply.text.split(' ')[0] as string) : String(reply))
          await client.close()
        }
      }
    })()
    await replica.launch()
    await until('a refusal', () => answers.has('READONLY'))
    isOver = true
    await hammer
    answers.delete('LOADING')
    assert.equal([...answers], ['READONLY'])
    assert.is(await fieldOf(replica, 'role'), 'slave')
    assert.is(await replica.call('GET', 'role:7'), 'role7'.padEnd(64, 'v'), 'and serves what it has')
  }
  await master.launch()
  await assertEqual(master, replica)
  await stopAll(replica, master)
})

test('the role set by SLAVEOF overrides the configuration', async () => {
  const master = await RunningServer.start()
  const replica = await startReplica(master.port)
  await fill(master, 'kept', 10)
  await inStep(master, replica)
  await replica.call('SLAVEOF', 'NO', 'ONE')
  await replica.restart('SIGKILL')
  assert.is(await fieldOf(replica, 'role'), 'master')
  assert.is(await replica.call('SET', 'own', '1'), 'OK')
  await follow(replica, master)
  await linked(replica)
  await replica.restart('SIGTERM')
  await assertEqual(master, replica)
  assertSameBinlog(master, replica)
  await stopAll(replica, master)
})

test('PURGELOGSTO removes unneeded segments, and none that a replica needs', async () => {
  const master = await RunningServer.start({ flags: { 'binlog-file-size': '1mb' } })
  const hand = new HandReplica(20_000)
  const link = await hand.attach(master.port)
  await link.follow()
  while (binlogOf(master).segments < 3) await fill(master, 'purge', 500, 1000)
  await link.received(await offsetOf(master))
  await master.call('SAVE')
  const end = await offsetOf(master)
  assert.instance(await master.call('PURGELOGSTO', end), WireError, 'the replica has acknowledged none of it')
  assert.is(binlogOf(master).start, 0)
  link.ack()
  const safe = async () => /safety_purge=(\d{20}\.log)/.exec(await fieldOf(master, 'pika_db0'))?.[1] ?? ''
  await until('the ACK to be seen', async () => (await safe()) !== '')
  const segment = await safe()
  assert.is(await master.call('PURGELOGSTO', segment), 'OK')
  assert.is(binlogOf(master).start, Number.parseInt(segment, 10))
  assert.match(((await master.call('PURGELOGSTO', 'write2file0')) as WireError).text, /^ERR /)
  assert.match(((await master.call('PURGELOGSTO', end + 1)) as WireError).text, /^ERR /)
  await link.close()
  await master.stop()
})

test.run()

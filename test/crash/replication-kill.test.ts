/**
 * kill -9 of a master or a replica at random moments, under writes. All writes that the master
 * acknowledged and WAIT confirmed exist afterwards on both sides. The servers get back in step by
 * themselves. HAYPILE_CRASH_ROUNDS sets the number of rounds, HAYPILE_SEED repeats a run.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { randomCommand } from '../support/generators/random-commands.ts'
import { fromSeed, seeded } from '../support/generators/seed.ts'
import { assertEqual, fieldOf, follow, inStep, linked } from '../support/servers/replicated-servers.ts'
import { pause, RunningServer, until } from '../support/servers/running-server.ts'

const { HAYPILE_CRASH_ROUNDS } = process.env
const ROUNDS = Number(HAYPILE_CRASH_ROUNDS ?? 6)
const MAX_RUN_MS = 500

const flags = {
  'checkpoint-binlog-bytes': '1mb',
  'binlog-file-size': '1mb',
  'binlog-retention-bytes': '8mb',
  'checkpoint-seconds': 1,
  'cache-memory': '16mb',
}

/** Counts up, each step confirmed by WAIT, until its connection breaks. */
class Counter {
  confirmed = 0

  async run(server: RunningServer): Promise<void> {
    const client = await server.connect()
    try {
      for (;;) {
        const count = (await client.call('INCR', 'counter')) as number
        if (typeof count !== 'number') return
        if ((await client.call('WAIT', 1, 1000)) === 1) this.confirmed = count
      }
    } catch {
      await client.close()
    }
  }
}

/** Writes of every kind until the connection breaks. */
async function noise(server: RunningServer, seed: number): Promise<void> {
  const chance = fromSeed(seed)
  const client = await server.connect()
  try {
    for (;;)
      await client.pipeline(
        Array.from({ length: 1 + chance.integer(30) }, () => randomCommand(chance)).filter(
          ([name]) => name !== 'SWAPDB' && name !== 'FLUSHDB',
        ),
      )
  } catch {
    await client.close()
  }
}

test(`kill -9 of either side loses no write that both had, in ${ROUNDS} rounds`, async () => {
  const chance = seeded('replication-kill')
  let [master, replica] = [await RunningServer.start({ flags }), await RunningServer.start({ flags })]
  await follow(replica, master)
  await inStep(master, replica)
  const counter = new Counter()
  const fates: string[] = []
  for (let round = 1; round <= ROUNDS; round++) {
    const writers = Promise.all([counter.run(master), noise(master, chance.integer(2 ** 31))])
    await pause(20 + chance.integer(MAX_RUN_MS))
    const fate = chance.pick(['replica', 'master', 'master is replaced', 'both'] as const)
    fates.push(fate)
    if (fate === 'replica') {
      await replica.kill9()
      if (round % 2 === 0) await replica.checkClean()
      await replica.launch()
      assert.ok(Number(await replica.call('GET', 'counter')) >= counter.confirmed, 'on the replica that was killed')
      await linked(replica)
      await master.kill9() // ends the writers' connections
      await master.launch()
    } else {
      await master.kill9()
      if (fate === 'both') {
        await replica.kill9()
        await replica.launch()
      }
      if (round % 2 === 0) await master.checkClean()
      assert.ok(Number(await replica.call('GET', 'counter')) >= counter.confirmed, 'on the replica')
      if (fate === 'master is replaced') {
        assert.is(await replica.call('SLAVEOF', 'NO', 'ONE'), 'OK')
        await replica.call('INCR', 'replaced')
        await master.launch()
        await follow(master, replica)
        ;[master, replica] = [replica, master]
      } else await master.launch()
    }
    await writers
    await assertEqual(master, replica)
    const count = Number(await master.call('GET', 'counter'))
    assert.ok(count >= counter.confirmed, `${counter.confirmed} was confirmed, ${count} exists (${fates.join(', ')})`)
    assert.is(await fieldOf(replica, 'repl_state'), 'BINLOG_SYNC')
  }
  console.log(`${ROUNDS} crashes (${fates.join(', ')}), ${counter.confirmed} confirmed writes`)
  await replica.stop()
  await master.stop()
})

test('a write confirmed by WAITAOF is acknowledged as synced by the replica', async () => {
  const [master, replica] = [await RunningServer.start(), await RunningServer.start()]
  await follow(replica, master)
  await inStep(master, replica)
  const client = await master.connect()
  for (let i = 0; i < 2; i++) {
    await client.call('INCR', 'synced')
    assert.equal(await client.call('WAITAOF', 1, 1, 5000), [1, 1])
    const line = await fieldOf(master, 'slave0')
    assert.is(Number(/synced=(\d+)/.exec(line)?.[1]), Number(await fieldOf(master, 'master_repl_offset')), line)
  }
  await client.close()
  await until('nothing to be left', async () => (await fieldOf(master, 'slave0')).includes('lag_bytes=0'))
  await replica.stop()
  await master.stop()
})

test.run()

/**
 * Commands of every kind over several databases, then kill -9. The next start restores exactly the
 * data of the last one, from the checkpoint and the log together. HAYPILE_CRASH_ROUNDS sets the
 * number of rounds, HAYPILE_SEED repeats a run.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { dataset, withoutShortDeadlines } from '../support/generators/dataset.ts'
import { randomCommand, type Words } from '../support/generators/random-commands.ts'
import { seeded } from '../support/generators/seed.ts'
import { RunningServer } from '../support/servers/running-server.ts'

const { HAYPILE_CRASH_ROUNDS } = process.env
const ROUNDS = Number(HAYPILE_CRASH_ROUNDS ?? 10)
const BATCHES = 15
const MAX_COMMANDS = 120

test(`the whole data set survives kill -9 in ${ROUNDS} rounds`, async () => {
  const chance = seeded('dataset')
  const server = await RunningServer.start({
    flags: {
      'checkpoint-binlog-bytes': '1mb',
      'binlog-file-size': '1mb',
      'binlog-retention-bytes': '4mb',
      'checkpoint-seconds': 1,
      'cache-memory': '16mb',
    },
  })
  for (let round = 1; round <= ROUNDS; round++) {
    const client = await server.connect()
    for (let batch = 0; batch < BATCHES; batch++) {
      const commands: Words[] = Array.from({ length: 1 + chance.integer(MAX_COMMANDS) }, () => randomCommand(chance))
      if (chance.random() < 0.2) commands.push(['BGSAVE'])
      await client.pipeline(commands)
    }
    await withoutShortDeadlines(client)
    const before = await dataset(client)
    const how = chance.random() < 0.8 ? 'SIGKILL' : 'SIGTERM'
    if (how === 'SIGKILL') await server.kill9()
    else {
      process.kill(server.pid, 'SIGTERM')
      await server.stopped(0)
    }
    await server.checkClean()
    await server.launch()
    const again = await server.connect()
    const after = await dataset(again)
    assert.equal([...after.keys()], [...before.keys()], `keys after round ${round}, ${how}`)
    for (const [key, value] of before) assert.equal(after.get(key), value, `${key} after round ${round}, ${how}`)
    await again.close()
  }
  await server.stop()
})

test.run()

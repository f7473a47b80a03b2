/**
 * A replica is killed or stopped at random moments of a full sync. The next process continues after
 * the last record that was recorded as durable. HAYPILE_CRASH_ROUNDS sets the number of rounds,
 * HAYPILE_SEED repeats a run.
 */
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { realFiles } from '../../base/files.ts'
import { type FillingProgress, readProgress } from '../../storage/directory/filling-progress.ts'
import { seeded } from '../support/generators/seed.ts'
import { assertEqual, fieldOf, fill, follow, fullSyncs, generationsOf, linesOf } from '../support/servers/replicated-servers.ts'
import { pause, RunningServer, until } from '../support/servers/running-server.ts'

const { HAYPILE_CRASH_ROUNDS } = process.env
const ROUNDS = Number(HAYPILE_CRASH_ROUNDS ?? 6)
const MAX_RUN_MS = 2000
const SLOW = '400kb'

/** The progress of a full sync that a stopped replica has recorded. */
function recorded(replica: RunningServer): FillingProgress | null {
  return readProgress(realFiles, join(replica.directory, generationsOf(replica).at(-1) as string))
}

const begun = (master: RunningServer) =>
  (linesOf(master) as readonly { readonly msg: string; readonly resumed?: boolean }[]).filter(({ msg }) => msg === 'a full sync begins')

test(`a full sync survives kill -9 and SIGTERM of the replica in ${ROUNDS} rounds`, async () => {
  const chance = seeded('full-sync-kill')
  const master = await RunningServer.start({ flags: { loglevel: 'debug', 'dbsync-rate-limit': SLOW } })
  await fill(master, 'big', 8000, 1000)
  const replica = await RunningServer.start()
  await fill(replica, 'old', 100)
  await follow(replica, master)
  const fates: string[] = []
  let before = 0
  for (let round = 1; round <= ROUNDS; round++) {
    await until('the full sync to move', async () => Number(await fieldOf(replica, 'repl_full_sync_bytes')) > before)
    const fate = chance.pick(['SIGKILL', 'SIGTERM'] as const)
    await pause(chance.integer(MAX_RUN_MS))
    const seen = Number(await fieldOf(replica, 'repl_full_sync_bytes'))
    if (fate === 'SIGKILL') await replica.kill9()
    else {
      process.kill(replica.pid, 'SIGTERM')
      await replica.stopped(0)
    }
    const { bytes = 0, records = 0 } = recorded(replica) ?? {}
    fates.push(`${fate} at ${seen}, kept ${bytes}`)
    assert.ok(bytes >= before, `the recorded progress went back: ${fates.join('; ')}`)
    if (fate === 'SIGTERM') assert.ok(bytes >= seen, `a clean end keeps all written records: ${fates.join('; ')}`)
    const known = begun(master).length
    await replica.launch()
    assert.is(await replica.call('GET', 'old:7'), 'old7'.padEnd(64, 'v'))
    await until('the full sync to go on', () => begun(master).length > known)
    assert.is(begun(master)[known]?.resumed, records > 0, fates.join('; '))
    before = bytes
  }
  assert.ok(before > 0, fates.join('; '))
  console.log(fates.join('; '))
  await master.call('CONFIG', 'SET', 'dbsync-rate-limit', 0)
  await assertEqual(master, replica)
  assert.is(await replica.call('DBSIZE'), 8000)
  assert.is(await fullSyncs(master), ROUNDS + 1)
  assert.is(linesOf(master).filter(({ msg }) => msg === 'snapshot for full syncs').length, 1)
  await replica.restart('SIGKILL')
  await assertEqual(master, replica)
  await replica.stop()
  await master.stop()
})

test('a restarted replica begins its full sync anew if the master has another snapshot or the master changed', async () => {
  const [master, other] = [await RunningServer.start({ flags: { 'dbsync-rate-limit': SLOW } }), await RunningServer.start()]
  await fill(master, 'big', 4000, 1000)
  await fill(other, 'other', 100)
  const replica = await RunningServer.start({ flags: { replicaof: `127.0.0.1 ${master.port}` } })
  const started = async () => Number(await fieldOf(replica, 'repl_full_sync_bytes')) > 300_000
  await until('the full sync to begin', started)
  process.kill(replica.pid, 'SIGTERM')
  await replica.stopped(0)
  assert.ok((recorded(replica)?.bytes ?? 0) > 300_000)
  await master.restart()
  await replica.launch()
  await until('another full sync', () => begun(master).length > 1)
  assert.is(begun(master).at(-1)?.resumed, false, 'the snapshot went with the process')
  await until('the full sync to begin', started)
  await replica.restart()
  await follow(replica, other)
  await assertEqual(other, replica)
  assert.is(await replica.call('DBSIZE'), 100)
  await until('the received records to be removed', () => generationsOf(replica).length === 1)
  await replica.stop()
  await master.stop()
  await other.stop()
})

test.run()

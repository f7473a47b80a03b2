/** Replicas that cannot keep up: too far behind, or with a full disk. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CutProxy } from '../../support/servers/cut-proxy.ts'
import { assertEqual, fieldOf, fill, fullSyncs, linesOf, startReplica, stopAll } from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'

test('a replica behind by more than replica-lag-limit is disconnected once, and full-syncs when it returns', async () => {
  const master = await RunningServer.start({
    flags: {
      'replica-lag-limit': '2mb',
      'binlog-file-size': '1mb',
      'binlog-retention-bytes': '1mb',
      'checkpoint-binlog-bytes': '1mb',
    },
  })
  const proxy = await CutProxy.start(master.port)
  const replica = await startReplica(proxy.port)
  await fill(master, 'lag', 100)
  await assertEqual(master, replica)
  const { link } = proxy
  link.silence()
  proxy.isOpen = false
  const isCutOff = (server: RunningServer) => linesOf(server).filter(({ level, msg }) => level === 40 && msg.includes('replica-lag-limit'))
  await until('the replica to be disconnected', async () => {
    await fill(master, 'lag', 1000, 1000)
    return isCutOff(master).length > 0
  })
  assert.match(isCutOff(master)[0]?.msg ?? '', 'a replica is cut off')
  await fill(master, 'lag', 4000, 1000)
  assert.is(isCutOff(master).length, 1)
  const reached = Number(await fieldOf(replica, 'slave_repl_offset'))
  await until('the binlog that the replica lacks to be purged', async () => {
    await fill(master, 'lag', 100, 1000)
    return Number(await fieldOf(master, 'repl_backlog_first_byte_offset')) > reached + 1
  })
  assert.is(isCutOff(master).length, 1)
  proxy.isOpen = true
  link.cut()
  await assertEqual(master, replica)
  assert.is(await fullSyncs(master), 2)
  await proxy.close()
  await stopAll(replica, master)
})

/** Mounts a small file system. Returns null where mounting is not permitted. */
function mountSmall(bytes: number): string | null {
  const directory = mkdtempSync(join(tmpdir(), 'haypile-small-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', directory], { stdio: 'ignore' })
    return directory
  } catch {
    rmSync(directory, { recursive: true })
    return null
  }
}

const MEBIBYTE = 1024 * 1024

/** Fills the disk up, so that less is free than this test's data takes. */
function fillUp(directory: string, filler: string): void {
  const { bavail, bsize } = statfsSync(directory)
  writeFileSync(filler, Buffer.alloc(bavail * bsize - 12 * MEBIBYTE))
}

const small = process.platform === 'linux' ? mountSmall(160 * MEBIBYTE) : null
if (small === null) console.log('SKIPPED full disk of a replica: no file system of its own can be mounted')
else {
  test.after(() => {
    execFileSync('umount', ['-l', small])
    rmSync(small, { recursive: true, force: true })
  })

  test('a replica with a full disk reports it, loses nothing, and resumes once there is room', async () => {
    const master = await RunningServer.start()
    const replica = await startReplica(master.port, { directory: join(small, 'data') })
    await fill(master, 'disk', 1000, 1000)
    await assertEqual(master, replica)
    const filler = join(small, 'filler')
    fillUp(small, filler)
    await fill(master, 'disk', 36_000, 1000) // more than the free space and the reserve together
    await until('the reason to be shown', async () => /ENOSPC|no space/i.test(await fieldOf(replica, 'repl_last_error')))
    assert.is(await replica.call('GET', 'disk:7'), 'disk7'.padEnd(1000, 'v'))
    const reasons = linesOf(replica).filter(({ level, msg }) => level >= 40 && /ENOSPC|no space/i.test(msg))
    assert.ok(reasons.length <= 10, JSON.stringify(reasons))
    rmSync(filler)
    await assertEqual(master, replica)
    await replica.stop()

    // And in the middle of a full sync.
    fillUp(small, filler)
    await master.call('CLEARREPLICATIONID')
    await replica.launch()
    await until('the reason to be shown', async () => (await fieldOf(replica, 'repl_last_error')).startsWith('no room for a full sync'))
    rmSync(filler)
    await assertEqual(master, replica)
    await stopAll(replica, master)
  })
}

test.run()

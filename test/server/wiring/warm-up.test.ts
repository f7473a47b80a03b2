/** The warm-up before the server is ready: it runs where it is configured, and leaves no trace. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { systemClock } from '../../../base/clock.ts'
import { CommandTable } from '../../../commands/contract/table.ts'
import { families } from '../../../commands/families.ts'
import { start } from '../../../server/index.ts'
import { RequestDecoder } from '../../../server/protocol/request-decoder.ts'
import { warmUp } from '../../../server/wiring/warm-up.ts'
import { RunningServer } from '../../support/servers/running-server.ts'

/** Counts the reads of all connections while `run` runs. */
async function readsDuring(run: () => Promise<void>): Promise<number> {
  const { feed } = RequestDecoder.prototype
  let reads = 0
  RequestDecoder.prototype.feed = function (buffer, length) {
    reads++
    feed.call(this, buffer, length)
  }
  try {
    await run()
  } finally {
    RequestDecoder.prototype.feed = feed
  }
  return reads
}

test('all requests of the warm-up succeed', async () => {
  assert.ok((await readsDuring(() => warmUp(new CommandTable(families), systemClock))) > 0)
})

for (const [name, options, isWarm] of [
  ['a server inside a program does not warm up unless it is told to', {}, false],
  ['a server inside a program warms up with the option warm-up', { 'warm-up': true }, true],
] as const) {
  test(name, async () => {
    const dir = mkdtempSync(join(tmpdir(), 'haypile-test-'))
    try {
      const reads = await readsDuring(async () => {
        const server = await start({ port: 0, bind: '127.0.0.1', dir, ...options })
        await server.close()
      })
      assert.is(reads > 0, isWarm)
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })
}

test('the warm-up leaves no trace in keys, log, counters, slow log, latencies, errors, users and clients', async () => {
  const server = await RunningServer.start({ flags: { 'slowlog-log-slower-than': 0, 'latency-monitor-threshold': 1 } })
  try {
    const client = await server.connect()
    const info = String(await client.call('INFO', 'everything'))
    const field = (name: string) => new RegExp(`^${name}:(.*)\r$`, 'm').exec(info)?.[1]
    // The test's helper has sent a few PINGs.
    assert.ok(Number(field('total_commands_processed')) < 20, field('total_commands_processed'))
    assert.ok(Number(field('total_net_input_bytes')) < 2000, field('total_net_input_bytes'))
    assert.is(field('storage_resident_bytes'), '0')
    assert.is(field('master_repl_offset'), '0')
    assert.is(field('keyspace_hits'), '0')
    assert.is(field('rdb_changes_since_last_save'), '0')
    for (const name of ['mset', 'hset', 'zadd']) assert.is(field(`cmdstat_${name}`), undefined, name)
    assert.is(await client.call('DBSIZE'), 0)
    const slow = (await client.call('SLOWLOG', 'GET', '-1')) as unknown as [number, number, number, string[]][]
    assert.ok(slow.every(([, , , words]) => ['PING', 'INFO', 'DBSIZE'].includes((words[0] as string).toUpperCase())))
    assert.equal(await client.call('LATENCY', 'HISTOGRAM', 'mset', 'hset'), [])
    assert.equal(await client.call('ACL', 'LOG'), [])
    assert.is(
      String(await client.call('CLIENT', 'LIST'))
        .trim()
        .split('\n').length,
      1,
    )
    await client.close()
  } finally {
    await server.stop()
  }
})

test.run()

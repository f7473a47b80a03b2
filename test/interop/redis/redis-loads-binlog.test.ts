/**
 * The binlog is a Redis append-only file: redis-check-aof passes it, and a redis-server that loads
 * it holds the same data.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { dataset, withoutShortDeadlines } from '../../support/generators/dataset.ts'
import { randomCommand } from '../../support/generators/random-commands.ts'
import { seeded } from '../../support/generators/seed.ts'
import { FIXTURES } from '../../support/rdb/fixtures.ts'
import { freePort, RunningServer, until } from '../../support/servers/running-server.ts'
import { WireClient } from '../../support/servers/wire-client.ts'
import { haveTools, run } from '../tools.ts'

const COMMANDS = 6000

const LIBRARY_REQUESTS = [
  [
    'FUNCTION',
    'LOAD',
    "#!lua name=lib\nredis.register_function('set', function(keys, args) return redis.call('set', keys[1], 'of before') end)",
  ],
  ['FUNCTION', 'LOAD', "#!lua name=gone\nredis.register_function('gone', function() end)"],
  [
    ...['FUNCTION', 'LOAD', 'REPLACE'],
    "#!lua name=lib\nredis.register_function('set', function(keys, args) return redis.call('set', keys[1], args[1]) end)",
  ],
  ['FUNCTION', 'DELETE', 'gone'],
] as const

/** Payloads of every version without deadlines of fields, which Redis 7.0 does not have. */
const restorable = FIXTURES.filter(
  ({ content }) => content.type !== 'hash' || content.fields.every(([, , deadlineMs]) => deadlineMs === null),
).map(({ payload }) => payload.latin1Slice())

if (haveTools('redis-server loads the binlog', 'redis-server', 'redis-check-aof')) {
  test('redis-check-aof accepts every segment, and redis-server loads them all', async () => {
    const chance = seeded('binlog')
    const server = await RunningServer.start({ flags: { 'binlog-file-size': '1mb' } })
    const client = await server.connect()
    for (let sent = 0; sent < COMMANDS; ) {
      const commands = Array.from({ length: 1 + chance.integer(100) }, () => randomCommand(chance, 'redis 7.0'))
      await client.pipeline(commands)
      sent += commands.length
    }
    for (const [index, payload] of restorable.entries()) assert.is(await client.call('RESTORE', `restored ${index}`, '0', payload), 'OK')
    for (const words of LIBRARY_REQUESTS) await server.call(...words)
    assert.is(await server.call('FCALL', 'set', '1', 'a key of a function', 'its value'), 'OK')
    await withoutShortDeadlines(client)
    const expected = await dataset(client, 'redis 7.0')
    assert.ok(expected.size > 30)
    process.kill(server.pid, 'SIGTERM')
    await server.stopped(0)
    await server.checkClean()

    const binlog = join(server.directory, 'generation-000001', 'binlog')
    const segments = readdirSync(binlog)
      .filter((name) => name.endsWith('.log'))
      .sort()
    assert.ok(segments.length > 2, `${segments.length} segments`)
    for (const segment of segments) {
      const { status, out } = await run('redis-check-aof', [join(binlog, segment)])
      assert.is(status, 0, out)
      assert.match(out, /is valid/)
    }
    const redis = await startRedisOn(segments.map((name) => readFileSync(join(binlog, name))))
    try {
      const found = await dataset(redis.client, 'redis 7.0')
      assert.equal([...found.keys()], [...expected.keys()])
      for (const [key, value] of expected) assert.equal(found.get(key), value, key)
      assert.is(await redis.client.call('FCALL', 'set', '1', 'another', 'value'), 'OK')
      assert.is((String(await redis.client.call('FUNCTION', 'LIST')).match(/library_name/g) ?? []).length, 1)
    } finally {
      await redis.stop()
    }
    server.remove()
  })
}

/** Starts a redis-server with these bytes as its append-only file. */
async function startRedisOn(parts: readonly Buffer[]): Promise<{ client: WireClient; stop: () => Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), 'haypile-redis-'))
  mkdirSync(join(directory, 'appendonlydir'))
  writeFileSync(join(directory, 'appendonlydir', 'appendonly.aof.1.incr.aof'), Buffer.concat(parts))
  writeFileSync(join(directory, 'appendonlydir', 'appendonly.aof.manifest'), 'file appendonly.aof.1.incr.aof seq 1 type i\n')
  const port = await freePort()
  const words = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--appendonly', 'yes', '--save', '']
  const child: ChildProcess = spawn('redis-server', words, { stdio: ['ignore', 'pipe', 'pipe'] })
  process.on('exit', () => child.kill('SIGKILL'))
  let log = ''
  child.stdout?.on('data', (data: Buffer) => {
    log += data
  })
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  let client: WireClient | undefined
  await until('redis-server to have loaded the log', async () => {
    if (child.exitCode !== null) throw new Error(`redis-server refused the log:\n${log}`)
    client = await WireClient.connect({ port }).catch(() => undefined)
    if (client === undefined) return false
    if ((await client.call('PING')) === 'PONG') return true
    await client.close()
    return false
  })
  return {
    client: client as WireClient,
    async stop() {
      child.kill('SIGKILL')
      await ended
      rmSync(directory, { recursive: true })
    },
  }
}

test.run()

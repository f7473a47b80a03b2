/**
 * Carries one data set from Redis through haypile and back to Redis, and compares it at each end:
 *
 *   files   Redis -> dump.rdb -> haypile import -> haypile export -> Redis
 *   live    Redis -> haypile as its replica -> Redis as a replica of haypile, during writes
 *   fields  haypile, with deadlines of fields -> RDB 12 -> haypile
 *
 * Two Redis are compared by their DEBUG DIGEST, a Redis and a haypile key by key.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { checkClean, exportFile, importFile } from '../../support/servers/imports.ts'
import { RedisServer } from '../../support/servers/redis-server.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { type WireClient, WireError } from '../../support/servers/wire-client.ts'
import { BATCH_KEYS, type Batch, FAR_MS, keysBetween, LIBRARY, largeValues } from './data-set.ts'
import { assertSameData, eachKeys, type Walked } from './walk.ts'

export interface RoundTripOptions {
  readonly seed: number
  /** The number of small keys. */
  readonly keys: number
  /** Called after each part with its name and its time. */
  report(part: string, milliseconds: number): void
}

export interface RoundTripCounts {
  readonly redis: Walked
  readonly haypile: Walked
}

const REDIS_WORDS = [
  ...['--enable-debug-command', 'yes', '--repl-diskless-sync-delay', '0'],
  ...['--client-output-buffer-limit', 'replica 0 0 0', '--rdb-del-sync-files', 'yes'],
]
/** The share of the keys that are written before replicas attach. */
const BEFORE_SHARE = 0.9
const LINK_MS = 3_600_000
const LAST_DATABASE = 15

type Part = <T>(name: string, work: () => Promise<T>) => Promise<T>

/** Does all of it, and fails at the first difference. */
export async function roundTrip({ seed, keys, report }: RoundTripOptions): Promise<RoundTripCounts> {
  const scratch = mkdtempSync(join(tmpdir(), 'haypile-round-trip-'))
  const stops: (() => Promise<void>)[] = [async () => rmSync(scratch, { recursive: true })]
  const part: Part = async (name, work) => {
    const startedMs = performance.now()
    const result = await work()
    report(name, performance.now() - startedMs)
    return result
  }
  try {
    const source = await RedisServer.start([...REDIS_WORDS, '--dbfilename', 'source.rdb'])
    stops.unshift(() => source.stop())
    const client = await source.connect()
    const before = Math.floor((keys * BEFORE_SHARE) / BATCH_KEYS) * BATCH_KEYS
    await part('Redis is filled', async () => {
      assert.is(await client.call('FUNCTION', 'LOAD', LIBRARY), 'lib')
      await write(client, keysBetween(seed, 0, before))
      await write(client, largeValues(keys))
    })
    await throughFiles(client, scratch, part)
    const live = await throughReplicas(source, part, () => write(client, keysBetween(seed, before, keys)), stops)
    const haypile = await throughFieldDeadlines(live.haypile, scratch, part)
    return { redis: live.walked, haypile }
  } finally {
    for (const stop of stops) await stop()
  }
}

async function write(client: WireClient, batches: Iterable<Batch>): Promise<void> {
  for (const { database, commands } of batches) {
    for (const reply of await client.pipeline([['SELECT', database], ...commands])) {
      if (reply instanceof WireError) throw new Error(reply.text)
    }
  }
}

const digestOf = (client: WireClient) => client.call('DEBUG', 'DIGEST')

async function throughFiles(client: WireClient, scratch: string, part: Part): Promise<void> {
  const [, directory] = (await client.call('CONFIG', 'GET', 'dir')) as Bytes[]
  const digest = await part('Redis saves', async () => {
    assert.is(await client.call('SAVE'), 'OK')
    return digestOf(client)
  })
  const data = join(scratch, 'imported')
  await part('haypile import', async () => {
    const imported = await importFile(join(directory!, 'source.rdb'), data)
    assert.is(imported.status, 0, imported.error + imported.out)
  })
  await part('haypile check', () => checkClean(data))
  await part('haypile export', async () => {
    const exported = await exportFile(join(scratch, 'exported.rdb'), data)
    assert.is(exported.status, 0, exported.error + exported.out)
  })
  rmSync(data, { recursive: true })
  await part('Redis loads the export, and has the same digest', async () => {
    const loaded = await RedisServer.start([...REDIS_WORDS, '--dir', scratch, '--dbfilename', 'exported.rdb'])
    try {
      const other = await loaded.connect()
      await until('the file to be loaded', async () => String(await other.call('INFO', 'persistence')).includes('\nloading:0'), LINK_MS)
      assert.is(await digestOf(other), digest)
      assert.is(await other.call('FCALL', 'f', 0, 'a'), 1)
    } finally {
      await loaded.stop()
    }
  })
  rmSync(join(scratch, 'exported.rdb'))
}

interface Live {
  readonly haypile: RunningServer
  readonly walked: Walked
}

async function throughReplicas(
  source: RedisServer,
  part: Part,
  writeMore: () => Promise<void>,
  stops: (() => Promise<void>)[],
): Promise<Live> {
  const haypile = await RunningServer.start({ flags: { replicaof: `127.0.0.1 ${source.port}`, 'replica-lag-limit': '64gb' } })
  const last = await RedisServer.start(REDIS_WORDS)
  const [client, middle, end] = [await source.connect(), await haypile.connect(), await last.connect()]
  stops.unshift(
    () => last.stop(),
    async () => {
      if (haypile.isRunning) await haypile.kill9()
      haypile.remove()
    },
  )
  await part('haypile follows Redis, a Redis follows haypile, during writes', async () => {
    const writing = writeMore()
    await untilLinked(middle)
    await end.call('REPLICAOF', '127.0.0.1', haypile.port)
    await writing
    await untilLinked(end)
    // What follows all writes arrives after them.
    await client.call('SELECT', LAST_DATABASE)
    await client.call('SET', 'all', 'written')
    await end.call('SELECT', LAST_DATABASE)
    await until('the last write', async () => (await end.call('GET', 'all')) === 'written', LINK_MS)
  })
  await part('both Redis have the same digest', async () => assert.is(await digestOf(end), await digestOf(client)))
  await last.stop()
  const walked = await part('Redis and haypile are equal key by key', () => assertSameData(client, middle, 'redis 7.0'))
  await middle.call('REPLICAOF', 'NO', 'ONE')
  await source.stop()
  return { haypile, walked }
}

async function untilLinked(client: WireClient): Promise<void> {
  await until('the link to be up', async () => String(await client.call('INFO', 'replication')).includes('master_link_status:up'), LINK_MS)
}

/** Gives fields of hashes deadlines, and takes all data through a file of version 12. */
async function throughFieldDeadlines(haypile: RunningServer, scratch: string, part: Part): Promise<Walked> {
  const client = await haypile.connect()
  await part('fields of hashes get deadlines', () => eachKeys(client, (keys) => giveDeadlines(client, keys)))
  await haypile.restart()
  await client.close()
  const { directory } = haypile
  await haypile.kill9()
  const file = join(scratch, 'fields.rdb')
  const copy = join(scratch, 'copy')
  await part('haypile export, version 12', async () => {
    const exported = await exportFile(file, directory, { rdbVersion: 12 })
    assert.is(exported.status, 0, exported.error + exported.out)
  })
  await part('haypile import, version 12', async () => {
    const imported = await importFile(file, copy)
    assert.is(imported.status, 0, imported.error + imported.out)
  })
  await haypile.launch()
  const other = await RunningServer.start({ directory: copy })
  const [one, two] = [await haypile.connect(), await other.connect()]
  const walked = await part('both haypile are equal key by key', () => assertSameData(one, two, 'haypile'))
  await part('both haypile stop', () => Promise.all([haypile.stop(), other.stop()]))
  return walked
}

async function giveDeadlines(client: WireClient, keys: readonly Bytes[]): Promise<void> {
  const types = await client.pipeline(keys.map((key) => ['TYPE', key]))
  const hashes = keys.filter((_, i) => types[i] === 'hash')
  const found = await client.pipeline(hashes.map((key) => ['HRANDFIELD', key, 2]))
  const commands = hashes.map((key, i) => {
    const fields = found[i] as readonly Bytes[]
    return ['HPEXPIREAT', key, FAR_MS + i, 'FIELDS', fields.length, ...fields]
  })
  for (const reply of await client.pipeline(commands)) if (reply instanceof WireError) throw new Error(reply.text)
}

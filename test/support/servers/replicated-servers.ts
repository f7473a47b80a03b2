/** Servers that follow one another, and assertions that both sides are equal. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { realFiles } from '../../../base/files.ts'
import { listSegments } from '../../../storage/binlog/segments.ts'
import { RunningServer, type ServerOptions, until } from './running-server.ts'
import { WireError, type WireReply } from './wire-client.ts'

export type Info = ReadonlyMap<string, string>

/** A section of INFO, by field. */
export async function infoOf(server: RunningServer, section = 'replication', password?: string): Promise<Info> {
  const client = await server.connect()
  try {
    if (password !== undefined) await client.call('AUTH', password)
    const text = (await client.call('INFO', section)) as string
    const lines = text.split('\r\n').filter((line) => /^[^#:]+:/.test(line))
    return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]))
  } finally {
    await client.close()
  }
}

/** The items of a line such as slave0. */
export function itemsOf(line: string | undefined): Info {
  return new Map((line ?? '').split(',').map((item) => item.split('=') as [string, string]))
}

/** A field of INFO. */
export async function fieldOf(server: RunningServer, name: string, section = 'replication'): Promise<string> {
  return (await infoOf(server, section)).get(name) ?? ''
}

export const fullSyncs = async (server: RunningServer) => Number(await fieldOf(server, 'sync_full', 'stats'))
export const partialSyncs = async (server: RunningServer) => Number(await fieldOf(server, 'sync_partial_ok', 'stats'))
export const offsetOf = async (server: RunningServer) => Number(await fieldOf(server, 'master_repl_offset'))

export function startReplica(masterPort: number, options: ServerOptions = {}): Promise<RunningServer> {
  return RunningServer.start({ ...options, flags: { replicaof: `127.0.0.1 ${masterPort}`, ...options.flags } })
}

/** Sends SLAVEOF. */
export async function follow(replica: RunningServer, master: { readonly port: number }, ...words: readonly string[]): Promise<WireReply> {
  return await replica.call('SLAVEOF', '127.0.0.1', master.port, ...words)
}

/** Waits until a replica follows its master; a failure shows the replica's own state. */
export async function linked(replica: RunningServer, timeoutMs = 180_000): Promise<void> {
  let last: Info = new Map()
  try {
    await until(
      'the link to be up',
      async () => {
        last = await infoOf(replica)
        return last.get('master_link_status') === 'up'
      },
      timeoutMs,
    )
  } catch (error) {
    throw new Error(
      `${(error as Error).message}; the replica says ${JSON.stringify([...last])}; its log ends:\n${replica.log.slice(-3000)}`,
    )
  }
}

/** Waits until replicas follow the master and have all of its data. */
export async function inStep(master: RunningServer, ...replicas: readonly RunningServer[]): Promise<void> {
  for (const replica of replicas) {
    await linked(replica)
    await until('the replica to have everything', async () => (await offsetOf(replica)) === (await offsetOf(master)))
  }
}

/** A digest of all data. A server whose disk was full may have LevelDB closed for a moment. */
async function digestOf(server: RunningServer): Promise<WireReply> {
  let digest: WireReply = null
  await until('a digest', async () => {
    digest = await server.call('DEBUG', 'DIGEST')
    return !(digest instanceof WireError && digest.text.startsWith('LOADING'))
  })
  return digest
}

/** Waits until the servers are in step, and compares data and binlogs. */
export async function assertEqual(master: RunningServer, ...replicas: readonly RunningServer[]): Promise<void> {
  for (const replica of replicas) {
    await until('no key to expire between two digests', async () => {
      await inStep(master, replica)
      const before = await digestOf(master)
      const digest = await digestOf(replica)
      if ((await digestOf(master)) !== before) return false
      assert.is(digest, before, 'the data differs')
      return true
    })
    assertSameBinlog(master, replica)
  }
}

export interface BinlogOnDisk {
  readonly start: number
  readonly segments: number
  readonly bytes: Buffer
}

/** The files of the binlog of the generation in use. */
export function binlogOf({ directory }: RunningServer): BinlogOnDisk {
  const generation = readFileSync(join(directory, 'CURRENT'), 'utf8').trim()
  const segments = listSegments(realFiles, join(directory, generation, 'binlog'))
  return { start: segments[0]?.start ?? 0, segments: segments.length, bytes: Buffer.concat(segments.map(({ path }) => readFileSync(path))) }
}

/**
 * Asserts that the common part of both binlogs is equal byte for byte, and that both end at the
 * same offset.
 */
export function assertSameBinlog(one: RunningServer, other: RunningServer): void {
  const [a, b] = [binlogOf(one), binlogOf(other)]
  assert.is(a.start + a.bytes.length, b.start + b.bytes.length, 'the binlogs end at different offsets')
  const from = Math.max(a.start, b.start)
  assert.ok(a.bytes.subarray(from - a.start).equals(b.bytes.subarray(from - b.start)), `the binlogs differ from offset ${from} on`)
}

export function generationsOf({ directory }: RunningServer): string[] {
  return readdirSync(directory).filter((name) => name.startsWith('generation-'))
}

export interface LevelledLine {
  /** The level of pino: 20 debug, 30 info, 40 warn, 50 error. */
  readonly level: number
  readonly msg: string
}

/** The lines of a server's log from an index on. */
export function linesOf(server: RunningServer, from = 0): readonly LevelledLine[] {
  return (server.logLines as readonly unknown[]).slice(from) as LevelledLine[]
}

/** Asserts that no line has the level warn or error. */
export function assertQuiet(server: RunningServer, from = 0): void {
  const loud = linesOf(server, from).filter(({ level }) => level >= 40)
  assert.equal(loud, [], 'warnings and errors in the log')
}

/** Ends servers cleanly; the data of each must be clean. */
export async function stopAll(...servers: readonly RunningServer[]): Promise<void> {
  for (const server of servers) await server.stop()
}

/** Writes distinct values: `count` keys under a prefix, in groups of at most `batch`. */
export async function fill(server: RunningServer, prefix: string, count: number, valueBytes = 64, batch = 500): Promise<void> {
  const client = await server.connect()
  for (let from = 0; from < count; from += batch) {
    const commands = Array.from({ length: Math.min(batch, count - from) }, (_, i) => [
      'SET',
      `${prefix}:${from + i}`,
      `${prefix}${from + i}`.padEnd(valueBytes, 'v'),
    ])
    await client.pipeline(commands)
  }
  await client.close()
}

/** Asserts that the master shows one replica, and none that has left. */
export async function assertOneItem(master: RunningServer): Promise<void> {
  const info = await infoOf(master)
  assert.is(info.get('connected_slaves'), '1')
  assert.is(info.get('offline_slave0'), undefined)
}

/** Writes until the returned function is called or the connection breaks. */
export async function writing(server: RunningServer): Promise<() => Promise<void>> {
  const client = await server.connect()
  let isOver = false
  const writer = async () => {
    for (let i = 0; !isOver; i++) await client.pipeline(Array.from({ length: 20 }, (_, j) => ['SET', `w${(i * 20 + j) % 1000}`, i]))
  }
  const done = writer().catch(() => {})
  return async () => {
    isOver = true
    await done
    await client.close()
  }
}

/**
 * A power loss at any moment of a first start, writes, checkpoints, a clean stop and a second
 * start. The file system keeps no order: any unsynced pages, sizes and names may be lost, including
 * those of LevelDB's files. The operations are those of a real server, recorded by strace. Every
 * image starts with all acknowledged writes (appendfsync always), or the start is refused and names
 * the file.
 *
 * HAYPILE_ROUNDS sets the number of images. HAYPILE_SEED repeats a run on the same trace only.
 */
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { contentOf } from '../../base/files.ts'
import { start } from '../../server/index.ts'
import { FileTrace, straceWords } from '../support/disks/file-trace.ts'
import { MemoryFiles } from '../support/disks/memory-files.ts'
import { seeded } from '../support/generators/seed.ts'
import { freePort, until } from '../support/servers/running-server.ts'
import { WireClient } from '../support/servers/wire-client.ts'

const MAIN = fileURLToPath(new URL('../../program/main.js', import.meta.url))
const { HAYPILE_ROUNDS } = process.env
const ROUNDS = Number(HAYPILE_ROUNDS ?? 30)
const WRITES_BETWEEN = 12
const chance = seeded('power loss')
const contentAt = (i: number) => `${i} `.repeat(10_000)

const SETTINGS = {
  appendfsync: 'always',
  'level-write-buffer': '64kb',
  'binlog-file-size': '1mb',
  'checkpoint-seconds': 10_000,
  'binlog-retention-bytes': 0,
}

interface Image {
  readonly files: MemoryFiles
  readonly acknowledged: number
  readonly operation: number
}

/**
 * Runs a server under strace, with `work` on a client. It ends by a SHUTDOWN in `work`, or else by
 * a kill.
 */
async function recorded(data: string, trace: string, work: (client: WireClient) => Promise<void>): Promise<void> {
  const port = await freePort()
  const flags = Object.entries({ ...SETTINGS, port, dir: data, loglevel: 'nothing' }).flatMap(([name, value]) => [
    `--${name}`,
    String(value),
  ])
  const child = spawn('strace', [...straceWords(trace), process.execPath, MAIN, ...flags], { stdio: 'ignore' })
  const ended = new Promise((resolve) => child.on('close', resolve))
  let client: WireClient | undefined
  const connects = async () => {
    client = await WireClient.connect({ port }).catch(() => undefined)
    return client !== undefined
  }
  await until('the server', connects, 120_000)
  const connected = client as unknown as WireClient
  await until('PONG', async () => (await connected.call('PING')) === 'PONG', 120_000)
  const pid = Number(/process_id:(\d+)/.exec(String(await connected.call('INFO', 'server')))?.[1])
  try {
    await work(connected)
  } finally {
    await connected.close()
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // the process has ended by itself
    }
    await ended
  }
}

/** Writes continue the numbering of the existing keys. */
async function write(client: WireClient, from: number, count: number): Promise<void> {
  for (let i = from; i < from + count; i++) assert.is(await client.call('SET', `k${i}`, contentAt(i)), 'OK')
}

/** Unlike SAVE, this command is not answered `OK`, which would count as a write's reply. */
async function checkpoint(client: WireClient): Promise<void> {
  const completed = async () => Number(/checkpoints_completed:(\d+)/.exec(String(await client.call('INFO', 'storage')))?.[1])
  const before = await completed()
  await client.call('BGSAVE', 'SCHEDULE')
  await until('a checkpoint', async () => (await completed()) > before)
}

/** The moments, each an image of the disk after a power loss of its own. */
function imagesOf(traces: readonly string[], base: string): Image[] {
  const count = operationsOf(traces, base)
  const moments = new Set(Array.from({ length: ROUNDS }, () => 1 + chance.integer(count)))
  const images: Image[] = []
  replayAll(traces, base, (files, acknowledged, operation) => {
    if (moments.has(operation)) images.push({ files: files.crash(chance.random), acknowledged, operation })
  })
  return images
}

function operationsOf(traces: readonly string[], base: string): number {
  let count = 0
  replayAll(traces, base, () => count++)
  return count
}

function replayAll(
  traces: readonly string[],
  base: string,
  after: (files: MemoryFiles, acknowledged: number, operation: number) => void,
): void {
  const files = new MemoryFiles()
  let operation = 0
  let before = 0
  for (const trace of traces) {
    const replay = new FileTrace(files, base)
    replay.replay(trace, () => after(files, before + replay.acknowledged, ++operation))
    before += replay.acknowledged
  }
}

function store(files: MemoryFiles, from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const name of files.listSync(from)) {
    const path = `${from === '/' ? '' : from}/${name}`
    let isFile = false
    try {
      files.listSync(path)
    } catch {
      isFile = true
    }
    if (isFile) writeFileSync(join(to, name), contentOf(files, path))
    else store(files, path, join(to, name))
  }
}

/** The number of keys that a start finds, or the reason of its refusal. */
async function found(directory: string): Promise<number | string> {
  let server: Awaited<ReturnType<typeof start>>
  try {
    server = await start({ ...SETTINGS, dir: directory, port: 0, loglevel: 'nothing' })
  } catch (error) {
    return (error as Error).message
  }
  const client = await WireClient.connect({ port: server.port })
  try {
    const keys = Number(await client.call('DBSIZE'))
    for (let i = 0; i < keys; i++) assert.is(await client.call('GET', `k${i}`), contentAt(i), `k${i} of ${keys}`)
    return keys
  } finally {
    await client.close()
    await server.close()
  }
}

test('a start after a power loss has every acknowledged write, or names the missing file', async () => {
  if (spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status !== 0) {
    console.log('SKIPPED a loss of power on a file system that orders nothing: strace is not installed or may not trace')
    return
  }
  const base = mkdtempSync(join(tmpdir(), 'haypile-power-'))
  try {
    const data = join(base, 'data')
    const traces = ['first', 'second'].map((name) => join(tmpdir(), `${base.slice(-6)}-${name}.trace`)) as [string, string]
    await recorded(data, traces[0], async (client) => {
      for (let part = 0; part < 4; part++) {
        await write(client, part * WRITES_BETWEEN, WRITES_BETWEEN)
        if (part > 0) await checkpoint(client)
      }
      await write(client, 4 * WRITES_BETWEEN, WRITES_BETWEEN)
      await client.call('SHUTDOWN').catch(() => {})
    })
    await recorded(data, traces[1], (client) => write(client, 5 * WRITES_BETWEEN, WRITES_BETWEEN))
    try {
      const failures: string[] = []
      for (const { files, acknowledged, operation } of imagesOf(traces, base)) {
        const image = join(base, 'image')
        store(files, '/', image)
        if (!files.existsSync('/data')) assert.is(acknowledged, 0)
        const outcome = await found(join(image, 'data'))
        const when = `after operation ${operation}, ${acknowledged} replies: ${outcome}`
        if (typeof outcome !== 'number' || outcome < acknowledged) failures.push(when)
        rmSync(image, { recursive: true })
      }
      assert.equal(failures, [])
    } finally {
      for (const trace of traces) rmSync(trace)
    }
  } finally {
    rmSync(base, { recursive: true })
  }
})

test.run()

/**
 * A server on a file system that is really full (a small tmpfs, which root may mount). Data that is
 * only on disk is read, or refused with an error; the client never waits for ever.
 */
import { readdirSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { emptyDisk, fillDisk, keptFull, onSmallDisk } from '../../support/disks/small-disk.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { WireError } from '../../support/servers/wire-client.ts'

const KEYS = 3000
const VALUE = 'v'.repeat(10_000)

const FLAGS = { 'cache-memory': '16mb', 'checkpoint-seconds': 10_000, 'level-write-buffer': '64kb', 'level-block-cache': '64kb' }

const residentKeys = async (server: RunningServer) =>
  Number(/storage_resident_keys:(\d+)/.exec(String(await server.call('INFO', 'storage')))?.[1])

/** Fills a server with data of which only a part is in memory. */
async function fillCold(server: RunningServer): Promise<void> {
  const client = await server.connect()
  for (let i = 0; i < KEYS; i += 100) await client.pipeline(Array.from({ length: 100 }, (_, j) => ['SET', `k${i + j}`, VALUE]))
  await until('a checkpoint', async () => (await client.call('SAVE')) === 'OK')
  await client.close()
  await until('keys to be evicted', async () => (await residentKeys(server)) < KEYS * 0.7)
}

test('after a checkpoint failed on a full disk, cold data is readable, and writes resume once there is room', () =>
  onSmallDisk(160, async (directory) => {
    const server = await RunningServer.start({ directory, flags: FLAGS })
    try {
      await fillCold(server)
      assert.is(await server.call('SET', 'last', VALUE), 'OK')
      await keptFull(directory, async () => {
        const cannotOpen = async () => (await server.call('SAVE')) instanceof WireError && server.log.includes('cannot reopen LevelDB')
        await until('a failed checkpoint and no room to reopen LevelDB', cannotOpen).catch((error) => {
          throw new Error(`${error.message}\n${server.log}`)
        })
        // With room for a moment, the server may have closed LevelDB, which then cannot be opened.
        const isClosed = server.log.includes('requests that need it are refused')
        const mayBe = (reply: unknown, expected: unknown) =>
          isClosed && reply instanceof WireError
            ? assert.match(reply.text, /^MISCONF The data on disk cannot be read/)
            : assert.equal(reply, expected)
        for (let i = 0; i < KEYS; i += 29) mayBe(await server.call('GET', `k${i}`), VALUE)
        mayBe(await server.call('EVAL_RO', "return redis.call('GET', KEYS[1])", 1, 'k1'), VALUE)
        assert.is(await server.call('DBSIZE'), KEYS + 1)
        const scanned = await server.call('SCAN', 0, 'COUNT', 10_000)
        mayBe(scanned instanceof WireError ? scanned : (scanned as unknown[][])[1]?.length, KEYS + 1)
        assert.match(((await server.call('SET', 'a', '1')) as WireError).text, /^MISCONF /)
        assert.match(((await server.call('SAVE')) as WireError).text, /^ERR /)
      })
      await until('writes to go on', async () => (await server.call('SET', 'a', '1')) === 'OK')
      await until('a checkpoint', async () => (await server.call('SAVE')) === 'OK', 60_000)
      assert.is(await server.call('GET', 'last'), VALUE)
      await server.stop()
    } finally {
      await server.kill9()
    }
  }))

test('a start on a full disk serves reads, and accepts writes once there is room', () =>
  onSmallDisk(64, async (directory) => {
    const server = await RunningServer.start({ directory })
    try {
      assert.is(await server.call('SET', 'a', VALUE), 'OK')
      await server.kill9()
      fillDisk(directory)
      await server.launch()
      assert.is(await server.call('GET', 'a'), VALUE)
      assert.match(((await server.call('SET', 'b', '1')) as WireError).text, /^MISCONF /)
      emptyDisk(directory)
      await until('writes to go on', async () => (await server.call('SET', 'b', '1')) === 'OK')
      await server.stop()
    } finally {
      await server.kill9()
    }
  }))

test('without descriptors cold data is read or refused, and writes resume once there are some', () =>
  onSmallDisk(160, async (directory) => {
    const server = await RunningServer.start({ directory, flags: FLAGS })
    try {
      await fillCold(server)
      const client = await server.connect()
      assert.is(await client.call('PING'), 'PONG') // so that this connection has been accepted
      const descriptors = readdirSync(`/proc/${server.pid}/fd`).map(Number)
      const lowest = descriptors.sort((a, b) => a - b).findIndex((fd, i) => fd !== i)
      server.limitOpenFiles(lowest === -1 ? descriptors.length : lowest)
      const added: string[] = []
      await until('a failed checkpoint', async () => {
        // Beyond the write buffer: LevelDB needs another file.
        const keys = Array.from({ length: 100 }, (_, i) => `added${added.length + i}`)
        assert.ok((await client.pipeline(keys.map((key) => ['SET', key, VALUE]))).every((reply) => reply === 'OK'))
        added.push(...keys)
        return (await client.call('SAVE')) instanceof WireError
      })
      let refused = 0
      for (let i = 0; i < KEYS; i += 29) {
        const value = await client.call('GET', `k${i}`)
        if (value instanceof WireError) refused++
        else assert.is(value, VALUE)
      }
      console.log(`${refused} reads of ${Math.ceil(KEYS / 29)} were refused`)
      server.limitOpenFiles(1024)
      await until('writes to go on', async () => (await client.call('SET', 'a', '1')) === 'OK')
      await until('a checkpoint', async () => (await client.call('SAVE')) === 'OK', 60_000)
      for (let i = 0; i < KEYS; i += 29) assert.is(await client.call('GET', `k${i}`), VALUE)
      for (const key of added) assert.is(await client.call('GET', key), VALUE)
      await client.close()
      await server.stop()
    } finally {
      await server.kill9()
    }
  }))

test.run()

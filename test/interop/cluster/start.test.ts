/** `haypile cluster start`: a cluster of processes from one command, for an unmodified client. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Cluster } from 'ioredis'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { firstOfFreePorts, until } from '../../support/servers/running-server.ts'
import { haveTools } from '../tools.ts'

const MAIN = fileURLToPath(new URL('../../../program/main.js', import.meta.url))

/** Starts a cluster of two shards. Resolves when it is ready. */
async function start(port: number, directory: string) {
  const words = ['cluster', 'start', '--shards', '2', '--replicas', '0', '--dir', directory, '--port', String(port)]
  const child = spawn(process.execPath, [MAIN, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      output += data
    })
  }
  let isOver = false
  const ended = new Promise<number | null>((resolve) =>
    child.once('close', (status) => {
      isOver = true
      resolve(status)
    }),
  )
  await until('the cluster to be ready', () => output.includes('is ready') || isOver)
  assert.ok(!isOver, output)
  return {
    async stop() {
      child.kill('SIGTERM')
      assert.is(await ended, 0, output)
    },
  }
}

if (haveTools('haypile cluster start', 'etcd')) {
  test('a cluster is made by one command, keeps its data over a restart, and leaves no process behind', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'haypile-start-'))
    // Two nodes, and the two ports of etcd.
    const port = await firstOfFreePorts(4)
    for (const expected of [null, 'x']) {
      const cluster = await start(port, directory)
      const client = new Cluster([{ host: '127.0.0.1', port }], { clusterRetryStrategy: () => 50 })
      const values = await Promise.all(Array.from({ length: 20 }, (_, i) => client.get(`key:${i}`)))
      assert.equal([...new Set(values)], [expected])
      await Promise.all(Array.from({ length: 20 }, (_, i) => client.set(`key:${i}`, 'x')))
      client.disconnect()
      await cluster.stop()
    }
    rmSync(directory, { recursive: true })
  })
}

test.run()

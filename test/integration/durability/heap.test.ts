/** Servers whose configuration needs more than their heap holds. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RunningServer } from '../../support/servers/running-server.ts'

const LOADED = 320_000
const VALUE = 'v'.repeat(1000)

/** Starts a server with NODE_OPTIONS. */
async function startWith(nodeOptions: string, flags: Readonly<Record<string, string>>): Promise<RunningServer> {
  const { NODE_OPTIONS: before } = process.env
  Object.assign(process.env, { NODE_OPTIONS: nodeOptions })
  try {
    return await RunningServer.start({ flags })
  } finally {
    if (before === undefined) Reflect.deleteProperty(process.env, 'NODE_OPTIONS')
    else Object.assign(process.env, { NODE_OPTIONS: before })
  }
}

test('a server with a heap smaller than its cache survives data beyond its heap', async () => {
  const server = await startWith('--max-old-space-size=256', { 'cache-memory': '512mb' })
  try {
    const [, value] = (await server.call('CONFIG', 'GET', 'cache-memory')) as [string, string]
    assert.ok(Number(value) < 256 * 2 ** 20, value)
    assert.match(server.log, /cache-memory is lowered to \d+: the heap of this process holds no more/)
    const client = await server.connect()
    for (let from = 0; from < LOADED; from += 1000) {
      const words = Array.from({ length: 1000 }, (_, i) => [`key:${from + i}`, VALUE]).flat()
      assert.is(await client.call('MSET', ...words), 'OK')
    }
    assert.is(await client.call('DBSIZE'), LOADED)
    assert.is(await client.call('GET', 'key:0'), VALUE)
    await client.close()
  } finally {
    await server.stop()
  }
})

test('the program restarts itself under its process id with the heap that its cache needs', async () => {
  if (typeof process.execve !== 'function') {
    console.log('SKIPPED a process cannot replace itself before Node 22.15')
    return
  }
  const server = await RunningServer.start({ flags: { 'cache-memory': '5gb' } })
  try {
    const [, value] = (await server.call('CONFIG', 'GET', 'cache-memory')) as [string, string]
    assert.is(Number(value), 5 * 2 ** 30)
    assert.not.match(server.log, /heap of this process/)
    const info = (await server.call('INFO', 'server')) as string
    assert.is(Number(/process_id:(\d+)/.exec(info)?.[1]), server.pid)
  } finally {
    await server.stop()
  }
})

test.run()

/** LATENCY of a real server: which slices of work and pauses it records. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { encodeCommand, type WireReply } from '../../support/servers/wire-client.ts'

test('LATENCY records long slices of active expiry', async () => {
  const server = await RunningServer.start({ flags: { 'latency-monitor-threshold': 1 } })
  const client = await server.connect()
  const events = async () => ((await client.call('LATENCY', 'LATEST')) as readonly WireReply[][]).map(([event]) => event)
  await client.call('LATENCY', 'RESET')
  await until('a slice of active expiry that takes a millisecond', async () => {
    const deadline = Date.now() + 200
    const requests = Array.from({ length: 20_000 }, (_, key) => encodeCommand('SET', key, 'v', 'PXAT', deadline))
    client.raw(Buffer.concat(requests))
    for (const _ of requests) await client.reply()
    await until('all keys to expire', async () => (await client.call('DBSIZE')) === 0)
    return (await events()).includes('expire-cycle')
  })
  const [sample] = (await client.call('LATENCY', 'HISTORY', 'expire-cycle')) as readonly [readonly [number, number]]
  assert.ok(sample[1] >= 1)
  await client.close()
  await server.stop()
})

test('LATENCY records pauses of the garbage collector and parts of turns, and advises what may help', async () => {
  const server = await RunningServer.start({ flags: { 'latency-monitor-threshold': 1 } })
  const client = await server.connect()
  const wanted = ['gc-scavenge', 'binlog-append']
  const value = 'v'.repeat(1000)
  let round = 0
  await until('long pauses and long appends', async () => {
    round++
    const requests = Array.from({ length: 5000 }, (_, key) => encodeCommand('SET', `${round}:${key}`, value))
    client.raw(Buffer.concat(requests))
    for (const _ of requests) await client.reply()
    const events = ((await client.call('LATENCY', 'LATEST')) as readonly WireReply[][]).map(([event]) => event)
    return wanted.every((event) => events.includes(event))
  })
  for (const event of wanted) {
    const [sample] = (await client.call('LATENCY', 'HISTORY', event)) as readonly [readonly [number, number]]
    assert.ok(sample[1] >= 1)
  }
  assert.match(String(await client.call('LATENCY', 'DOCTOR')), /garbage collector/)
  await client.call('CONFIG', 'SET', 'latency-monitor-threshold', 0)
  await client.call('LATENCY', 'RESET')
  for (let key = 0; key < 100; key++) await client.call('SET', key, value)
  assert.equal(await client.call('LATENCY', 'LATEST'), [])
  await client.close()
  await server.stop()
})

test.run()

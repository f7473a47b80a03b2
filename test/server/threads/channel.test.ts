/** Two ends of a channel in one thread: order, room, sleep. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Channel, newChannelMemory } from '../../../server/threads/channel.ts'
import { seeded } from '../../support/generators/seed.ts'
import { until } from '../../support/servers/running-server.ts'

/** Two ends of a channel in one thread, and what each has received. */
function pair() {
  const { toMain, toThread } = newChannelMemory()
  const received = { main: [] as string[], thread: [] as string[] }
  let rooms = 0
  const end = (name: 'main' | 'thread', inbox: SharedArrayBuffer, outbox: SharedArrayBuffer) =>
    new Channel({
      inbox,
      outbox,
      afterBatch: setImmediate,
      onFrame: ({ kind, slot, bytes, start, end }) => received[name].push(`${kind} ${slot} ${bytes.latin1Slice(start, end)}`),
      onRoom: () => rooms++,
    })
  return { main: end('main', toMain, toThread), thread: end('thread', toThread, toMain), received, rooms: () => rooms }
}

test('frames pass both ways, also to an end that has fallen asleep', async () => {
  const { main, thread, received } = pair()
  main.start()
  thread.start()
  for (let round = 0; round < 100; round++) {
    main.send(1, round, `to the thread ${round}`)
    await until('the thread to receive', () => received.thread.length === round + 1)
    thread.send(2, round, Buffer.from(`to main ${round}`))
    await until('main to receive', () => received.main.length === round + 1)
  }
  assert.is(received.thread.at(-1), '1 99 to the thread 99')
  assert.is(received.main.at(-1), '2 99 to main 99')
  main.close()
  thread.close()
})

test('frames beyond the ring wait in order, Buffers as they were, and room is reported', async () => {
  const random = seeded('channel')
  const { main, thread, received, rooms } = pair()
  main.start()
  const expected: string[] = []
  for (let slot = 0; slot < 300; slot++) {
    const text = String.fromCharCode(97 + (slot % 26)).repeat(random.integer(60_000))
    const buffer = Buffer.from(text)
    main.send(3, slot, slot % 2 === 0 ? text : buffer)
    buffer.fill(0)
    expected.push(`3 ${slot} ${text}`)
  }
  assert.ok(main.isFull)
  thread.start()
  await until('all to arrive', () => received.thread.length === expected.length)
  assert.equal(received.thread, expected)
  assert.is(main.isFull, false)
  assert.ok(rooms() > 0)
  main.close()
  thread.close()
})

test('a payload of any length is sent in frames', async () => {
  const { main, thread, received } = pair()
  main.start()
  thread.start()
  const text = 'abcdefg'.repeat(500_000)
  main.sendInFrames(1, 2, text)
  main.sendInFrames(1, 2, Buffer.from(text))
  main.send(1, 3, 'end')
  await until('all to arrive', () => received.thread.at(-1) === '1 3 end')
  assert.is(
    received.thread
      .slice(0, -1)
      .map((frame) => frame.slice(4))
      .join(''),
    text + text,
  )
  main.close()
  thread.close()
})

test.run()

/**
 * Bull, the predecessor of BullMQ that many still use: other scripts, messages for its events, and
 * an older ioredis beneath.
 */
import Bull from 'bull'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { closeOpened, opened } from './opened.ts'

let server: RunningServer
test.before(async () => {
  server = await RunningServer.start()
})
test.after(() => server.stop())
test.after.each(closeOpened)

const range = (count: number) => Array.from({ length: count }, (_, i) => i)

type Data = { readonly number: number }

function openQueue(name: string, options: Bull.QueueOptions = {}): Bull.Queue<Data> {
  const queue = new Bull(name, { redis: { port: server.port, host: '127.0.0.1' }, ...options })
  queue.on('error', () => {})
  return opened(queue, () => queue.close())
}

/** Starts a worker, which does jobs until the queue is closed. */
function process(
  queue: Bull.Queue<Data>,
  concurrency: number,
  work: (job: Bull.Job<Data>) => Promise<unknown>,
  name = '__default__',
): void {
  queue.process(name, concurrency, work as Bull.ProcessPromiseFunction<Data>).catch(() => {})
}

async function untilCounts(queue: Bull.Queue, wanted: Partial<Bull.JobCounts>): Promise<void> {
  await until(`${queue.name} to have ${JSON.stringify(wanted)}`, async () => {
    const counts = Object.entries(await queue.getJobCounts()).filter(([, count]) => count > 0)
    return counts.length === Object.keys(wanted).length && counts.every(([state, count]) => wanted[state as keyof Bull.JobCounts] === count)
  })
}

test('immediate, delayed, prioritised and retried jobs are each done once', async () => {
  const [queue, other] = [openQueue('work'), openQueue('work')]
  const told: unknown[] = []
  queue.on('global:completed', (id, result) => told.push([id, result]))
  await queue.pause()
  await queue.addBulk(range(50).map((number) => ({ data: { number } })))
  for (const [number, priority] of [
    [50, 3],
    [51, 1],
    [52, 2],
  ] as const)
    await queue.add({ number }, { priority })
  const delayed = await queue.add({ number: 53 }, { delay: 150 })
  const flaky = await queue.add({ number: 54 }, { attempts: 3, backoff: { type: 'exponential', delay: 20 } })
  const broken = await queue.add({ number: 55 })
  const done: number[] = []
  const work = async ({ data: { number }, attemptsMade }: Bull.Job<Data>) => {
    if (number === 55 || (number === 54 && attemptsMade < 2)) throw new Error('not now')
    done.push(number)
    return number * 2
  }
  process(queue, 2, work)
  process(other, 2, work)
  await queue.resume()
  await untilCounts(queue, { completed: 55, failed: 1 })
  assert.equal(
    [...done].sort((a, b) => a - b),
    range(55),
  )
  assert.equal(
    done.filter((number) => number >= 50 && number <= 52),
    [51, 52, 50],
  )
  assert.ok(((await queue.getJob(delayed.id))?.processedOn ?? 0) - delayed.timestamp >= 150)
  assert.is((await queue.getJob(flaky.id))?.attemptsMade, 2)
  assert.is((await queue.getJob(broken.id))?.failedReason, 'not now')
  await until('the events', () => told.length === 55)
  assert.is(await flaky.finished(), 108)
})

test('limits hold, repeated jobs recur, and removed ones stop', async () => {
  const queue = openQueue('limited', { limiter: { max: 3, duration: 200 } })
  const starts: number[] = []
  let ticks = 0
  process(queue, 1, async () => starts.push(performance.now()))
  process(queue, 1, async () => ticks++, 'tick')
  await queue.addBulk(range(10).map((number) => ({ data: { number } })))
  await untilCounts(queue, { completed: 10 })
  const took = (starts[9] as number) - (starts[0] as number)
  assert.ok(took >= 2 * 200, `10 jobs, 3 each 200 ms, took ${took} ms`)
  await queue.add('tick', { number: 0 }, { repeat: { every: 50, limit: 3 }, removeOnComplete: true })
  await until('three ticks', () => ticks === 3)
  await untilCounts(queue, { completed: 10 })
  assert.is((await queue.clean(0, 'completed')).length, 10)
  await queue.obliterate({ force: true })
  assert.equal(await server.call('KEYS', 'bull:limited:*:*'), [])
})

test('the jobs of a lost worker are taken over by another', async () => {
  const settings = { lockDuration: 400, stalledInterval: 200 }
  const lost = openQueue('stalled', { settings })
  const queue = openQueue('stalled', { settings })
  let begun = 0
  process(lost, 5, () => {
    begun++
    return new Promise(() => {})
  })
  await queue.addBulk(range(5).map((number) => ({ data: { number } })))
  await until('all to be begun', () => begun === 5)
  await lost.close(true)
  const done: number[] = []
  process(queue, 1, async ({ data }) => done.push(data.number))
  await untilCounts(queue, { completed: 5 })
  assert.equal(done.sort(), range(5))
})

test.run()

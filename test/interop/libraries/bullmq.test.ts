/**
 * BullMQ in ordinary use. Its queues are Lua scripts over lists, sorted sets, hashes and streams.
 */
import { type Job, type Queue, UnrecoverableError } from 'bullmq'
import { createClient } from 'redis'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { Parts, queueName } from './bullmq-parts.ts'
import { closeOpened, opened } from './opened.ts'

let server: RunningServer
let parts: Parts
test.before(async () => {
  server = await RunningServer.start()
  parts = new Parts(server.port)
})
test.after(() => server.stop())
test.after.each(closeOpened)

const range = (count: number) => Array.from({ length: count }, (_, i) => i)

/** Returns the number of jobs of a queue in each state, without empty states. */
async function counts(queue: Queue): Promise<Record<string, number>> {
  return Object.fromEntries(Object.entries(await queue.getJobCounts()).filter(([, count]) => count > 0))
}

async function untilCounts(queue: Queue, wanted: Record<string, number>): Promise<void> {
  const text = JSON.stringify(wanted)
  await until(`${queue.name} to have ${text}`, async () => JSON.stringify(await counts(queue)) === text)
}

/** Returns a worker that records the numbers of the jobs it has done. */
function recorder(queue: Queue, options: Parameters<Parts['worker']>[2] = {}): number[] {
  const done: number[] = []
  parts.worker(
    queue.name,
    async (job) => {
      done.push(job.data.number)
      return job.data.number * 2
    },
    options,
  )
  return done
}

test('several workers do each job once and keep the results', async () => {
  const queue = parts.queue()
  const done = [recorder(queue, { concurrency: 10 }), recorder(queue, { concurrency: 10 }), recorder(queue, { concurrency: 10 })]
  const single = range(100).map((number) => queue.add('one', { number, text: 'grün' }))
  const bulk = queue.addBulk(range(200).map((number) => ({ name: 'of many', data: { number: 100 + number } })))
  const jobs = [...(await Promise.all(single)), ...(await bulk)]
  assert.is(new Set(jobs.map((job) => job.id)).size, 300)
  await untilCounts(queue, { completed: 300 })
  const numbers = done.flat()
  numbers.sort((a, b) => a - b)
  assert.equal(numbers, range(300))
  const completed = await queue.getCompleted()
  assert.is(completed.length, 300)
  for (const job of completed) assert.is(job.returnvalue, job.data.number * 2)
  assert.is((await queue.getJob(jobs[7]?.id as string))?.data.text, 'grün')
  assert.is((await queue.getWorkers()).length, 3)
})

test('delayed jobs run in the order of their times and never early', async () => {
  const queue = parts.queue()
  const delays = [320, 80, 240, 160, 400]
  await Promise.all(delays.map((delay) => queue.add('later', { number: delay }, { delay })))
  await queue.add('now', { number: 0 })
  assert.equal(await counts(queue), { delayed: 5, waiting: 1 })
  const done = recorder(queue)
  await untilCounts(queue, { completed: 6 })
  assert.equal(done, [0, 80, 160, 240, 320, 400])
  for (const job of await queue.getCompleted()) assert.ok((job.processedOn as number) - job.timestamp >= job.delay, `${job.delay} ms`)
})

test('a delayed job can be promoted, delayed further and removed', async () => {
  const queue = parts.queue()
  const [promoted, putOff, removed] = (await queue.addBulk(
    range(3).map((number) => ({ name: 'later', data: { number }, opts: { delay: 60_000 } })),
  )) as [Job, Job, Job]
  await promoted.promote()
  await putOff.changeDelay(50)
  await removed.remove()
  assert.is(await queue.getJob(removed.id as string), undefined)
  const done = recorder(queue)
  await untilCounts(queue, { completed: 2 })
  assert.equal(done, [0, 1])
})

test('jobs run by priority, and in order of arrival within one', async () => {
  const queue = parts.queue()
  for (const [number, priority] of [3, 1, 2, 3, 1, 2, 0, 2_000_000].entries()) await queue.add('job', { number }, { priority })
  await queue.add('job', { number: 8 }, { lifo: true })
  assert.equal({ ...(await queue.getCountsPerPriority([0, 1, 2, 3])) }, { 0: 2, 1: 2, 2: 2, 3: 2 })
  await (await queue.getPrioritized(0, -1)).find((job) => job.data.number === 7)?.changePriority({ priority: 1 })
  const done = recorder(queue)
  await untilCounts(queue, { completed: 9 })
  assert.equal(done, [8, 6, 1, 4, 7, 2, 5, 0, 3])
})

test('a failing job is retried with growing delays and fails after its last attempt', async () => {
  const queue = parts.queue()
  const attempts: [string, number][] = []
  parts.worker(queue.name, async (job) => {
    attempts.push([job.name, performance.now()])
    if (job.name === 'hopeless') throw new UnrecoverableError('no use')
    if (job.name === 'broken' || job.attemptsMade < 2) throw new Error(`failed at ${job.attemptsMade}`)
    return 'at last'
  })
  const backoff = { type: 'exponential', delay: 50 } as const
  const flaky = await queue.add('flaky', {}, { attempts: 5, backoff })
  const broken = await queue.add('broken', {}, { attempts: 3, backoff: { type: 'fixed', delay: 20 } })
  await queue.add('hopeless', {}, { attempts: 5 })
  await untilCounts(queue, { completed: 1, failed: 2 })
  const times = (name: string) => attempts.filter(([of]) => of === name).map(([, time]) => time)
  assert.equal([times('flaky').length, times('broken').length, times('hopeless').length], [3, 3, 1])
  const [first, second, third] = times('flaky') as [number, number, number]
  assert.ok(second - first >= 45 && third - second >= 95, `${second - first} and ${third - second} ms`)
  assert.is((await queue.getJob(flaky.id as string))?.returnvalue, 'at last')
  const failed = (await queue.getJob(broken.id as string)) as Job
  assert.is(failed.failedReason, 'failed at 2')
  assert.is(failed.attemptsMade, 3)
  assert.is(failed.stacktrace?.length, 3)
  await queue.retryJobs({ state: 'failed' })
  await untilCounts(queue, { completed: 1, failed: 2 })
  await until('all to be tried once more', () => times('broken').length > 3 && times('hopeless').length === 2)
})

test('a rate limit applies to all workers together', async () => {
  const queue = parts.queue()
  const starts: number[] = []
  for (const _ of range(2)) {
    const work = async () => {
      starts.push(performance.now())
    }
    parts.worker(queue.name, work, { concurrency: 10, limiter: { max: 4, duration: 200 } })
  }
  await queue.addBulk(range(18).map((number) => ({ name: 'job', data: { number } })))
  await untilCounts(queue, { completed: 18 })
  assert.is(starts.length, 18)
  const took = (starts[17] as number) - (starts[0] as number)
  // There are four pauses; one is left for a worker that is late in taking down when the first job
  // began.
  assert.ok(took >= 3 * 200, `18 jobs, 4 each 200 ms, took ${took} ms`)
})

test('a schedule creates jobs up to its limit, and none once removed', async () => {
  const queue = parts.queue()
  const done: string[] = []
  parts.worker(queue.name, async (job) => void done.push(job.name))
  await queue.upsertJobScheduler('fast', { every: 40, limit: 5 }, { name: 'tick', data: { number: 1 } })
  await queue.upsertJobScheduler('by the clock', { pattern: '* * * * * *' }, { name: 'second' })
  assert.is(await queue.getJobSchedulersCount(), 2)
  assert.is((await queue.getJobScheduler('by the clock'))?.pattern, '* * * * * *')
  await until('five ticks and a second', () => done.filter((name) => name === 'tick').length === 5 && done.includes('second'))
  assert.ok(await queue.removeJobScheduler('by the clock'))
  assert.not(await queue.removeJobScheduler('by the clock'))
  await until('no delayed job to be left', async () => (await queue.getDelayedCount()) === 0)
  assert.is(done.filter((name) => name === 'tick').length, 5)
})

test('a flow runs children before parents and passes their results on', async () => {
  const leaves = parts.queue()
  const middle = parts.queue()
  const root = parts.queue()
  const order: string[] = []
  recorder(leaves)
  for (const queue of [middle, root]) {
    parts.worker(queue.name, async (job) => {
      order.push(job.name)
      const values = Object.values(await job.getChildrenValues<number>())
      return values.reduce((sum, value) => sum + value, 0)
    })
  }
  const tree = await parts.flows().add({
    name: 'root',
    queueName: root.name,
    children: range(3).map((branch) => ({
      name: `branch ${branch}`,
      queueName: middle.name,
      children: range(4).map((number) => ({ name: 'leaf', queueName: leaves.name, data: { number: branch * 4 + number } })),
    })),
  })
  const result = await tree.job.waitUntilFinished(parts.events(root.name), 10_000)
  assert.is(result, 2 * range(12).reduce((sum, number) => sum + number, 0))
  assert.is(order.length, 4)
  assert.is(order[3], 'root')
  assert.equal(await Promise.all([leaves, middle, root].map(counts)), [{ completed: 12 }, { completed: 3 }, { completed: 1 }])
  assert.equal(await tree.job.getDependenciesCount({ processed: true, unprocessed: true }), { processed: 3, unprocessed: 0 })
})

test('a failed child fails its parent on request, and is ignored otherwise', async () => {
  const children = parts.queue()
  const parents = parts.queue()
  parts.worker(children.name, async (job) => {
    if (job.data.fails) throw new Error('no')
    return 'fine'
  })
  parts.worker(parents.name, async (job) => Object.values(await job.getChildrenValues()))
  const child = (opts: object, fails = true) => ({ name: 'child', queueName: children.name, data: { fails }, opts })
  const flows = parts.flows()
  const parent = { name: 'parent', queueName: parents.name }
  const strict = await flows.add({ ...parent, children: [child({ failParentOnFailure: true }), child({}, false)] })
  const lax = await flows.add({ ...parent, children: [child({ ignoreDependencyOnFailure: true }), child({}, false)] })
  await untilCounts(parents, { completed: 1, failed: 1 })
  assert.is(await strict.job.getState(), 'failed')
  assert.is(await lax.job.getState(), 'completed')
  assert.equal((await parents.getJob(lax.job.id as string))?.returnvalue, ['fine'])
})

test("events report a job's states in order", async () => {
  const queue = parts.queue()
  const events = parts.events(queue.name)
  const seen: unknown[] = []
  events.on('added', ({ name }) => seen.push(['added', name]))
  events.on('waiting', () => seen.push('waiting'))
  events.on('active', () => seen.push('active'))
  events.on('progress', ({ data }) => seen.push(['progress', data]))
  events.on('completed', ({ returnvalue }) => seen.push(['completed', returnvalue]))
  events.on('drained', () => seen.push('drained'))
  parts.worker(queue.name, async (job) => {
    await job.updateProgress(50)
    await job.log('half of it')
    await job.updateProgress({ part: 'rest' })
    return { sum: 3 }
  })
  const job = await queue.add('sum', {})
  assert.equal(await job.waitUntilFinished(events, 10_000), { sum: 3 })
  await until('the queue to be drained', () => seen.includes('drained'))
  const wanted = [
    ['added', 'sum'],
    'waiting',
    'active',
    ['progress', 50],
    ['progress', { part: 'rest' }],
    ['completed', { sum: 3 }],
    'drained',
  ]
  assert.equal(seen, wanted)
  assert.equal(await queue.getJobLogs(job.id as string), { logs: ['half of it'], count: 1 })
})

test('a paused queue starts no job, and resumes where it was', async () => {
  const queue = parts.queue()
  const events = parts.events(queue.name)
  const done = recorder(queue)
  await queue.add('job', { number: 0 })
  await untilCounts(queue, { completed: 1 })
  const paused = new Promise((resolve) => events.once('paused', resolve))
  await queue.pause()
  await paused
  assert.ok(await queue.isPaused())
  await queue.addBulk(range(5).map((number) => ({ name: 'job', data: { number: 1 + number } })))
  assert.equal(await counts(queue), { completed: 1, waiting: 5 })
  assert.equal(done, [0])
  await queue.resume()
  await untilCounts(queue, { completed: 6 })
  assert.equal(done, range(6))
})

test('duplicate jobs are added once, by deduplication and by id', async () => {
  const queue = parts.queue()
  const events = parts.events(queue.name)
  let deduplicated = 0
  events.on('deduplicated', () => deduplicated++)
  for (const number of range(5)) await queue.add('job', { number }, { deduplication: { id: 'same' } })
  for (const number of range(3)) await queue.add('job', { number: 10 + number }, { jobId: 'mine' })
  assert.is(await queue.getWaitingCount(), 2)
  await until('events of four', () => deduplicated === 4)
  const done = recorder(queue)
  await untilCounts(queue, { completed: 2 })
  assert.equal(done, [0, 10])
  await queue.add('job', { number: 5 }, { deduplication: { id: 'same' } })
  await untilCounts(queue, { completed: 3 })
})

test('draining, cleaning and obliterating a queue leaves no key', async () => {
  const queue = parts.queue(queueName(), { defaultJobOptions: { removeOnFail: 2 } })
  const [first] = await queue.addBulk(range(10).map((number) => ({ name: 'job', data: { number } })))
  assert.is(await queue.remove(first?.id as string), 1)
  assert.is(await queue.getWaitingCount(), 9)
  await queue.drain()
  assert.equal(await counts(queue), {})
  const worker = parts.worker(queue.name, async (job) => {
    if (job.data.number % 2 === 1) throw new Error('odd')
  })
  await queue.addBulk(range(20).map((number) => ({ name: 'job', data: { number } })))
  await untilCounts(queue, { completed: 10, failed: 2 })
  assert.is((await queue.clean(0, 4, 'completed')).length, 4)
  assert.equal(await counts(queue), { completed: 6, failed: 2 })
  await worker.close()
  await queue.obliterate()
  assert.equal(await server.call('KEYS', `bull:${queue.name}:*`), [])
})

test('queues, workers, events and flows also work over the redis client', async () => {
  const client = opened(createClient({ url: `redis://127.0.0.1:${server.port}` }), (it) => it.close())
  client.on('error', () => {})
  await client.connect()
  const over = new Parts(client)
  const queue = over.queue()
  const done: string[] = []
  over.worker(
    queue.name,
    async (job) => {
      if (job.attemptsMade < job.data.fails) throw new Error('not now')
      done.push(job.name)
      return job.name
    },
    { concurrency: 4 },
  )
  await queue.addBulk(range(40).map((number) => ({ name: `job ${number}`, data: { fails: 0 } })))
  await queue.add('flaky', { fails: 2 }, { attempts: 3, backoff: 20, delay: 50 })
  const children = range(3).map((number) => ({ name: `child ${number}`, queueName: queue.name, data: { fails: 0 } }))
  const tree = await over.flows().add({ name: 'parent', queueName: queue.name, data: { fails: 0 }, children })
  assert.is(await tree.job.waitUntilFinished(over.events(queue.name), 10_000), 'parent')
  await untilCounts(queue, { completed: 45 })
  assert.is(new Set(done).size, 45)
  assert.is(done.length, 45)
})

test.run()

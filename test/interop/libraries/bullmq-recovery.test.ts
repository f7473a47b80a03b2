/** BullMQ when workers are killed, and when the server is. No job may be lost. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Job, Queue } from 'bullmq'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { assertEqual, startReplica } from '../../support/servers/replicated-servers.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { Parts, STALL_OPTIONS } from './bullmq-parts.ts'
import { closeOpened, opened } from './opened.ts'

const WORKER = fileURLToPath(new URL('bullmq-worker.js', import.meta.url))

let server: RunningServer
let parts: Parts
test.before(async () => {
  server = await RunningServer.start()
  parts = new Parts(server.port)
})
test.after(() => server.stop())
test.after.each(closeOpened)

function startWorker(queue: Queue): ChildProcess {
  const child = spawn(process.execPath, [WORKER, String(server.port), queue.name], { stdio: 'inherit' })
  return opened(child, kill9)
}

async function kill9(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

const isAtWork = (job: Job) => job.getState().then((state) => state === 'active' && job.progress !== 0)

/** Waits until each job is in the hands of a worker. */
async function untilBegun(queue: Queue, jobs: readonly Job[]): Promise<void> {
  await until('the jobs to be begun', async () => {
    const fresh = await Promise.all(jobs.map((job) => queue.getJob(job.id as string)))
    return (await Promise.all(fresh.map((job) => job !== undefined && isAtWork(job)))).every(Boolean)
  })
}

test('the jobs of a killed worker are done once by another', async () => {
  const queue = parts.queue()
  const stalled = new Set<string>()
  parts.events(queue.name).on('stalled', ({ jobId }) => stalled.add(jobId))
  const child = startWorker(queue)
  const quick = await queue.addBulk(Array.from({ length: 20 }, (_, number) => ({ name: 'quick', data: { number } })))
  await until('quick jobs to be done', async () => (await queue.getCompletedCount()) === 20)
  const endless = await queue.addBulk(Array.from({ length: 5 }, (_, number) => ({ name: 'endless', data: { number } })))
  await untilBegun(queue, endless)
  await kill9(child)
  assert.is(await queue.getActiveCount(), 5)

  const done: (string | undefined)[] = []
  parts.worker(queue.name, async (job) => void done.push(job.id), STALL_OPTIONS)
  await queue.add('quick', {})
  await until('all to be done', async () => (await queue.getCompletedCount()) === 26)
  const ids = endless.map((job) => job.id as string)
  for (const id of ids) assert.is(done.filter((other) => other === id).length, 1)
  for (const job of quick) assert.not(done.includes(job.id), 'a job done before the worker was killed is not done again')
  await until('events of the stalled', () => stalled.size === 5)
  assert.equal([...stalled].sort(), ids.sort())
  assert.is(await queue.getActiveCount(), 0)
})

test('a job whose workers are repeatedly killed fails', async () => {
  const queue = parts.queue()
  const job = await queue.add('endless', {})
  for (let round = 0; round <= STALL_OPTIONS.maxStalledCount; round++) {
    const child = startWorker(queue)
    await until('the job to be started', async () => (await queue.getJob(job.id as string))?.progress === child.pid)
    await kill9(child)
  }
  let isGivenOut = false
  const work = async () => {
    isGivenOut = true
  }
  parts.worker(queue.name, work, STALL_OPTIONS)
  await until('the job to fail', async () => (await queue.getFailedCount()) === 1)
  assert.match((await queue.getJob(job.id as string))?.failedReason ?? '', 'job stalled more than allowable limit')
  assert.not(isGivenOut)
})

for (const how of ['SIGTERM', 'SIGKILL'] as const) {
  test(`no job is lost when the server ends by ${how} during work`, async () => {
    const queue = parts.queue()
    const done = new Set<number>()
    const work = async (job: Job) => {
      await new Promise(setImmediate)
      done.add(job.data.number)
    }
    for (let i = 0; i < 3; i++) parts.worker(queue.name, work, { concurrency: 5, ...STALL_OPTIONS, maxStalledCount: 10 })
    const added: number[] = []
    let next = 0
    const add = async (options = {}) => {
      const number = next++
      await queue.add('job', { number }, options)
      added.push(number)
    }
    let isAdding = true
    const producer = (async () => {
      while (isAdding) await Promise.all([add(), add({ priority: 3 }), add({ delay: 100 }), add()]).catch(() => {})
    })()
    await until('work to be done', () => done.size > 200)
    await server.restart(how)
    const before = done.size
    await until('the work to go on', () => done.size > before + 100)
    isAdding = false
    await producer
    await until('all to be done', async () => {
      const { completed = 0, failed = 0, ...left } = await queue.getJobCounts()
      return completed + failed >= added.length && Object.values(left).every((count) => count === 0)
    })
    const lost = added.filter((number) => !done.has(number))
    assert.equal(lost, [], `${lost.length} of ${added.length} are lost`)
    assert.is(await queue.getFailedCount(), 0)
  })
}

test('queues are equal on a replica and after the server was killed', async () => {
  const replica = await startReplica(server.port)
  opened(replica, () => replica.stop())
  const queue = parts.queue()
  const work = async (job: Job) => {
    if (job.data.number % 10 === 0 && job.attemptsMade === 0) throw new Error('not now')
    await job.updateProgress({ number: job.data.number })
    return 'done'
  }
  const workers = [1, 2].map(() => parts.worker(queue.name, work, { concurrency: 5, ...STALL_OPTIONS }))
  await queue.upsertJobScheduler('ticks', { every: 50, limit: 3 })
  for (let number = 0; number < 200; number += 4) {
    await Promise.all([
      queue.add('job', { number }, { attempts: 2, backoff: 10 }),
      queue.add('job', { number: number + 1 }, { delay: 20 }),
      queue.add('job', { number: number + 2 }, { priority: number, attempts: 2 }),
      queue.add('job', { number: number + 3 }, { removeOnComplete: 10 }),
    ])
  }
  await until('all to be done', async () => {
    const { completed = 0, failed, ...left } = await queue.getJobCounts()
    return completed > 0 && Object.values(left).every((count) => count === 0)
  })
  await Promise.all(workers.map((worker) => worker.close()))
  await until(
    'the mark of the last look for stalled jobs to end',
    async () => (await server.call('EXISTS', `bull:${queue.name}:stalled-check`)) === 0,
  )
  assert.ok(Number(await server.call('DBSIZE')) > 50)
  await assertEqual(server, replica)
  const digest = await server.call('DEBUG', 'DIGEST')
  await server.restart('SIGKILL')
  assert.is(await server.call('DEBUG', 'DIGEST'), digest)
  await assertEqual(server, replica)
})

test.run()

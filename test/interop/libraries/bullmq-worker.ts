/**
 * A worker in a process of its own, which a test kills in the middle of a job: `bullmq-worker.js
 * PORT QUEUE`.
 */
import { Worker } from 'bullmq'
import { STALL_OPTIONS } from './bullmq-parts.ts'

const [port, queue] = process.argv.slice(2) as [string, string]
const connection = { host: '127.0.0.1', port: Number(port), maxRetriesPerRequest: null }

/**
 * Does jobs. Those named `endless` report that they have begun, by their progress, and never end.
 */
new Worker(
  queue,
  async (job) => {
    if (job.name !== 'endless') return process.pid
    await job.updateProgress(process.pid)
    return new Promise(() => {})
  },
  { connection, concurrency: 5, ...STALL_OPTIONS },
)

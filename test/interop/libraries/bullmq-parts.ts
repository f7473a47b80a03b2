/** Queues, workers and listeners of BullMQ on one server, closed by `closeOpened`. */
import {
  type ConnectionOptions,
  FlowProducer,
  type Job,
  Queue,
  QueueEvents,
  type QueueOptions,
  type RedisConnectionClient,
  Worker,
  type WorkerOptions,
} from 'bullmq'
import { opened } from './opened.ts'

/** Short times for locks and for the search of stalled jobs, so that a test sees both. */
export const STALL_OPTIONS = { lockDuration: 600, stalledInterval: 250, maxStalledCount: 1 } as const

let queues = 0

/** Returns a name that no other test uses. */
export function queueName(): string {
  return `jobs-${++queues}`
}

export class Parts {
  readonly connection: ConnectionOptions

  /** Takes a port, for connections of ioredis, or a client to work over. */
  constructor(server: number | RedisConnectionClient) {
    this.connection = typeof server === 'number' ? { host: '127.0.0.1', port: server, maxRetriesPerRequest: null } : server
  }

  queue(name = queueName(), options: Omit<QueueOptions, 'connection'> = {}): Queue {
    return ready(new Queue(name, { connection: this.connection, ...options }))
  }

  worker(name: string, work: (job: Job) => Promise<unknown>, options: Omit<WorkerOptions, 'connection'> = {}): Worker {
    return ready(new Worker(name, work, { connection: this.connection, ...options }))
  }

  /**
   * Listens to events from the beginning: new ones alone would begin a moment after the listener is
   * ready.
   */
  events(name: string): QueueEvents {
    return ready(new QueueEvents(name, { connection: this.connection, lastEventId: '0' }))
  }

  flows(): FlowProducer {
    return ready(new FlowProducer({ connection: this.connection }))
  }
}

/**
 * Adds a listener for `error` events, which would end the process otherwise. Connections emit them
 * when they break while a server restarts.
 */
function ready<T extends { on(event: 'error', listener: () => void): unknown; close(): Promise<void> }>(part: T): T {
  part.on('error', () => {})
  return opened(part, () => part.close())
}

/**
 * Clients that find their master through sentinels and write without a pause. A write is confirmed
 * if WAIT says so and its SET and WAIT were sent together. A WAIT on another connection than its
 * SET would confirm nothing, as after a reconnect between the two.
 */
import { Redis } from 'ioredis'
import { createSentinel } from 'redis'
import * as assert from 'uvu/assert'
import { pause, until } from './running-server.ts'
import { GROUP } from './sentinels.ts'
import type { WireClient } from './wire-client.ts'

const WAIT_MS = 500
/** The pause between a failure and the next attempt. */
const AFTER_FAILURE_MS = 20
/**
 * The pause between writes. Throughput is not measured here, and the sentinels need processor time.
 */
const BETWEEN_MS = 2
/** Confirmed writes that each client must have before and after an event. */
const ENOUGH = 200
const CONFIRM_MS = 45_000

export interface Address {
  readonly host: string
  readonly port: number
}

export interface WriterOptions {
  readonly password?: string
  /** The number of replicas that must have a write; 1 by default. */
  readonly replicas?: number
}

/** A client of a library. */
interface WritingClient {
  /** Writes. Resolves to the number of replicas that had the write in time. */
  write(key: string, value: string): Promise<number>
  close(): Promise<void>
}

/** A writer that records which of its writes were confirmed. */
export class ConfirmedWriter {
  /** Keys whose writes were confirmed; their value is their name. */
  readonly confirmed = new Set<string>()
  /** The number of writes without a confirmation. */
  unconfirmed = 0
  /** The longest time between two confirmed writes, in ms. */
  longestGapMs = 0
  readonly name: string
  private readonly client: WritingClient
  private lastMs = performance.now()
  private isOver = false
  private readonly done: Promise<void>

  private readonly replicas: number

  constructor(name: string, client: WritingClient, replicas: number) {
    this.name = name
    this.client = client
    this.replicas = replicas
    this.done = this.writeOn()
  }

  /** Ends after the current write. */
  async stop(): Promise<void> {
    this.isOver = true
    await this.done
    await this.client.close()
  }

  private async writeOn(): Promise<void> {
    for (let i = 0; !this.isOver; i++) {
      const key = `${this.name}:${i}`
      const replicas = await this.client.write(key, key).catch(() => -1)
      if (replicas >= this.replicas) this.confirm(key)
      else this.unconfirmed++
      await pause(replicas < 0 ? AFTER_FAILURE_MS : BETWEEN_MS)
    }
  }

  private confirm(key: string): void {
    const now = performance.now()
    this.longestGapMs = Math.max(this.longestGapMs, now - this.lastMs)
    this.lastMs = now
    this.confirmed.add(key)
  }
}

/** Waits until each writer has some more writes confirmed. */
export async function confirmMore(writers: readonly ConfirmedWriter[]): Promise<void> {
  for (const writer of writers) {
    const wanted = writer.confirmed.size + ENOUGH
    await until(`${writer.name} to have more writes confirmed`, () => writer.confirmed.size >= wanted, CONFIRM_MS)
  }
}

/** Asserts that a server has every write that was confirmed before this call. */
export async function assertKept(server: { connect(): Promise<WireClient> }, writers: readonly ConfirmedWriter[]): Promise<void> {
  const kept = writers.map(({ name, confirmed }) => ({ name, keys: [...confirmed] }))
  const client = await server.connect()
  for (const { name, keys } of kept) {
    const values = await client.pipeline(keys.map((key) => ['GET', key]))
    const lost = keys.filter((key, i) => values[i] !== key)
    assert.equal(lost, [], `lost confirmed writes of ${name}`)
  }
  await client.close()
}

/**
 * A client of ioredis. Commands in flight fail when a connection breaks; otherwise ioredis would
 * resend a WAIT whose SET has been answered.
 */
export function ioredisWriter(sentinels: readonly Address[], { password, replicas = 1 }: WriterOptions = {}): ConfirmedWriter {
  const client = new Redis({
    sentinels: sentinels.map((address) => ({ ...address })),
    name: GROUP,
    failoverDetector: true,
    maxRetriesPerRequest: 0,
    sentinelRetryStrategy: () => 50,
    retryStrategy: () => 50,
    ...(password === undefined ? {} : { password }),
  })
  client.on('error', () => {})
  let isOver = false
  // If a sentinel announces the new master while the client looks for it, the client gives up
  // forever (ioredis 6.0).
  client.on('end', () => {
    if (!isOver) setImmediate(() => client.connect().catch(() => {}))
  })
  return new ConfirmedWriter(
    'ioredis',
    {
      async write(key, value) {
        const replies = (await client.pipeline().set(key, value).wait(replicas, WAIT_MS).exec()) ?? []
        for (const [error] of replies) if (error !== null) throw error
        return Number(replies[1]?.[1])
      },
      async close() {
        isOver = true
        client.disconnect()
      },
    },
    replicas,
  )
}

/** A client of `redis`, with createSentinel. */
export async function redisWriter(sentinels: readonly Address[], { password, replicas = 1 }: WriterOptions = {}): Promise<ConfirmedWriter> {
  const client = createSentinel({
    name: GROUP,
    sentinelRootNodes: sentinels.map((address) => ({ ...address })),
    scanInterval: 500,
    nodeClientOptions: password === undefined ? {} : { password },
  })
  client.on('error', () => {})
  await client.connect()
  return new ConfirmedWriter(
    'redis',
    {
      async write(key, value) {
        const replies = await client
          .multi()
          .set(key, value)
          .addCommand(false, ['WAIT', String(replicas), String(WAIT_MS)])
          .execAsPipeline()
        return Number(replies[1])
      },
      async close() {
        await client.destroy()
      },
    },
    replicas,
  )
}

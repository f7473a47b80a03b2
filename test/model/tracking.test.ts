/**
 * Clients that cache the replies of GET, each in its own mode. On the server keys change, expire,
 * are flushed and swapped, and the tracking table has hardly any room. After each turn, every
 * cached value is the value of its key.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { client as clientCommands } from '../../commands/clients/client.ts'
import { connection } from '../../commands/clients/connection.ts'
import type { Message, Reply } from '../../commands/contract/reply.ts'
import { databases } from '../../commands/keys/databases.ts'
import { expiry } from '../../commands/keys/expiry.ts'
import { keys } from '../../commands/keys/keys.ts'
import { strings } from '../../commands/strings/strings.ts'
import { transactions } from '../../commands/transactions/transactions.ts'
import { type Seeded, seeded } from '../support/generators/seed.ts'
import { harness, type TestClient } from '../support/harness/harness.ts'

const STEPS = 3000
const KEYS = Array.from({ length: 12 }, (_, i) => `${i % 2 === 0 ? 'even' : 'odd'}:${i}`)
const MODES = ['', 'NOLOOP', 'OPTIN', 'OPTOUT', 'BCAST', 'BCAST PREFIX even:', 'BCAST NOLOOP', 'REDIRECT'] as const

/** A client that caches. */
class Cacher {
  readonly client: TestClient
  /** The client that receives the invalidations: `client` itself, or another one. */
  readonly listener: TestClient
  readonly cache = new Map<string, unknown>()
  private readonly mode: (typeof MODES)[number]
  /** The key that the next reply is cached under. An invalidation may follow the reply directly. */
  private reading: string | null = null

  constructor(mode: (typeof MODES)[number], client: TestClient, listener: TestClient) {
    this.mode = mode
    this.client = client
    this.listener = listener
    listener.push = (message) => this.told(message)
    client.reply = (reply) => this.answered(reply)
    for (const one of new Set([client, listener])) one.send('HELLO', '3')
    client.send(
      'CLIENT',
      'TRACKING',
      'ON',
      ...(mode === 'REDIRECT' ? ['REDIRECT', String(listener.id)] : mode.split(' ').filter((word) => word !== '')),
    )
  }

  /** Reads a key, alone or in a transaction, and caches it if its mode says so. */
  read(key: string, chance: Seeded): void {
    const says = chance.integer(2) === 0
    if (says && this.mode === 'OPTIN') this.client.send('CLIENT', 'CACHING', 'YES')
    if (says && this.mode === 'OPTOUT') this.client.send('CLIENT', 'CACHING', 'NO')
    const isKept = this.mode === 'OPTIN' ? says : this.mode === 'OPTOUT' ? !says : !this.mode.endsWith('even:') || key.startsWith('even:')
    const isTransaction = chance.integer(4) === 0
    if (isTransaction) this.client.send('MULTI')
    if (!isTransaction && isKept) this.reading = key
    this.client.send('GET', key)
    if (!isTransaction) return
    if (isKept) this.reading = key
    this.client.send('EXEC')
  }

  private answered(reply: Reply): void {
    if (this.reading !== null) this.cache.set(this.reading, Array.isArray(reply) ? reply[0] : reply)
    this.reading = null
  }

  write(key: string, value: string): void {
    this.client.send('SET', key, value)
    // With NOLOOP the client gets no message and knows the value, but not a deadline.
    if (this.mode.endsWith('NOLOOP')) this.cache.set(key, value)
    if (this.mode === 'NOLOOP') this.cache.delete(key)
  }

  private told({ items }: Message): void {
    const changed = items[1] as readonly string[] | null
    if (changed === null) this.cache.clear()
    for (const key of changed ?? []) this.cache.delete(key)
  }
}

test("no client's cache holds a stale value at the end of a turn", () => {
  const chance = seeded('caches')
  const world = harness([connection, clientCommands, strings, keys, expiry, databases, transactions])
  const { executor, keyspace, server } = world
  const connect = () => {
    const made = world.client()
    server.clients.sessions.push(made)
    return made
  }
  executor.tracking.table.setLimit(5)
  const cachers: Cacher[] = []
  const join = () => {
    const mode = chance.pick(MODES)
    const client = connect()
    cachers.push(new Cacher(mode, client, mode === 'REDIRECT' ? connect() : client))
  }
  const writer = connect()
  for (let i = 0; i < 8; i++) join()
  let hits = 0
  for (let step = 0; step < STEPS; step++) {
    for (let i = chance.integer(6); i >= 0; i--) {
      const key = chance.pick(KEYS)
      const cacher = chance.pick(cachers)
      const act = chance.integer(100)
      if (act < 50) cacher.read(key, chance)
      else if (act < 62) cacher.write(key, String(step))
      else if (act < 80) writer.send('SET', key, String(step), ...(chance.integer(3) === 0 ? ['PX', String(1 + chance.integer(50))] : []))
      else if (act < 88) writer.send(chance.pick(['DEL', 'INCR', 'PERSIST', 'GETDEL']), key)
      else if (act < 92) writer.send('RENAME', key, chance.pick(KEYS))
      else if (act < 94) writer.send(chance.pick(['FLUSHALL', 'FLUSHDB']))
      else if (act < 95) writer.send('SWAPDB', '0', '1')
      else if (act < 97) {
        executor.forget(cacher.client)
        cachers.splice(cachers.indexOf(cacher), 1)
        join()
      } else world.advance(chance.integer(20))
    }
    const db = keyspace.database(0)
    for (const key of KEYS) db.peek(key) // deletes expired keys, as the timer would
    executor.tracking.endTurn()
    for (const { cache } of cachers) {
      hits += cache.size
      for (const [key, value] of cache) assert.is(value, db.peek(key)?.value ?? null, `${key} in step ${step}`)
    }
  }
  assert.ok(hits > STEPS, `${hits} in caches`)
  assert.ok(executor.tracking.table.keyCount <= 5)
})

test.run()

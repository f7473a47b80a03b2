/**
 * Many clients push, pop, block, time out and disconnect at random. These always hold:
 * - no element is lost or delivered twice
 * - no client is blocked on a list that exists
 * - the clients blocked on one key are served in the order of their requests
 * - replaying the log gives the same lists
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../base/bytes.ts'
import { connection } from '../../commands/clients/connection.ts'
import { ClientError } from '../../commands/contract/errors.ts'
import type { Reply } from '../../commands/contract/reply.ts'
import { databases } from '../../commands/keys/databases.ts'
import { keys } from '../../commands/keys/keys.ts'
import { blockingLists } from '../../commands/lists/blocking.ts'
import { lists } from '../../commands/lists/lists.ts'
import { listMoves } from '../../commands/lists/moves.ts'
import { strings } from '../../commands/strings/strings.ts'
import { List } from '../../storage/values/list.ts'
import { type Seeded, seeded } from '../support/generators/seed.ts'
import { type Harness, harness, type TestClient } from '../support/harness/harness.ts'

const FAMILIES = [connection, lists, listMoves, blockingLists, strings, keys, databases]
const KEYS = ['a', 'b', 'c', 'd']
const STEPS = 4000
const CLIENTS = 12

interface Waiting {
  readonly client: TestClient
  readonly keys: readonly Bytes[]
}

class World {
  readonly server: Harness = harness(FAMILIES)
  private readonly seed: Seeded
  private readonly waiting: Waiting[] = []
  private readonly pushed: Bytes[] = []
  private readonly taken: Bytes[] = []
  private clients: TestClient[]

  constructor(seed: Seeded) {
    this.seed = seed
    this.clients = Array.from({ length: CLIENTS }, () => this.server.client())
  }

  async step(): Promise<void> {
    const { seed, server } = this
    const kind = seed.integer(20)
    if (kind < 7) this.wait()
    else if (kind < 14) this.push()
    else if (kind < 16) this.change()
    else if (kind < 18) server.advance(seed.integer(60))
    else if (kind === 18) server.blocked.unblock(seed.pick(this.clients), seed.pick(['timeout', 'error'] as const))
    else this.replaceClient()
    await Promise.resolve()
    this.collect()
    this.check()
  }

  /** The elements taken by clients and those left in lists, sorted. */
  heldElements(): Bytes[] {
    const left = KEYS.flatMap((key) => this.listOf(key))
    return [...this.taken, ...left].sort()
  }

  get takenCount(): number {
    return this.taken.length
  }

  /** The elements pushed so far, sorted. */
  pushedElements(): Bytes[] {
    return this.pushed.toSorted()
  }

  private listOf(key: Bytes): readonly Bytes[] {
    const value = this.server.keyspace.database(0).find(key)?.value
    return value instanceof List ? value.slice(0, value.size) : []
  }

  private wait(): void {
    const { seed } = this
    const client = this.clients.find(({ isHeld }) => !isHeld)
    if (client === undefined) return
    const keys = Array.from({ length: 1 + seed.integer(3) }, () => seed.pick(KEYS))
    const timeout = seed.pick(['0', '0.05', '0.2'])
    const [first, second] = [keys[0] as Bytes, seed.pick(KEYS)]
    const kind = seed.integer(4)
    if (kind === 0) client.send('BLMOVE', first, second, seed.pick(['LEFT', 'RIGHT']), seed.pick(['LEFT', 'RIGHT']), timeout)
    else if (kind === 1) client.send('BLMPOP', timeout, String(keys.length), ...keys, seed.pick(['LEFT', 'RIGHT']), 'COUNT', '2')
    else client.send(seed.pick(['BLPOP', 'BRPOP']), ...keys, timeout)
    if (client.isHeld) this.waiting.push({ client, keys: kind === 0 ? [first] : keys })
  }

  private push(): void {
    const { seed, server, pushed } = this
    const elements = Array.from({ length: 1 + seed.integer(3) }, (_, i) => `e${pushed.length + i}`)
    const reply = server.answer(seed.pick(['LPUSH', 'RPUSH']), seed.pick(KEYS), ...elements)
    if (!(reply instanceof ClientError)) pushed.push(...elements)
  }

  private change(): void {
    const { seed, server } = this
    const [from, to] = [seed.pick(KEYS), seed.pick(KEYS)]
    const kind = seed.integer(4)
    if (kind === 0) server.answer('RENAMENX', from, to)
    else if (kind === 1) server.answer('SETNX', from, 'no list')
    else if (kind === 2) server.answer('RPOPLPUSH', from, to)
    else if (this.listOf(from).length === 0) server.answer('DEL', from)
  }

  private replaceClient(): void {
    const index = this.seed.integer(CLIENTS)
    const gone = this.clients[index] as TestClient
    gone.close('now')
    this.clients[index] = this.server.client()
    const place = this.waiting.findIndex(({ client }) => client === gone)
    if (place >= 0) this.waiting.splice(place, 1)
  }

  /** Takes the replies of this step, and removes the clients that are no longer blocked. */
  private collect(): void {
    for (const client of this.clients) {
      for (const reply of client.replies.splice(0)) {
        // A moved element is still in a list.
        if (Array.isArray(reply)) this.taken.push(...elementsOf(reply))
      }
      const place = this.waiting.findIndex((waiting) => waiting.client === client)
      if (place >= 0 && !client.isHeld) this.waiting.splice(place, 1)
    }
  }

  private check(): void {
    for (const { client, keys } of this.waiting) {
      assert.ok(this.server.blocked.has(client))
      for (const key of keys) assert.is(this.listOf(key).length, 0, `a client waits for ${key}, which exists`)
    }
    assert.is(this.server.blocked.count, this.waiting.length)
    assert.is(this.server.keyspace.keyWaiters === null, this.waiting.length === 0)
  }
}

/** The elements in `[key, element]` or `[key, [element, ...]]`. */
function elementsOf([, found]: readonly Reply[]): readonly Bytes[] {
  return (Array.isArray(found) ? found : [found]) as Bytes[]
}

test('blocked clients lose and duplicate no element, wait only for absent lists, and the log replays to the same lists', async () => {
  const world = new World(seeded('blocked clients'))
  const copy = harness(FAMILIES)
  for (let step = 0; step < STEPS; step++) {
    await world.step()
    if (step % 50 > 0) continue
    copy.replay(world.server.logged())
    assert.equal(world.heldElements(), world.pushedElements())
    for (const key of KEYS) {
      const value = world.server.keyspace.database(0).find(key)?.value
      if (value instanceof List) assert.equal(copy.run('LRANGE', key, '0', '-1'), value.slice(0, value.size))
      else assert.is(copy.run('EXISTS', key), value === undefined ? 0 : 1)
    }
  }
  assert.ok(world.takenCount > STEPS / 10, `${world.takenCount} elements were given out`)
})

test('clients that wait for a key are served in the order of their requests, whatever else they wait for', async () => {
  const { server } = new World(seeded('order of coming'))
  const { integer } = seeded('order of serving')
  const clients = Array.from({ length: 50 }, () => server.client())
  for (const client of clients) client.send('BLPOP', ...(integer(2) === 0 ? ['other', 'a'] : ['a']), '0')
  for (let i = 0; i < clients.length; i++) {
    server.run('RPUSH', 'a', String(i))
    await Promise.resolve()
  }
  for (const [i, { replies }] of clients.entries()) assert.equal(replies, [['a', String(i)]])
})

test.run()

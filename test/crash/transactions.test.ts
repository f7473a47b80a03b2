/**
 * kill -9 in the middle of transactions. Each transaction exists whole or not at all, and no
 * acknowledged one is missing.
 *
 * Each client moves amounts between accounts with MULTI and EXEC, and counts its moves in the same
 * transaction. The sum of all accounts never changes, and the count is at least the number of
 * acknowledged moves. Some moves watch their accounts and retry after a change.
 * HAYPILE_CRASH_ROUNDS sets the number of rounds, HAYPILE_SEED repeats a run.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Seeded, seeded } from '../support/generators/seed.ts'
import { pause, RunningServer } from '../support/servers/running-server.ts'
import { encodeCommand, type WireClient } from '../support/servers/wire-client.ts'

const { HAYPILE_CRASH_ROUNDS } = process.env
const ROUNDS = Math.ceil(Number(HAYPILE_CRASH_ROUNDS ?? 20) / 4)
const CLIENTS = 4
const ACCOUNTS = 8
const START_AMOUNT = 1000
const MAX_RUN_MS = 600

/** Accounts lie in two databases, so a transaction spans both. */
const account = (number: number) => `account:${number}`
const databaseOf = (number: number) => number % 2

class Mover {
  readonly name: string
  acknowledged = 0
  private readonly chance: Seeded

  constructor(name: string, chance: Seeded) {
    this.name = name
    this.chance = chance
  }

  /** Moves amounts until the connection breaks. */
  async run(client: WireClient): Promise<void> {
    try {
      for (;;) {
        if (this.chance.random() < 0.3) await this.moveWatched(client)
        else await this.move(client)
      }
    } catch {
      await client.close()
    }
  }

  private async move(client: WireClient): Promise<void> {
    const { chance } = this
    const [from, to] = [chance.integer(ACCOUNTS), chance.integer(ACCOUNTS)]
    const amount = chance.integer(10)
    const words = [
      ['MULTI'],
      ['SELECT', databaseOf(from)],
      ['DECRBY', account(from), amount],
      ['LPUSH', 'moves', `${this.name}:${amount}`],
      ['SELECT', databaseOf(to)],
      ['INCRBY', account(to), amount],
      ['SELECT', 0],
      ['INCR', `count:${this.name}`],
      ['EXEC'],
    ]
    client.raw(Buffer.concat(words.map((each) => encodeCommand(...each))))
    for (const _ of words.slice(1)) await client.reply()
    assert.is(((await client.reply()) as unknown[]).length, words.length - 2)
    this.acknowledged++
  }

  /** Reads, computes and sets: correct only if no other client intervenes. */
  private async moveWatched(client: WireClient): Promise<void> {
    const { chance } = this
    const [from, to] = [0, 2]
    for (;;) {
      await client.call('WATCH', account(from), account(to))
      const [a, b] = [Number(await client.call('GET', account(from))), Number(await client.call('GET', account(to)))]
      const amount = chance.integer(10)
      await client.call('MULTI')
      await client.call('SET', account(from), a - amount)
      await client.call('SET', account(to), b + amount)
      await client.call('INCR', `count:${this.name}`)
      if ((await client.call('EXEC')) === null) continue
      this.acknowledged++
      return
    }
  }
}

test(`after kill -9 each transaction exists whole or not at all, in ${ROUNDS} rounds`, async () => {
  const chance = seeded('transactions')
  const server = await RunningServer.start({
    flags: { 'checkpoint-binlog-bytes': '1mb', 'binlog-file-size': '1mb', 'binlog-retention-bytes': '4mb', 'checkpoint-seconds': 1 },
  })
  const setUp = await server.connect()
  for (let i = 0; i < ACCOUNTS; i++) {
    await setUp.call('SELECT', databaseOf(i))
    await setUp.call('SET', account(i), START_AMOUNT)
  }
  await setUp.close()
  const movers = Array.from({ length: CLIENTS }, (_, index) => new Mover(String(index), chance))
  for (let round = 1; round <= ROUNDS; round++) {
    const clients = await Promise.all(movers.map(async (mover) => ({ mover, client: await server.connect() })))
    const ended = Promise.all(clients.map(({ mover, client }) => mover.run(client)))
    await pause(50 + chance.integer(MAX_RUN_MS))
    await server.kill9()
    await ended
    await server.launch()
    const client = await server.connect()
    let sum = 0
    for (let i = 0; i < ACCOUNTS; i++) {
      await client.call('SELECT', databaseOf(i))
      sum += Number(await client.call('GET', account(i)))
    }
    assert.is(sum, ACCOUNTS * START_AMOUNT, `round ${round}: a part of a transaction`)
    await client.call('SELECT', 0)
    for (const mover of movers) {
      const count = Number((await client.call('GET', `count:${mover.name}`)) ?? 0)
      assert.ok(count === mover.acknowledged || count === mover.acknowledged + 1, `${count} moves of ${mover.acknowledged} acknowledged`)
      mover.acknowledged = count
    }
    await client.close()
  }
  console.log(`${ROUNDS} crashes, ${movers.reduce((total, { acknowledged }) => total + acknowledged, 0)} transactions`)
  await server.stop()
})

test.run()

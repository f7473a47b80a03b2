/**
 * kill -9 while clients fill large collections of every type. Afterwards the data is that of a
 * prefix of each writer's commands, which includes all acknowledged ones. HAYPILE_CRASH_ROUNDS sets
 * the number of rounds, HAYPILE_SEED repeats a run.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../base/bytes.ts'
import type { Words } from '../support/generators/random-commands.ts'
import { type Seeded, seeded } from '../support/generators/seed.ts'
import { pause, RunningServer } from '../support/servers/running-server.ts'
import { encodeCommand, type WireClient } from '../support/servers/wire-client.ts'

const { HAYPILE_CRASH_ROUNDS } = process.env
const ROUNDS = Number(HAYPILE_CRASH_ROUNDS ?? 8)
const WRITERS = 3
const PIPELINE = 30
const MAX_RUN_MS = 600
const FIELDS = 3000
const KEPT = 2000

/** The commands, which take turns by serial number: one pass adds a number to every collection. */
const COMMANDS: readonly ((number: number) => Words)[] = [
  (number) => ['RPUSH', 'list', `element ${number}`],
  (number) => ['HSET', 'hash', `field ${number % FIELDS}`, number],
  (number) => ['ZADD', 'zset', number, `member ${number}`],
  (number) => ['SADD', 'set', `member ${number}`],
  (number) => ['XADD', 'stream', 'MAXLEN', KEPT, `${number}-1`, 'number', number],
  (number) => (number < KEPT ? ['PING'] : ['ZREMRANGEBYRANK', 'zset', 0, 0]),
  (number) => (number < KEPT ? ['PING'] : ['SREM', 'set', `member ${number - KEPT + 1}`]),
  (number) => (number < KEPT ? ['PING'] : ['LPOP', 'list']),
]

function commandOf(serial: number): Words {
  return (COMMANDS[serial % COMMANDS.length] as (number: number) => Words)(Math.floor(serial / COMMANDS.length) + 1)
}

/** The numbers that the command at a place of the pass has processed, after `serial` commands. */
function passes(serial: number, place: number): number {
  return Math.floor((serial + COMMANDS.length - 1 - place) / COMMANDS.length)
}

class Writer {
  readonly database: number
  /** The number of acknowledged commands; `sent` counts all. */
  acknowledged = 0
  private sent = 0

  constructor(database: number) {
    this.database = database
  }

  /** Writes until the connection breaks. */
  async run(client: WireClient): Promise<void> {
    try {
      await client.call('SELECT', this.database)
      for (;;) {
        const commands = Array.from({ length: PIPELINE }, () => encodeCommand(...commandOf(this.sent++)))
        client.raw(Buffer.concat(commands))
        for (let left = PIPELINE; left > 0; left--) {
          await client.reply()
          this.acknowledged++
        }
      }
    } catch {
      await client.close()
    }
  }

  /** Finds the prefix that explains the data, and continues from it. */
  async verify(client: WireClient, chance: Seeded): Promise<void> {
    await client.call('SELECT', this.database)
    const found = await contentOf(client)
    let serial = this.acknowledged
    while (serial <= this.sent && JSON.stringify(expected(serial)) !== JSON.stringify(found)) serial++
    const range = `${this.acknowledged} to ${this.sent}`
    assert.ok(serial <= this.sent, `writer ${this.database}: no prefix of ${range} commands leaves ${JSON.stringify(found)}`)
    this.acknowledged = serial
    this.sent = serial
    await this.look(client, chance, serial)
  }

  /** Checks a few elements in the middle of the pages. */
  private async look(client: WireClient, chance: Seeded, serial: number): Promise<void> {
    const last = passes(serial, 0)
    if (last < 10) return
    const first = Math.max(1, passes(serial, 7) - KEPT + 2)
    for (let i = 0; i < 20; i++) {
      const number = first + chance.integer(last - first)
      const replies = await client.pipeline([
        ['LINDEX', 'list', number - first],
        ['ZRANK', 'zset', `member ${number}`],
        ['ZSCORE', 'zset', `member ${number}`],
        ['SISMEMBER', 'set', `member ${number}`],
      ])
      const [element, rank, score, isMember] = replies
      if (number < last - KEPT + 5) continue // some collections may lack it already
      assert.is(element, `element ${number}`)
      assert.ok(typeof rank === 'number')
      assert.is(Number(score), number)
      assert.is(isMember, 1)
    }
  }
}

type Content = readonly (Bytes | number | null)[]

/** The sizes and ends of the collections, read by a few commands. */
async function contentOf(client: WireClient): Promise<Content> {
  const [list, first, last, hash, zset, lowest, highest, set, stream, entry] = await client.pipeline([
    ['LLEN', 'list'],
    ['LINDEX', 'list', 0],
    ['LINDEX', 'list', -1],
    ['HLEN', 'hash'],
    ['ZCARD', 'zset'],
    ['ZRANGE', 'zset', 0, 0],
    ['ZRANGE', 'zset', -1, -1],
    ['SCARD', 'set'],
    ['XLEN', 'stream'],
    ['XREVRANGE', 'stream', '+', '-', 'COUNT', 1],
  ])
  const only = (reply: unknown) => (reply as Bytes[])[0] ?? null
  const id = only(entry) as unknown as readonly Bytes[] | null
  return [list, first, last, hash, zset, only(lowest), only(highest), set, stream, id === null ? null : (id[0] as Bytes)] as Content
}

/** The content that a prefix of the commands leaves. */
function expected(serial: number): Content {
  const [pushed, hashed, scored, added, streamed, unscored, removed, popped] = COMMANDS.map((_, place) => passes(serial, place)) as number[]
  const gone = (number: number | undefined) => Math.max(0, (number as number) - KEPT + 1)
  const name = (word: Bytes, number: number) => (number === 0 ? null : `${word} ${number}`)
  return [
    (pushed as number) - gone(popped),
    name('element', pushed === 0 ? 0 : gone(popped) + 1),
    name('element', pushed as number),
    Math.min(hashed as number, FIELDS),
    (scored as number) - gone(unscored),
    name('member', scored === 0 ? 0 : gone(unscored) + 1),
    name('member', scored as number),
    (added as number) - gone(removed),
    Math.min(streamed as number, KEPT),
    streamed === 0 ? null : `${streamed}-1`,
  ]
}

test(`large collections survive kill -9 in ${ROUNDS} rounds`, async () => {
  const chance = seeded('collections')
  const server = await RunningServer.start({
    flags: {
      'checkpoint-binlog-bytes': '1mb',
      'binlog-file-size': '1mb',
      'binlog-retention-bytes': '4mb',
      'checkpoint-seconds': 1,
      'cache-memory': '16mb',
    },
  })
  const writers = Array.from({ length: WRITERS }, (_, database) => new Writer(database))
  for (let round = 1; round <= ROUNDS; round++) {
    const runs = await Promise.all(writers.map(async (writer) => ({ writer, client: await server.connect() })))
    const ended = Promise.all(runs.map(({ writer, client }) => writer.run(client)))
    await pause(20 + chance.integer(MAX_RUN_MS))
    await server.kill9()
    await ended
    if (round % 2 === 0) await server.checkClean()
    await server.launch()
    const client = await server.connect()
    for (const writer of writers) await writer.verify(client, chance)
    await client.close()
  }
  console.log(`${ROUNDS} crashes, ${writers.reduce((sum, { acknowledged }) => sum + acknowledged, 0)} acknowledged writes`)
  await server.stop()
})

test.run()

/**
 * kill -9 at random moments loses no acknowledged write under any sync policy: a turn's writes are
 * in the kernel before its replies leave.
 *
 * Each writer has a database and a connection of its own. So the data after a crash must be the
 * effect of a prefix of its commands, including all acknowledged ones. HAYPILE_CRASH_ROUNDS sets
 * the number of rounds, HAYPILE_SEED repeats a run.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../base/bytes.ts'
import { type Seeded, seeded } from '../support/generators/seed.ts'
import { pause, RunningServer } from '../support/servers/running-server.ts'
import { encodeCommand, type WireClient } from '../support/servers/wire-client.ts'

const { HAYPILE_CRASH_ROUNDS } = process.env
const ROUNDS = Number(HAYPILE_CRASH_ROUNDS ?? 20)
const WRITERS = 4
const PIPELINE = 40
const MAX_RUN_MS = 700
const DAY_MS = 86_400_000
/** The tolerance between a deadline set by SET PX and the writer's own estimate, in ms. */
const TOLERANCE_MS = 30_000

const STRINGS = ['s0', 's1', 's2', 's3', 's4', 's5', 's6', 's7'] as const
const LARGE = ['l0', 'l1', 'l2'] as const
const COUNTERS = ['c0', 'c1', 'c2'] as const
const KEYS: readonly Bytes[] = [...STRINGS, ...LARGE, ...COUNTERS]

interface Value {
  readonly bytes: Bytes
  /** ms since the epoch; 0 for none. */
  readonly deadline: number
}

type Model = ReadonlyMap<Bytes, Value>

/** A command and its effect on a model. */
interface Step {
  readonly words: readonly Bytes[]
  readonly apply: (model: Map<Bytes, Value>) => void
}

function randomStep(chance: Seeded, serial: number): Step {
  const key = chance.pick(chance.random() < 0.7 ? STRINGS : LARGE)
  const value = `${serial}:${'v'.repeat(chance.integer(chance.random() < 0.05 ? 100_000 : 300))}`
  const roll = chance.random()
  if (roll < 0.3) return { words: ['SET', key, value], apply: (model) => model.set(key, { bytes: value, deadline: 0 }) }
  if (roll < 0.5) {
    const counter = chance.pick(COUNTERS)
    const increase = (model: Map<Bytes, Value>) => {
      const before = model.get(counter)
      model.set(counter, { bytes: String(Number(before?.bytes ?? 0) + 1), deadline: before?.deadline ?? 0 })
    }
    return { words: ['INCR', counter], apply: increase }
  }
  if (roll < 0.62) return { words: ['DEL', key], apply: (model) => model.delete(key) }
  if (roll < 0.74) {
    const milliseconds = (1 + chance.integer(20)) * DAY_MS
    const deadline = Date.now() + milliseconds
    return { words: ['SET', key, value, 'PX', String(milliseconds)], apply: (model) => model.set(key, { bytes: value, deadline }) }
  }
  if (roll < 0.86) {
    const offset = chance.integer(chance.random() < 0.5 ? 200 : 150_000)
    const piece = value.slice(0, 300)
    const write = (model: Map<Bytes, Value>) => {
      const before = model.get(key)
      const bytes = (before?.bytes ?? '').padEnd(offset, '\0')
      model.set(key, { bytes: bytes.slice(0, offset) + piece + bytes.slice(offset + piece.length), deadline: before?.deadline ?? 0 })
    }
    return { words: ['SETRANGE', key, String(offset), piece], apply: write }
  }
  if (roll < 0.995) {
    const target = chance.pick(STRINGS)
    const move = (model: Map<Bytes, Value>) => {
      const before = model.get(key)
      if (before === undefined) return // an error reply, without a change
      model.delete(key)
      model.set(target, before)
    }
    return { words: ['RENAME', key, target], apply: move }
  }
  return { words: ['FLUSHDB'], apply: (model) => model.clear() }
}

/** A client that writes and knows the expected data. */
class Writer {
  readonly database: number
  /** The effect of all acknowledged commands. */
  private model = new Map<Bytes, Value>()
  private unacknowledged: Step[] = []
  private readonly chance: Seeded
  private serial = 0
  acknowledged = 0

  constructor(database: number, chance: Seeded) {
    this.database = database
    this.chance = chance
  }

  /** Writes until the connection breaks. */
  async run(client: WireClient): Promise<void> {
    const depth = this.database % 2 === 0 ? 1 : PIPELINE
    try {
      await client.call('SELECT', this.database)
      for (;;) {
        const steps = Array.from({ length: depth }, () => randomStep(this.chance, this.serial++))
        this.unacknowledged.push(...steps)
        client.raw(Buffer.concat(steps.map((step) => encodeCommand(...step.words))))
        for (let left = depth; left > 0; left--) {
          await client.reply()
          ;(this.unacknowledged.shift() as Step).apply(this.model)
          this.acknowledged++
        }
      }
    } catch {
      await client.close()
    }
  }

  /** Compares the server's data with the model, and continues from that data. */
  async verify(client: WireClient): Promise<void> {
    await client.call('SELECT', this.database)
    const found = new Map<Bytes, Value>()
    for (const key of KEYS) {
      const [bytes, deadline] = await client.pipeline([['GET', key], ['PEXPIRETIME', key]]) // biome-ignore format: one line
      if (typeof bytes === 'string') found.set(key, { bytes, deadline: Math.max(0, deadline as number) })
    }
    let difference = differenceOf(this.model, found)
    const first = difference
    const sent = this.unacknowledged.length
    while (difference !== '' && this.unacknowledged.length > 0) {
      ;(this.unacknowledged.shift() as Step).apply(this.model)
      difference = differenceOf(this.model, found)
    }
    assert.is(
      difference,
      '',
      `writer ${this.database}: no prefix of ${sent} unacknowledged commands explains the data found; at first: ${first}`,
    )
    assert.is(await client.call('DBSIZE'), this.model.size)
    this.model = found
    this.unacknowledged = []
  }
}

function differenceOf(expected: Model, found: Model): string {
  for (const key of KEYS) {
    const a = expected.get(key)
    const b = found.get(key)
    if (a?.bytes !== b?.bytes) return `${key}: expected ${shown(a?.bytes)}, found ${shown(b?.bytes)}`
    const isSame = (a?.deadline === 0) === (b?.deadline === 0) && Math.abs((a?.deadline ?? 0) - (b?.deadline ?? 0)) < TOLERANCE_MS
    if (!isSame) return `${key}: expected the deadline ${a?.deadline}, found ${b?.deadline}`
  }
  return ''
}

function shown(bytes: Bytes | undefined): string {
  return bytes === undefined ? 'nothing' : `${bytes.length} bytes ${JSON.stringify(bytes.slice(0, 30))}`
}

test(`every acknowledged write survives kill -9 in ${ROUNDS} rounds`, async () => {
  const chance = seeded('kill')
  const server = await RunningServer.start({
    flags: {
      'checkpoint-binlog-bytes': '1mb',
      'binlog-file-size': '1mb',
      'binlog-retention-bytes': '4mb',
      'checkpoint-seconds': 1,
      'cache-memory': '16mb',
    },
  })
  const writers = Array.from({ length: WRITERS }, (_, database) => new Writer(database, chance))
  for (let round = 1; round <= ROUNDS; round++) {
    const runs = await Promise.all(writers.map(async (writer) => ({ writer, client: await server.connect() })))
    const ended = Promise.all(runs.map(({ writer, client }) => writer.run(client)))
    await pause(20 + chance.integer(MAX_RUN_MS))
    await server.kill9()
    await ended
    if (round % 2 === 0) await server.checkClean()
    await server.launch()
    const client = await server.connect()
    for (const writer of writers) await writer.verify(client)
    await client.close()
  }
  console.log(`${ROUNDS} crashes, ${writers.reduce((sum, { acknowledged }) => sum + acknowledged, 0)} acknowledged writes`)
  await server.stop()
})

test.run()

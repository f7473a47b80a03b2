/**
 * Keyspace events: the same requests, one after the other, report the same events in Redis and
 * here, in the same order.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { ClientError } from '../../../commands/contract/errors.ts'
import { objects } from '../../../commands/keys/object.ts'
import { lcsCommands } from '../../../commands/strings/lcs.ts'
import { BLOCKED_CASES, EVENT_CASES } from '../../support/cases/event-cases.ts'
import { dataFamilies } from '../../support/generators/data-families.ts'
import { makeRequest, READS, WRITES } from '../../support/generators/request-grammar.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { EventRecorder } from '../../support/harness/event-recorder.ts'
import { harness } from '../../support/harness/harness.ts'
import { freePort, until } from '../../support/servers/running-server.ts'
import { WatchedEvents } from '../../support/servers/watched-events.ts'
import { WireClient } from '../../support/servers/wire-client.ts'
import { haveTools } from '../tools.ts'

const REQUESTS = 20_000
const BATCH = 50

interface WatchedRedis {
  readonly port: number
  readonly events: WatchedEvents
  stop(): Promise<void>
}

async function startRedis(): Promise<WatchedRedis> {
  const directory = mkdtempSync(join(tmpdir(), 'haypile-events-'))
  const port = await freePort()
  const words = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', '', '--notify-keyspace-events', 'EAmn']
  const child = spawn('redis-server', words, { stdio: 'ignore' })
  process.on('exit', () => child.kill('SIGKILL'))
  let events: WatchedEvents | undefined
  await until('redis-server to answer', async () => {
    events = await WatchedEvents.of(port).catch(() => undefined)
    return events !== undefined
  })
  return {
    port,
    events: events as WatchedEvents,
    async stop() {
      await events?.close()
      const ended = new Promise((resolve) => child.on('close', resolve))
      child.kill('SIGKILL')
      await ended
      rmSync(directory, { recursive: true })
    },
  }
}

/** Returns a function that runs a command here and returns its events. */
function watched(): (words: readonly Bytes[]) => Promise<string[]> {
  const recorder = new EventRecorder()
  const { keyspace, executor, runAsync } = harness([...dataFamilies, lcsCommands, objects], { keyEvents: recorder })
  executor.context.mayBlock = false
  keyspace.setClock(Date.now())
  return async (words) => {
    try {
      await runAsync(...words)
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
    }
    return recorder.take()
  }
}

/**
 * Forms of requests whose events are equal whatever happened before. Some are left out: events that
 * depend on the time, on Redis's nodes of values, and on scores in ranges of members. Waiting
 * commands are left out since they take Redis up to a tenth of a second, and XSETID since Redis 7.2
 * refuses what 7.0 did not.
 */
const FORMS = [...WRITES, ...WRITES, ...READS]
  .filter((form) => !/PX\|PXAT| ~ |BYLEX|0\.001|BLOCK|^KEYS|^XSETID/.test(form))
  .map((form) =>
    form
      .replace('[NX|XX|GT|LT]', form.includes('EXPIRE') ? '[NX|XX]' : '[NX|XX|GT|LT]')
      .replace('$seconds', '100|1000')
      .replace('$milliseconds', '100000|200000')
      .replace('[LIMIT $small $count] [BY', '[BY'),
  )

/** Returns a random request, with others around it that remove known differences. */
function randomRequests(chance: Seeded): Bytes[][] {
  const words = makeRequest(chance.pick(FORMS), chance)
  switch (words[0]) {
    case 'SPOP': // of chance
      return [words, ['DEL', words[1] as Bytes]]
    case 'SORT': // equal weights are in no order
      return words.includes('STORE') ? [words, ['DEL', words.at(-1) as Bytes]] : [words]
    case 'XCLAIM': // Redis 7.2 makes a consumer in any case, Redis 7.0 does not
    case 'XAUTOCLAIM':
      return [['XGROUP', 'CREATECONSUMER', ...(words.slice(1, 4) as Bytes[])], words]
    case 'XREADGROUP': {
      const keys = words.slice(words.indexOf('STREAMS') + 1)
      const makers = keys.slice(0, keys.length / 2).map((key) => ['XGROUP', 'CREATECONSUMER', key, words[2] as Bytes, words[3] as Bytes])
      return [...makers, words]
    }
    default:
      return [words]
  }
}

/** Sorts events of SORT: it looks up patterns in the order of the elements, and a set has none. */
function comparable(words: readonly Bytes[], events: readonly string[]): readonly string[] {
  return words[0]?.startsWith('SORT') === true ? [...events].sort() : events
}

if (haveTools('keyspace events', 'redis-server')) {
  let redis: WatchedRedis
  test.before(async () => {
    redis = await startRedis()
  })
  test.after(() => redis.stop())
  test.before.each(async () => {
    await redis.events.client.call('FLUSHALL')
  })

  for (const [family, cases] of Object.entries(EVENT_CASES)) {
    test(`redis-server reports the expected events of ${family}`, async () => {
      const found = await redis.events.eventsOf(cases.map(([request]) => request.split(' ')))
      for (const [index, [request, ...expected]] of cases.entries()) assert.equal(found[index], expected, request)
    })
  }

  test(`${REQUESTS} random requests report the same events`, async () => {
    const chance = seeded('keyspace events')
    const ours = watched()
    let compared = 0
    for (let sent = 0; sent < REQUESTS; sent += BATCH) {
      const requests = Array.from({ length: BATCH }, () => randomRequests(chance)).flat()
      const theirs = await redis.events.eventsOf(requests)
      for (const [index, words] of requests.entries()) {
        const events = comparable(words, await ours(words))
        compared += events.length
        assert.equal(events, comparable(words, theirs[index] as string[]), words.join(' '))
      }
    }
    assert.ok(compared > REQUESTS / 2, `${compared} events`)
  })

  test('events of served clients come in the same order', async () => {
    const waiting = await WireClient.connect({ port: redis.port })
    const eventsOfServing = async (blocking: string, ready: string): Promise<string[]> => {
      const reply = waiting.call(...blocking.split(' '))
      await until('the client to be blocked', async () =>
        /blocked_clients:1/.test(String(await redis.events.client.call('INFO', 'clients'))),
      )
      const [events] = await redis.events.eventsOf([ready.split(' ')])
      await reply
      return events as string[]
    }
    try {
      for (const [blocking, ready, ...expected] of BLOCKED_CASES) assert.equal(await eventsOfServing(blocking, ready), expected, blocking)
    } finally {
      await waiting.close()
    }
  })
}

test.run()

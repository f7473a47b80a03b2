/**
 * Scripts that are refused as a whole or in part. The answers have the same bytes as Redis's, in
 * any state of the server and for any way to run a script.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { LIBRARY, requests, SCRIPTS } from '../../support/cases/script-refusals.ts'
import { withNode } from '../../support/harness/in-process-node.ts'
import { RawClient, RESET } from '../../support/servers/raw-client.ts'
import { RedisServer } from '../../support/servers/redis-server.ts'
import { freePort, RunningServer, until } from '../../support/servers/running-server.ts'
import { WireClient, type WireReply } from '../../support/servers/wire-client.ts'
import { haveTools } from '../tools.ts'

const MAX_SHOWN = 20
const AT_ONCE = 50
/** Queues every eleventh request, each on a connection of its own. */
const EVERY = 11
/** Size limit of redis-server's files, in blocks of 512 bytes. */
const FILE_BLOCKS = 2000

type Request = readonly Bytes[]

/** A server with a master that it can follow. */
interface Pair {
  readonly port: number
  readonly client: WireClient
  readonly masterPort: number
  /** A port without a listener. */
  readonly nowhere: number
}

interface State {
  readonly name: string
  /** Returns the requests that bring a server, which has the library, into the state. */
  readonly enter: (pair: Pair) => readonly Request[]
  /** True if the server follows its master in that state. */
  readonly isLinked?: true
}

const follow = (port: number): Request => ['REPLICAOF', '127.0.0.1', String(port)]
const set = (key: Bytes, value: Bytes): Request => ['CONFIG', 'SET', key, value]

const MASTER: State = { name: 'master', enter: () => [] }
const STATES: readonly State[] = [
  MASTER,
  { name: 'replica', enter: ({ masterPort }) => [follow(masterPort)], isLinked: true },
  { name: 'replica that has lost its master and serves what it has', enter: ({ nowhere }) => [follow(nowhere)] },
  { name: 'stale replica', enter: ({ nowhere }) => [set('replica-serve-stale-data', 'no'), follow(nowhere)] },
  { name: 'master that lacks replicas', enter: () => [set('min-replicas-to-write', '1')] },
]

/** Requests that leave any of the states. */
const LEAVING: readonly Request[] = [['REPLICAOF', 'NO', 'ONE'], set('replica-serve-stale-data', 'yes'), set('min-replicas-to-write', '0')]

const ORDINARY: readonly Request[] = [...LEAVING, ['SCRIPT', 'FLUSH'], ['FUNCTION', 'FLUSH'], ['DEL', 'k'], ['FUNCTION', 'LOAD', LIBRARY]]

async function withPairs(run: (pairs: readonly Pair[]) => Promise<void>): Promise<void> {
  const nowhere = await freePort()
  const redis: RedisServer[] = []
  const ours: RunningServer[] = []
  try {
    for (let i = 0; i < 2; i++) redis.push(await RedisServer.start(['--repl-diskless-sync-delay', '0']))
    for (let i = 0; i < 2; i++) ours.push(await RunningServer.start())
    const pairs: Pair[] = []
    for (const [server, master] of [redis, ours] as const) {
      const [client, ofMaster] = await Promise.all([server?.connect(), master?.connect()])
      await ofMaster?.call('FUNCTION', 'LOAD', LIBRARY)
      await ofMaster?.close()
      pairs.push({ port: server?.port ?? 0, client: client as WireClient, masterPort: master?.port ?? 0, nowhere })
    }
    await run(pairs)
    for (const { client } of pairs) await client.close()
    for (const server of ours) await server.stop()
  } finally {
    for (const server of ours) await server.kill9()
    for (const server of redis) await server.stop()
  }
}

async function enter(pair: Pair, state: State): Promise<void> {
  const scripts = SCRIPTS.map((text) => ['SCRIPT', 'LOAD', text])
  for (const request of [...ORDINARY, ...scripts]) await pair.client.call(...request)
  await come(pair, state)
}

/** Brings a server that has everything into a state. */
async function come(pair: Pair, { enter: requestsOf, isLinked }: State): Promise<void> {
  for (const request of requestsOf(pair)) await pair.client.call(...request)
  if (isLinked) await until('the link', async () => String(await pair.client.call('INFO', 'replication')).includes('master_link_status:up'))
}

/** Compares the answers of two servers and reports differences. */
class Comparison {
  private readonly clients: readonly RawClient[]
  private readonly differences: Bytes[] = []
  private compared = 0
  private readonly normalized: (reply: Bytes) => Bytes

  constructor(clients: readonly RawClient[], normalized: (reply: Bytes) => Bytes = (reply) => reply) {
    this.clients = clients
    this.normalized = normalized
  }

  static async of(pairs: readonly Pair[], ending?: Parameters<typeof RawClient.connect>[1]): Promise<Comparison> {
    return new Comparison(await Promise.all(pairs.map(({ port }) => RawClient.connect(port, ending))))
  }

  /** Sends many questions in one write. Each is a row of requests. */
  async ask(state: Bytes, asked: readonly (readonly Request[])[]): Promise<void> {
    for (let from = 0; from < asked.length; from += AT_ONCE) {
      const requests = asked.slice(from, from + AT_ONCE).flat()
      const replies = await Promise.all(this.clients.map((client) => client.askAll(requests)))
      const [expected, found] = replies.map(this.normalized) as [Bytes, Bytes]
      this.compared += requests.length
      if (expected === found) continue
      const [there, here] = [expected.split('\r\n'), found.split('\r\n')]
      const at = there.findIndex((line, position) => line !== here[position])
      const show = (lines: readonly Bytes[]) => JSON.stringify(lines.slice(Math.max(0, at - 1), at + 2))
      this.differences.push(`${state}: ${JSON.stringify(requests)}\n  there ${show(there)}\n  here  ${show(here)}`)
    }
  }

  /** Waits until both servers are busy. */
  async untilBusy(): Promise<void> {
    for (const client of this.clients) await until('the server to be busy', async () => (await client.ask('PING')).startsWith('-BUSY '))
  }

  end(): void {
    for (const client of this.clients) client.close()
    assert.ok(this.compared > 0)
    const { length } = this.differences
    if (length > 0) assert.unreachable(`${length} differ:\n${this.differences.slice(0, MAX_SHOWN).join('\n')}`)
  }
}

const alone = (request: Request) => [request]
const inTransaction = (request: Request) => [['MULTI'], request, ['EXEC']]

if (haveTools('refusals of scripts beside redis-server', 'redis-server')) {
  test("scripts are refused with Redis's replies, alone and in a transaction", () =>
    withPairs(async (pairs) => {
      const comparison = await Comparison.of(pairs)
      for (const state of STATES) {
        for (const pair of pairs) await enter(pair, state)
        await comparison.ask(state.name, requests().map(alone))
        await comparison.ask(state.name, requests().map(inTransaction))
      }
      comparison.end()
    }))

  test('a state entered within a transaction applies to its later scripts', () =>
    withPairs(async (pairs) => {
      const comparison = await Comparison.of(pairs)
      for (const pair of pairs) await enter(pair, MASTER)
      for (const state of STATES.filter(({ isLinked }) => isLinked === undefined)) {
        const entering = state.enter(pairs[0] as Pair)
        const asked = requests().map((request) => [['MULTI'], ...entering, request, ['EXEC'], ...LEAVING])
        await comparison.ask(`in a transaction ${state.name}`, asked)
      }
      comparison.end()
    }))

  test("EXEC refuses queued scripts after the server's state has changed", () =>
    withPairs(async (pairs) => {
      for (const state of STATES) {
        const answers: Bytes[][] = []
        for (const pair of pairs) answers.push(await queuedBefore(pair, state))
        const [expected, found] = answers as [Bytes[], Bytes[]]
        assert.equal(found, expected, state.name)
      }
    }))

  for (const [what, request, other, kill] of [
    ['script', ['EVAL', 'while true do end', '0'], 'FUNCTION', 'SCRIPT'],
    ['function', ['FCALL', 'forever', '0'], 'SCRIPT', 'FUNCTION'],
  ] as const) {
    test(`scripts are refused while a ${what} runs for long, alone and in a transaction`, () =>
      withPairs(async (pairs) => {
        const comparison = await Comparison.of(pairs, RESET)
        const replies: Promise<WireReply>[] = []
        for (const { client } of pairs) {
          await client.call('CONFIG', 'SET', 'busy-reply-threshold', '1')
          await client.call('FUNCTION', 'LOAD', "#!lua name=busy\nredis.register_function('forever', function() while true do end end)")
          replies.push(client.call(...request))
        }
        await comparison.untilBusy()
        await comparison.ask('busy', requests().map(alone))
        await comparison.ask('busy', requests().map(inTransaction))
        await comparison.ask('busy', [[[other, 'KILL']], [[kill, 'KILL']]])
        comparison.end()
        const [expected, found] = await Promise.all(replies)
        assert.equal(found, expected)
      }))
  }

  test('scripts with declared flags are refused while the disk takes no writes', () =>
    withNode({}, async ({ node, client }) => {
      const redis = await RedisServer.start(['--appendonly', 'yes'], FILE_BLOCKS)
      try {
        const own = await redis.connect()
        for (const server of [own, client]) {
          for (const request of [['FUNCTION', 'LOAD', LIBRARY], ...SCRIPTS.map((text) => ['SCRIPT', 'LOAD', text])])
            await server.call(...request)
        }
        await until('redis-server to fail to write', async () => {
          await own.call('SET', 'large', 'x'.repeat(FILE_BLOCKS * 512))
          return String(await own.call('INFO', 'persistence')).includes('aof_last_write_status:err')
        })
        await own.close()
        Object.defineProperty(node.parts.storage, 'isDiskLow', { value: true })
        node.parts.gates.refresh()
        const clients = await Promise.all([redis.port, node.port].map((port) => RawClient.connect(port)))
        const comparison = new Comparison(clients, (reply) => reply.replaceAll('File too large', 'No space left on device'))
        await comparison.ask('no space', requests().map(alone))
        await comparison.ask('no space', requests().map(inTransaction))
        comparison.end()
      } finally {
        await redis.stop()
      }
    }))
}

/**
 * Returns EXEC's answer for each of many requests that were queued before the server entered a
 * state.
 */
async function queuedBefore(pair: Pair, state: State): Promise<Bytes[]> {
  await enter(pair, MASTER)
  const queued: { readonly request: Request; readonly client: WireClient }[] = []
  for (const request of requests().filter((_request, at) => at % EVERY === 0)) {
    const client = await WireClient.connect({ port: pair.port })
    await client.pipeline([['MULTI'], request])
    queued.push({ request, client })
  }
  await come(pair, state)
  const answers: Bytes[] = []
  for (const { request, client } of queued) {
    answers.push(JSON.stringify([request, await client.call('EXEC')]))
    await client.close()
  }
  return answers
}

test.run()

/**
 * Runs common requests before the server is ready, so that the first clients meet compiled code. V8
 * interprets a function until it has run often: without a warm-up the first burst takes several
 * times as long.
 *
 * The requests go through the real connection, decoder, executor and encoder, on a scratch
 * keyspace. Everything they change belongs to the scratch: keyspace, group, counters, slow log,
 * latencies, users. The scratch uses no disk and no network.
 */
import { Socket } from 'node:net'
import type { Bytes } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Acl } from '../../commands/acl/acl.ts'
import { NO_CLUSTER } from '../../commands/contract/cluster.ts'
import type { ServerPort } from '../../commands/contract/ports.ts'
import type { CommandTable } from '../../commands/contract/table.ts'
import { Executor } from '../../commands/execution/executor.ts'
import { OPEN_GATES } from '../../commands/execution/gating.ts'
import { KeyEventPublisher } from '../../commands/pubsub/key-event-publisher.ts'
import { PubSub } from '../../commands/pubsub/pub-sub.ts'
import { encodedLength, writeCommand } from '../../storage/binlog/command-codec.ts'
import { OpenGroup } from '../../storage/binlog/open-group.ts'
import { Keyspace } from '../../storage/keyspace/keyspace.ts'
import type { RecordStore } from '../../storage/records/record-store.ts'
import { Config } from '../config/config.ts'
import { Turn, type TurnStorage } from '../loop/turn.ts'
import { LatencyMonitor } from '../metrics/latency.ts'
import { Slowlog } from '../metrics/slowlog.ts'
import { Statistics } from '../metrics/statistics.ts'
import { TurnTimes } from '../metrics/turn-times.ts'
import { Connection } from '../network/connection.ts'
import type { ConnectionHost } from '../network/connection-host.ts'
import { Prefetcher } from '../protocol/prefetch.ts'
import { Preloader } from '../protocol/preloader.ts'
import { accessControl } from './access-control.ts'
import { executorHooks } from './executor-hooks.ts'
import { NodeLimits } from './node-connections.ts'

/** Limit of the warm-up in ms, for slow machines. */
const MAX_WARM_UP_MS = 70
/** After this many rounds the common paths are compiled. */
const ROUNDS = 100
const CLIENTS = 4
const KEYS = 200
const VALUE = 'v'.repeat(64)

/** Returns the requests of one round; `n` varies their keys. */
function requestsOf(n: number): readonly Bytes[][] {
  const key = (kind: string, offset = 0) => `${kind}:${(n * 7 + offset) % KEYS}`
  const ten = Array.from({ length: 10 }, (_, offset) => key('string', offset))
  return [
    ['MSET', ...ten.flatMap((name) => [name, VALUE])],
    ['SET', key('string'), VALUE],
    ['GET', key('string')],
    ['MSET', ...ten.flatMap((name) => [name, VALUE])],
    ['MGET', ...ten],
    ['INCR', key('counter')],
    ['HSET', key('hash'), `field:${n % 40}`, VALUE],
    ['HGET', key('hash'), `field:${n % 40}`],
    ['LPUSH', key('list'), VALUE],
    ['LRANGE', key('list'), '0', '9'],
    ['RPOP', key('list')],
    ['SADD', key('set'), String(n)],
    ['ZADD', key('zset'), String(n), String(n % 40)],
    ['EXPIRE', key('string'), '100'],
    ['DEL', key('string', 5)],
    ['PING'],
  ]
}

/** Resolves when the code is warm or the budget is spent. */
export async function warmUp(table: CommandTable, clock: Clock): Promise<void> {
  const { connections, statistics } = scratch(table, clock)
  const untilMs = clock.monotonicMs() + MAX_WARM_UP_MS
  for (let round = 0; round < ROUNDS && (round === 0 || clock.monotonicMs() < untilMs); round++) {
    for (const [index, connection] of connections.entries()) {
      const requests = requestsOf(round * CLIENTS + index)
      const buffer = Buffer.allocUnsafe(requests.reduce((sum, words) => sum + encodedLength(words), 0))
      let end = 0
      for (const words of requests) end = writeCommand(words, buffer, end)
      connection.receive(buffer, end)
    }
    await new Promise((resolve) => setImmediate(resolve)) // wait for the end of the turn
  }
  for (const connection of connections) connection.close('now')
  if (statistics.errorReplies > 0) throw new Error('the server refused a request of the warm-up')
}

function scratch(table: CommandTable, clock: Clock): { connections: Connection[]; statistics: Statistics } {
  const config = new Config()
  const acl = accessControl({
    config,
    log: silent,
    table,
    clients: { all: () => [], describe: () => '' },
    secretHex: () => '',
    monotonicMs: () => clock.monotonicMs(),
  })
  const group = new OpenGroup()
  const keyEvents = new KeyEventPublisher(new PubSub('muted'))
  const keyspace = new Keyspace(noRecords, config.number('databases'), group, keyEvents)
  const statistics = new Statistics(keyspace, () => {})
  const latency = new LatencyMonitor(config, clock)
  const hooks = executorHooks(
    { slowlog: new Slowlog(config), latency, statistics, keyspace },
    {
      onHttp() {},
      monitors: { count: 0, show() {} },
      onResume() {},
      onKeysReady() {},
      onSuspension() {},
      renewClock: () => turn.renewClock(),
      onBug(error) {
        throw error
      },
    },
  )
  const server: Partial<ServerPort> = { table, config, acl, pubsub: new PubSub('muted'), cluster: NO_CLUSTER, random: () => 0.5 }
  const monotonicMs = () => clock.monotonicMs()
  const gates = OPEN_GATES
  const executor = new Executor({ keyspace, group, server: server as ServerPort, hooks, gates, monotonicMs, groupStart: () => 0 })
  const hooksOfTurn = { serveBlocked() {}, notifyClients: () => false, mayReply: () => true, feedReplicas() {}, onEnded() {} }
  const turn = new Turn(scratchStorage(keyspace, group, clock), hooksOfTurn, new TurnTimes(latency, clock))
  const host = scratchHost(executor, turn, {
    config,
    acl,
    prefetcher: new Prefetcher(keyspace, executor.runtimes),
    preloader: new Preloader(keyspace, executor.runtimes),
    monotonicMs,
  })
  const address = { remote: '', local: '' }
  const connections = Array.from({ length: CLIENTS }, (_, id) => new Connection(unconnected(), id, host, address))
  return { connections, statistics }
}

/** A socket that accepts everything and sends nothing. */
function unconnected(): Socket {
  return Object.assign(new Socket(), { write: () => true, cork() {}, uncork() {} })
}

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} }

/** A scratch is in memory only. */
const noRecords = new Proxy({} as RecordStore, {
  get() {
    throw new Error('a scratch has no records')
  },
})

/** Takes the writes of the warm-up and throws them away. */
function scratchStorage(keyspace: Keyspace, group: OpenGroup, clock: Clock): TurnStorage {
  return {
    keyspace,
    isReady: false,
    get binlog(): never {
      throw new Error('a scratch has no binlog')
    },
    beginTurn: () => keyspace.readClock(clock),
    commit: () => {
      group.close()
      group.reset()
      return 'written'
    },
    expireDue: () => false,
    background: () => false,
  }
}

/** Gives connections what they need, without limits, log or registry. */
function scratchHost(
  executor: Executor,
  turn: Turn,
  {
    config,
    acl,
    prefetcher,
    preloader,
    monotonicMs,
  }: {
    config: Config
    acl: Acl
    prefetcher: Prefetcher
    preloader: Preloader
    monotonicMs: () => number
  },
): ConnectionHost {
  return {
    executor,
    turn,
    prefetcher,
    preloader,
    limits: new NodeLimits(acl),
    acl,
    queryLimitBytes: Number.POSITIVE_INFINITY,
    outputLimits: config.bufferLimits(),
    onCutOff() {},
    onReceived() {},
    onSent() {},
    onFed() {},
    onDrained() {},
    onLeaving: (connection) => executor.forget(connection),
    onInputEnded() {},
    onClosed() {},
    log() {},
    monotonicMs,
    beginRequests: () => {
      executor.clock.startMs = monotonicMs()
    },
  }
}

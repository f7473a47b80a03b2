/** The parts of a server, as far as INFO reads them. */
import { Config } from '../../../server/config/config.ts'
import type { InfoSource } from '../../../server/info/source.ts'

/** A monotonic time, ms. */
export const NOW_MS = 100_000_000

/** Some of the members of each part. A part that is null or a plain value is given whole. */
type Some<T> = T extends (...args: never[]) => unknown ? T : T extends object ? { readonly [K in keyof T]?: Some<T[K]> } : T
export type SomeParts = { readonly [K in keyof InfoSource]?: Some<InfoSource[K]> }

/**
 * Returns a server that has run for a little more than a day. Members given replace those of the
 * same part.
 */
export function infoSource(changes: SomeParts = {}): InfoSource {
  const parts: Record<string, unknown> = { ...server() }
  for (const [name, part] of Object.entries(changes)) parts[name] = merged(parts[name], part)
  return parts as unknown as InfoSource
}

/** Returns plain objects merged at every depth, and any other value unchanged. */
function merged(base: unknown, given: unknown): unknown {
  if (!isPlain(base) || !isPlain(given)) return given
  const all: Record<string, unknown> = { ...base }
  for (const [name, value] of Object.entries(given)) all[name] = merged(all[name], value)
  return all
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

const client = (queryBytes: number, outputBytes: number) => ({
  replica: null,
  queryBufferBytes: () => queryBytes,
  outputBufferBytes: () => outputBytes,
})

function configOf(settings: Readonly<Record<string, string>>): Config {
  const config = new Config({ machine: { memoryBytes: 8 * 2 ** 30 } })
  config.load(Object.entries(settings))
  return config
}

function server(): SomeParts {
  return {
    version: '1.2.3',
    runId: 'f'.repeat(40),
    startedAtMs: 1_699_999_999_000,
    startedMs: NOW_MS - 90_061_500,
    port: 6379,
    tlsPort: 0,
    recoveredKeys: 3,
    config: configOf({ dir: '/data', unixsocket: '/run/haypile.sock', 'latency-tracking-info-percentiles': '50 99.9' }),
    log: { droppedLines: 0 },
    clock: { wallMs: () => 1_700_000_000_123, monotonicMs: () => NOW_MS },
    storage: {
      isReady: true,
      role: 'master',
      identity: { replicationId: 'a'.repeat(40), past: [{ id: 'b'.repeat(40), until: 3000 }], fullSync: null },
      stalled: null,
      isDiskLow: false,
      recordsFailure: null,
      settings: { cacheBytes: 64_000_000, checkpoint: { dirtyLimitBytes: 1000 } },
      binlog: {
        segments: [{ start: 1000 }, { start: 4096 }],
        end: { offset: 5000 },
        synced: 4500,
        bytesWritten: 4000,
        groupsWritten: 12,
        syncs: 3,
      },
      checkpointer: {
        isRunning: false,
        lastError: null,
        completed: 0,
        failed: 0,
        landedOffset: 4000,
        lastLandedMs: 1_699_999_999_000,
        lastDurationMs: 0,
        bytesWritten: 700,
      },
      sweeper: { waiting: 0, swept: 0 },
      keyspace: {
        databases: [
          { index: 0, keyCount: 3, volatileCount: 1, keysInMemory: 3, packed: { count: 1 } },
          { index: 1, keyCount: 0, volatileCount: 0, keysInMemory: 0, packed: { count: 0 } },
        ],
        keyCount: 3,
        dirty: Array.from({ length: 5 }, () => ({})),
        dropped: Array.from({ length: 2 }, () => ({})),
        droppedObjects: 4,
        countedChanges: 17,
        landedChanges: 10,
        dirtyBytes: 60,
        frozenBytes: 40,
        residentBytes: 10_000_000,
        expiredKeys: 1,
        expiredFields: 1,
        hits: 5,
        misses: 6,
        evictions: 0,
        diskReads: 8,
      },
    },
    memory: new Map([
      ['used', 50_000_000],
      ['heap', 60_000_000],
      ['peak', 60_000_000],
      ['rss', 90_000_000],
      ['rss-anonymous', 72_000_000],
      ['dataset', 10_000_000],
    ]),
    cluster: { mode: 'disabled' },
    lease: null,
    replication: {
      isReplica: false,
      minReplicas: 0,
      failover: { state: 'no-failover' },
      waiters: { count: 0 },
      master: {
        fullSyncs: 1,
        partialSyncs: 2,
        partialSyncsRefused: 1,
        redis: { fullSyncs: 1, partialSyncs: 1, partialSyncsRefused: 0 },
        replicas: {
          pin: null,
          pinned: Number.POSITIVE_INFINITY,
          attached: () => [],
          absent: () => [],
          conflicts: () => [],
          goodCount: () => 1,
        },
      },
    },
    gates: { isLoading: false, heldCount: 0, presentNames: () => [] },
    statistics: {
      connectionsReceived: 9,
      commandsProcessed: 100,
      commandsPerSecond: { perSecond: 12.7 },
      netInputBytes: 600,
      netOutputBytes: 1500,
      inputPerSecond: { perSecond: 512 },
      outputPerSecond: { perSecond: 2048 },
      rejectedConnections: 0,
      outputLimitDisconnections: 0,
      queryBufferLimitDisconnections: 0,
      replicationInputBytes: 400,
      replicationOutputBytes: 500,
      replicationInputPerSecond: { perSecond: 1024 },
      replicationOutputPerSecond: { perSecond: 256 },
      errorReplies: 4,
      turns: 50,
      activeMs: 70.5,
      commandMicros: 1234.5,
      turnsPerSecond: { perSecond: 10.4 },
      microsPerTurn: 1410,
      reads: 10,
      writes: 11,
      usedCommands: () => [
        ['config|get', { calls: 2, micros: 6.5, rejected: 1, failed: 0 }],
        ['get', { calls: 0, micros: 0, rejected: 3, failed: 0 }],
      ],
      errors: () => new Map([['ERR', 4]]),
    },
    latency: { commands: () => ['get'], percentile: (_, percent) => (percent === 50 ? 1.003 : 12.5) },
    clients: {
      connections: new Map([
        [1, client(20, 0)],
        [2, client(0, 30)],
      ]) as unknown as InfoSource['clients']['connections'],
    },
    migrations: { keptCount: 1 },
    handshakes: { count: 0 },
    blockedClients: { count: 0, timedCount: 0, keyCounts: () => ({ all: 0, forDeletion: 0 }) },
    tracking: { clientCount: 0, table: { keyCount: 0, itemCount: 0 }, broadcasts: { prefixCount: 0 } },
    acl: { denials: { auth: 1, command: 2, key: 3, channel: 4 } },
    pubsub: { subscribers: { size: 0 }, channelCount: 0, patternCount: 0, shardCount: 0 },
    scripting: { count: 0, memory: { machine: 0, scripts: 0 } },
    functions: { libraryCount: 0, functionCount: 0, codeBytes: 0, engine: { usedBytes: 0 } },
  }
}

/** Collects the figures of INFO from the parts of a node. Works while it is loading, too, when the binlog has no end yet. */
import { totalmem } from 'node:os'
import type { ClientsPort } from '../commands/ports.ts'
import type { Clock } from '../storage/clock.ts'
import type { Storage } from '../storage/storage.ts'
import type { Config } from './config.ts'
import type {
  BinlogFigures,
  ClientFigures,
  InfoFigures,
  PersistenceFigures,
  ServerFigures,
  StatsFigures,
  StorageFigures,
} from './info-figures.ts'
import type { LatencyMonitor } from './latency.ts'
import type { MemoryGauge } from './memory-gauge.ts'
import type { Statistics } from './statistics.ts'

export interface InfoSources {
  readonly storage: Storage
  readonly statistics: Statistics
  readonly latency: LatencyMonitor
  readonly config: Config
  readonly clients: ClientsPort
  readonly memory: MemoryGauge
  readonly clock: Clock
  /** Monotonic time of the start, ms. */
  readonly startedMs: number
  /** What stays as it is while the server runs. */
  readonly node: Omit<ServerFigures, 'wallMs' | 'uptimeMs'>
  /** Keys that recovery found. */
  readonly recoveredKeys: number
  /** Clients that wait in a blocking command, and those that a pause or the disk holds. */
  readonly blockedClients: number
  readonly heldClients: number
}

const MICROS_PER_SECOND = 1_000_000

export function collectFigures(sources: InfoSources): InfoFigures {
  const { storage, statistics, config, clock } = sources
  const cpu = process.cpuUsage()
  return {
    server: { ...sources.node, wallMs: clock.wallMs(), uptimeMs: clock.monotonicMs() - sources.startedMs },
    clients: clientFigures(sources),
    memory: sources.memory.figures(storage, sources.clients),
    maxmemory: { bytes: config.number('maxmemory'), policy: config.text('maxmemory-policy'), systemBytes: totalmem() },
    persistence: persistenceFigures(sources),
    stats: statsFigures(statistics),
    replication: storage.identity,
    cpu: { systemSeconds: cpu.system / MICROS_PER_SECOND, userSeconds: cpu.user / MICROS_PER_SECOND },
    commands: statistics.usedCommands(),
    errors: statistics.errors(),
    latencies: latencyFigures(sources),
    keyspace: storage.keyspace.databases.map(({ index, keyCount, volatileCount }) => ({ index, keys: keyCount, volatile: volatileCount })),
    binlog: binlogFigures(sources),
    storage: storageFigures(storage),
  }
}

function clientFigures({ clients, config, blockedClients, heldClients }: InfoSources): ClientFigures {
  let connected = 0
  let longestQueryBuffer = 0
  let longestOutput = 0
  for (const session of clients.all()) {
    connected++
    longestQueryBuffer = Math.max(longestQueryBuffer, session.queryBufferBytes())
    longestOutput = Math.max(longestOutput, session.outputBufferBytes())
  }
  return { connected, limit: config.number('maxclients'), longestQueryBuffer, longestOutput, blocked: blockedClients, held: heldClients }
}

function persistenceFigures({ storage, clock, recoveredKeys }: InfoSources): PersistenceFigures {
  const checkpointer = storage.isReady ? storage.checkpointer : null
  const completed = checkpointer?.completed ?? 0
  return {
    loading: !storage.isReady,
    dirtyRecords: storage.keyspace.dirty.length,
    checkpointRunning: checkpointer?.isRunning ?? false,
    lastCheckpointMs: checkpointer?.lastLandedMs ?? clock.wallMs(),
    lastDurationMs: completed === 0 ? null : (checkpointer?.lastDurationMs ?? null),
    lastFailed: checkpointer !== null && checkpointer.lastError !== null,
    checkpoints: completed,
    recoveredKeys,
    writeStatus: storage.stalled === null ? 'ok' : 'err',
  }
}

function statsFigures(statistics: Statistics): StatsFigures {
  const { keyspace, connectionsReceived, rejectedConnections, netInputBytes, netOutputBytes } = statistics
  return {
    connectionsReceived,
    rejectedConnections,
    netInputBytes,
    netOutputBytes,
    commandsProcessed: statistics.commandsProcessed,
    commandsPerSecond: statistics.commandsPerSecond.perSecond,
    inputPerSecond: statistics.inputPerSecond.perSecond,
    outputPerSecond: statistics.outputPerSecond.perSecond,
    outputLimitDisconnections: statistics.outputLimitDisconnections,
    queryBufferLimitDisconnections: statistics.queryBufferLimitDisconnections,
    errorReplies: statistics.errorReplies,
    reads: statistics.reads,
    writes: statistics.writes,
    expiredKeys: keyspace.expiredKeys,
    hits: keyspace.hits,
    misses: keyspace.misses,
  }
}

function* latencyFigures({ latency, config }: InfoSources): InfoFigures['latencies'] {
  const percents = config.list('latency-tracking-info-percentiles').map(Number)
  for (const name of latency.commands()) yield [name, percents.map((percent) => [percent, latency.percentile(name, percent)])]
}

function binlogFigures({ storage, config }: InfoSources): BinlogFigures {
  const binlog = storage.isReady ? storage.binlog : null
  const end = binlog?.end.offset ?? 0
  return {
    startOffset: binlog?.segments[0]?.start ?? end,
    endOffset: end,
    syncedOffset: binlog?.synced ?? 0,
    segments: binlog?.segments.length ?? 0,
    retentionBytes: storage.settings.binlog.retentionBytes,
    fsyncPolicy: config.text('appendfsync'),
    bytesWritten: binlog?.bytesWritten ?? 0,
    groupsWritten: binlog?.groupsWritten ?? 0,
    syncs: binlog?.syncs ?? 0,
    stalled: storage.stalled,
  }
}

function storageFigures(storage: Storage): StorageFigures {
  const { keyspace, settings } = storage
  const checkpointer = storage.isReady ? storage.checkpointer : null
  const sweeper = storage.isReady ? storage.sweeper : null
  return {
    checkpointOffset: checkpointer?.landedOffset ?? 0,
    checkpointBytesWritten: checkpointer?.bytesWritten ?? 0,
    checkpointsFailed: checkpointer?.failed ?? 0,
    checkpointLastError: checkpointer?.lastError ?? null,
    dirtyBytes: keyspace.dirtyBytes + keyspace.frozenBytes,
    dirtyLimitBytes: settings.checkpoint.dirtyLimitBytes,
    residentBytes: keyspace.residentBytes,
    cacheBytes: settings.cacheBytes,
    keys: keyspace.databases.reduce((sum, db) => sum + db.keyCount, 0),
    residentKeys: keyspace.databases.reduce((sum, db) => sum + db.residentKeys, 0),
    evictions: keyspace.evictions,
    diskReads: keyspace.diskReads,
    garbageWaiting: sweeper?.waiting ?? 0,
    garbageSwept: sweeper?.swept ?? 0,
    diskLow: storage.diskLow,
  }
}

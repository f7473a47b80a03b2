/** Gathers the figures of INFO from the parts of the server. */
import * as os from 'node:os'
import { type Bytes, bytesOfText } from '../../base/bytes.ts'
import type { MemoryFigure } from '../../commands/contract/ports.ts'
import { mainThreadCpu } from '../process/main-thread-cpu.ts'
import type {
  BinlogFigures,
  ClientFigures,
  CpuFigures,
  FunctionFigures,
  InfoFigures,
  ListenerFigures,
  PersistenceFigures,
  ScriptFigures,
  ServerFigures,
  StatsFigures,
  StorageFigures,
} from './figures.ts'
import { infoText } from './info.ts'
import { replicationFigures } from './replication-figures.ts'
import type { InfoSource } from './source.ts'

export function nodeInfo(source: InfoSource, sections: readonly Bytes[]): Bytes {
  const { config, storage, latency } = source
  const percents = config.list('latency-tracking-info-percentiles')
  const figures: InfoFigures = {
    server: serverFigures(source),
    clients: clientFigures(source),
    memory: source.memory as ReadonlyMap<MemoryFigure, number>,
    maxmemory: { bytes: config.number('maxmemory'), policy: config.text('maxmemory-policy'), systemBytes: os.totalmem() },
    functions: functionFigures(source),
    scripts: scriptFigures(source),
    persistence: persistenceFigures(source),
    stats: statsFigures(source),
    replication: replicationFigures(source),
    cpu: cpuFigures(),
    commands: source.statistics.usedCommands(),
    errors: source.statistics.errors(),
    latencies: [...latency.commands()].map(
      (name) => [name, percents.map((percent) => [percent, latency.percentile(name, percent)] as const)] as const,
    ),
    keyspace: storage.keyspace.databases.map((db) => ({ index: db.index, keys: db.keyCount, volatile: db.volatileCount })),
    binlog: binlogFigures(source),
    storage: storageFigures(source),
  }
  return infoText(figures, sections)
}

function serverFigures(source: InfoSource): ServerFigures {
  return {
    version: source.version,
    runId: source.runId,
    processId: process.pid,
    port: source.port,
    wallMs: source.clock.wallMs(),
    uptimeMs: source.clock.monotonicMs() - source.startedMs,
    system: `${os.type()} ${os.release()} ${os.machine()}`,
    nodeVersion: process.version,
    v8Version: process.versions.v8,
    executable: process.execPath,
    configFile: bytesOfText(source.config.filePath ?? ''),
    directory: source.config.text('dir'),
    logLinesDropped: source.log.droppedLines,
    listeners: listenerFigures(source),
  }
}

function listenerFigures({ config, port, tlsPort }: InfoSource): ListenerFigures[] {
  const addresses = config.list('bind')
  const path = config.text('unixsocket')
  const listeners: ListenerFigures[] = []
  if (port !== 0) listeners.push({ name: 'tcp', addresses, port })
  if (path !== '') listeners.push({ name: 'unix', addresses: [path], port: 0 })
  if (tlsPort !== 0) listeners.push({ name: 'tls', addresses, port: tlsPort })
  return listeners
}

function cpuFigures(): CpuFigures {
  const { system, user } = process.cpuUsage()
  const main = mainThreadCpu() ?? { system: system / 1e6, user: user / 1e6 }
  return { systemSeconds: system / 1e6, userSeconds: user / 1e6, mainSystemSeconds: main.system, mainUserSeconds: main.user }
}

function clientFigures(source: InfoSource): ClientFigures {
  const { blockedClients } = source
  const handshaking = source.handshakes.count
  const awaited = blockedClients.keyCounts()
  let longestQueryBuffer = 0
  let longestOutput = 0
  for (const client of source.clients.connections.values()) {
    longestQueryBuffer = Math.max(longestQueryBuffer, client.queryBufferBytes())
    longestOutput = Math.max(longestOutput, client.outputBufferBytes())
  }
  return {
    connected: [...source.clients.connections.values()].filter(({ replica }) => replica === null).length + handshaking,
    handshaking,
    limit: source.config.number('maxclients'),
    longestQueryBuffer,
    longestOutput,
    blocked: blockedClients.count + (source.replication?.waiters.count ?? 0),
    timed: blockedClients.timedCount,
    awaitedKeys: awaited.all,
    awaitedKeysOrGone: awaited.wakesOnDelete,
    subscribers: source.pubsub.subscribers.size,
    tracking: source.tracking.clientCount,
    held: source.gates.heldCount,
    gateReasons: source.gates.presentNames(),
  }
}

function scriptFigures({ scripting }: InfoSource): ScriptFigures {
  const { machine, scripts } = scripting.memory
  return { scripts: scripting.count, textBytes: scripts, machineBytes: machine }
}

function functionFigures({ functions }: InfoSource): FunctionFigures {
  const { libraryCount, functionCount, codeBytes } = functions
  return { libraries: libraryCount, functions: functionCount, codeBytes, machineBytes: functions.engine.usedBytes }
}

function persistenceFigures(source: InfoSource): PersistenceFigures {
  const { gates, storage } = source
  const { keyspace, stalled, isDiskLow } = storage
  const checkpointer = storage.isReady ? storage.checkpointer : null
  return {
    loading: gates.loading,
    dirtyRecords: keyspace.dirty.length,
    changes: keyspace.countedChanges - keyspace.landedChanges,
    checkpointRunning: checkpointer?.isRunning ?? false,
    lastCheckpointMs: checkpointer?.lastLandedMs ?? source.startedAtMs,
    lastDurationMs: checkpointer === null || checkpointer.completed === 0 ? null : checkpointer.lastDurationMs,
    lastFailed: checkpointer !== null && checkpointer.lastError !== null,
    checkpoints: checkpointer?.completed ?? 0,
    recoveredKeys: source.recoveredKeys,
    writeStatus: stalled === null && !isDiskLow ? 'ok' : 'err',
  }
}

function statsFigures({ statistics, storage, replication, acl, pubsub, tracking }: InfoSource): StatsFigures {
  const { keyspace } = storage
  return {
    connectionsReceived: statistics.connectionsReceived,
    commandsProcessed: statistics.commandsProcessed,
    commandsPerSecond: statistics.commandsPerSecond.perSecond,
    netInputBytes: statistics.netInputBytes + statistics.replicationInputBytes,
    netOutputBytes: statistics.netOutputBytes + statistics.replicationOutputBytes,
    fullSyncs: replication?.master.fullSyncs ?? 0,
    partialSyncs: replication?.master.partialSyncs ?? 0,
    partialSyncsRefused: replication?.master.partialSyncsRefused ?? 0,
    replicationInputBytes: statistics.replicationInputBytes,
    replicationOutputBytes: statistics.replicationOutputBytes,
    replicationInputPerSecond: statistics.replicationInputPerSecond.perSecond,
    replicationOutputPerSecond: statistics.replicationOutputPerSecond.perSecond,
    inputPerSecond: statistics.inputPerSecond.perSecond,
    outputPerSecond: statistics.outputPerSecond.perSecond,
    rejectedConnections: statistics.rejectedConnections,
    outputLimitDisconnections: statistics.outputLimitDisconnections,
    queryBufferLimitDisconnections: statistics.queryBufferLimitDisconnections,
    denials: acl.denials,
    expiredKeys: keyspace.expiredKeys,
    expiredFields: keyspace.expiredFields,
    droppedObjects: keyspace.droppedObjects,
    droppedPages: keyspace.dropped.length,
    hits: keyspace.hits,
    misses: keyspace.misses,
    errorReplies: statistics.errorReplies,
    turns: statistics.turns,
    activeMs: statistics.activeMs,
    commandMicros: statistics.commandMicros,
    turnsPerSecond: statistics.turnsPerSecond.perSecond,
    microsPerTurn: statistics.microsPerTurn,
    reads: statistics.reads,
    writes: statistics.writes,
    trackedKeys: tracking.table.keyCount,
    trackedItems: tracking.table.itemCount,
    trackedPrefixes: tracking.broadcasts.prefixCount,
    channels: pubsub.channelCount,
    patterns: pubsub.patternCount,
    shardChannels: pubsub.shardCount,
  }
}

function binlogFigures({ storage, config }: InfoSource): BinlogFigures {
  const binlog = storage.isReady ? storage.binlog : null
  const endOffset = binlog?.end.offset ?? 0
  return {
    startOffset: binlog?.segments[0]?.start ?? endOffset,
    endOffset,
    syncedOffset: binlog?.synced ?? 0,
    segments: binlog?.segments.length ?? 0,
    retentionBytes: config.number('binlog-retention-bytes'),
    fsyncPolicy: config.text('appendfsync'),
    bytesWritten: binlog?.bytesWritten ?? 0,
    groupsWritten: binlog?.groupsWritten ?? 0,
    syncs: binlog?.syncs ?? 0,
    stalled: storage.stalled === null ? null : bytesOfText(storage.stalled),
  }
}

function storageFigures({ storage }: InfoSource): StorageFigures {
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
    keys: keyspace.keyCount,
    residentKeys: keyspace.databases.reduce((sum, db) => sum + db.residentKeys, 0),
    evictions: keyspace.evictions,
    diskReads: keyspace.diskReads,
    garbageWaiting: sweeper?.waiting ?? 0,
    garbageSwept: sweeper?.swept ?? 0,
    diskLow: storage.isDiskLow,
    reopenError: storage.recordsFailure,
  }
}

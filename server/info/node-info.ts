/** Gathers the figures of INFO from a node. */
import * as os from 'node:os'
import { type Bytes, bytesOfText } from '../../base/bytes.ts'
import type { MemoryFigure } from '../../commands/core/ports.ts'
import type { Node } from '../node.ts'
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

export function nodeInfo(node: Node, sections: readonly Bytes[]): Bytes {
  const { config, engine, latency } = node
  const percents = config.list('latency-tracking-info-percentiles') as readonly number[]
  const figures: InfoFigures = {
    server: serverFigures(node),
    clients: clientFigures(node),
    memory: node.storage.memory() as ReadonlyMap<MemoryFigure, number>,
    maxmemory: { bytes: config.number('maxmemory'), policy: config.text('maxmemory-policy'), systemBytes: os.totalmem() },
    functions: functionFigures(node),
    scripts: scriptFigures(node),
    persistence: persistenceFigures(node),
    stats: statsFigures(node),
    replication: replicationFigures(node),
    cpu: cpuFigures(),
    commands: node.statistics.usedCommands(),
    errors: node.statistics.errors(),
    latencies: [...latency.commands()].map(
      (name) => [name, percents.map((percent) => [percent, latency.percentile(name, percent)] as const)] as const,
    ),
    keyspace: engine.keyspace.databases.map((db) => ({ index: db.index, keys: db.keyCount, volatile: db.volatileCount })),
    binlog: binlogFigures(node),
    storage: storageFigures(node),
  }
  return infoText(figures, sections)
}

function serverFigures(node: Node): ServerFigures {
  return {
    version: node.version,
    runId: node.runId,
    processId: process.pid,
    port: node.port,
    wallMs: node.clock.wallMs(),
    uptimeMs: node.clock.monotonicMs() - node.startedMs,
    system: `${os.type()} ${os.release()} ${os.machine()}`,
    nodeVersion: process.version,
    v8Version: process.versions.v8,
    executable: process.execPath,
    configFile: bytesOfText(node.config.filePath ?? ''),
    directory: node.config.text('dir'),
    logLinesDropped: node.log.droppedLines,
    listeners: listenerFigures(node),
  }
}

function listenerFigures({ config, port, tlsPort }: Node): ListenerFigures[] {
  const addresses = config.list('bind') as readonly Bytes[]
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

function clientFigures(node: Node): ClientFigures {
  const { blockedClients } = node.executor
  const handshaking = node.acceptor.handshakes.count
  const awaited = blockedClients.keyCounts()
  let longestQueryBuffer = 0
  let longestOutput = 0
  for (const client of node.clients.connections.values()) {
    longestQueryBuffer = Math.max(longestQueryBuffer, client.queryBufferBytes())
    longestOutput = Math.max(longestOutput, client.outputBufferBytes())
  }
  return {
    connected: [...node.clients.connections.values()].filter(({ replica }) => replica === null).length + handshaking,
    handshaking,
    limit: node.config.number('maxclients'),
    longestQueryBuffer,
    longestOutput,
    blocked: blockedClients.count + (node.links?.waiters.count ?? 0),
    timed: blockedClients.timedCount,
    awaitedKeys: awaited.all,
    awaitedKeysOrGone: awaited.orGone,
    subscribers: node.pubsub.subscribers.size,
    tracking: node.executor.tracking.clientCount,
    held: node.gates.heldCount,
  }
}

function scriptFigures({ scripting }: Node): ScriptFigures {
  const { machine, scripts } = scripting.memory
  return { scripts: scripting.count, textBytes: scripts, machineBytes: machine }
}

function functionFigures({ functions }: Node): FunctionFigures {
  const { libraryCount, functionCount, codeBytes } = functions
  return { libraries: libraryCount, functions: functionCount, codeBytes, machineBytes: functions.engine.usedBytes }
}

function persistenceFigures(node: Node): PersistenceFigures {
  const { gates, engine } = node
  const { keyspace, stalled, diskLow } = engine
  const checkpointer = engine.isReady ? engine.checkpointer : null
  return {
    loading: gates.loading,
    dirtyRecords: keyspace.dirty.length,
    changes: keyspace.countedChanges - keyspace.landedChanges,
    checkpointRunning: checkpointer?.isRunning ?? false,
    lastCheckpointMs: checkpointer?.lastLandedMs ?? node.startedAtMs,
    lastDurationMs: checkpointer === null || checkpointer.completed === 0 ? null : checkpointer.lastDurationMs,
    lastFailed: checkpointer !== null && checkpointer.lastError !== null,
    checkpoints: checkpointer?.completed ?? 0,
    recoveredKeys: node.recoveredKeys,
    writeStatus: stalled === null && !diskLow ? 'ok' : 'err',
  }
}

function statsFigures({ statistics, engine, links, acl, pubsub, executor: { tracking } }: Node): StatsFigures {
  const { keyspace } = engine
  return {
    connectionsReceived: statistics.connectionsReceived,
    commandsProcessed: statistics.commandsProcessed,
    commandsPerSecond: statistics.commandsPerSecond.perSecond,
    netInputBytes: statistics.netInputBytes + statistics.replicationInputBytes,
    netOutputBytes: statistics.netOutputBytes + statistics.replicationOutputBytes,
    fullSyncs: links?.master.fullSyncs ?? 0,
    partialSyncs: links?.master.partialSyncs ?? 0,
    partialSyncsRefused: links?.master.partialSyncsRefused ?? 0,
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

function binlogFigures({ engine, config }: Node): BinlogFigures {
  const binlog = engine.isReady ? engine.binlog : null
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
    stalled: engine.stalled === null ? null : bytesOfText(engine.stalled),
  }
}

function storageFigures({ engine }: Node): StorageFigures {
  const { keyspace, settings } = engine
  const checkpointer = engine.isReady ? engine.checkpointer : null
  const sweeper = engine.isReady ? engine.sweeper : null
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
    diskLow: engine.diskLow,
    reopenError: engine.recordsFailure,
  }
}

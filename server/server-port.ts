/**
 * The server as commands see it.
 *
 * The executor passes this port to every command, and parts of the port are built on the executor.
 * So the port is built first. Its getters read the later parts when a command asks for them.
 */
import { type Bytes, textOf } from '../base/bytes.ts'
import type { ServerPort } from '../commands/contract/ports.ts'
import { HAYPILE_VERSION } from '../commands/contract/version.ts'
import type { Logger } from './logging/log.ts'
import type { Gates } from './loop/gates.ts'

/** The members of the port that exist before the executor. */
export interface EarlyParts
  extends Pick<
    ServerPort,
    'table' | 'config' | 'acl' | 'pubsub' | 'slowlog' | 'latency' | 'statistics' | 'scanCursors' | 'cluster' | 'random' | 'runId'
  > {
  readonly log: Logger
}

/** The node's life as commands drive it. */
export interface LifeCycle extends Pick<ServerPort, 'shutdown' | 'abortShutdown'> {
  /** Reloads the data, for DEBUG RELOAD and LOADAOF. */
  reload(): Promise<void>
}

/** The members of the port that are built on the executor. */
export interface LateParts extends Pick<ServerPort, 'clients' | 'functions' | 'scripting' | 'migrations'> {
  readonly storagePort: ServerPort['storage']
  readonly replicationPort: ServerPort['replication']
  readonly gates: Pick<Gates, 'setActiveExpire'>
  readonly life: LifeCycle
}

/** `info` returns INFO's text of the sections named. */
export function serverPort(early: EarlyParts, later: { readonly value: LateParts }, info: ServerPort['info']): ServerPort {
  const { log, table, config, acl, pubsub, slowlog, latency, statistics, scanCursors, cluster, random, runId } = early
  return {
    table,
    config,
    acl,
    pubsub,
    slowlog,
    latency,
    statistics,
    scanCursors,
    cluster,
    random,
    runId,
    version: HAYPILE_VERSION,
    get clients() {
      return later.value.clients
    },
    get functions() {
      return later.value.functions
    },
    get scripting() {
      return later.value.scripting
    },
    get migrations() {
      return later.value.migrations
    },
    get storage() {
      return later.value.storagePort
    },
    get replication() {
      return later.value.replicationPort
    },
    info,
    shutdown: (options) => later.value.life.shutdown(options),
    abortShutdown: () => later.value.life.abortShutdown(),
    sleepSync: (milliseconds) => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
    },
    setActiveExpire: (mode) => later.value.gates.setActiveExpire(mode === 'on'),
    writeLog: (message: Bytes) => log.warn({ message: textOf(message) }, 'DEBUG LOG'),
  }
}

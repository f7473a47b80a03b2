/** The server as the connections of its clients see it. */

import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Acl } from '../../commands/acl/acl.ts'
import type { Executor } from '../../commands/execution/executor.ts'
import type { Storage } from '../../storage/storage.ts'
import type { Config } from '../config/config.ts'
import type { Gates } from '../loop/gates.ts'
import type { Turn } from '../loop/turn.ts'
import type { Statistics } from '../metrics/statistics.ts'
import type { ClientRegistry } from '../network/client-registry.ts'
import type { ConnectionHost } from '../network/connection-host.ts'
import { type DecoderLimits, defaultDecoderLimits } from '../protocol/decoder-limits.ts'
import { Prefetcher } from '../protocol/prefetch.ts'
import { Preloader } from '../protocol/preloader.ts'
import type { NodeState } from './node-state.ts'

/** Limits that follow the configuration. A class, so that compiled code sees one object shape. */
export class NodeLimits implements DecoderLimits {
  maxBulkBytes: number
  maxArguments: number
  maxInlineBytes: number
  private readonly acl: Acl

  constructor(acl: Acl) {
    const { maxBulkBytes, maxArguments, maxInlineBytes } = defaultDecoderLimits()
    this.maxBulkBytes = maxBulkBytes
    this.maxArguments = maxArguments
    this.maxInlineBytes = maxInlineBytes
    this.acl = acl
  }

  get isOpen(): boolean {
    return this.acl.isOpen
  }
}

export interface ConnectionParts {
  readonly config: Config
  readonly log: Log
  readonly clock: Clock
  readonly acl: Acl
  readonly storage: Storage
  readonly executor: Executor
  readonly turn: Turn
  readonly gates: Gates
  readonly statistics: Statistics
  readonly clients: ClientRegistry
  readonly state: Pick<NodeState, 'replication'>
}

export function connectionHost(parts: ConnectionParts): ConnectionHost {
  const { config, log, clock, acl, storage, executor, turn, gates, statistics, clients, state } = parts
  const { keyspace } = storage
  const limits = new NodeLimits(acl)
  config.observe('proto-max-bulk-len', (bytes) => {
    limits.maxBulkBytes = bytes
  })
  config.observe('proto-inline-max', (bytes) => {
    limits.maxInlineBytes = bytes
  })
  const host: ConnectionHost = {
    executor,
    turn,
    prefetcher: new Prefetcher(keyspace, executor.runtimes),
    preloader: new Preloader(keyspace, executor.runtimes),
    limits,
    acl,
    queryLimitBytes: Number.POSITIVE_INFINITY,
    outputLimits: config.bufferLimits(),
    onCutOff: (what) => {
      if (what === 'output') statistics.outputLimitDisconnections++
      else statistics.queryBufferLimitDisconnections++
    },
    onReceived: (bytes) => {
      statistics.netInputBytes += bytes
      statistics.reads++
    },
    onSent: (bytes) => {
      statistics.netOutputBytes += bytes
      statistics.writes++
    },
    onFed: (bytes) => {
      statistics.replicationOutputBytes += bytes
      statistics.writes++
    },
    onDrained: (socket) => state.replication?.master.drained(socket),
    onLeaving: (connection) => executor.forget(connection),
    onInputEnded: (connection) => {
      state.replication?.waiters.unblock(connection, null)
      if (executor.blockedClients.has(connection)) connection.close('after-reply')
    },
    onClosed: (connection) => {
      executor.forget(connection)
      clients.remove(connection)
      state.replication?.waiters.forget(connection)
      if (connection.replica !== null) state.replication?.master.closed(connection.replica)
    },
    log: (fields, text) => log.debug(fields, text),
    monotonicMs: () => clock.monotonicMs(),
    beginRequests: () => {
      const monotonicMs = clock.monotonicMs()
      executor.clock.startMs = monotonicMs
      gates.refreshIfDue(monotonicMs)
    },
  }
  config.observe('client-query-buffer-limit', (bytes) => {
    host.queryLimitBytes = bytes === 0 ? Number.POSITIVE_INFINITY : bytes
  })
  config.onChange('client-output-buffer-limit', () => {
    host.outputLimits = config.bufferLimits()
  })
  return host
}

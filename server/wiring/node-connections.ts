/** The node as the connections of its clients see it. */
import type { Acl } from '../../commands/acl/acl.ts'
import type { ConnectionHost } from '../network/connection-host.ts'
import type { Node } from '../node.ts'
import { Prefetcher } from '../protocol/prefetch.ts'
import { type DecoderLimits, defaultDecoderLimits } from '../protocol/request-decoder.ts'

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

export function connectionHost(node: Node): ConnectionHost {
  const { config, statistics, log, clients } = node
  const limits = new NodeLimits(node.acl)
  config.follow('proto-max-bulk-len', (bytes) => {
    limits.maxBulkBytes = bytes
  })
  config.follow('proto-inline-max', (bytes) => {
    limits.maxInlineBytes = bytes
  })
  const host: ConnectionHost = {
    executor: node.executor,
    turn: node.turn,
    prefetcher: new Prefetcher(node.engine.keyspace, node.table),
    limits,
    acl: node.acl,
    queryLimitBytes: Number.POSITIVE_INFINITY,
    outputLimits: config.bufferLimits(),
    cutOff: (what) => {
      if (what === 'output') statistics.outputLimitDisconnections++
      else statistics.queryBufferLimitDisconnections++
    },
    received: (bytes) => {
      statistics.netInputBytes += bytes
      statistics.reads++
    },
    sent: (bytes) => {
      statistics.netOutputBytes += bytes
      statistics.writes++
    },
    fed: (bytes) => {
      statistics.replicationOutputBytes += bytes
      statistics.writes++
    },
    drained: (peer) => node.links?.master.drained(peer),
    leaving: (connection) => node.executor.forget(connection),
    inputEnded: (connection) => {
      node.links?.waiters.end(connection, null)
      if (node.executor.blockedClients.has(connection)) connection.close('after-reply')
    },
    closed: (connection) => {
      node.executor.forget(connection)
      clients.remove(connection)
      node.links?.waiters.forget(connection)
      if (connection.replica !== null) node.links?.master.closed(connection.replica)
    },
    log: (fields, text) => log.debug(fields, text),
    monotonicMs: () => node.clock.monotonicMs(),
    beginRequests: () => {
      const nowMs = node.clock.monotonicMs()
      node.executor.clockMs = nowMs
      node.gates.begin(nowMs)
    },
  }
  config.follow('client-query-buffer-limit', (bytes) => {
    host.queryLimitBytes = bytes === 0 ? Number.POSITIVE_INFINITY : bytes
  })
  config.onChange('client-output-buffer-limit', () => {
    host.outputLimits = config.bufferLimits()
  })
  return host
}

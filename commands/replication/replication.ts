/**
 * SLAVEOF REPLICAOF ROLE CLEARREPLICATIONID PURGELOGSTO: which master this node follows, and which
 * binlog it keeps for its replicas. Pika's DBSLAVEOF is missing: all databases share one binlog, so
 * none can follow its own master.
 */
import type { Bytes } from '../../base/bytes.ts'
import { type Args, type Command, type CommandFlag, command } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, syntaxError, wrongArity } from '../contract/errors.ts'
import { OK, type Reply, SimpleString } from '../contract/reply.ts'
import { hostOf, isToken, requireSafeInteger } from '../parsing/args.ts'

const ADMIN_FLAGS: readonly CommandFlag[] = ['admin', 'noscript', 'stale', 'no_async_loading']

const ALREADY = new SimpleString('OK Already connected to specified master')

const invalidPort = () => clientError('ERR Invalid master port')

/**
 * Port 0 is accepted, as in Redis: the node is a replica without a master for now. Unlike Redis, an
 * invalid host name is refused. A node of a cluster takes its role from its map.
 */
function follow(name: Bytes, { server, session, units }: Context, args: Args): Reply {
  if (server.cluster.node !== null) throw clientError('ERR REPLICAOF not allowed in cluster mode.')
  const isForced = args.length === 4
  if (args.length > 4 || (isForced && !isToken(args[3], 'force'))) throw wrongArity(name)
  if (isToken(args[1], 'no') && isToken(args[2], 'one')) {
    if (isForced) throw syntaxError()
    units.writeToGroup()
    server.replication.leave()
    return OK
  }
  if (session.remoteRole === 'replica') throw clientError('ERR Command is not valid when client is a replica.')
  const port = requireSafeInteger(args[2], 0, 65535, invalidPort)
  const host = hostOf(args[1])
  if (host === null) throw clientError('ERR Invalid master host')
  units.writeToGroup()
  const result = server.replication.follow(host, port, isForced ? 'full' : 'partial')
  return result === 'already' ? ALREADY : OK
}

/** FORCE is Pika's: a full sync replaces the data of this node. */
const slaveof = command({
  name: 'slaveof',
  group: 'server',
  since: '1.0.0',
  summary: 'Sets a Redis server as a replica of another, or promotes it to being a master.',
  complexity: 'O(1)',
  syntax: 'SLAVEOF <host port [FORCE] | NO ONE>',
  docFlags: ['deprecated'],
  deprecatedSince: '5.0.0',
  replacedBy: '`REPLICAOF`',
  arity: -3,
  flags: ADMIN_FLAGS,
  run: (context, args) => follow('slaveof', context, args),
})

const replicaof = command({
  name: 'replicaof',
  group: 'server',
  since: '5.0.0',
  summary: 'Configures a server as replica of another, or promotes it to a master.',
  complexity: 'O(1)',
  syntax: 'REPLICAOF <host port [FORCE] | NO ONE>',
  arity: -3,
  flags: ADMIN_FLAGS,
  run: (context, args) => follow('replicaof', context, args),
})

const role = command({
  name: 'role',
  group: 'server',
  since: '2.8.12',
  summary: 'Returns the replication role.',
  complexity: 'O(1)',
  syntax: 'ROLE',
  categories: ['admin', 'dangerous'],
  arity: 1,
  flags: ['noscript', 'loading', 'stale', 'fast'],
  run: ({ server }) => server.replication.role(),
})

/**
 * CLEARREPLICATIONID is Pika's. The history continues under a new id, and every replica needs a
 * full sync.
 */
const clearReplicationId = command({
  name: 'clearreplicationid',
  group: 'server',
  since: '0.1.0',
  summary: 'Discards the replication history and continues under a new replication id.',
  complexity: 'O(1)',
  syntax: 'CLEARREPLICATIONID',
  arity: 1,
  flags: ADMIN_FLAGS,
  run({ server, units }) {
    units.writeToGroup()
    server.replication.clearReplicationId()
    return OK
  },
})

const SEGMENT = /^(\d{20})\.log$/
const PIKA_SEGMENT = /^write2file\d+$/i

/** Returns the offset at which a segment begins, or a plain offset. Throws for other words. */
function segmentOffsetOf(word: Bytes): number {
  const digits = SEGMENT.exec(word)?.[1] ?? word
  if (/^\d{1,20}$/.test(digits)) return Number(digits)
  if (PIKA_SEGMENT.test(word)) {
    throw clientError('ERR binlog files are named by the offset of their first byte; see safety_purge in INFO replication')
  }
  throw clientError('ERR Invalid binlog file or offset')
}

/**
 * PURGELOGSTO is Pika's. It removes unneeded segments that end before the given segment or offset.
 * Pika also removes the named file.
 */
const purgeLogsTo = command({
  name: 'purgelogsto',
  group: 'server',
  since: '0.1.0',
  summary: 'Removes binlog files that end before a file or an offset.',
  complexity: 'O(N) where N is the number of files removed',
  syntax: 'PURGELOGSTO <segment | offset>',
  arity: 2,
  flags: ADMIN_FLAGS,
  run({ server }, args) {
    server.replication.purgeLogsTo(segmentOffsetOf(args[1]))
    return OK
  },
})

export const replication: readonly Command[] = [slaveof, replicaof, role, clearReplicationId, purgeLogsTo]

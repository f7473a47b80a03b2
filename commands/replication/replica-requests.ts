/**
 * METASYNC TRYSYNC DBSYNC BINLOGSYNC REPLCONF: the requests of replicas, read by the grammar in
 * replication/protocol/messages.ts. None runs while the server loads, because there is nothing to
 * follow yet.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import {
  metaReply,
  readBinlogSync,
  readDbSync,
  readInquiry,
  readMetaSync,
  readTrySync,
  trySyncReplyWords,
  withoutSession,
} from '../../replication/protocol/messages.ts'
import { type Args, type Command, type CommandFlag, command } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, syntaxError } from '../contract/errors.ts'
import { NO_REPLY, OK, type Reply } from '../contract/reply.ts'
import type { Session } from '../contract/session.ts'
import { integerOf, isToken, requireInteger, requireSafeInteger } from '../parsing/args.ts'

const FLAGS: readonly CommandFlag[] = ['admin', 'noscript', 'no_multi', 'stale']

/** Throws BADSESSION unless METASYNC has made the session a replica's. */
function mustBeReplica({ remoteRole }: Session): void {
  if (remoteRole !== 'replica') throw withoutSession()
}

const metasync = command({
  name: 'metasync',
  group: 'server',
  since: '0.1.0',
  summary: 'An internal command with which a replica introduces itself.',
  complexity: 'O(1)',
  syntax: 'METASYNC ip port run-id attempt version [FAILOVER | ASK]',
  docFlags: ['syscmd'],
  arity: -6,
  flags: FLAGS,
  run({ server, session }, args) {
    const inquiry = readInquiry(args)
    if (inquiry !== null) return metaReply(server.replication.answerInquiry(inquiry))
    return metaReply(server.replication.metaSync(session, readMetaSync(args)))
  },
})

const trysync = command({
  name: 'trysync',
  group: 'server',
  since: '0.1.0',
  summary: 'An internal command with which a replica asks whether it can continue at its offset.',
  complexity: 'O(1)',
  syntax: 'TRYSYNC session replication-id offset crc [FAILOVER] [older-id [older-id ...]] [LEFT left-id offset [left-id offset ...]]',
  docFlags: ['syscmd'],
  arity: -5,
  flags: FLAGS,
  run({ server, session }, args) {
    mustBeReplica(session)
    return trySyncReplyWords(server.replication.trySync(session, readTrySync(args)))
  },
})

const dbsync = command({
  name: 'dbsync',
  group: 'server',
  since: '0.1.0',
  summary: 'An internal command with which a replica asks for a full sync.',
  complexity: 'O(N) where N is the number of records, in the background',
  syntax: 'DBSYNC session snapshot after',
  docFlags: ['syscmd'],
  arity: 4,
  flags: FLAGS,
  run({ server, session }, args) {
    mustBeReplica(session)
    server.replication.dbSync(session, readDbSync(args))
    return NO_REPLY
  },
})

const binlogsync = command({
  name: 'binlogsync',
  group: 'server',
  since: '0.1.0',
  summary: 'An internal command with which a replica asks for the binlog.',
  complexity: 'O(1)',
  syntax: 'BINLOGSYNC session offset',
  docFlags: ['syscmd'],
  arity: 3,
  flags: FLAGS,
  run({ server, session }, args) {
    mustBeReplica(session)
    server.replication.binlogSync(session, readBinlogSync(args))
    return NO_REPLY
  },
})

/**
 * ACK and GETACK get no reply. The other options, which Redis's replicas send before PSYNC, are
 * checked but not stored.
 */
const replconf = command({
  name: 'replconf',
  group: 'server',
  since: '3.0.0',
  summary: 'An internal command for configuring the replication stream.',
  complexity: 'O(1)',
  syntax: 'REPLCONF',
  docFlags: ['syscmd'],
  arity: -1,
  flags: ['admin', 'noscript', 'loading', 'stale', 'allow_busy'],
  run(context, args) {
    if (args.length % 2 === 0) throw syntaxError()
    for (let i = 1; i < args.length; i += 2) {
      const option = must(args[i])
      if (isToken(option, 'ack')) return acknowledge(context, args, i)
      if (isToken(option, 'getack')) return NO_REPLY
      checkOption(option, must(args[i + 1]))
    }
    return OK
  },
})

/** A client that is not a replica gets no reply either, as in Redis. */
function acknowledge({ server, session }: Context, args: Args, at: number): Reply {
  const applied = offsetOf(args[at + 1])
  const synced = isToken(args[at + 2], 'fack') ? offsetOf(args[at + 3]) : 0
  const asked = isToken(args[at + 4], 'asked') ? offsetOf(args[at + 5]) : null
  if (session.remoteRole === 'replica' && applied !== null && synced !== null)
    server.replication.acknowledge(session, { applied, synced, asked })
  return NO_REPLY
}

function offsetOf(word: Bytes | undefined): number | null {
  const offset = word === undefined ? null : integerOf(word)
  return typeof offset === 'number' && offset >= 0 ? offset : null
}

const MAX_HOST_BYTES = 255

function checkOption(option: Bytes, value: Bytes): void {
  if (isToken(option, 'listening-port')) requireInteger(value)
  else if (isToken(option, 'rdb-only')) requireSafeInteger(value, 0, 1)
  else if (isToken(option, 'ip-address')) {
    if (value.length > MAX_HOST_BYTES) {
      throw clientError(`ERR REPLCONF ip-address provided by replica instance is too long: ${value.length} bytes`)
    }
  } else if (isToken(option, 'rdb-filter-only')) {
    for (const filter of value.split(' ').filter((word) => word !== '')) {
      if (!isToken(filter, 'functions')) throw clientError(`ERR Unsupported rdb-filter-only option: ${filter}`)
    }
  } else if (!isToken(option, 'capa') && !isToken(option, 'version')) throw clientError(`ERR Unrecognized REPLCONF option: ${option}`)
}

export const replicationMessages: readonly Command[] = [metasync, trysync, dbsync, binlogsync, replconf]

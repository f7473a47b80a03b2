/**
 * METASYNC TRYSYNC DBSYNC BINLOGSYNC: the requests of replicas, read by the grammar in
 * replication/protocol/messages.ts. None runs while the server loads, because there is nothing to
 * follow yet.
 */
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
import { type Command, type CommandFlag, command } from '../contract/command.ts'
import { NO_REPLY } from '../contract/reply.ts'
import type { Session } from '../contract/session.ts'

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

export const replicationMessages: readonly Command[] = [metasync, trysync, dbsync, binlogsync]

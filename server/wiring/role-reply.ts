/** The reply of ROLE. */
import type { Reply } from '../../commands/contract/reply.ts'
import type { Replication } from '../../replication/replication.ts'
import type { Storage } from '../../storage/storage.ts'

/** ROLE's word for each state of the link. */
const STATES: Readonly<Record<string, string>> = {
  none: 'none',
  connect: 'connect',
  connecting: 'connecting',
  auth: 'handshake',
  meta_sync: 'handshake',
  try_sync: 'handshake',
  db_sync: 'sync',
  installing: 'sync',
  binlog_sync: 'connected',
}

/** `replication` is null until the binlog has been replayed. */
export function roleReply(storage: Storage, replication: Replication | null): Reply {
  const { role, identity } = storage
  const { master, past } = identity
  const end = storage.isReady ? storage.binlog.end.offset : 0
  if (role === 'replica' && master !== undefined && master !== null) {
    const { state = 'connect', applied = end } = replication?.link.view ?? {}
    return ['slave', master.host, master.port, STATES[state] ?? state, replication?.link.isUp === true ? applied : -1]
  }
  const online = replication?.master.replicas.online() ?? []
  // Redis counts from its first replica on: a master that never had a replica or a master answers
  // 0.
  const hadCompany = past.length > 0 || online.length > 0 || (replication?.master.replicas.absent().length ?? 0) > 0
  return ['master', hadCompany ? end : 0, online.map(({ ip, port, applied }) => [ip, String(port), String(applied)])]
}

/**
 * Clients without a connection: the one that replays logged commands, and the link to the master in
 * CLIENT LIST.
 */
import type { Bytes } from '../../base/bytes.ts'
import { SUPERUSER } from '../../commands/acl/user.ts'
import { type Client, type Session, SessionState } from '../../commands/contract/session.ts'
import type { Executor } from '../../commands/execution/executor.ts'
import { GROUP_HEAD_BYTES } from '../../storage/binlog/group.ts'
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import { readUpstream } from '../../storage/records/upstream.ts'
import type { Replayer } from '../../storage/recovery/recovery.ts'

/** A client that discards its replies. */
export class ReplayClient extends SessionState implements Client {
  readonly id: number
  readonly remoteRole: Session['remoteRole']
  readonly address: Bytes
  readonly createdAtMs: number
  user = SUPERUSER
  isAuthenticated = true
  readonly localAddress = ''
  lastActiveMs = 0
  queryBufferBytes = () => 0
  outputBufferBytes = () => 0
  readonly close: () => void

  constructor(id = 0, remoteRole: Session['remoteRole'] = 'client', address: Bytes = '', createdAtMs = 0, close: () => void = () => {}) {
    super()
    this.id = id
    this.remoteRole = remoteRole
    this.address = address
    this.createdAtMs = createdAtMs
    this.close = close
  }

  push(): void {}
  reply(): void {}
  replyError(): void {}
  retryGate(): void {}
  asyncDone(): void {}
}

/** Feeds recovered or received groups to the executor, each under its own clock. */
export function replayer(executor: Executor, keyspace: Keyspace): Replayer & { knows(args: readonly Bytes[]): boolean } {
  const client = new ReplayClient()
  let groupEnd = 0
  return {
    knows: (args) => executor.runtimes.resolve(args)?.command.run !== undefined,
    beginGroup(header) {
      keyspace.setClock(header.clockMs)
      groupEnd = header.offset + GROUP_HEAD_BYTES + header.bodyLength
      client.database = 0
    },
    command(args) {
      const upstream = readUpstream(args)
      if (upstream !== null) {
        keyspace.upstream = { ...upstream, at: groupEnd }
        return
      }
      executor.context.isReplayed = true
      try {
        executor.replay(client, args)
      } finally {
        executor.context.isReplayed = false
      }
    },
    endGroup() {},
  }
}

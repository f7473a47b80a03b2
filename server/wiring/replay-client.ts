/**
 * Clients without a connection: the one that replays logged commands, and the link to the master in
 * CLIENT LIST.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { SUPERUSER } from '../../commands/acl/user.ts'
import { keysOf, overwritesBlindly } from '../../commands/contract/key-finder.ts'
import type { Runtimes } from '../../commands/contract/runtimes.ts'
import { type Client, type Session, SessionState } from '../../commands/contract/session.ts'
import type { Executor } from '../../commands/execution/executor.ts'
import { GROUP_HEAD_BYTES } from '../../storage/binlog/group.ts'
import type { Database } from '../../storage/keyspace/database.ts'
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import { type RootAddress, RootsAhead } from '../../storage/keyspace/roots-ahead.ts'
import { readUpstream } from '../../storage/records/upstream.ts'
import type { ReplayedGroup, Replayer } from '../../storage/recovery/replay-batches.ts'

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

/** Fewer keys are read by their commands. */
const MIN_KEYS_AHEAD = 8
const NOTHING_AHEAD = Promise.resolve(null)

/** Returns the keys on disk that the commands of groups name, in the order of the records. */
function coldRootsOf(runtimes: Runtimes, keyspace: Keyspace, groups: readonly ReplayedGroup[]): RootAddress[] {
  if (keyspace.databases.every((db) => db.isWholeInMemory)) return []
  const found = new Map<Database, Set<Bytes>>()
  const mayOverwriteBlindly = keyspace.unsettled.mayAdd
  for (const { commands } of groups) {
    let db = keyspace.database(0)
    for (const args of commands) {
      const { command } = runtimes.find(must(args[0])) ?? {}
      if (command === undefined) continue
      if (command.name === 'select') db = keyspace.databases[Number(args[1])] ?? db
      if (mayOverwriteBlindly && overwritesBlindly(command, args)) continue
      const keys = found.get(db) ?? new Set<Bytes>()
      found.set(db, keys)
      for (const position of keysOf(command, args)) {
        const key = args[position]
        if (key !== undefined && db.isUnknown(key)) keys.add(key)
      }
    }
  }
  return [...found].flatMap(([{ id: dbId }, keys]) => [...keys].sort().map((key) => ({ dbId, key })))
}

/** Feeds recovered or received groups to the executor, each under its own clock. */
export function replayer(executor: Executor, keyspace: Keyspace): Replayer & { knows(args: readonly Bytes[]): boolean } {
  const client = new ReplayClient()
  let groupEnd = 0
  return {
    ahead: {
      read(groups) {
        const addresses = coldRootsOf(executor.runtimes, keyspace, groups)
        return addresses.length < MIN_KEYS_AHEAD ? NOTHING_AHEAD : RootsAhead.read(keyspace, addresses)
      },
      use(ahead) {
        keyspace.rootsAhead = ahead
        keyspace.unsettled.readSome()
      },
    },
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

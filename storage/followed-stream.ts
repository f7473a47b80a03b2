/**
 * The stream of a Redis master in the log of a replica. The replica writes a history of its own:
 * each group has the effects of a part of the stream, and the position to which it leads
 * (records/upstream.ts).
 */
import { assert } from '../base/assert.ts'
import type { Binlog } from './binlog/binlog.ts'
import { GROUP_HEAD_BYTES } from './binlog/group.ts'
import type { OpenGroup } from './binlog/open-group.ts'
import type { NodeRole } from './directory/node-role.ts'
import type { Keyspace } from './keyspace/keyspace.ts'
import { type UpstreamPosition, upstreamAt, upstreamWords } from './records/upstream.ts'

/** The storage engine as a followed stream uses it. */
interface FollowingStorage {
  readonly keyspace: Keyspace
  readonly group: OpenGroup
  readonly binlog: Binlog
  readonly stalled: string | null
  commit(): 'written' | 'stalled'
}

/** The stream of a Redis master in the log of a replica. */
export class FollowedStream {
  private readonly storage: FollowingStorage
  private readonly nodeRole: NodeRole

  constructor(storage: FollowingStorage, nodeRole: NodeRole) {
    this.storage = storage
    this.nodeRole = nodeRole
  }

  /** The position in a Redis master's stream whose state this data is; null if of none. */
  get position(): UpstreamPosition | null {
    const { keyspace, binlog } = this.storage
    return upstreamAt(keyspace.upstream, binlog.end.offset)
  }

  /**
   * Begins a history of this node's own, unless it is writing one. REQUIRES: the open group is
   * empty.
   */
  beginOwnHistory(): void {
    const { group, binlog, stalled } = this.storage
    assert(group.isEmpty && stalled === null, 'a history begins between groups')
    this.nodeRole.beginOwnHistory(binlog)
  }

  /** Appends the open group, with the position to which it leads. */
  commit(position: UpstreamPosition): 'written' | 'stalled' {
    const { storage, nodeRole } = this
    const { keyspace, group, binlog } = storage
    assert(storage.stalled === null && nodeRole.role === 'replica', 'only a replica follows a stream, group by group')
    assert(nodeRole.identity.ownFrom !== null, 'a followed stream is logged in a history of this node')
    group.command(0, upstreamWords(position))
    keyspace.upstream = { ...position, at: binlog.end.offset + GROUP_HEAD_BYTES + group.bodyLength }
    const outcome = storage.commit()
    assert(outcome === 'stalled' || keyspace.upstream.at === binlog.end.offset, 'a position is at the end of its group')
    return outcome
  }
}

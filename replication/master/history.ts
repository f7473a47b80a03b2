/**
 * The decision of TRYSYNC: can a replica continue from its offset?
 *
 * The replica names the histories that its data up to an offset belongs to, and the CRC at that
 * offset. The CRC is chained over all groups before it. The replica may continue if this node
 * shares one of those histories up to that offset, and the CRC here is equal. Its log is then a
 * prefix of the log here, byte for byte. All other cases are a full sync with a reason.
 */
import { rethrowAssertion } from '../../base/assert.ts'
import type { BinlogPosition } from '../../storage/binlog/group.ts'
import type { PastHistory } from '../../storage/directory/identity.ts'
import type { Storage } from '../../storage/storage.ts'
import { crcText, type FullSyncReason, Refusal, type TrySyncReply, type TrySyncRequest } from '../protocol/messages.ts'

/** The histories and the binlog of this node. */
export interface NodeHistory {
  readonly replicationId: string
  readonly past: readonly PastHistory[]
  /** Start offset of the binlog. */
  readonly start: number
  readonly end: number
  /**
   * The position at an offset between groups, the end included; null for any other offset. Throws
   * Refusal if the disk cannot be read.
   */
  positionAt(offset: number): BinlogPosition | null
  readonly role: 'master' | 'replica'
  /** For a replica: true if it is in step with its master. */
  readonly isLinked: boolean
}

export function historyOf({ identity, binlog, role }: Storage, isLinked: boolean): NodeHistory {
  const { replicationId, past } = identity
  const positionAt = (offset: number) => {
    try {
      return binlog.positionAt(offset)
    } catch (error) {
      rethrowAssertion(error)
      throw new Refusal('ERR', `the binlog cannot be read: ${String(error)}`)
    }
  }
  return { replicationId, past, start: binlog.startOffset, end: binlog.end.offset, positionAt, role, isLinked }
}

/** Decides a TRYSYNC. Throws Refusal. */
export function decideTrySync(history: NodeHistory, request: TrySyncRequest): TrySyncReply {
  const { replicationId, past, start, end } = history
  const { offset, crc } = request
  const ids = request.replicationIds
  const isKnown = ids.includes(replicationId) || past.some(({ id, until }) => ids.includes(id) && offset <= until)
  if (!isKnown) return fullSync(history, ...whyUnknown(history, request))
  if (offset > end) {
    if (history.role === 'replica') throw new Refusal('BEHIND', `this node is a replica itself and has only reached offset ${end}`)
    return fullSync(history, 'ahead', `offset ${offset} is past the end of the binlog, ${end}`)
  }
  if (offset < start) return fullSync(history, 'purged', `the binlog begins only at offset ${start}`)
  const here = history.positionAt(offset)
  if (here === null) return fullSync(history, 'diverged', `no group of this history begins at offset ${offset}`)
  if (here.crc !== crc) {
    return fullSync(
      history,
      'diverged',
      `the binlog before offset ${offset} has CRC ${crcText(here.crc)} here and ${crcText(crc)} on the replica`,
    )
  }
  return { type: 'continue', replicationId, offset, past }
}

/** Explains why no history is shared up to the replica's offset. */
function whyUnknown({ replicationId, past, end }: NodeHistory, request: TrySyncRequest): [FullSyncReason, string] {
  const { replicationIds, offset, left: leftThere = [] } = request
  const leftHere = past.find(({ id }) => replicationIds.includes(id))
  const shared = leftThere.find(({ id }) => id === replicationId || past.some((history) => history.id === id))
  if (leftHere === undefined && shared !== undefined)
    return ['diverged', `the replica left history ${shared.id} at offset ${shared.until} and continues to ${offset} under another id`]
  if (leftHere === undefined) return offset === 0 ? ['new', 'there is no data yet'] : ['unknown', 'none of its histories is known here']
  return [
    offset > end ? 'ahead' : 'diverged',
    `this node left history ${leftHere.id} at offset ${leftHere.until}, the replica continues it to ${offset}`,
  ]
}

/**
 * True if this node may give full syncs. A replica without a link may have less data than its own
 * replicas, so it gives none.
 */
export function mayGiveData({ role, isLinked }: Pick<NodeHistory, 'role' | 'isLinked'>): boolean {
  return role === 'master' || isLinked
}

function fullSync(history: NodeHistory, reason: FullSyncReason, text: string): TrySyncReply {
  if (!mayGiveData(history))
    throw new Refusal('NOMASTERLINK', `a full sync is needed (${text}), and this node has no link to its own master`)
  return { type: 'full-sync', reason, text }
}

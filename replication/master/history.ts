/**
 * Whether a replica can go on from where it is: the decision of TRYSYNC.
 *
 * The replica names the histories that its data up to an offset belongs to, and the CRC there, which is chained over all groups before it.
 * It goes on where one of those histories is this node's up to that offset, and the CRC here is the same: then its log is a prefix of this
 * one, byte for byte, whatever ids say. Everything else is a full sync, with the reason.
 */
import type { BinlogPosition } from '../../storage/binlog/group.ts'
import type { Identity, PastHistory } from '../../storage/directory/identity.ts'
import type { Storage } from '../../storage/storage.ts'
import { crcText, type FullSyncReason, type Meta, Refusal, type TrySyncReply, type TrySyncRequest } from '../protocol/messages.ts'

/** What this node has. */
export interface History {
  readonly replicationId: string
  readonly past: readonly PastHistory[]
  /** Of the binlog. */
  readonly start: number
  readonly end: number
  /** Null where no group begins and the log does not end. Throws Refusal where the disk does not let it know. */
  positionAt(offset: number): BinlogPosition | null
  readonly role: 'master' | 'replica'
  /** Of a replica: in step with its master. */
  readonly isLinked: boolean
}

export function historyOf({ identity, binlog, role }: Storage, isLinked: boolean): History {
  const { replicationId, past } = identity
  const positionAt = (offset: number) => {
    try {
      return binlog.positionAt(offset)
    } catch (error) {
      throw new Refusal('ERR', `the binlog cannot be read: ${String(error)}`)
    }
  }
  return { replicationId, past, start: binlog.startOffset, end: binlog.end.offset, positionAt, role, isLinked }
}

/** What a replica says of its data up to an offset: the histories that it is of, its current one first; and, to a master that accepts them, those
 *  that it has left behind. */
export function claimOf({ replicationId, past }: Pick<Identity, 'replicationId' | 'past'>, offset: number, accepts: Meta['accepts'] = []) {
  const replicationIds = [replicationId, ...past.filter(({ until }) => until >= offset).map(({ id }) => id)]
  return { replicationIds, ...(accepts.includes('left') ? { left: past.filter(({ until }) => until < offset) } : {}) }
}

/** Throws Refusal. */
export function decideTrySync(history: History, request: TrySyncRequest): TrySyncReply {
  const { replicationId, past, start, end } = history
  const { offset, crc } = request
  const ids = request.replicationIds
  const isKnown = ids.includes(replicationId) || past.some(({ id, until }) => ids.includes(id) && offset <= until)
  if (!isKnown) return fullSync(history, ...whyUnknown(history, request))
  if (offset > end) {
    if (history.role === 'replica') throw new Refusal('BEHIND', `this node is a replica itself and has come to offset ${end} only`)
    return fullSync(history, 'ahead', `offset ${offset} is past the end of the binlog, ${end}`)
  }
  if (offset < start) return fullSync(history, 'purged', `the binlog begins at offset ${start} only`)
  const here = history.positionAt(offset)
  if (here === null) return fullSync(history, 'diverged', `no group of this history begins at offset ${offset}`)
  if (here.crc !== crc) {
    return fullSync(history, 'diverged', `what stands before offset ${offset} has CRC ${crcText(here.crc)} here and ${crcText(crc)} there`)
  }
  return { type: 'continue', replicationId, offset, past }
}

function whyUnknown({ replicationId, past, end }: History, request: TrySyncRequest): [FullSyncReason, string] {
  const { replicationIds, offset, left: leftThere = [] } = request
  const left = past.find(({ id }) => replicationIds.includes(id))
  const shared = leftThere.find(({ id }) => id === replicationId || past.some((history) => history.id === id))
  if (left === undefined && shared !== undefined)
    return ['diverged', `history ${shared.id} was left at offset ${shared.until} there, which goes on to ${offset} under another id`]
  if (left === undefined) return offset === 0 ? ['new', 'there is no data yet'] : ['unknown', 'none of its histories is known here']
  return [offset > end ? 'ahead' : 'diverged', `history ${left.id} was left at offset ${left.until} here, and goes on to ${offset} there`]
}

/** A replica that has no master at the moment may have less than its own replicas: it gives them nothing to begin anew with. */
export function mayGiveData({ role, isLinked }: Pick<History, 'role' | 'isLinked'>): boolean {
  return role === 'master' || isLinked
}

function fullSync(history: History, reason: FullSyncReason, text: string): TrySyncReply {
  if (!mayGiveData(history))
    throw new Refusal('NOMASTERLINK', `a full sync is needed (${text}), and this node has no link to its own master`)
  return { type: 'full sync', reason, text }
}

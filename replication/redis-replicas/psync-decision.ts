/**
 * The decision of PSYNC: can a Redis replica continue from its offset? The rule is that of Redis:
 * the replica names a history, and has it up to an offset that this node shares. There is no CRC to
 * compare.
 */
import type { NodeHistory } from '../master/history.ts'
import type { FullSyncReason } from '../protocol/messages.ts'
import { Refusal } from '../protocol/messages.ts'
import type { PsyncRequest } from '../protocol/psync.ts'

export type PsyncDecision =
  | { readonly type: 'continue'; readonly offset: number }
  | { readonly type: 'full-sync'; readonly reason: FullSyncReason; readonly text: string }

/** Throws Refusal while this node is a replica without a link. */
export function mustHaveData({ role, isLinked }: Pick<NodeHistory, 'role' | 'isLinked'>): void {
  if (role === 'replica' && !isLinked) throw new Refusal('NOMASTERLINK', "Can't SYNC while not connected with my master")
}

/** Decides a PSYNC. Throws Refusal if the replica has to try again later. */
export function decidePsync(history: NodeHistory, { replicationId: id, offset }: PsyncRequest): PsyncDecision {
  mustHaveData(history)
  const { replicationId, past, start, end } = history
  if (id === '?' || offset < 0) return { type: 'full-sync', reason: 'new', text: 'the replica asks for all of the data' }
  const older = past.find((other) => other.id === id)
  if (id !== replicationId && older === undefined) {
    return { type: 'full-sync', reason: 'unknown', text: `history ${id} is not known here` }
  }
  if (id !== replicationId && older !== undefined && offset > older.until) {
    return {
      type: 'full-sync',
      reason: 'diverged',
      text: `this node left history ${id} at offset ${older.until}, the replica has ${offset}`,
    }
  }
  if (offset > end) {
    if (history.role === 'replica') throw new Refusal('NOMASTERLINK', `this node is a replica itself and has come to offset ${end} only`)
    return { type: 'full-sync', reason: 'ahead', text: `offset ${offset} is past the end of the binlog, ${end}` }
  }
  if (offset < start) return { type: 'full-sync', reason: 'purged', text: `the binlog begins only at offset ${start}` }
  return { type: 'continue', offset }
}

/** The statements of a replica about itself and its data in METASYNC and TRYSYNC. */
import type { Bytes } from '../../base/bytes.ts'
import type { Identity } from '../../storage/directory/identity.ts'
import { FORMAT_VERSION, type MetaSyncReply, metaSyncWords, trySyncWords } from '../protocol/messages.ts'
import type { LinkFacts } from './machine-types.ts'

/**
 * Returns the histories that a replica names for its data up to `offset`: its current one first. A
 * master that accepts `left` also gets the histories that the replica has left.
 */
export function namedHistories(
  { replicationId, past }: Pick<Identity, 'replicationId' | 'past'>,
  offset: number,
  accepts: MetaSyncReply['accepts'] = [],
) {
  const replicationIds = [replicationId, ...past.filter(({ until }) => until >= offset).map(({ id }) => id)]
  return { replicationIds, ...(accepts.includes('left') ? { left: past.filter(({ until }) => until < offset) } : {}) }
}

export function introduction({ settings, port, runId }: LinkFacts, attempt: number, isFailover: boolean): readonly Bytes[] {
  const announced = settings.announcePort === 0 ? port : settings.announcePort
  return metaSyncWords({ ip: settings.announceIp, port: announced, runId, version: FORMAT_VERSION, attempt, isFailover })
}

/** Returns the request to continue from the end of the binlog here. */
export function continuation(
  { identity, end }: LinkFacts,
  session: number,
  accepts: MetaSyncReply['accepts'],
  isFailover: boolean,
): readonly Bytes[] {
  return trySyncWords({ session, ...namedHistories(identity, end.offset, accepts), ...end, isFailover })
}

/** Returns why this node asks for a full sync without a TRYSYNC; null if it may continue. */
export function fullSyncNeed({ identity, fullSync, isEmpty }: LinkFacts, { replicationId }: MetaSyncReply): string | null {
  const isUnrelated = isEmpty && !namedHistories(identity, 0).replicationIds.includes(replicationId)
  return fullSync ?? (isUnrelated ? 'this node has no data' : null)
}

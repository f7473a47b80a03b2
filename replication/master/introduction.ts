/** What METASYNC is answered: what this node is. */
import type { Storage } from '../../storage/storage.ts'
import { FORMAT_VERSION, type Meta, type MetaSyncRequest, Refusal } from '../protocol/messages.ts'

export interface OwnIntroduction {
  readonly storage: Storage
  readonly runId: string
  readonly databases: number
  /** Run ids upstream of this node. */
  chain(): readonly string[]
}

/** Throws Refusal where this node has nothing to say to that one. */
export function checkSpeaker(ownRunId: string, { version, runId }: Pick<MetaSyncRequest, 'version' | 'runId'>): void {
  if (version !== FORMAT_VERSION) throw new Refusal('VERSION', `this master speaks format ${FORMAT_VERSION}, the replica ${version}`)
  if (runId === ownRunId) throw new Refusal('CYCLE', `${runId} is this node itself`)
}

/** Under a session; 0 for somebody who only asks. */
export function metaOf({ storage, runId, databases, chain }: OwnIntroduction, session: number, { failover }: MetaSyncRequest): Meta {
  const { identity, binlog } = storage
  return {
    ...{ session, replicationId: identity.replicationId, past: identity.past, runId, version: FORMAT_VERSION, databases },
    ...{ binlogStart: binlog.startOffset, binlogEnd: binlog.end.offset },
    accepts: ['left'],
    chain: failover ? [runId] : [runId, ...chain()], // whoever hands over to this node stands above it no more
  }
}

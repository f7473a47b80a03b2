/** The reply to METASYNC: what this node is. */
import type { Storage } from '../../storage/storage.ts'
import { FORMAT_VERSION, type MetaSyncReply, type MetaSyncRequest, Refusal } from '../protocol/messages.ts'

export interface OwnIntroduction {
  readonly storage: Storage
  readonly runId: string
  readonly databases: number
  /** Run ids upstream of this node: its master, the master of that one, and so on. */
  chain(): readonly string[]
}

/** Throws Refusal if the speaker has another format version or is this node itself. */
export function checkSpeaker(ownRunId: string, { version, runId }: Pick<MetaSyncRequest, 'version' | 'runId'>): void {
  if (version !== FORMAT_VERSION) throw new Refusal('VERSION', `this master speaks format ${FORMAT_VERSION}, the replica ${version}`)
  if (runId === ownRunId) throw new Refusal('CYCLE', `${runId} is this node itself`)
}

/** The METASYNC reply for a session; session 0 answers an inquiry. */
export function metaOf(
  { storage, runId, databases, chain }: OwnIntroduction,
  session: number,
  { failover }: MetaSyncRequest,
): MetaSyncReply {
  const { identity, binlog } = storage
  return {
    session,
    replicationId: identity.replicationId,
    past: identity.past,
    runId,
    version: FORMAT_VERSION,
    databases,
    binlogStart: binlog.startOffset,
    binlogEnd: binlog.end.offset,
    accepts: ['left'],
    // a master that hands its role over is no longer upstream
    chain: failover ? [runId] : [runId, ...chain()],
  }
}

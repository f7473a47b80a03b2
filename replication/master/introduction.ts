/** The reply to METASYNC, in which this node introduces itself. */
import type { Storage } from '../../storage/storage.ts'
import { FORMAT_VERSION, type MetaSyncReply, type MetaSyncRequest, Refusal } from '../protocol/messages.ts'

export interface OwnIntroduction {
  readonly storage: Storage
  readonly runId: string
  readonly databases: number
  /** Run ids upstream of this node: its master, the master of that one, and so on. */
  chain(): readonly string[]
}

/** Throws Refusal if the requester has another format version or is this node itself. */
export function checkRequester(ownRunId: string, { version, runId }: Pick<MetaSyncRequest, 'version' | 'runId'>): void {
  if (version !== FORMAT_VERSION) throw new Refusal('VERSION', `this master speaks format ${FORMAT_VERSION}, the replica ${version}`)
  if (runId === ownRunId) throw new Refusal('CYCLE', `${runId} is this node itself`)
}

/** The METASYNC reply for a session; session 0 answers an inquiry. */
export function metaOf(
  { storage, runId, databases, chain }: OwnIntroduction,
  session: number,
  { isFailover }: MetaSyncRequest,
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
    // The requester hands its role over, so this node has no master above it any more.
    chain: isFailover ? [runId] : [runId, ...chain()],
  }
}

/**
 * The report of a node with each renewal of its lease, as JSON in the key of the node.
 * The revision of the key proves the renewal; the content is for the choice of a successor.
 */
import { isNodeId, MapError, parsedJson } from './map.ts'

export interface NodeReport {
  /** The process, which changes with each start. */
  readonly runId: string
  /** The length of the lease, from the sending of the request that renewed it. */
  readonly leaseMs: number
  /** The role of replication, whatever the map says. */
  readonly role: 'master' | 'replica'
  /** The id of the node's history, and of the one before; empty for none. */
  readonly history: string
  readonly previousHistory: string
  /** The end of the node's log. */
  readonly offset: number
}

const MIN_LEASE_MS = 1000
const MAX_LEASE_MS = 3_600_000

/** Reads a report. Throws MapError. */
export function reportOf(text: string): NodeReport {
  const parsed = parsedJson(text, 'the report of a node')
  const report = (typeof parsed === 'object' && parsed !== null ? parsed : {}) as Partial<Record<keyof NodeReport, unknown>>
  const { runId, leaseMs, role, history, previousHistory, offset } = report
  const isId = (id: unknown): id is string => typeof id === 'string' && (id === '' || isNodeId(id))
  if (!isId(runId) || !isId(history) || !isId(previousHistory)) throw new MapError('an id in the report of a node is wrong')
  if (role !== 'master' && role !== 'replica') throw new MapError('the report of a node has no role')
  if (typeof offset !== 'number' || !Number.isSafeInteger(offset) || offset < 0) throw new MapError('the report of a node has no offset')
  if (typeof leaseMs !== 'number' || !(leaseMs >= MIN_LEASE_MS && leaseMs <= MAX_LEASE_MS))
    throw new MapError('the report of a node has no lease')
  return { runId, leaseMs, role, history, previousHistory, offset }
}

/**
 * The leases of nodes as a coordinator sees them. A lease is over when its key has not changed for
 * the length that the node has named, by the clock of this process, from the moment in which the
 * last change was seen. That moment is later than the request of the node, so the node has stopped
 * writing by then.
 */
import type { Clock } from '../../base/clock.ts'
import type { ClusterKeys } from '../cluster-map/keys.ts'
import { MapError } from '../cluster-map/map.ts'
import { type NodeReport, reportOf } from '../cluster-map/node-report.ts'
import type { EtcdValue } from '../etcd/answers.ts'

/** The length for a node whose key has never been seen. */
const DEFAULT_LEASE_MS = 5000

interface SeenLease {
  readonly value: EtcdValue | null
  readonly report: NodeReport | null
  readonly seenAtMs: number
}

/** Watches the keys of nodes. */
export class NodeLeases {
  private readonly keys: ClusterKeys
  private readonly clock: Clock
  private readonly seen = new Map<string, SeenLease>()

  constructor(keys: ClusterKeys, clock: Clock) {
    this.keys = keys
    this.clock = clock
  }

  /** Takes over the keys as they are now. */
  observe(values: ReadonlyMap<string, EtcdValue>): void {
    const seenAtMs = this.clock.monotonicMs()
    for (const [key, value] of values) {
      if (!key.startsWith(this.keys.nodes)) continue
      const id = key.slice(this.keys.nodes.length)
      if (this.seen.get(id)?.value?.modRevision !== value.modRevision)
        this.seen.set(id, { value, report: readReport(value.value), seenAtMs })
    }
  }

  /** True if the lease of a node is over. */
  isOver(id: string): boolean {
    const nowMs = this.clock.monotonicMs()
    const seen = this.seen.get(id)
    if (seen === undefined) this.seen.set(id, { value: null, report: null, seenAtMs: nowMs })
    return seen !== undefined && nowMs - seen.seenAtMs > (seen.report?.leaseMs ?? DEFAULT_LEASE_MS)
  }

  /** The key as it was seen last; null if it never was. */
  keyOf(id: string): EtcdValue | null {
    return this.seen.get(id)?.value ?? null
  }

  /** The last report that could be read. */
  reportOf(id: string): NodeReport | null {
    return this.seen.get(id)?.report ?? null
  }
}

function readReport(text: string): NodeReport | null {
  try {
    return reportOf(text)
  } catch (error) {
    if (!(error instanceof MapError)) throw error
    return null
  }
}

/**
 * The facts that a node learns while it starts. Its life cycle writes them, other parts read them.
 */
import type { Clock, Random } from '../../base/clock.ts'
import type { Replication } from '../../replication/replication.ts'
import { randomHex } from '../../storage/directory/identity.ts'
import type { Fencing } from '../fencing/writer-lease.ts'

/** The run of one node: when it began, where it listens, what it recovered. */
export class NodeState {
  /** Names this run; a restart gets another one. */
  readonly runId: string
  /** Wall time of the start, ms. */
  readonly startedAtMs: number
  /** Monotonic time of the start, ms. */
  readonly startedMs: number
  /** The bound ports; 0 for none. */
  port = 0
  tlsPort = 0
  /** The number of keys that recovery found. */
  recoveredKeys = 0
  /** Null until the binlog has been replayed. */
  replication: Replication | null = null
  /** Null without `cluster-etcd`, and until the binlog has been replayed. */
  fencing: Fencing | null = null

  constructor(clock: Clock, random: Random) {
    this.runId = randomHex(random, 40)
    this.startedAtMs = clock.wallMs()
    this.startedMs = clock.monotonicMs()
  }
}

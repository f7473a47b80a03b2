/** The parts of the server whose state INFO shows. */

import type { Clock } from '../../base/clock.ts'
import type { Acl } from '../../commands/acl/acl.ts'
import type { ClusterPort } from '../../commands/contract/cluster.ts'
import type { StoragePort } from '../../commands/contract/ports.ts'
import type { Executor } from '../../commands/execution/executor.ts'
import type { FunctionLibraries } from '../../commands/functions/libraries.ts'
import type { PubSub } from '../../commands/pubsub/pub-sub.ts'
import type { Scripting } from '../../commands/scripting/scripting.ts'
import type { Replication } from '../../replication/replication.ts'
import type { Storage } from '../../storage/storage.ts'
import type { Config } from '../config/config.ts'
import type { WriterLease } from '../fencing/writer-lease.ts'
import type { Gates } from '../loop/gates.ts'
import type { LatencyMonitor } from '../metrics/latency.ts'
import type { Statistics } from '../metrics/statistics.ts'
import type { Acceptor } from '../network/acceptor.ts'
import type { ClientRegistry } from '../network/client-registry.ts'
import type { Migrations } from '../network/migrations.ts'

/** One reading of the server for INFO, made anew for each call. */
export interface InfoSource {
  readonly version: string
  readonly runId: string
  /** Wall time of the start, ms. */
  readonly startedAtMs: number
  /** Monotonic time of the start, ms. */
  readonly startedMs: number
  /** The bound ports; 0 for none. */
  readonly port: number
  readonly tlsPort: number
  /** The number of keys that the last recovery found. */
  readonly recoveredKeys: number
  readonly config: Config
  readonly log: { readonly droppedLines: number }
  readonly clock: Clock
  readonly storage: Storage
  readonly memory: ReturnType<StoragePort['memory']>
  /** Null until the binlog has been replayed. */
  readonly replication: Replication | null
  readonly gates: Gates
  readonly statistics: Statistics
  readonly latency: LatencyMonitor
  readonly clients: ClientRegistry
  readonly migrations: Migrations
  readonly handshakes: Acceptor['handshakes']
  readonly blockedClients: Executor['blockedClients']
  readonly tracking: Executor['tracking']
  readonly acl: Acl
  readonly pubsub: PubSub
  readonly scripting: Scripting
  readonly functions: FunctionLibraries
  readonly cluster: Pick<ClusterPort, 'mode'>
  /** Null without a lease in a cluster. */
  readonly lease: WriterLease | null
}

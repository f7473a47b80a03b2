/**
 * A server port for commands with real configuration, slow log and latency figures; everything else
 * only records its calls.
 */

import type { Bytes } from '../../../base/bytes.ts'
import type { Random } from '../../../base/clock.ts'
import { Acl } from '../../../commands/acl/acl.ts'
import { openDefaultUser } from '../../../commands/acl/user.ts'
import type { ClusterEndpoint, ClusterNodePort, ClusterPort } from '../../../commands/contract/cluster.ts'
import type { Command } from '../../../commands/contract/command.ts'
import type {
  ClientsPort,
  FailoverOptions,
  MigrationOutcome,
  MigrationPort,
  MigrationTarget,
  PayloadTurn,
  ReplicationPort,
  ServerPort,
  ShutdownOptions,
  StatisticsPort,
  StoragePort,
  TransferredKey,
  TransferSettings,
  WaitReached,
  WaitTarget,
} from '../../../commands/contract/ports.ts'
import { NO_REPLY, type Reply } from '../../../commands/contract/reply.ts'
import type { Session } from '../../../commands/contract/session.ts'
import { CommandTable } from '../../../commands/contract/table.ts'
import type { FunctionLibraries } from '../../../commands/functions/libraries.ts'
import { PubSub } from '../../../commands/pubsub/pub-sub.ts'
import type { Scripting } from '../../../commands/scripting/scripting.ts'
import type {
  BinlogSyncRequest,
  DbSyncRequest,
  MetaSyncReply,
  MetaSyncRequest,
  TrySyncReply,
  TrySyncRequest,
} from '../../../replication/protocol/messages.ts'
import { newHandshake, type PsyncRequest, type RedisHandshake } from '../../../replication/protocol/psync.ts'
import { ClusterNode } from '../../../server/cluster/cluster-node.ts'
import { Config } from '../../../server/config/config.ts'
import { LatencyMonitor } from '../../../server/metrics/latency.ts'
import { Slowlog } from '../../../server/metrics/slowlog.ts'
import type { Database } from '../../../storage/keyspace/database.ts'
import { ScanCursors } from '../../../storage/scan/scan-cursors.ts'
import { ManualClock } from './manual-clock.ts'

class FakeClients implements ClientsPort {
  readonly sessions: Session[] = []
  readonly monitors = new Set<Session>()
  paused: { readonly durationMs: number; readonly what: 'all' | 'write' } | null = null
  /** Blocked sessions, for `unblock`. */
  readonly blocked = new Set<Session>()

  all(): Iterable<Session> {
    return this.sessions
  }

  find(id: number): Session | undefined {
    return this.sessions.find((session) => session.id === id)
  }

  describe(session: Session): Bytes {
    return `id=${session.id} addr=${session.address} name=${session.name} db=${session.database}`
  }

  pause(durationMs: number, what: 'all' | 'write'): void {
    this.paused = { durationMs, what }
  }

  unpause(): void {
    this.paused = null
  }

  monitor(session: Session): void {
    this.monitors.add(session)
  }

  stopMonitoring(session: Session): void {
    this.monitors.delete(session)
  }

  unblock(session: Session): boolean {
    return this.blocked.delete(session)
  }
}

class FakeStatistics implements StatisticsPort {
  resets = 0
  readonly errors: Bytes[] = []

  reset(): void {
    this.resets++
  }

  error(text: Bytes): void {
    this.errors.push(text)
  }
}

class FakeStorage implements StoragePort {
  isCheckpointRunning = false
  lastCheckpointSeconds = 1_700_000_000
  checkpoints = 0
  reloads = 0
  releases = 0
  readonly figures = new Map<string, number>()

  async checkpoint(): Promise<void> {
    this.checkpoints++
  }

  async reload(): Promise<void> {
    this.reloads++
  }

  expireBeforeWalk(): void {}

  releaseMemory(): void {
    this.releases++
  }

  memory(): ReadonlyMap<string, number> {
    return this.figures
  }
}

/** Answers OK to every call and records it. */
class FakeReplication implements ReplicationPort {
  isReplica = false
  mustLogMessages = false
  /** The name and arguments of each call. */
  readonly calls: (readonly unknown[])[] = []
  /** An error that the next call throws. */
  refusal: Error | null = null
  /** The master's answer to METASYNC. */
  meta: MetaSyncReply = {
    session: 5,
    replicationId: 'b'.repeat(40),
    past: [],
    runId: 'c'.repeat(40),
    version: 1,
    databases: 16,
    binlogStart: 0,
    binlogEnd: 100,
    chain: ['c'.repeat(40)],
  }
  /** The result of WAIT. */
  waited: WaitReached = { local: 0, replicas: 0 }

  follow(host: Bytes, port: number, how: 'partial' | 'full'): 'started' {
    this.call('follow', host, port, how)
    return 'started'
  }

  leave(): void {
    this.call('leave')
  }

  role(): Reply {
    return ['master', 0, []]
  }

  failover(options: FailoverOptions): void {
    this.call('failover', options)
  }

  abortFailover(): void {
    this.call('abortFailover')
  }

  clearReplicationId(): void {
    this.call('clearReplicationId')
  }

  purgeLogsTo(offset: number): void {
    this.call('purgeLogsTo', offset)
  }

  async wait(session: Session, target: WaitTarget): Promise<WaitReached> {
    this.call('wait', session.id, target)
    return this.waited
  }

  reached(session: Session, target: WaitTarget): WaitReached {
    this.call('reached', session.id, target)
    return this.waited
  }

  answerInquiry(inquiry: MetaSyncRequest): MetaSyncReply {
    this.call('answer', inquiry)
    return this.meta
  }

  metaSync(session: Session, request: MetaSyncRequest): MetaSyncReply {
    this.call('metaSync', session.id, request)
    return this.meta
  }

  trySync(session: Session, request: TrySyncRequest): TrySyncReply {
    this.call('trySync', session.id, request)
    return { type: 'full-sync', reason: 'new', text: 'no data' }
  }

  dbSync(session: Session, request: DbSyncRequest): void {
    this.call('dbSync', session.id, request)
  }

  binlogSync(session: Session, request: BinlogSyncRequest): void {
    this.call('binlogSync', session.id, request)
  }

  readonly handshake = newHandshake()

  handshakeOf(): RedisHandshake {
    return this.handshake
  }

  psync(session: Session, request: PsyncRequest | null): void {
    this.call('psync', session.id, request)
  }

  acknowledge(session: Session, { applied, synced }: Parameters<ReplicationPort['acknowledge']>[1]): void {
    this.call('acknowledge', session.id, applied, synced)
  }

  private call(...call: readonly unknown[]): void {
    this.calls.push(call)
    const { refusal } = this
    this.refusal = null
    if (refusal !== null) throw refusal
  }
}

/** Transfers whose outcome the test decides. */
class FakeMigrations implements MigrationPort {
  hasRoom = true
  /** The transfers that wait for room. A test makes one ready. */
  readonly turns: { isReady: boolean; hasLeft: boolean; ready(): void; giveUp(): void }[] = []
  readonly sent: { target: MigrationTarget; keys: readonly TransferredKey[]; settings: TransferSettings }[] = []
  /** Ends the transfer that began last. */
  end: (outcome: MigrationOutcome) => void = () => {}

  waitForRoom(ready: () => void): PayloadTurn {
    const turn = {
      isReady: false,
      hasLeft: false,
      ready,
      giveUp() {
        turn.hasLeft = true
      },
    }
    this.turns.push(turn)
    return turn
  }

  transfer(target: MigrationTarget, keys: readonly TransferredKey[], settings: TransferSettings): Promise<MigrationOutcome> {
    this.sent.push({ target, keys, settings })
    return new Promise((resolve) => {
      this.end = resolve
    })
  }
}

/** A cluster as `cluster-enabled` has it, at a fixed address. */
class FakeCluster implements ClusterPort {
  mode: ClusterPort['mode'] = 'disabled'
  mustUseOneSlot = false
  node: ClusterNodePort | null = null
  readonly nodeId = 'a'.repeat(40)
  readonly shardId = 'b'.repeat(40)
  readonly offset = 7
  endpoint: ClusterEndpoint = {
    ip: '10.0.0.1',
    port: 6379,
    plainPort: 6379,
    tlsPort: 0,
    busPort: 16_379,
    hostname: '',
    preferred: 'ip',
  }

  get mustJudge(): boolean {
    return this.mustUseOneSlot
  }

  hidesKeysOf(): boolean {
    return this.node !== null
  }

  shownKeysOf(db: Database): number {
    return db.keyCount
  }

  hides(key: Bytes): boolean {
    return this.node instanceof ClusterNode && this.node.hides(key)
  }

  endpointFor(): ClusterEndpoint {
    return this.endpoint
  }
}

/** A server port whose calls a test can inspect. */
export class FakeServer implements ServerPort {
  readonly table: CommandTable
  readonly clock = new ManualClock()
  readonly config = new Config({ machine: { memoryBytes: 8 * 2 ** 30 } })
  readonly clients = new FakeClients()
  readonly acl: Acl
  readonly pubsub = new PubSub()
  declare functions: FunctionLibraries
  /** Set by the harness that has an executor. */
  declare scripting: Scripting
  readonly slowlog = new Slowlog(this.config)
  readonly latency = new LatencyMonitor(this.config, this.clock)
  readonly statistics = new FakeStatistics()
  readonly storage = new FakeStorage()
  readonly replication = new FakeReplication()
  readonly migrations = new FakeMigrations()
  readonly scanCursors = new ScanCursors(() => 0.5)
  readonly cluster = new FakeCluster()
  random: Random = () => 0.5
  version = '7.2.0'
  readonly runId = '0123456789abcdef0123456789abcdef01234567'
  readonly warnings: string[] = []
  /** The content of the ACL file; null if it does not exist. */
  aclText: Bytes | null = null
  readonly shutdowns: ShutdownOptions[] = []
  readonly sleptMs: number[] = []
  readonly logLines: Bytes[] = []
  activeExpire: 'on' | 'off' = 'on'

  constructor(families: readonly (readonly Command[])[] = []) {
    this.table = new CommandTable(families)
    this.acl = new Acl({
      table: this.table,
      config: this.config,
      clients: this.clients,
      monotonicMs: () => this.clock.monotonicMs(),
      secretHex: (digits) => '0123456789abcdef'.repeat(256).slice(0, digits),
      channelDefault: () => (this.config.text('acl-pubsub-default') === 'allchannels' ? 'all-channels' : 'no-channels'),
      warn: (message) => void this.warnings.push(message),
      impliedUsers: () => new Map([['default', openDefaultUser()]]),
      file: {
        path: 'users.acl',
        read: () => (this.aclText === null ? { failure: 'no file' } : { content: this.aclText }),
        replace: (text) => {
          this.aclText = text
          return true
        },
      },
    })
  }

  info(sections: readonly Bytes[]): Bytes {
    return `# ${sections.join(' ')}\r\n`
  }

  async shutdown(options: ShutdownOptions): Promise<Reply> {
    this.shutdowns.push(options)
    return NO_REPLY
  }

  abortShutdown(): boolean {
    return false
  }

  sleepSync(milliseconds: number): void {
    this.sleptMs.push(milliseconds)
  }

  setActiveExpire(mode: 'on' | 'off'): void {
    this.activeExpire = mode
  }

  writeLog(message: Bytes): void {
    this.logLines.push(message)
  }
}

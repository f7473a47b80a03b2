/**
 * A server port for commands with real configuration, slow log and latency figures; everything else
 * only records its calls.
 */
import type { Bytes } from '../../../base/bytes.ts'
import type { Random } from '../../../base/clock.ts'
import { Acl } from '../../../commands/acl/acl.ts'
import { openDefaultUser } from '../../../commands/acl/user.ts'
import type { Command } from '../../../commands/contract/command.ts'
import type {
  ClientsPort,
  FailoverOptions,
  ReplicationPort,
  ServerPort,
  ShutdownOptions,
  StatisticsPort,
  StoragePort,
  WaitReached,
  WaitTarget,
} from '../../../commands/contract/ports.ts'
import { NO_REPLY, OK, type Reply } from '../../../commands/contract/reply.ts'
import type { Session } from '../../../commands/contract/session.ts'
import { CommandTable } from '../../../commands/contract/table.ts'
import type { FunctionLibraries } from '../../../commands/functions/libraries.ts'
import { PubSub } from '../../../commands/pubsub/pub-sub.ts'
import type { Scripting } from '../../../commands/scripting/scripting.ts'
import { Config } from '../../../server/config/config.ts'
import { LatencyMonitor } from '../../../server/metrics/latency.ts'
import { Slowlog } from '../../../server/metrics/slowlog.ts'
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
  checkpointRunning = false
  lastCheckpointSeconds = 1_700_000_000
  checkpoints = 0
  reloads = 0
  readonly figures = new Map<string, number>()

  async checkpoint(): Promise<void> {
    this.checkpoints++
  }

  async reload(): Promise<void> {
    this.reloads++
  }

  memory(): ReadonlyMap<string, number> {
    return this.figures
  }
}

/** Answers OK to every call and records it. */
class FakeReplication implements ReplicationPort {
  isReplica = false
  passesOn = false
  /** The name and arguments of each call. */
  readonly calls: (readonly unknown[])[] = []
  /** An error that the next call throws. */
  refusal: Error | null = null
  /** The result of WAIT. */
  waited: WaitReached = { local: 0, replicas: 0 }

  follow(host: Bytes, port: number, how: 'from where we are' | 'full sync'): Reply {
    return this.call('follow', host, port, how)
  }

  leave(): Reply {
    return this.call('leave')
  }

  role(): Reply {
    return ['master', 0, []]
  }

  failover(options: FailoverOptions): Reply {
    return this.call('failover', options)
  }

  abortFailover(): Reply {
    return this.call('abortFailover')
  }

  clearReplicationId(): Reply {
    return this.call('clearReplicationId')
  }

  purgeLogsTo(offset: number): Reply {
    return this.call('purgeLogsTo', offset)
  }

  async wait(session: Session, target: WaitTarget): Promise<WaitReached> {
    this.call('wait', session.id, target)
    return this.waited
  }

  reached(session: Session, target: WaitTarget): WaitReached {
    this.call('reached', session.id, target)
    return this.waited
  }

  metaSync(session: Session, args: readonly Bytes[]): Reply {
    return this.call('metaSync', session.id, args)
  }

  trySync(session: Session, args: readonly Bytes[]): Reply {
    return this.call('trySync', session.id, args)
  }

  dbSync(session: Session, args: readonly Bytes[]): Reply {
    return this.call('dbSync', session.id, args)
  }

  binlogSync(session: Session, args: readonly Bytes[]): Reply {
    return this.call('binlogSync', session.id, args)
  }

  acknowledge(session: Session, { applied, synced }: Parameters<ReplicationPort['acknowledge']>[1]): void {
    this.call('acknowledge', session.id, applied, synced)
  }

  private call(...call: readonly unknown[]): Reply {
    this.calls.push(call)
    const { refusal } = this
    this.refusal = null
    if (refusal !== null) throw refusal
    return OK
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
  readonly scanCursors = new ScanCursors(() => 0.5)
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
      channelDefault: () => (this.config.text('acl-pubsub-default') === 'allchannels' ? 'all channels' : 'no channels'),
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

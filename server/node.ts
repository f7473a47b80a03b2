/**
 * A node: builds the parts and connects them. At the start it opens the storage (which locks the
 * directory), binds sockets, replays the binlog while clients get LOADING, then runs commands.
 */
import { randomBytes } from 'node:crypto'
import { AssertionError } from '../base/assert.ts'
import { type Bytes, textOf } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import type { Acl } from '../commands/acl/acl.ts'
import type { ServerPort, ShutdownOptions } from '../commands/contract/ports.ts'
import { ErrorReply, NO_REPLY, type Reply } from '../commands/contract/reply.ts'
import { CommandTable } from '../commands/contract/table.ts'
import { HAYPILE_VERSION } from '../commands/contract/version.ts'
import { Executor } from '../commands/execution/executor.ts'
import type { ExecutorHooks } from '../commands/execution/executor-hooks.ts'
import { families } from '../commands/families.ts'
import type { FunctionLibraries } from '../commands/functions/libraries.ts'
import { KeyEventPublisher } from '../commands/pubsub/key-event-publisher.ts'
import { PubSub } from '../commands/pubsub/pub-sub.ts'
import type { Scripting } from '../commands/scripting/scripting.ts'
import type { Replication } from '../replication/replication.ts'
import { randomHex } from '../storage/directory/identity.ts'
import type { ScanCursors } from '../storage/scan/scan-cursors.ts'
import type { Storage } from '../storage/storage.ts'
import type { Config } from './config/config.ts'
import { followStorageSettings } from './config/settings.ts'
import { nodeInfo } from './info/node-info.ts'
import type { Logger } from './logging/log.ts'
import { redacted } from './logging/redact.ts'
import { BlockedTimer, joinBlocked } from './loop/blocked-timer.ts'
import { Cron } from './loop/cron.ts'
import { Drain } from './loop/drain.ts'
import { Gates } from './loop/gates.ts'
import { Turn } from './loop/turn.ts'
import { LatencyMonitor } from './metrics/latency.ts'
import { Slowlog } from './metrics/slowlog.ts'
import { Statistics } from './metrics/statistics.ts'
import { Acceptor } from './network/acceptor.ts'
import { ClientRegistry, monitorLine } from './network/client-registry.ts'
import type { Connection } from './network/connection.ts'
import { Listener } from './network/listener.ts'
import { Strangers } from './network/strangers.ts'
import { limitMaxClients } from './process/max-clients.ts'
import { FileBudget, systemFiles } from './process/open-files.ts'
import { warnOfPredictableHashes } from './process/string-hashes.ts'
import { accessControl } from './wiring/access-control.ts'
import { executorHooks } from './wiring/executor-hooks.ts'
import { startFunctions } from './wiring/functions-start.ts'
import { connectionHost } from './wiring/node-connections.ts'
import { openStorage } from './wiring/open-storage.ts'
import { replayer } from './wiring/replay-client.ts'
import { ReplicationFacade } from './wiring/replication-facade.ts'
import { startReplication } from './wiring/replication-start.ts'
import { startScripting } from './wiring/scripting-start.ts'
import { StorageFacade } from './wiring/storage-port.ts'
import { warmUp } from './wiring/warm-up.ts'

export interface NodeOptions {
  readonly config: Config
  readonly log: Logger
  readonly clock: Clock
  /** Port 0 asks the system for a port instead of meaning none. */
  readonly anyPort: boolean
  /** Called when the node has closed by itself (SHUTDOWN), or must not continue (status 1). */
  readonly exit: (status: number) => void
}

/** The parts of a server whose data directory is open. */
export class Node implements ServerPort {
  readonly config: Config
  readonly log: Logger
  readonly clock: Clock
  readonly table: CommandTable
  readonly random = Math.random
  readonly runId = randomHex(Math.random, 40)
  readonly version = HAYPILE_VERSION
  /** Wall time, ms. */
  readonly startedAtMs: number
  /** Monotonic time of the start, ms. */
  readonly startedMs: number
  readonly slowlog: Slowlog
  readonly latency: LatencyMonitor
  readonly statistics: Statistics
  readonly clients: ClientRegistry
  readonly acl: Acl
  readonly pubsub = new PubSub('muted')
  readonly functions: FunctionLibraries
  readonly storage: StorageFacade
  readonly replication: ReplicationFacade
  readonly engine: Storage
  readonly executor: Executor
  readonly scripting: Scripting
  readonly gates: Gates
  readonly turn: Turn
  port = 0
  tlsPort = 0
  recoveredKeys = 0
  /** Bytes of binlog replayed so far, while loading. */
  loaded = { offset: 0, end: 0 }
  readonly acceptor: Acceptor
  private readonly listener: Listener
  private readonly cron: Cron
  private readonly blockedTimer: BlockedTimer
  private readonly options: NodeOptions
  private closing: Promise<boolean> | null = null
  private readonly drain = new Drain(this)

  private constructor(options: NodeOptions, engine: Storage, acl: Acl) {
    const { config, log, clock } = options
    this.options = options
    this.clock = clock
    this.startedAtMs = clock.wallMs()
    this.startedMs = clock.monotonicMs()
    this.acl = acl
    this.table = acl.environment.table
    this.config = config
    this.log = log
    this.engine = engine
    this.slowlog = new Slowlog(config)
    this.latency = new LatencyMonitor(config, clock)
    this.statistics = new Statistics(engine.keyspace, () => this.latency.resetHistograms())
    const { keyspace, group } = engine
    this.executor = new Executor({
      keyspace,
      group,
      server: this,
      hooks: this.hooks(),
      monotonicMs: () => clock.monotonicMs(),
      groupStart: () => engine.binlog.end.offset,
    })
    this.gates = new Gates(engine, this.executor, this.table)
    engine.availabilityChanged = () => this.gates.refresh()
    this.turn = new Turn(
      engine,
      () => this.links?.flush(),
      () => this.afterTurn(),
    )
    this.scripting = startScripting(this)
    this.functions = startFunctions(this)
    this.blockedTimer = new BlockedTimer(this)
    joinBlocked(this)
    this.clients = new ClientRegistry({
      blocked: this.executor.blockedClients,
      gates: this.gates,
      onMonitors: (count) => {
        this.executor.monitors = count
      },
      monotonicMs: () => clock.monotonicMs(),
    })
    this.storage = new StorageFacade({
      storage: engine,
      wake: () => this.turn.begin(),
      reload: () => this.reload(),
      clientBytes: () => this.clients.bufferBytes,
    })
    this.replication = new ReplicationFacade({
      engine,
      ownPorts: () => [this.port, this.tlsPort, config.number('replica-announce-port')],
      ownAddresses: () => [config.text('replica-announce-ip'), ...config.list('bind')],
    })
    this.acceptor = new Acceptor({ config, clients: this.clients, statistics: this.statistics, host: connectionHost(this) })
    this.listener = new Listener(this.acceptor, log)
    this.cron = new Cron(this)
    config.follow('appendfsync', (policy) => {
      this.turn.waitForSync = policy === 'always'
    })
    followStorageSettings(config, engine)
    const keyEvents = new KeyEventPublisher(this.pubsub)
    keyspace.events = keyEvents
    config.follow('notify-keyspace-events', (letters) => keyEvents.configure(letters))
    const { tracking } = this.executor
    this.turn.tellClients = () => tracking.isActive && tracking.endTurn()
    config.follow('tracking-table-max-keys', (keys) => tracking.table.setLimit(keys))
    engine.onExpired = (milliseconds) => this.latency.add('expire-cycle', milliseconds)
  }

  /**
   * Opens the data directory and listens; resolves when commands run. Rejects with a line of text.
   */
  static async start(options: NodeOptions): Promise<Node> {
    const { config, log, clock } = options
    warnOfPredictableHashes(log, process.versions.node)
    let node: Node | null = null
    const acl = accessControl({
      config,
      log,
      table: new CommandTable(families),
      clients: { all: () => node?.clients.all() ?? [], describe: (session) => node?.clients.describe(session) ?? '' },
      secretHex: (digits) =>
        randomBytes(Math.ceil(digits / 2))
          .toString('hex')
          .slice(0, digits),
      monotonicMs: () => clock.monotonicMs(),
    })
    const budget = new FileBudget(systemFiles)
    limitMaxClients(config, budget, log)
    if (config.flag('warm-up')) await warmUp(acl.environment.table, clock)
    const engine = await openStorage(options, budget, Math.random)
    node = new Node(options, engine, acl)
    try {
      await node.listen()
      await node.load()
    } catch (error) {
      node.listener.close()
      await engine.close('nosave')
      throw error
    }
    return node
  }

  /**
   * Lets replicas catch up, ends the turn, checkpoints, closes. Resolves false if SHUTDOWN ABORT.
   */
  close(save: 'save' | 'nosave' = 'save', how: 'in peace' | 'now' = 'in peace'): Promise<boolean> {
    if (how === 'now') this.drain.hurry()
    this.closing ??= this.shutDown(save, how)
    return this.closing
  }

  get scanCursors(): ScanCursors {
    return this.engine.scanCursors
  }

  info(sections: readonly Bytes[]): Bytes {
    const { version, runId, startedAtMs, startedMs, port, tlsPort, recoveredKeys, config, log, clock, engine, links } = this
    const { gates, statistics, latency, clients, acl, pubsub, scripting, functions } = this
    const { blockedClients, tracking } = this.executor
    const given = { version, runId, startedAtMs, startedMs, port, tlsPort, recoveredKeys, config, log, clock, gates, statistics, latency }
    const parts = { clients, acl, pubsub, scripting, functions, blockedClients, tracking, handshakes: this.acceptor.handshakes }
    return nodeInfo({ ...given, ...parts, storage: engine, memory: this.storage.memory(), replication: links }, sections)
  }

  async shutdown({ save, force, now }: ShutdownOptions): Promise<Reply> {
    if (this.engine.stalled !== null && !force) {
      this.log.error(
        { error: this.engine.stalled },
        'SHUTDOWN refused: the last writes are not in the binlog; SHUTDOWN FORCE discards them',
      )
      return new ErrorReply('ERR Errors trying to SHUTDOWN. Check logs.')
    }
    const closed = await this.close(save === 'nosave' ? 'nosave' : 'save', now ? 'now' : 'in peace')
    if (!closed) return new ErrorReply('ERR Errors trying to SHUTDOWN. Check logs.')
    this.options.exit(0)
    return NO_REPLY
  }

  abortShutdown(): boolean {
    return this.drain.abort()
  }

  sleepSync(milliseconds: number): void {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
  }

  setActiveExpire(mode: 'on' | 'off'): void {
    this.gates.setActiveExpire(mode === 'on')
  }

  writeLog(message: Bytes): void {
    this.log.warn({ message: textOf(message) }, 'DEBUG LOG')
  }

  private async listen(): Promise<void> {
    const { config } = this
    const wanted = config.number('port')
    const bound = await this.listener
      .listen(
        {
          addresses: config.list('bind'),
          port: wanted,
          backlog: config.number('tcp-backlog'),
          unixSocket: config.path('unixsocket'),
          unixPermissions: config.number('unixsocketperm'),
          keepAliveSeconds: config.number('tcp-keepalive'),
        },
        {
          port: config.number('tls-port'),
          certFile: config.path('tls-cert-file'),
          keyFile: config.path('tls-key-file'),
          caFile: config.path('tls-ca-cert-file'),
          authClients: config.text('tls-auth-clients'),
        },
        wanted > 0 || this.options.anyPort,
      )
      .catch((error: NodeJS.ErrnoException) => {
        throw new Error(
          error.code === 'EADDRINUSE'
            ? `port in use: ${error.message.replace(/^listen EADDRINUSE: /, '')}`
            : `cannot listen: ${error.message}`,
        )
      })
    this.port = bound.port
    this.tlsPort = bound.tlsPort
  }

  private async load(): Promise<void> {
    const { engine, log } = this
    const recovery = await engine.recover(replayer(this.executor, engine.keyspace), (offset, end) => {
      this.loaded = { offset, end }
    })
    this.recoveredKeys = engine.keyspace.keyCount
    startReplication(this)
    this.setLoading(false)
    this.storage.sample()
    this.cron.start()
    const { groups, commands, milliseconds, cutBytes } = recovery
    log.info(
      {
        version: this.version,
        port: this.port,
        ...(this.tlsPort > 0 ? { tlsPort: this.tlsPort } : {}),
        dir: this.config.path('dir'),
        offset: recovery.end.offset,
        keys: engine.keyspace.keyCount,
        replayed: { groups, commands, cutBytes, ms: Math.round(milliseconds) },
      },
      'haypile ready',
    )
  }

  /** Mutes notifications while the log is replayed: clients got them when the changes were made. */
  private setLoading(isLoading: boolean): void {
    this.gates.loading = isLoading
    this.pubsub.isMuted = isLoading
    this.gates.refresh()
  }

  /** Reloads the data, for DEBUG RELOAD and LOADAOF. */
  private async reload(): Promise<void> {
    this.turn.end()
    this.setLoading(true)
    this.links?.link.suspend()
    try {
      await this.engine.reload(replayer(this.executor, this.engine.keyspace))
    } finally {
      this.setLoading(false)
      this.links?.link.resume()
    }
  }

  private async shutDown(wanted: 'save' | 'nosave', how: 'in peace' | 'now'): Promise<boolean> {
    if (how === 'in peace' && !(await this.drain.run())) {
      this.closing = null
      return false
    }
    // An unfinished script has changed memory but not the log: the next start is without it.
    const save = this.executor.units.isSuspended ? 'nosave' : wanted
    this.listener.close()
    this.turn.end()
    this.gates.closing = true
    this.gates.refresh()
    this.cron.stop()
    this.blockedTimer.stop()
    await this.links?.close()
    if (this.turn.waitForSync && this.engine.stalled === null) await this.engine.binlog.syncTo(this.engine.binlog.end.offset)
    await this.engine.close(save)
    await Promise.all([...this.clients.connections.values()].map((client) => client.end()))
    this.log.info({ offset: this.engine.binlog.end.offset, keys: this.engine.keyspace.keyCount }, 'haypile closed')
    return true
  }

  /** Null until the binlog has been replayed. */
  get links(): Replication | null {
    return this.replication.replication
  }

  private afterTurn(): void {
    this.cron.afterTurn()
    this.blockedTimer.set()
    this.gates.refresh()
  }

  private hooks(): ExecutorHooks {
    const { slowlog, latency, statistics, engine } = this
    const strangers = new Strangers(this.log)
    return executorHooks(
      { slowlog, latency, statistics, keyspace: engine.keyspace },
      {
        met: (stranger, client) => strangers.met(stranger, client),
        monitor: (client, args) => this.clients.tellMonitors(monitorLine(this.clock.wallMs(), client as Connection, redacted(args))),
        resumed: (client, hasWalked = false) => {
          if (hasWalked) this.turn.mayShowUnwritten()
          ;(client as Connection).asyncDone(hasWalked && this.executor.units.isSuspended)
        },
        renewClock: () => {
          this.turn.renewClock()
          if (engine.stalled !== null) this.gates.refresh() // the client's next request must see it
        },
        broken: (error, changed) => {
          const stack = error instanceof Error ? error.stack : String(error)
          const isFatal = changed || error instanceof AssertionError
          const text = isFatal ? 'a command failed half way; exiting now, the next start recovers from the binlog' : 'a command failed'
          this.log.error({ error: stack }, text)
          if (isFatal) this.options.exit(1)
        },
      },
    )
  }
}

/**
 * The life of a node. At the start it opens the storage (which locks the directory), binds sockets,
 * replays the binlog while clients get LOADING, then runs commands. `assemble.ts` builds its parts.
 */
import { randomBytes } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { ShutdownOptions } from '../commands/contract/ports.ts'
import { ErrorReply, NO_REPLY, type Reply } from '../commands/contract/reply.ts'
import { CommandTable } from '../commands/contract/table.ts'
import { HAYPILE_VERSION } from '../commands/contract/version.ts'
import { families } from '../commands/families.ts'
import { KeyEventPublisher } from '../commands/pubsub/key-event-publisher.ts'
import { PubSub } from '../commands/pubsub/pub-sub.ts'
import { assemble, type Later, type NodeParts } from './assemble.ts'
import type { Config } from './config/config.ts'
import type { Logger } from './logging/log.ts'
import { Drain } from './loop/drain.ts'
import { collectGarbage } from './process/heap.ts'
import { limitIoThreads } from './process/io-threads.ts'
import { limitMaxClients } from './process/max-clients.ts'
import { FileBudget, systemFiles } from './process/open-files.ts'
import { warnOfPredictableHashes } from './process/string-hashes.ts'
import type { LifeCycle } from './server-port.ts'
import { accessControl } from './wiring/access-control.ts'
import { startCluster } from './wiring/cluster-start.ts'
import { startFencing } from './wiring/fencing-start.ts'
import { Forward } from './wiring/forward.ts'
import { listenAsConfigured, listenOnThreads } from './wiring/listen.ts'
import { openStorage } from './wiring/open-storage.ts'
import { replayer } from './wiring/replay-client.ts'
import { startReplication } from './wiring/replication-start.ts'
import { storageEvents } from './wiring/storage-events.ts'
import { warmUp } from './wiring/warm-up.ts'

export interface NodeOptions {
  readonly config: Config
  readonly log: Logger
  readonly clock: Clock
  /** The meaning of port 0: `any` lets the system choose a port. */
  readonly zeroPort: 'any' | 'none'
  /** Called when the node has closed by itself (SHUTDOWN), or must not continue (status 1). */
  readonly exit: (status: number) => void
}

const random = Math.random

/** A server from its start to its shutdown. */
export class Node implements LifeCycle {
  readonly parts: NodeParts
  private readonly exit: (status: number) => void
  private readonly drain: Drain
  private closing: Promise<boolean> | null = null

  private constructor(parts: NodeParts, exit: (status: number) => void) {
    this.parts = parts
    this.exit = exit
    this.drain = new Drain(parts)
  }

  /**
   * Opens the data directory and listens; resolves when commands run. Rejects with a line of text.
   */
  static async start(options: NodeOptions): Promise<Node> {
    const { config, log, zeroPort } = options
    warnOfPredictableHashes(log, process.versions.node)
    const node = await Node.open(options)
    const { listener, socketThreads, state, storage } = node.parts
    try {
      const bound = await listenAsConfigured(listener, config, zeroPort)
      state.port = bound.port
      state.tlsPort = bound.tlsPort
      await listenOnThreads(node.parts, bound)
      await node.load()
    } catch (error) {
      listener.close()
      await socketThreads.close()
      await storage.close('nosave')
      throw error
    }
    return node
  }

  /**
   * Opens the data directory of a stopped server and recovers it. The node neither listens nor
   * replicates, and no timer runs. Rejects with a line of text.
   */
  static async startOffline(options: Omit<NodeOptions, 'zeroPort'>): Promise<Node> {
    const node = await Node.open(options)
    const { executor, storage } = node.parts
    try {
      await storage.recover(replayer(executor, storage.keyspace))
    } catch (error) {
      await storage.close('nosave')
      throw error
    }
    return node
  }

  private static async open({ config, log, clock, exit }: Omit<NodeOptions, 'zeroPort'>): Promise<Node> {
    const later = new Forward<Later>()
    const acl = accessControl({
      config,
      log,
      table: new CommandTable(families),
      clients: {
        all: () => (later.isResolved ? later.value.clients.all() : []),
        describe: (session) => (later.isResolved ? later.value.clients.describe(session) : ''),
      },
      secretHex: (digits) =>
        randomBytes(Math.ceil(digits / 2))
          .toString('hex')
          .slice(0, digits),
      monotonicMs: () => clock.monotonicMs(),
    })
    limitIoThreads(config, log)
    const budget = new FileBudget(systemFiles, config.number('io-threads') - 1)
    limitMaxClients(config, budget, log)
    if (config.flag('warm-up')) {
      await warmUp(acl.environment.table, clock)
      collectGarbage()
    }
    const pubsub = new PubSub('muted')
    const keyEvents = new KeyEventPublisher(pubsub)
    const storage = await openStorage({ config, log, clock, random, budget, events: storageEvents(later), keyEvents, exit })
    const parts = assemble({ config, log, clock, random, exit, acl, pubsub, keyEvents, storage }, later)
    const node = new Node(parts, exit)
    later.resolve({ ...parts, life: node })
    return node
  }

  /** The TCP port; 0 for none. */
  get port(): number {
    return this.parts.state.port
  }

  /**
   * Lets replicas catch up, ends the turn, writes a checkpoint and closes. Resolves with false if
   * SHUTDOWN ABORT stopped it.
   */
  close(save: 'save' | 'nosave' = 'save', how: 'graceful' | 'immediate' = 'graceful'): Promise<boolean> {
    if (how === 'immediate') this.drain.skip()
    this.closing ??= this.shutDown(save, how)
    return this.closing
  }

  async shutdown({ save, isForced, isImmediate }: ShutdownOptions): Promise<Reply> {
    const { storage, log } = this.parts
    if (storage.stalled !== null && !isForced) {
      log.error({ error: storage.stalled }, 'SHUTDOWN refused: the last writes are not in the binlog; SHUTDOWN FORCE discards them')
      return new ErrorReply('ERR Errors trying to SHUTDOWN. Check logs.')
    }
    const closed = await this.close(save === 'nosave' ? 'nosave' : 'save', isImmediate ? 'immediate' : 'graceful')
    if (!closed) return new ErrorReply('ERR Errors trying to SHUTDOWN. Check logs.')
    this.exit(0)
    return NO_REPLY
  }

  abortShutdown(): boolean {
    return this.drain.abort()
  }

  async reload(): Promise<void> {
    const { turn, state, storage, executor } = this.parts
    turn.end()
    this.setLoading(true)
    state.replication?.link.suspend()
    try {
      await storage.reload(replayer(executor, storage.keyspace))
    } finally {
      this.setLoading(false)
      state.replication?.link.resume()
    }
  }

  private async load(): Promise<void> {
    const { config, log, storage, executor, state, storagePort, cron, cluster } = this.parts
    const recovery = await storage.recover(replayer(executor, storage.keyspace))
    state.recoveredKeys = storage.keyspace.keyCount
    startReplication(this.parts)
    startFencing(this.parts)
    startCluster(cluster.node, log)
    this.setLoading(false)
    storagePort.sample()
    cron.start()
    const { groups, commands, durationMs: milliseconds, cutBytes } = recovery
    log.info(
      {
        version: HAYPILE_VERSION,
        port: state.port,
        ...(state.tlsPort > 0 ? { tlsPort: state.tlsPort } : {}),
        dir: config.path('dir'),
        offset: recovery.end.offset,
        keys: storage.keyspace.keyCount,
        replayed: { groups, commands, cutBytes, ms: Math.round(milliseconds) },
      },
      'haypile ready',
    )
  }

  /**
   * Answers LOADING while the log is replayed. Notifications are muted then, since clients got them
   * when the changes were made.
   */
  private setLoading(isLoading: boolean): void {
    const { gates, pubsub } = this.parts
    gates.isLoading = isLoading
    pubsub.isMuted = isLoading
    gates.refresh()
  }

  private async shutDown(wanted: 'save' | 'nosave', how: 'graceful' | 'immediate'): Promise<boolean> {
    const { listener, socketThreads, migrations, cron, blockedTimer, garbagePauses, state, clients } = this.parts
    const { log, storage, executor, turn, gates, slotSweeper } = this.parts
    if (how === 'graceful' && !(await this.drain.run())) {
      this.closing = null
      return false
    }
    // An unfinished script has changed memory but not the log: the next start is without it.
    const save = executor.units.isSuspended ? 'nosave' : wanted
    listener.close()
    socketThreads.stopListening()
    migrations.close()
    await slotSweeper?.close()
    turn.end()
    gates.isClosing = true
    gates.refresh()
    cron.stop()
    blockedTimer.stop()
    garbagePauses.stop()
    await state.fencing?.close()
    await state.replication?.close()
    if (turn.mustWaitForSync && storage.stalled === null) await storage.binlog.syncTo(storage.binlog.end.offset)
    await storage.close(save)
    await Promise.all([...clients.connections.values()].map((client) => client.closeWhenSent()))
    await socketThreads.close()
    log.info({ offset: storage.binlog.end.offset, keys: storage.keyspace.keyCount }, 'haypile closed')
    return true
  }
}

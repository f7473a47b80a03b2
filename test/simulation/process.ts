/**
 * One run of a simulated server: the storage engine on its machine's disk, commands on top,
 * replication, and the turn that joins them. It does the work of server/loop/turn.ts and
 * server/loop/cron.ts when the cluster says so.
 */

import type { Bytes } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { connection } from '../../commands/clients/connection.ts'
import { NO_CLUSTER } from '../../commands/contract/cluster.ts'
import type { ServerPort } from '../../commands/contract/ports.ts'
import { Request } from '../../commands/contract/request.ts'
import { CommandTable } from '../../commands/contract/table.ts'
import { Executor } from '../../commands/execution/executor.ts'
import { OPEN_GATES } from '../../commands/execution/gating.ts'
import type { AckRequest, TrySyncReply, TrySyncRequest } from '../../replication/protocol/messages.ts'
import type { LinkReplayer } from '../../replication/replica/link.ts'
import { Replication, ROLE_SETTLES_MS } from '../../replication/replication.ts'
import { ReplayClient, replayer } from '../../server/wiring/replay-client.ts'
import { upstreamRunner } from '../../server/wiring/upstream-runner.ts'
import type { BinlogPosition } from '../../storage/binlog/group.ts'
import { randomHex } from '../../storage/directory/identity.ts'
import { Storage, type StorageEvents } from '../../storage/storage.ts'
import { dataFamilies } from '../support/generators/data-families.ts'
import type { Seeded } from '../support/generators/seed.ts'
import type { Disk } from '../support/harness/engine.ts'
import { quietHooks } from '../support/harness/quiet-hooks.ts'
import type { Network, Party, Socket, SocketEvents } from './network/network.ts'
import { ServerEnd } from './server-end.ts'
import { type ClusterSettings, DATABASES, PORT } from './settings.ts'

export interface ProcessHost {
  readonly network: Network
  readonly settings: ClusterSettings
  readonly mustSyncAlways: boolean
  note(text: string): void
  onLog(level: string, text: string, fields: object): void
  /** A fatal error: the process would have ended. */
  onFatal(error: unknown): void
  /** A replica has sent bytes to its master. */
  onSent(socket: number, data: Buffer): void
  onAck(peer: ServerEnd, ack: AckRequest): void
  onFullSync(peer: ServerEnd, request: TrySyncRequest, reply: TrySyncReply): void
  /**
   * A master has logged something before any client wrote, soon after it started or was promoted.
   */
  onUnaskedWrite(position: BinlogPosition): void
}

/**
 * The error of a command that was made to break. A replica that becomes a master with such a change
 * in memory must restart.
 */
export const BROKEN_COMMAND = 'a command breaks'

const SYNC_EVERY_MS = 1000
const ROOM_EVERY_MS = 1000

/** One run of a server on a simulated node. */
export class SimulatedProcess implements Party {
  readonly ip: string
  isMuted = false
  readonly runId: string
  readonly disk: Disk
  /** Null until recovery has finished. */
  replication: Replication | null = null
  /** Stays when `replication` goes: the last checkpoint still asks for pins. */
  private answers: Replication['storageEvents'] | null = null
  /** Grows with every change of the data other than a new group. */
  epoch = 0
  /** The connection that it dialled last. */
  dialled: Socket | null = null
  isReloading = false
  /** The number of next commands from its master that it does not know. */
  unknownCommands = 0
  /** True if the next command from its master breaks. */
  mustBreakNextCommand = false
  private opened: Storage | null = null
  private executor: Executor | null = null
  private readonly client = new ReplayClient()
  private readonly host: ProcessHost
  private readonly clock: Clock
  private readonly chance: Seeded
  private readonly table = new CommandTable([connection, ...dataFamilies])
  private isTurn = false
  /**
   * The history that it writes as a master, its beginning, and whether a client has written in it.
   */
  private history = { id: '', sinceMs: 0, isWritten: false }
  private lastSyncMs = 0
  private lastRoomMs = 0

  constructor(options: { host: ProcessHost; ip: string; disk: Disk; clock: Clock; chance: Seeded }) {
    this.host = options.host
    this.ip = options.ip
    this.disk = options.disk
    this.clock = options.clock
    this.chance = options.chance
    this.runId = randomHex(options.chance.random, 40)
  }

  get storage(): Storage {
    if (this.opened === null) throw new Error('the storage is not open')
    return this.opened
  }

  get isOpen(): boolean {
    return this.opened !== null
  }

  /** Resolves when it serves. */
  async start(): Promise<void> {
    const { settings, network } = this.host
    network.listen(this, PORT, (socket) => this.accept(socket))
    const storage = await Storage.open({
      directory: '/data',
      files: this.disk.files,
      openRecords: (path, mode) => this.disk.openRecords(path, mode),
      clock: this.clock,
      random: this.chance.random,
      log: this.log(),
      settings: structuredClone(settings.storage),
      events: this.storageEvents(),
      fatal: (error) => {
        if (!this.isMuted) this.host.onFatal(error)
      },
    })
    this.executor = this.makeExecutor(storage)
    storage.keyspace.pageLimits = settings.pageLimits
    await storage.recover(replayer(this.executor, storage.keyspace))
    this.opened = storage
    if (this.isMuted) return
    this.replication = this.makeReplication(storage)
    this.answers = this.replication.storageEvents
    this.wake()
    this.replication.start(null)
  }

  wake(): void {
    if (this.isTurn || this.opened === null) return
    this.isTurn = true
    this.opened.beginTurn()
  }

  /** Ends the current turn. Returns false if there is none. */
  endTurn(): boolean {
    if (!this.isTurn || this.opened === null || this.isMuted) return false
    this.isTurn = false
    const { opened: storage, replication, host } = this
    const moreExpired = storage.expireDue()
    const before = storage.binlog.end.offset
    storage.commit()
    this.history = this.currentHistory()
    const { end } = storage.binlog
    const isFresh = !this.history.isWritten && this.clock.monotonicMs() - this.history.sinceMs < ROLE_SETTLES_MS
    if (storage.role === 'master' && end.offset > before && isFresh) host.onUnaskedWrite(end)
    if (host.mustSyncAlways) storage.binlog.sync()
    replication?.flush()
    if (storage.background() || moreExpired) this.wake()
    return true
  }

  private currentHistory(): typeof this.history {
    const id = this.storage.role === 'master' ? this.storage.identity.replicationId : ''
    return id === this.history.id ? this.history : { id, sinceMs: this.clock.monotonicMs(), isWritten: false }
  }

  /** Called ten times a second. */
  tick(): void {
    const { opened: storage, replication } = this
    if (storage === null || replication === null || this.isMuted || this.isReloading) return
    const now = this.clock.wallMs()
    this.wake()
    if (storage.stalled !== null && storage.retry()) this.host.note('writes again')
    if (Math.abs(now - this.lastRoomMs) >= ROOM_EVERY_MS) {
      this.lastRoomMs = now
      storage.reclaimReserve()
    }
    if (!this.host.mustSyncAlways && Math.abs(now - this.lastSyncMs) >= SYNC_EVERY_MS) {
      this.lastSyncMs = now
      storage.binlog.sync()
    }
    if (!storage.checkpointer.isReopening) storage.expiry.lookAhead(now)
    replication.tick()
  }

  /** True if a client's write would run. */
  get takesWrites(): boolean {
    const { opened: storage, replication } = this
    if (storage === null || replication === null || this.isMuted || this.isReloading) return false
    if (replication.isReplica || replication.isWritingPaused || replication.lacksReplicas) return false
    return (
      storage.stalled === null && !storage.isDiskLow && !storage.isReloading && !storage.checkpointer.isReopening && !storage.isOverloaded
    )
  }

  /** Runs a client's command in the current turn. */
  run(database: number, ...words: Bytes[]): void {
    const { client, executor } = this
    if (executor === null) throw new Error('nothing to run commands')
    this.wake()
    client.database = database
    this.replication?.settle()
    this.history = { ...this.currentHistory(), isWritten: true }
    executor.execute(new Request(client, words))
  }

  /** Does DEBUG RELOAD as the server does. */
  async reload(): Promise<void> {
    const { opened: storage, executor, replication } = this
    if (storage === null || executor === null || replication === null) return
    this.isReloading = true
    replication.link.suspend()
    await storage.reload(replayer(executor, storage.keyspace))
    this.isReloading = false
    if (this.isMuted) return
    this.wake()
    replication.link.resume()
  }

  /** Does SHUTDOWN. */
  async stop(how: 'save' | 'nosave'): Promise<void> {
    const { opened, replication } = this
    this.opened = null // there are no further turns
    this.replication = null
    await replication?.close()
    await opened?.close(how)
  }

  private accept(socket: Socket): SocketEvents {
    const { host } = this
    const process = this
    const peer = new ServerEnd(
      socket,
      {
        get master() {
          return process.isReloading ? null : (process.replication?.master ?? null)
        },
        wake: () => this.wake(),
        note: (text) => host.note(text),
        onAck: (from, ack) => host.onAck(from, ack),
        onFullSync: (from, request, reply) => host.onFullSync(from, request, reply),
      },
      () => this.epoch,
    )
    return peer
  }

  private makeReplication(storage: Storage): Replication {
    const { host, clock, chance, runId } = this
    const replication = new Replication({
      storage,
      clock,
      random: chance.random,
      log: this.log(),
      settings: host.settings.replication,
      runId,
      databases: DATABASES,
      replayer: this.linkReplayer(replayer(this.executor as Executor, storage.keyspace)),
      redisPorts: {
        runner: upstreamRunner(this.executor as Executor, storage.keyspace),
        limits: { number: () => 128 },
        libraryName: (code) => code,
      },
      dial: (address, port, events) => {
        const socket = host.network.dial(this, address, port, {
          connected: () => events.onConnected(),
          data: (bytes) => events.onData(bytes),
          drained() {},
          closed: (reason) => events.onClosed(reason),
        })
        this.dialled = socket
        return {
          send: (data) => {
            const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data
            if (!this.isMuted) host.onSent(socket.id, bytes)
            socket.send(bytes)
          },
          pause: () => socket.pause(),
          resume: () => socket.resume(),
          close: () => socket.close(),
        }
      },
      port: () => PORT,
      syncAlways: () => host.mustSyncAlways,
      isHeld: () => false,
      waitFailure: () => new Error('UNBLOCKED'),
      wake: () => this.wake(),
      onChanged() {},
    })
    return replication
  }

  private storageEvents(): StorageEvents {
    return {
      onAvailabilityChanged() {},
      onCheckpointMayBegin: () => this.wake(),
      onExpired() {},
      onInstalled: () => {
        this.epoch++
        this.answers?.onInstalled()
      },
      onSynced: () => this.answers?.onSynced(),
      pinned: () => this.answers?.pinned() ?? Number.POSITIVE_INFINITY,
    }
  }

  private linkReplayer(inner: LinkReplayer): LinkReplayer {
    return {
      ...inner,
      knows: (args) => (this.unknownCommands > 0 ? this.unknownCommands-- < 0 : inner.knows(args)),
      command: (args) => {
        const { mustBreakNextCommand } = this
        this.mustBreakNextCommand = false
        if (mustBreakNextCommand) throw new Error(BROKEN_COMMAND)
        inner.command(args)
      },
    }
  }

  private makeExecutor(storage: Storage): Executor {
    // Nodes have different configurations, because the log must not depend on them.
    const limit = Number.parseInt(this.runId.slice(0, 2), 16)
    const number = (name: string) => (name === 'proto-max-bulk-len' ? 2 ** 29 : limit)
    const { random } = this.chance
    const server = { table: this.table, config: { number }, cluster: NO_CLUSTER, random } as unknown as ServerPort
    const hooks = quietHooks({ onBug: (error) => this.host.onFatal(error) })
    const { keyspace, group } = storage
    return new Executor({ keyspace, group, server, hooks, gates: OPEN_GATES, monotonicMs: () => 0, groupStart: () => 0 })
  }

  private log(): Log {
    const note = (level: string) => (fields: object, text: string) => {
      if (!this.isMuted) this.host.onLog(level, text, fields)
    }
    return { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') }
  }
}

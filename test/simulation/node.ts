/**
 * A machine and the server on it, run after run. It records the promises to clients and to the
 * master, and the content of the binlog. After a restart it checks that they hold.
 */
import { createHash } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import type { AckRequest, TrySyncReply, TrySyncRequest } from '../../replication/protocol/messages.ts'
import { readCommand } from '../../storage/binlog/command-codec.ts'
import type { BinlogPosition } from '../../storage/binlog/group.ts'
import { currentDataSet } from '../../storage/directory/directory.ts'
import type { MemoryRecords } from '../support/disks/memory-records.ts'
import { fromSeed, type Seeded } from '../support/generators/seed.ts'
import { Disk } from '../support/harness/engine.ts'
import { liveContent } from '../support/harness/engine-invariants.ts'
import { type Histories, keyOf, Track } from './histories.ts'
import type { Network } from './network.ts'
import { BROKEN_COMMAND, type ProcessHost, SimulatedProcess } from './process.ts'
import type { ServerEnd } from './server-end.ts'
import type { ClusterSettings } from './settings.ts'

/** Keyspaces are compared at one in this number of positions, the same positions on all nodes. */
const CONTENT_EVERY = 6
const WALL_START_MS = 1_700_000_000_000

export interface NodeHost {
  readonly network: Network
  readonly settings: ClusterSettings
  readonly histories: Histories
  readonly chance: Seeded
  note(text: string): void
  onLog(node: SimulatedNode, level: string, text: string, fields: object): void
  fail(error: unknown): void
  onPowerLoss(node: SimulatedNode): void
  /** Clients were answered for everything up to this position. */
  onAcknowledged(node: SimulatedNode, position: string): void
  /** A replica has sent bytes on a connection. */
  onSent(node: SimulatedNode, socket: number, bytes: Buffer): void
  /** The master has accepted an ack. */
  onAck(node: SimulatedNode, end: ServerEnd, ack: AckRequest): void
  /** The master has refused a replica's request to continue. */
  onFullSync(node: SimulatedNode, end: ServerEnd, request: TrySyncRequest, reply: TrySyncReply): void
  /** A master has logged something unrequested, soon after it started or was promoted. */
  onUnaskedWrite(position: BinlogPosition): void
}

interface Found {
  readonly how: Crash
  /** True for a crash in the middle of an event. */
  readonly isMidway: boolean
  readonly end: number
  readonly synced: number
}

export type Crash = 'kill' | 'power loss'

/** A machine: its disk, its clock and the process that runs on it. */
export class SimulatedNode {
  readonly name: string
  readonly ip: string
  /** True for appendfsync always. */
  readonly mustSyncAlways: boolean
  process: SimulatedProcess | null = null
  disk = new Disk()
  readonly track = new Track()
  wallOffsetMs = 0
  /** Log lines at warn and error, with their counts. */
  readonly complaints = new Map<string, number>()
  private readonly host: NodeHost
  private trackEpoch = 0
  private trackGeneration: string | null = null
  private wasReplica = false
  /** True while the checks read the disk, which is no operation of the node. */
  private isObserving = false
  private crashed: Found | null = null
  /** Ends of groups whose replies are outstanding. */
  private unacknowledged: BinlogPosition[] = []
  /** The position that this node has reported as durable: it must survive any power loss. */
  private promised: (BinlogPosition & { readonly generation: string }) | null = null

  constructor(name: string, ip: string, mustSyncAlways: boolean, host: NodeHost) {
    this.name = name
    this.ip = ip
    this.mustSyncAlways = mustSyncAlways
    this.host = host
  }

  /** True while the process serves. */
  get isUp(): boolean {
    return this.process !== null && !this.process.isMuted && this.process.replication !== null
  }

  readonly clock: Clock = {
    wallMs: () => Math.floor(WALL_START_MS + this.host.network.schedule.nowMs + this.wallOffsetMs),
    monotonicMs: () => this.host.network.schedule.nowMs,
  }

  /** Begins a start; the process serves a while later. */
  start(): void {
    const { host, ip, disk, clock } = this
    host.network.power(ip)
    const process = new SimulatedProcess({ host: this.processHost(), ip, disk, clock, chance: fromSeed(host.chance.integer(2 ** 32)) })
    this.process = process
    this.note(`starts as ${process.runId.slice(0, 8)}`)
    process.start().then(
      () => this.guard(() => this.checkRecovery(process)),
      (error: unknown) => {
        if (process.isMuted) return
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') host.fail(error)
        this.note(`cannot start: ${String(error)}`)
        this.doomed ??= { how: 'kill', disk: this.diskAfter('kill') }
      },
    )
  }

  /**
   * Ends the process at once; a power loss may also take unsynced data. `disk` is the disk after a
   * crash in the middle of an operation.
   */
  crash(how: Crash, disk: Disk = this.diskAfter(how)): void {
    const { process, host } = this
    if (process === null) return
    this.recordCrash(how, false)
    if (how === 'kill') host.network.kill(process)
    else host.network.cutPower(process)
    this.note(how)
    this.process = null
    this.disk = disk
  }

  /**
   * Crashes at a disk operation. The process runs on, muted, until the end of the event, and the
   * disk as of that operation remains.
   */
  crashAt(how: Crash, operations: number): void {
    const { disk, process } = this
    if (process === null) return
    let left = operations
    disk.files.onOperation = () => {
      if (process.isMuted || this.isObserving || left-- > 0) return
      disk.files.onOperation = undefined
      if (this.process !== process) return
      this.guard(() => {
        if (process.replication !== null && process.storage.identity.generation === this.trackGeneration) this.follow(process)
        this.recordCrash(how, true)
        process.isMuted = true
        this.doomed = { how, disk: this.diskAfter(how) }
      })
    }
  }

  private doomed: { readonly how: Crash; readonly disk: Disk } | null = null

  /** After each event: removes a process that died in it. Returns true if there was one. */
  removeDead(): boolean {
    const { doomed } = this
    if (doomed === null) return false
    this.doomed = null
    const found = this.crashed
    this.crash(doomed.how, doomed.disk)
    this.crashed = found
    return true
  }

  /** Stops gracefully. Resolves when the process has ended. */
  async stop(how: 'save' | 'nosave'): Promise<void> {
    const { process, host } = this
    if (process === null) return
    process.endTurn()
    this.observe()
    this.note(`stops: ${how}`)
    await process.stop(how)
    if (process.isMuted) return
    const { end } = this.track
    this.crashed = { how: 'kill', isMidway: false, end: end.offset, synced: end.offset }
    host.network.kill(process)
    this.process = null
    this.disk = this.disk.kill(host.chance.random)
    this.note('has stopped')
  }

  /** Reads new groups of the binlog, and checks the invariants of one node. */
  observe(): void {
    const { process, host, track } = this
    if (process === null || process.isMuted || process.replication === null) return
    const { binlog, stalled } = process.storage
    if (process.epoch !== this.trackEpoch) this.readUnobserved(() => this.restartTrack(process))
    const before = track.end.offset
    this.follow(process)
    const until = this.mustSyncAlways ? binlog.synced : binlog.end.offset
    while ((this.unacknowledged[0]?.offset ?? Number.POSITIVE_INFINITY) <= until)
      host.onAcknowledged(this, keyOf(this.unacknowledged.shift() as BinlogPosition))
    if (this.mustSyncAlways && stalled === null) this.recordPromise(binlog.synced)
    if (track.end.offset > before && (binlog.end.crc & 0xffff) % CONTENT_EVERY === 0) this.compareContent()
  }

  private follow({ storage }: SimulatedProcess): void {
    const { track, host, disk } = this
    const isReplica = storage.role === 'replica'
    const before = track.end.offset
    this.readUnobserved(() =>
      track.follow(disk.files, storage.binlog.segments, storage.binlog.end, host.histories, isReplica && this.wasReplica),
    )
    if (!isReplica && !this.wasReplica) this.unacknowledged.push(...track.after(before))
    this.wasReplica = isReplica
  }

  /**
   * Reads the disk without counting it as an operation of the node, so that no crash occurs at it.
   */
  private readUnobserved<T>(read: () => T): T {
    const before = this.isObserving
    this.isObserving = true
    try {
      return read()
    } finally {
      this.isObserving = before
    }
  }

  /** Compares memory with that of other nodes at this position. */
  compareContent(): void {
    const { process, host } = this
    if (process === null || process.isReloading || !this.isUp) return
    const { storage } = process
    if (storage.stalled !== null || !storage.group.isEmpty || storage.isReloading || storage.checkpointer.isReopening) return
    host.histories.checkContent(this.track.end, contentOf(process))
  }

  /** LevelDB of the data in use, if any. */
  get records(): MemoryRecords | null {
    return this.generation() === null ? null : this.disk.recordsAt(currentDataSet(this.disk.files, '/data').db)
  }

  note(text: string): void {
    this.host.note(`${this.name}: ${text}`)
  }

  guard(action: () => void): void {
    try {
      action()
    } catch (error) {
      this.host.fail(error)
    }
  }

  private diskAfter(how: Crash): Disk {
    const { random } = this.host.chance
    return how === 'kill' ? this.disk.kill(random) : this.disk.crash(random)
  }

  private recordCrash(how: Crash, isMidway: boolean): void {
    const { process, host } = this
    if (how === 'power loss') host.onPowerLoss(this)
    if (process === null || process.replication === null) {
      // A crash in the middle of a start. The state before it still counts, except for data that a
      // kill had left unsynced.
      if (how === 'power loss' && this.crashed !== null) this.crashed = { ...this.crashed, how }
      return
    }
    const { end, synced } = process.storage.binlog
    this.crashed = { how, isMidway, end: end.offset, synced }
  }

  /** The name of the data in CURRENT. */
  private generation(): string | null {
    const { files } = this.disk
    return this.readUnobserved(() => (files.existsSync('/data/CURRENT') ? currentDataSet(files, '/data').name : null))
  }

  private restartTrack({ epoch, storage }: SimulatedProcess): void {
    const position = storage.binlog.positionAt(storage.binlog.startOffset)
    if (position === null || !this.host.histories.has(position)) throw new Error('a full sync has led to a position that no node ever had')
    this.trackEpoch = epoch
    this.trackGeneration = this.generation()
    this.unacknowledged = []
    this.track.restart(position)
    this.promised = null
    this.note(`has installed data at ${keyOf(position)}`)
  }

  private checkRecovery(process: SimulatedProcess): void {
    if (process.isMuted) return
    const { storage } = process
    const { end } = storage.binlog
    this.trackEpoch = process.epoch
    this.unacknowledged = []
    const generation = this.generation()
    this.note(`serves as a ${storage.role} at ${keyOf(end)} in ${generation}, id ${storage.identity.replicationId.slice(0, 8)}`)
    const { crashed, track, promised } = this
    if (promised !== null && generation !== null && generation < promised.generation) {
      throw new Error(
        `${this.name} has gone back from ${promised.generation} to ${generation} though it had acknowledged ${promised.offset}`,
      )
    }
    if (crashed !== null && generation === this.trackGeneration) {
      const least = crashed.how === 'kill' ? crashed.end : Math.max(crashed.synced, promised?.offset ?? 0)
      if (end.offset < least) throw new Error(`${this.name} has recovered to ${end.offset} after a ${crashed.how}; it must have ${least}`)
      track.cut(end.offset)
      // A write in progress may be whole on the disk.
      if (crashed.isMidway) track.follow(this.disk.files, storage.binlog.segments, end, this.host.histories, storage.role === 'replica')
      if (keyOf(track.end) !== keyOf(end)) throw new Error(`${this.name} has recovered to ${keyOf(end)}, a position that it never had`)
    } else {
      track.restart(end)
      this.promised = null
    }
    if (!this.host.histories.has(end)) throw new Error(`${this.name} has recovered to ${keyOf(end)}, a position that no node ever had`)
    this.trackGeneration = generation
    this.crashed = null
    this.wasReplica = storage.role === 'replica'
    this.compareContent()
  }

  /** This process or an earlier one has synced everything before this offset. */
  get syncedOnce(): number {
    return Math.max(this.promised?.offset ?? 0, this.process?.storage.binlog.synced ?? 0)
  }

  private recordPromise(offset: number): void {
    const crc = this.track.crcAt(offset)
    const generation = this.trackGeneration
    if (crc === undefined || generation === null) return
    if (this.promised === null || this.promised.offset < offset) this.promised = { offset, crc, generation }
  }

  private processHost(): ProcessHost {
    const { host } = this
    return {
      network: host.network,
      settings: host.settings,
      mustSyncAlways: this.mustSyncAlways,
      note: (text) => this.note(text),
      onLog: (level, text, fields) => host.onLog(this, level, text, fields),
      onFatal: (error) => {
        this.note(`fatal: ${String(error)}`)
        if (!String(error).includes(BROKEN_COMMAND)) host.fail(error)
        else this.doomed ??= { how: 'kill', disk: this.diskAfter('kill') }
      },
      onSent: (socket, data) => {
        host.onSent(this, socket, data)
        this.guard(() => this.checkAckSent(data))
      },
      onAck: (end, ack) => this.guard(() => host.onAck(this, end, ack)),
      onFullSync: (end, request, reply) => this.guard(() => host.onFullSync(this, end, request, reply)),
      onUnaskedWrite: (position) => host.onUnaskedWrite(position),
    }
  }

  /** Checks that a replica has what it acknowledges. */
  private checkAckSent(data: Buffer): void {
    const command = readCommand(data, 0, data.length)
    if (command?.args[0] !== 'REPLCONF' || this.process === null) return
    const [applied, synced] = [Number(command.args[2]), Number(command.args[4])]
    const { binlog } = this.process.storage
    if (applied > binlog.end.offset) throw new Error(`${this.name} acknowledges ${applied} and ends at ${binlog.end.offset}`)
    if (synced > binlog.synced) throw new Error(`${this.name} acknowledges ${synced} as synced, and has synced ${binlog.synced}`)
    this.recordPromise(synced)
  }
}

function contentOf({ storage }: SimulatedProcess): string {
  const lines = liveContent(storage.keyspace, 0)
  return lines.length < 20_000 ? lines : createHash('sha1').update(lines).digest('hex')
}

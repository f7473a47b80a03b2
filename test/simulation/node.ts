/**
 * A node of a cluster. It records the promises to clients and to the master, and the content of the
 * binlog. After a restart it checks that they hold.
 */
import { createHash } from 'node:crypto'
import type { AckRequest, TrySyncReply, TrySyncRequest } from '../../replication/protocol/messages.ts'
import { readCommand } from '../../storage/binlog/command-codec.ts'
import type { BinlogPosition } from '../../storage/binlog/group.ts'
import { currentDataSet } from '../../storage/directory/directory.ts'
import type { MemoryRecords } from '../support/disks/memory-records.ts'
import { liveContent } from '../support/harness/engine-invariants.ts'
import { type Histories, keyOf, Track } from './histories.ts'
import { type Crash, Machine, type MachineHost } from './machine.ts'
import { BROKEN_COMMAND, type ProcessHost, type SimulatedProcess } from './process.ts'
import type { ServerEnd } from './server-end.ts'

/** Keyspaces are compared at one in this number of positions, the same positions on all nodes. */
const CONTENT_EVERY = 6

export interface NodeHost extends MachineHost {
  readonly histories: Histories
  onLog(node: SimulatedNode, level: string, text: string, fields: object): void
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

/** A machine of a cluster. */
export class SimulatedNode extends Machine<NodeHost> {
  readonly track = new Track()
  /** Log lines at warn and error, with their counts. */
  readonly complaints = new Map<string, number>()
  private trackEpoch = 0
  private trackGeneration: string | null = null
  private wasReplica = false
  private crashed: Found | null = null
  /** Ends of groups whose replies are outstanding. */
  private unacknowledged: BinlogPosition[] = []
  /** The position that this node has reported as durable: it must survive any power loss. */
  private promised: (BinlogPosition & { readonly generation: string }) | null = null

  protected override started(process: SimulatedProcess): void {
    this.checkRecovery(process)
  }

  protected override dying(process: SimulatedProcess, how: Crash): void {
    if (process.replication !== null && process.storage.identity.generation === this.trackGeneration) this.follow(process)
    this.noteCrash(how, true)
  }

  protected override recordCrash(how: Crash): void {
    this.noteCrash(how, false)
  }

  override removeDead(): boolean {
    const found = this.crashed
    const wasDoomed = super.removeDead()
    if (wasDoomed) this.crashed = found
    return wasDoomed
  }

  protected override stopping(): void {
    this.observe()
  }

  protected override stopped(): void {
    const { end } = this.track
    this.crashed = { how: 'kill', isMidway: false, end: end.offset, synced: end.offset }
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
    const { readable } = this
    if (readable !== null) this.host.histories.checkContent(this.track.end, contentOf(readable))
  }

  /** LevelDB of the data in use, if any. */
  get records(): MemoryRecords | null {
    return this.generation() === null ? null : this.disk.recordsAt(currentDataSet(this.disk.files, '/data').db)
  }

  private noteCrash(how: Crash, isMidway: boolean): void {
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

  protected override processHost(): ProcessHost {
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

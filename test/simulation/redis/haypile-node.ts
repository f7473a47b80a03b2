/**
 * A haypile that follows a simulated Redis, or another haypile, run after run. It records what the
 * node has acknowledged, and checks after a crash that the node still has it.
 */
import type { Clock } from '../../../base/clock.ts'
import { readCommand } from '../../../storage/binlog/command-codec.ts'
import type { UpstreamPosition } from '../../../storage/records/upstream.ts'
import { fromSeed, type Seeded } from '../../support/generators/seed.ts'
import { Disk } from '../../support/harness/engine.ts'
import { liveContent } from '../../support/harness/engine-invariants.ts'
import type { Network } from '../network.ts'
import type { Crash } from '../node.ts'
import { type ProcessHost, SimulatedProcess } from '../process.ts'
import type { ClusterSettings } from '../settings.ts'
import type { State } from './fake-redis.ts'

const WALL_START_MS = 1_700_000_000_000
/** A heartbeat is a line end alone. */
const LF = 10

export interface HaypileHost {
  readonly network: Network
  readonly settings: ClusterSettings
  readonly chance: Seeded
  note(text: string): void
  onLog(node: HaypileNode, level: string, text: string, fields: object): void
  fail(error: unknown): void
  stateAt(replicationId: string, offset: number): State | undefined
}

/** Writes of a history that a node has acknowledged. */
interface Promised {
  readonly replicationId: string
  readonly writes: number
}

/** A machine with a haypile on it. */
export class HaypileNode {
  readonly name: string
  readonly ip: string
  readonly mustSyncAlways: boolean
  /** The address of its master. */
  readonly masterIp: string
  process: SimulatedProcess | null = null
  disk = new Disk()
  private readonly host: HaypileHost
  private doomed: { readonly how: Crash; readonly disk: Disk } | null = null
  private applied: Promised | null = null
  private synced: Promised | null = null
  private epoch = 0
  /** The end of the binlog and the epoch at the last check of the content. */
  private checked = ''
  private hasCrashed: Crash | null = null

  constructor(name: string, ip: string, masterIp: string, mustSyncAlways: boolean, host: HaypileHost) {
    this.name = name
    this.ip = ip
    this.masterIp = masterIp
    this.mustSyncAlways = mustSyncAlways
    this.host = host
  }

  readonly clock: Clock = {
    wallMs: () => Math.floor(WALL_START_MS + this.host.network.schedule.nowMs),
    monotonicMs: () => this.host.network.schedule.nowMs,
  }

  get isUp(): boolean {
    return this.process !== null && !this.process.isMuted && this.process.replication !== null
  }

  start(): void {
    const { host, ip, disk, clock } = this
    host.network.power(ip)
    const process = new SimulatedProcess({ host: this.processHost(), ip, disk, clock, chance: fromSeed(host.chance.integer(2 ** 32)) })
    this.process = process
    process.start().then(
      () => this.guard(() => this.started(process)),
      (error: unknown) => {
        if (process.isMuted) return
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') host.fail(error)
        this.doomed ??= { how: 'kill', disk: this.diskAfter('kill') }
      },
    )
  }

  crash(how: Crash, disk: Disk = this.diskAfter(how)): void {
    const { process, host } = this
    if (process === null) return
    if (how === 'kill') host.network.kill(process)
    else host.network.cutPower(process)
    this.note(how)
    this.hasCrashed = this.hasCrashed === 'power loss' ? 'power loss' : how
    this.process = null
    this.disk = disk
  }

  /** Crashes at a disk operation: the process runs on, muted, until the end of the event. */
  crashAt(how: Crash, operations: number): void {
    const { disk, process } = this
    if (process === null) return
    let left = operations
    disk.files.onOperation = () => {
      if (process.isMuted || left-- > 0) return
      disk.files.onOperation = undefined
      if (this.process !== process) return
      process.isMuted = true
      this.doomed = { how, disk: this.diskAfter(how) }
    }
  }

  /** Removes a process that died in the last event. */
  removeDead(): void {
    const { doomed } = this
    this.doomed = null
    if (doomed !== null) this.crash(doomed.how, doomed.disk)
  }

  /** Stops gracefully. */
  async stop(how: 'save' | 'nosave'): Promise<void> {
    const { process, host } = this
    if (process === null) return
    process.endTurn()
    await process.stop(how)
    if (process.isMuted) return
    host.network.kill(process)
    this.hasCrashed ??= 'kill'
    this.process = null
    this.disk = this.disk.kill(host.chance.random)
    this.note(`has stopped: ${how}`)
  }

  /** The data, unless it is being changed or loaded. */
  get content(): string | null {
    const { process } = this
    if (process === null || !this.isUp || process.isReloading) return null
    const { storage } = process
    if (storage.stalled !== null || !storage.group.isEmpty || storage.isReloading || storage.checkpointer.isReopening) return null
    return liveContent(storage.keyspace, 0)
  }

  /** Checks that the data is that of its position in the stream of the Redis. */
  check(): void {
    const { process } = this
    if (process === null || !this.isUp) return
    if (process.epoch !== this.epoch) this.forgetPromises(process)
    const { position } = process.storage.followed
    const key = `${process.epoch} ${process.storage.binlog.end.offset}`
    if (position === null || key === this.checked) return
    const { content } = this
    if (content === null) return
    this.checked = key
    const state = this.stateAt(position)
    if (state.content !== content)
      throw new Error(`${this.name} is at ${position.offset}, with other data:\n${difference(state.content, content)}`)
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

  private stateAt({ replicationId, offset }: Pick<UpstreamPosition, 'replicationId' | 'offset'>): State {
    const state = this.host.stateAt(replicationId, offset)
    if (state === undefined) throw new Error(`${this.name} is at offset ${offset} of ${replicationId}, where no command ends`)
    return state
  }

  private forgetPromises(process: SimulatedProcess): void {
    this.epoch = process.epoch
    this.applied = null
    this.synced = null
  }

  private started(process: SimulatedProcess): void {
    if (process.isMuted) return
    const { storage } = process
    this.epoch = process.epoch
    this.checked = ''
    const { position } = storage.followed
    this.note(`serves as a ${storage.role} at ${storage.binlog.end.offset}, position ${JSON.stringify(position)}`)
    this.checkPromises(position)
    this.hasCrashed = null
    if (storage.role === 'master') {
      process.wake()
      process.replication?.follow(this.masterIp, 6379, 'partial')
    }
    this.check()
  }

  /** A killed process keeps what it acknowledged, and a machine without power what it synced. */
  private checkPromises(position: UpstreamPosition | null): void {
    const promised = this.hasCrashed === 'power loss' ? this.synced : this.applied
    if (promised === null || position === null || position.replicationId !== promised.replicationId) {
      this.applied = null
      this.synced = null
      return
    }
    const { writes } = this.stateAt(position)
    if (writes < promised.writes) {
      throw new Error(`${this.name} has ${writes} writes after a ${this.hasCrashed}; it had acknowledged ${promised.writes}`)
    }
  }

  private acknowledges(data: Buffer): void {
    const command = data[0] === LF ? null : readCommand(data, 0, data.length)
    const link = this.process?.replication?.link.view.redis
    if (command?.args[1] !== 'ACK' || link === undefined || link === null || link.replicationId === null) return
    const { replicationId } = link
    const promised = (offset: number) => ({ replicationId, writes: this.host.stateAt(replicationId, offset)?.writes ?? 0 })
    this.applied = promised(Number(command.args[2]))
    if (command.args[3] === 'FACK') this.synced = promised(Number(command.args[4]))
  }

  private diskAfter(how: Crash): Disk {
    const { random } = this.host.chance
    return how === 'kill' ? this.disk.kill(random) : this.disk.crash(random)
  }

  private processHost(): ProcessHost {
    const { host } = this
    return {
      network: host.network,
      settings: host.settings,
      mustSyncAlways: this.mustSyncAlways,
      note: (text) => this.note(text),
      onLog: (level, text, fields) => host.onLog(this, level, text, fields),
      onFatal: (error) => host.fail(error),
      onSent: (_socket, data) => this.guard(() => this.acknowledges(data)),
      onAck() {},
      onFullSync() {},
      onUnaskedWrite() {},
    }
  }
}

/** The lines that only one of the two has. */
function difference(expected: string, found: string): string {
  const [left, right] = [expected.split('\n'), found.split('\n')]
  const only = (lines: string[], others: string[], mark: string) =>
    lines.filter((line) => !others.includes(line)).map((line) => `${mark} ${line.slice(0, 160)}`)
  return [...only(left, right, 'the Redis:'), ...only(right, left, 'the node:')].slice(0, 20).join('\n')
}

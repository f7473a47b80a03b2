/**
 * A haypile that follows a simulated Redis, or another haypile, run after run. It records what the
 * node has acknowledged, and checks after a crash that the node still has it.
 */
import { readCommand } from '../../../storage/binlog/command-codec.ts'
import type { UpstreamPosition } from '../../../storage/records/upstream.ts'
import { liveContent } from '../../support/harness/engine-invariants.ts'
import { type Crash, Machine, type MachineHost } from '../machine.ts'
import type { ProcessHost, SimulatedProcess } from '../process.ts'
import type { State } from './fake-redis.ts'

/** A heartbeat is a line end alone. */
const LF = 10

export interface HaypileHost extends MachineHost {
  onLog(node: HaypileNode, level: string, text: string, fields: object): void
  stateAt(replicationId: string, offset: number): State | undefined
}

/** Writes of a history that a node has acknowledged. */
interface Promised {
  readonly replicationId: string
  readonly writes: number
}

/** A machine with a haypile on it. */
export class HaypileNode extends Machine<HaypileHost> {
  /** The address of its master. */
  readonly masterIp: string
  private applied: Promised | null = null
  private synced: Promised | null = null
  private epoch = 0
  /** The end of the binlog and the epoch at the last check of the content. */
  private checked = ''
  private hasCrashed: Crash | null = null

  constructor(name: string, ip: string, masterIp: string, mustSyncAlways: boolean, host: HaypileHost) {
    super(name, ip, mustSyncAlways, host)
    this.masterIp = masterIp
  }

  protected override recordCrash(how: Crash): void {
    this.hasCrashed = this.hasCrashed === 'power loss' ? 'power loss' : how
  }

  protected override stopped(): void {
    this.hasCrashed ??= 'kill'
  }

  /** The data, unless it is being changed or loaded. */
  get content(): string | null {
    const { readable } = this
    return readable === null ? null : liveContent(readable.storage.keyspace, 0)
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

  protected override started(process: SimulatedProcess): void {
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
    // A power loss may have taken what was only applied. The next kill is measured by what is left.
    this.applied = { replicationId: position.replicationId, writes }
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

  protected override processHost(): ProcessHost {
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

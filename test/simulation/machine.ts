/** A machine and the server on it, run after run, with its crashes. */
import type { Clock } from '../../base/clock.ts'
import { fromSeed, type Seeded } from '../support/generators/seed.ts'
import { Disk } from '../support/harness/engine.ts'
import type { Network } from './network/network.ts'
import { type ProcessHost, SimulatedProcess } from './process.ts'
import type { ClusterSettings } from './settings.ts'

const WALL_START_MS = 1_700_000_000_000

export type Crash = 'kill' | 'power loss'

/** The world around a machine. */
export interface MachineHost {
  readonly network: Network
  readonly settings: ClusterSettings
  readonly chance: Seeded
  note(text: string): void
  fail(error: unknown): void
}

/** A machine: its disk, its clock and the process that runs on it. */
export abstract class Machine<Host extends MachineHost> {
  readonly name: string
  readonly ip: string
  /** True for appendfsync always. */
  readonly mustSyncAlways: boolean
  process: SimulatedProcess | null = null
  disk = new Disk()
  wallOffsetMs = 0
  protected readonly host: Host
  /** The crash that the process dies of at the end of the event. */
  protected doomed: { readonly how: Crash; readonly disk: Disk } | null = null
  /** True while the checks read the disk, which is no operation of the node. */
  protected isObserving = false

  constructor(name: string, ip: string, mustSyncAlways: boolean, host: Host) {
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

  /** The process, if its memory is the state at the end of its binlog. */
  protected get readable(): SimulatedProcess | null {
    const { process } = this
    if (process === null || process.isReloading || !this.isUp) return null
    const { stalled, group, isReloading, checkpointer } = process.storage
    return stalled === null && group.isEmpty && !isReloading && !checkpointer.isReopening ? process : null
  }

  /** Begins a start; the process serves a while later. */
  start(): void {
    const { host, ip, disk, clock } = this
    host.network.power(ip)
    const process = new SimulatedProcess({ host: this.processHost(), ip, disk, clock, chance: fromSeed(host.chance.integer(2 ** 32)) })
    this.process = process
    this.note(`starts as ${process.runId.slice(0, 8)}`)
    process.start().then(
      () => this.guard(() => this.started(process)),
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
    this.recordCrash(how)
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
        this.dying(process, how)
        process.isMuted = true
        this.doomed = { how, disk: this.diskAfter(how) }
      })
    }
  }

  /** After each event: removes a process that died in it. Returns true if there was one. */
  removeDead(): boolean {
    const { doomed } = this
    if (doomed === null) return false
    this.doomed = null
    this.crash(doomed.how, doomed.disk)
    return true
  }

  /** Stops gracefully. Resolves when the process has ended. */
  async stop(how: 'save' | 'nosave'): Promise<void> {
    const { process, host } = this
    if (process === null) return
    process.endTurn()
    this.stopping()
    this.note(`stops: ${how}`)
    await process.stop(how)
    if (process.isMuted) return
    this.stopped()
    host.network.kill(process)
    this.process = null
    this.disk = this.disk.kill(host.chance.random)
    this.note('has stopped')
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

  protected diskAfter(how: Crash): Disk {
    const { random } = this.host.chance
    return how === 'kill' ? this.disk.kill(random) : this.disk.crash(random)
  }

  protected abstract processHost(): ProcessHost
  /** Called when a process serves, before its first event. */
  protected abstract started(process: SimulatedProcess): void
  /** Called before a process is ended by a crash. */
  protected abstract recordCrash(how: Crash): void
  /** Called in the middle of an event, at the disk operation at which the process dies. */
  protected dying(_process: SimulatedProcess, _how: Crash): void {}
  /** Called before a graceful stop, after the last turn. */
  protected stopping(): void {}
  /** Called when a process has stopped gracefully. */
  protected abstract stopped(): void
}

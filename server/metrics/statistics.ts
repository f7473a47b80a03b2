/**
 * Counters since the start or CONFIG RESETSTAT. A counter that changes with every command or read
 * is a plain field that its owner increments, without look-up or allocation. `tick` samples the
 * rates ten times a second.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Command } from '../../commands/contract/command.ts'
import type { StatisticsPort } from '../../commands/contract/ports.ts'
import type { CommandCounters } from '../../commands/contract/runtimes.ts'
import { Rate } from './rate.ts'

/**
 * Error codes counted separately. Later ones share one counter, so that invented codes cannot grow
 * the table.
 */
const MAX_ERROR_CODES = 128
const OTHER_ERRORS = 'ERRORSTATS_OVERFLOW'

/** Counters that the keyspace keeps. */
interface KeyspaceCounters {
  hits: number
  misses: number
  expiredKeys: number
  expiredFields: number
  droppedObjects: number
  evictions: number
}

/** The counters of a node. */
export class Statistics implements StatisticsPort {
  connectionsReceived = 0
  rejectedConnections = 0
  /** Bytes from this node's master, and to its replicas. */
  replicationInputBytes = 0
  replicationOutputBytes = 0
  /** Clients closed because of unread replies. */
  outputLimitDisconnections = 0
  queryBufferLimitDisconnections = 0
  /** Bytes from and to clients. */
  netInputBytes = 0
  netOutputBytes = 0
  /** Reads from and writes to sockets. */
  reads = 0
  writes = 0
  errorReplies = 0
  /** Completed turns of the event loop. */
  turns = 0
  readonly keyspace: KeyspaceCounters
  readonly commandsPerSecond = new Rate()
  readonly inputPerSecond = new Rate()
  readonly outputPerSecond = new Rate()
  readonly replicationInputPerSecond = new Rate()
  readonly replicationOutputPerSecond = new Rate()
  readonly turnsPerSecond = new Rate()
  private readonly activePerSecond = new Rate()
  private activeMsAtReset = 0
  private readonly commands = new Map<Command, CommandCounters>()
  private readonly errorCodes = new Map<Bytes, number>()
  private readonly onReset: () => void

  /** `onReset` resets what is counted elsewhere. */
  constructor(keyspace: KeyspaceCounters, onReset: () => void) {
    this.keyspace = keyspace
    this.onReset = onReset
  }

  /**
   * Returns the counters of a command: one object for the server's lifetime, which callers may
   * keep.
   */
  counters(command: Command): CommandCounters {
    let counters = this.commands.get(command)
    if (counters === undefined) {
      counters = { calls: 0, micros: 0, rejected: 0, failed: 0 }
      this.commands.set(command, counters)
    }
    return counters
  }

  /** Commands that have run, including failed ones. */
  get commandsProcessed(): number {
    let calls = 0
    for (const counters of this.commands.values()) calls += counters.calls
    return calls
  }

  /** Total run time of commands, in microseconds. */
  get commandMicros(): number {
    let micros = 0
    for (const counters of this.commands.values()) micros += counters.micros
    return micros
  }

  /** Time in which the event loop did not wait, in ms. */
  get activeMs(): number {
    return performance.eventLoopUtilization().active - this.activeMsAtReset
  }

  /** The mean duration of recent turns. */
  get microsPerTurn(): number {
    const { perSecond } = this.turnsPerSecond
    return perSecond === 0 ? 0 : (this.activePerSecond.perSecond * 1000) / perSecond
  }

  /** Commands with a counter above zero. */
  *usedCommands(): Iterable<readonly [name: Bytes, counters: Readonly<CommandCounters>]> {
    for (const [command, counters] of this.commands) {
      if (counters.calls > 0 || counters.rejected > 0 || counters.failed > 0) yield [command.name, counters]
    }
  }

  /** Error replies by code word. */
  errors(): ReadonlyMap<Bytes, number> {
    return this.errorCodes
  }

  error(text: Bytes): void {
    this.errorReplies++
    const blank = text.indexOf(' ')
    const word = blank < 0 ? text : text.slice(0, blank)
    const known = this.errorCodes.has(word) || this.errorCodes.size < MAX_ERROR_CODES
    const code = known ? word : OTHER_ERRORS
    this.errorCodes.set(code, (this.errorCodes.get(code) ?? 0) + 1)
  }

  /** To be called about every 100 ms. */
  tick(monotonicMs: number): void {
    this.commandsPerSecond.sample(this.commandsProcessed, monotonicMs)
    this.inputPerSecond.sample(this.netInputBytes, monotonicMs)
    this.outputPerSecond.sample(this.netOutputBytes, monotonicMs)
    this.replicationInputPerSecond.sample(this.replicationInputBytes, monotonicMs)
    this.replicationOutputPerSecond.sample(this.replicationOutputBytes, monotonicMs)
    this.turnsPerSecond.sample(this.turns, monotonicMs)
    this.activePerSecond.sample(this.activeMs, monotonicMs)
  }

  /** Resets all counters (CONFIG RESETSTAT). A command's counters stay the same object. */
  reset(): void {
    this.connectionsReceived = 0
    this.rejectedConnections = 0
    this.outputLimitDisconnections = 0
    this.queryBufferLimitDisconnections = 0
    this.netInputBytes = 0
    this.netOutputBytes = 0
    this.replicationInputBytes = 0
    this.replicationOutputBytes = 0
    this.reads = 0
    this.writes = 0
    this.errorReplies = 0
    this.turns = 0
    this.activeMsAtReset += this.activeMs
    this.errorCodes.clear()
    for (const counters of this.commands.values()) Object.assign(counters, { calls: 0, micros: 0, rejected: 0, failed: 0 })
    Object.assign(this.keyspace, { hits: 0, misses: 0, expiredKeys: 0, expiredFields: 0, droppedObjects: 0, evictions: 0 })
    const { commandsPerSecond, inputPerSecond, outputPerSecond, replicationInputPerSecond, replicationOutputPerSecond } = this
    const rates = [commandsPerSecond, inputPerSecond, outputPerSecond, replicationInputPerSecond, replicationOutputPerSecond]
    for (const rate of [...rates, this.turnsPerSecond, this.activePerSecond]) rate.reset()
    this.onReset()
  }
}

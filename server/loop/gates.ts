/**
 * The reasons that hold or refuse a request: loading, a disk that refuses writes, a pause, too much
 * dirty data. The executor's field `gated` says whether any reason applies, and whether to writes
 * only. While none applies, the executor does not call the gates.
 *
 * Held requests are retried outside of any command, since a command may be what removes the reason.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Command } from '../../commands/core/command.ts'
import type { Client, Executor } from '../../commands/core/executor.ts'
import { keysOf } from '../../commands/core/key-finder.ts'
import { type CommandRuntime, runsScript } from '../../commands/core/runtimes.ts'
import type { CommandTable } from '../../commands/core/table.ts'
import { isToken } from '../../commands/parsing/args.ts'
import type { ScriptFlags } from '../../commands/scripting/flags.ts'
import { readCommand } from '../../storage/binlog/command-codec.ts'
import type { Entry } from '../../storage/keyspace/entry.ts'
import type { Storage } from '../../storage/storage.ts'
import { hasStoredPages } from '../../storage/values/value.ts'
import type { Connection } from '../network/connection.ts'

/** A reason that concerns writes only; so do the other bits of WRITES_ONLY. */
const LACKS_REPLICAS = 512
/** Refuses nothing: the first write calls `settle`. */
const UNSETTLED = 4096
const WRITES_ONLY = 16 | 32 | 128 | LACKS_REPLICAS | UNSETTLED

const LOADING = 'LOADING Redis is loading the dataset in memory'
const READ_ONLY = "READONLY You can't write against a read only replica."
const MASTER_DOWN = "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."
const SCRIPT_MASTER_DOWN =
  "MASTERDOWN Link with MASTER is down, replica-serve-stale-data is set to 'no' and 'allow-stale' flag is not set on the script."
const SCRIPT_READ_ONLY = 'READONLY Can not run script with write flag on readonly replica'
const SCRIPT_WRITES_READING = 'ERR Can not execute a script with write flag using *_ro command.'
const NO_REPLICAS = 'NOREPLICAS Not enough good replicas to write.'
const NO_SPACE = 'No space left on device'
const diskError = (why: string): Bytes => `MISCONF Errors writing to the AOF file: ${why}`
const scriptDiskError = (why: string): Bytes =>
  `MISCONF Redis is configured to persist data to AOF, but it's currently unable to persist to disk. Writable scripts are blocked. Use 'no-writes' flag for read only scripts. AOF error: ${why}`

/** Logged commands that change no key. */
const CHANGES_NOTHING = new Set<Bytes>(['MULTI', 'EXEC', 'PUBLISH', 'SPUBLISH'])

/** Commands that show what commands without keys have changed. */
const SHOWS_LIBRARIES = new Set<Bytes>(['function|list', 'function|dump'])

/** The state of replication that decides about requests. */
export interface ReplicationGate {
  readonly isReplica: boolean
  /** True for a replica that must not serve its data, which may be stale. */
  readonly isMasterDown: boolean
  /** True while min-replicas-to-write is not met. */
  readonly lacksReplicas: boolean
  /** Monotonic time up to which min-replicas-to-write is known to be met, or infinity. */
  readonly writableUntilMs: number
  /** True while FAILOVER pauses writes. */
  readonly writesPaused: boolean
  /** True while the role may still change: nothing expires before the first write, and `settle` is
   *  called before it. PUBLISH does not count as a write, since sentinels publish on every node. */
  readonly isUnsettled: boolean
  settle(): void
}

/** The changes of the group that could not be written. */
interface Unwritten {
  readonly keys: ReadonlySet<Bytes>
  /** True if it changed whole databases, or holds commands whose keys are not known. */
  readonly everything: boolean
}

export class Gates {
  loading = true
  /** True during a shutdown: no further request runs. */
  closing = false
  replication: ReplicationGate | null = null
  /** Returns the flags that the request's script declares, null if it declares none. */
  flagsOfScript: (command: Command, args: readonly Bytes[]) => ScriptFlags | null = () => null
  /** Called when a reason has gone, outside of any command. */
  opened: () => void = () => {}
  private readonly storage: Storage
  private readonly executor: Executor
  private readonly table: CommandTable
  private readonly held = new Set<Connection>()
  private activeExpire = true
  /** Monotonic; 0 while there is no pause. */
  private pausedUntilMs = 0
  private isExpiryHeld = false
  private pausedWhat: 'all' | 'write' = 'all'
  private unwritten: Unwritten | null = null
  /** Set while a script is suspended: the error text for all other clients. */
  private busy: (() => Bytes) | null = null
  /** Reasons of the last refresh, and those for which clients were held since; a bit each. */
  private reasons = 0
  /** Monotonic time to refresh the reasons at: the process may sleep between ticks. */
  private validUntilMs = Number.POSITIVE_INFINITY
  private readonly later: (run: () => void) => void
  private isRetryDue = false

  constructor(storage: Storage, executor: Executor, table: CommandTable, later: (run: () => void) => void = setImmediate) {
    this.storage = storage
    this.executor = executor
    this.table = table
    this.later = later
    executor.gate = (runtime, args, client) => this.ask(runtime, args, client)
    executor.refusal = (runtime, args, client) => this.refusal(runtime, args, client)
    executor.isOpen = (runtime, args, client) => this.isOpen(runtime, args, client)
    executor.gated = 'all'
  }

  get heldCount(): number {
    return this.held.size
  }

  /** Pauses until a monotonic time, ms. A new pause never shortens one in force, and a pause of
   *  writes never replaces a pause of everything. */
  pause(untilMs: number, what: 'all' | 'write'): void {
    this.pausedWhat = this.pausedUntilMs > 0 && this.pausedWhat === 'all' ? 'all' : what
    this.pausedUntilMs = Math.max(this.pausedUntilMs, untilMs)
    this.refresh()
  }

  unpause(): void {
    this.pausedUntilMs = 0
    this.refresh()
  }

  /** True while CLIENT PAUSE is in force, of either kind. */
  get isPaused(): boolean {
    return this.pausedUntilMs > 0
  }

  /** Sets what DEBUG SET-ACTIVE-EXPIRE asks for. */
  setActiveExpire(active: boolean): void {
    this.activeExpire = active
    this.storage.expiry.active = active && !this.isExpiryHeld
  }

  /** Takes the error text for other clients while a script is suspended; null ends it. */
  suspended(busy: (() => Bytes) | null): void {
    this.busy = busy
    this.unwritten = null // a stalled group now includes the script's writes
    this.refresh()
  }

  /** Computes the reasons again and schedules a retry of held clients. To be called after each
   *  turn, by cron with the monotonic time, and after a change of state. */
  refresh(nowMs?: number): void {
    const { storage } = this
    if (this.pausedUntilMs > 0 && nowMs !== undefined && nowMs >= this.pausedUntilMs) {
      this.unpause()
      return
    }
    if (storage.stalled === null) this.unwritten = null
    this.holdExpiry()
    const before = this.reasons
    this.reasons = this.present()
    const untilMs = this.replication?.writableUntilMs ?? Number.POSITIVE_INFINITY
    this.validUntilMs = (this.reasons & LACKS_REPLICAS) === 0 ? untilMs : Number.POSITIVE_INFINITY
    this.executor.gated = this.reasons === 0 ? 'none' : (this.reasons & ~WRITES_ONLY) === 0 ? 'writes' : 'all'
    // Retries held clients only when a reason has gone, not every turn: each retry begins a turn.
    if ((before & ~this.reasons) === 0 || this.isRetryDue) return
    this.isRetryDue = true
    this.later(() => this.retry())
  }

  /** Refreshes expired reasons. To be called before received requests run. */
  begin(nowMs: number): void {
    if (nowMs > this.validUntilMs) this.refresh()
  }

  /** Suspends expiry during a pause. If the pause begins inside a transaction, expiry stops at its
   *  end. */
  private holdExpiry(): void {
    const isPaused = this.pausedUntilMs > 0
    if (isPaused === this.isExpiryHeld || !this.storage.isReady || this.executor.units.current !== null) return
    this.isExpiryHeld = isPaused
    this.storage.holdExpiry('clients', isPaused)
    this.storage.expiry.active = this.activeExpire && !isPaused
  }

  private retry(): void {
    this.isRetryDue = false
    const clients = [...this.held]
    this.held.clear()
    for (const client of clients) client.retryGate()
    this.opened()
  }

  forget(client: Connection): void {
    this.held.delete(client)
  }

  /** Returns the reasons that apply now, one bit each. */
  private present(): number {
    const { storage } = this
    return (
      (this.loading ? 1 : 0) |
      (this.closing ? 2 : 0) |
      (this.busy !== null ? 2048 : 0) |
      (this.pausedUntilMs > 0 ? 4 : 0) |
      (storage.stalled !== null ? 8 : 0) |
      (storage.diskLow ? 16 : 0) |
      (storage.isOverloaded ? 32 : 0) |
      (this.isReopening ? 64 : 0) |
      (this.isReopening && storage.recordsFailure === null ? 4096 : 0) |
      (this.replication === null ? 0 : replicationReasons(this.replication))
    )
  }

  private get isReopening(): boolean {
    return this.storage.isReady && this.storage.checkpointer.isReopening
  }

  private ask(runtime: CommandRuntime, args: readonly Bytes[], client: Client): Bytes | 'hold' | null {
    const verdict = this.verdictOf(runtime, args, client)
    if (verdict !== null && verdict !== 'hold') return verdict
    if (this.busy !== null && !runsBesideScript(runtime.command, args)) return this.busy()
    if (verdict === null) return null
    this.noteReasons()
    this.held.add(client as Connection)
    return 'hold'
  }

  private isOpen(runtime: CommandRuntime, args: readonly Bytes[], client: Client): boolean {
    if (this.busy !== null) return false
    if (this.verdictOf(runtime, args, client) === null) return true
    this.noteReasons()
    return false
  }

  /** Returns the error that refuses a script, judged by its flags just before it runs. A script on
   *  its own has passed `ask`; in a transaction the state may have changed since. The order of
   *  checks is Redis's. */
  refusalOfScript(flags: ScriptFlags | null, how: 'reading' | 'writing'): Bytes | null {
    const { replication } = this
    if (this.isStale && flags?.allowStale !== true) return flags === null ? MASTER_DOWN : SCRIPT_MASTER_DOWN
    if (flags === null || flags.noWrites) return null
    if (replication?.isReplica === true) return SCRIPT_READ_ONLY
    const { diskFault } = this
    if (diskFault !== null) return scriptDiskError(diskFault)
    if (how === 'reading') return SCRIPT_WRITES_READING
    return replication?.lacksReplicas === true ? NO_REPLICAS : null
  }

  /** True for a replica that must not serve its data. */
  get isStale(): boolean {
    return this.replication?.isMasterDown === true
  }

  /** The operating system's reason why writes fail, or null. */
  private get diskFault(): string | null {
    return this.storage.stalled ?? (this.storage.diskLow ? NO_SPACE : null)
  }

  private refusal(runtime: CommandRuntime, args: readonly Bytes[], client: Client): Bytes | null {
    const verdict = this.verdict(runtime, args, client)
    if (verdict !== null && verdict !== 'hold') return verdict
    if (runtime.isWrite) this.replication?.settle()
    return null
  }

  /** Adds reasons that have come up since the last refresh, so that their end is noticed. */
  private noteReasons(): void {
    this.reasons |= this.present()
  }

  /** Judges a request. EXEC is refused or held if one of its queued requests is. */
  private verdictOf(runtime: CommandRuntime, args: readonly Bytes[], client: Client): Bytes | 'hold' | null {
    const verdict = this.verdict(runtime, args, client)
    if (verdict === null && runtime.isWrite && client.transaction === null) this.replication?.settle()
    if (verdict !== null || runtime.command.name !== 'exec') return verdict
    for (const queued of client.transaction?.requests ?? []) {
      const ofQueued = this.verdict(queued.runtime, queued.args, client)
      if (ofQueued !== null) return ofQueued
    }
    return null
  }

  /** Judges one request. Refusals come before reasons to hold, since a request that will be refused
   *  need not wait. Their order is Redis's. */
  private verdict(runtime: CommandRuntime, args: readonly Bytes[], client: Client): Bytes | 'hold' | null {
    const { storage } = this
    const { command } = runtime
    if (this.closing) return 'hold'
    const isScript = runsScript(command)
    const flags = isScript ? this.flagsOfScript(command, args) : null
    const isWrite = flags === null ? runtime.isWrite : !flags.noWrites
    const mayWrite = flags === null ? runtime.mayWrite : !flags.noWrites
    const refusal = isWrite ? this.refusalOfWrites() : null
    if (refusal !== null) return refusal
    if (this.isStale && !(flags?.allowStale ?? command.flags.includes('stale'))) return MASTER_DOWN
    if (this.loading && !command.flags.includes('loading')) return LOADING
    const isLikeWrite = isWrite || (isScript && mayWrite)
    if (isLikeWrite && storage.stalled !== null) return diskError(storage.stalled)
    if (this.pausedUntilMs > 0 && this.isHeldByPause(runtime, mayWrite, client)) return 'hold'
    if (this.replication?.writesPaused === true && mayWrite) return 'hold'
    if (isLikeWrite && storage.isOverloaded) return storage.recordsFailure === null ? 'hold' : diskError(storage.recordsFailure)
    if (!isLikeWrite && storage.stalled !== null && this.showsUnwritten(runtime, args, client)) return 'hold'
    if (this.isReopening && this.needsRecords(runtime, args)) {
      return storage.recordsFailure === null ? 'hold' : `MISCONF The data on disk cannot be read: ${storage.recordsFailure}`
    }
    return null
  }

  private refusalOfWrites(): Bytes | null {
    const { diskFault, replication } = this
    if (diskFault !== null) return diskError(diskFault)
    if (replication?.lacksReplicas === true) return NO_REPLICAS
    return replication?.isReplica === true ? READ_ONLY : null
  }

  /** A pause also applies to a replica's read commands. */
  private isHeldByPause({ command }: CommandRuntime, mayWrite: boolean, client: Client): boolean {
    if (mayWrite) return true
    return this.pausedWhat === 'all' && (client.peer === 'client' || command.flags.includes('readonly'))
  }

  /** True if a command may read from LevelDB: keys that are not resident, or values with pages on
   *  disk only. All databases count, since the command, or one before it in the same transaction,
   *  may select another. */
  private needsRecords({ command, isWrite }: CommandRuntime, args: readonly Bytes[]): boolean {
    if (runsScript(command)) return true
    if (!isWrite && !command.flags.includes('readonly')) return false
    const { databases } = this.storage.keyspace
    if (command.steps !== undefined) return true
    if (command.keys === undefined && !isWrite) return false // DBSIZE: the counts are in memory
    if (databases.some((db) => db.keyCount !== db.residentKeys)) return true
    if (command.keys === undefined) return false
    if (!namesItsKeys(command)) return true
    const isPartial = (key: Bytes) => databases.some((db) => mayBePartial(db.resident(key)))
    return keysOf(command, args).some((position) => isPartial(args[position] as Bytes))
  }

  /** True if a read would show changes of the unwritten group, which a crash would undo. */
  private showsUnwritten(runtime: CommandRuntime, args: readonly Bytes[], client: Client): boolean {
    const { command } = runtime
    const showsLibraries = SHOWS_LIBRARIES.has(command.name)
    if (!command.flags.includes('readonly') && !showsLibraries && !runsScript(command)) return false
    this.unwritten ??= this.collectUnwritten()
    if (showsLibraries) return this.unwritten.everything
    if (this.unwritten.everything || !namesItsKeys(command)) return true
    const { keys } = this.unwritten
    // A transaction may select another database before the read.
    const indexes = client.transaction === null ? [client.database] : this.storage.keyspace.databases.keys()
    return [...indexes].some((index) => keysOf(command, args).some((position) => keys.has(`${index}:${args[position]}`)))
  }

  private collectUnwritten(): Unwritten {
    const body = Buffer.concat(this.storage.group.close())
    const keys = new Set<Bytes>()
    let database = '0'
    let start = 0
    while (start < body.length) {
      const read = readCommand(body, start, body.length)
      if (read === null) return { keys, everything: true }
      start = read.end
      const { args } = read
      if (args[0] === 'SELECT') {
        database = args[1] as Bytes
        continue
      }
      if (CHANGES_NOTHING.has(args[0] as Bytes)) continue
      const command = this.table.find(args[0] as Bytes)
      const positions = command === undefined ? [] : keysOf(command, args)
      if (positions.length === 0) return { keys, everything: true }
      for (const position of positions) keys.add(`${database}:${args[position]}`)
    }
    return { keys, everything: false }
  }
}

function replicationReasons({ isReplica, isMasterDown, lacksReplicas, writesPaused, isUnsettled }: ReplicationGate): number {
  const ofRole = (isReplica ? 128 : 0) | (isMasterDown ? 256 : 0) | (isUnsettled ? UNSETTLED : 0)
  return ofRole | (lacksReplicas ? LACKS_REPLICAS : 0) | (writesPaused ? 1024 : 0)
}

/** True if a request runs while a script is suspended. SHUTDOWN runs only if it saves nothing,
 *  since the state is incomplete. */
function runsBesideScript({ name, flags }: Command, args: readonly Bytes[]): boolean {
  if (name === 'shutdown') return args.some((word) => isToken(word, 'nosave') || isToken(word, 'abort'))
  return flags.includes('allow_busy')
}

/** True if the request names every key that the command reads. Scripts and the patterns of SORT may
 *  read others. */
function namesItsKeys(command: Command): boolean {
  const { keys = [] } = command
  return keys.length > 0 && !keys.some(({ begin }) => 'unknown' in begin) && !runsScript(command)
}

/** True if some pages of an entry's value may be on disk only. */
function mayBePartial(entry: Entry | undefined): boolean {
  const value = entry?.value ?? null
  return value !== null && typeof value !== 'string' && hasStoredPages(value)
}

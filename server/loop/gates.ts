/**
 * What can stand between a request and its run when things are not ordinary: loading, a disk that takes no writes, a pause, too much that
 * is dirty. One word on the executor (`gated`) says whether any of it applies, and whether only to writes; where nothing does, nothing here is
 * asked.
 *
 * Held requests are tried again outside of any command: what makes a reason go may be a command itself.
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

/** Reasons that only writes have to be asked about. */
const LACKS_REPLICAS = 512
/** Refuses nothing: the first write is told of. */
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

/** Commands of the log that no key depends on. */
const CHANGES_NOTHING = new Set<Bytes>(['MULTI', 'EXEC', 'PUBLISH', 'SPUBLISH'])

/** Commands that show what commands without keys have changed. */
const SHOWS_LIBRARIES = new Set<Bytes>(['function|list', 'function|dump'])

/** What replication has to say about requests. */
export interface ReplicationGate {
  readonly isReplica: boolean
  /** A replica that must not serve what it has, since that may be old. */
  readonly isMasterDown: boolean
  /** min-replicas-to-write is not met. */
  readonly lacksReplicas: boolean
  /** Monotonic time up to which it is met as far as is known; infinite where it asks for nothing. */
  readonly writableUntilMs: number
  /** FAILOVER is under way. */
  readonly writesPaused: boolean
  /** The role may still change: nothing expires before the first write, which `settle` is called before. PUBLISH is none: sentinels publish on
   *  every node. */
  readonly isUnsettled: boolean
  settle(): void
}

/** What the group that could not be written has changed. */
interface Unwritten {
  readonly keys: ReadonlySet<Bytes>
  /** Whole databases, or commands whose keys are not known. */
  readonly everything: boolean
}

export class Gates {
  loading = true
  /** Set while the server is being shut down: nothing runs any more. */
  closing = false
  replication: ReplicationGate | null = null
  /** What a request's script says of itself, if it says anything. */
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
  /** While a script is suspended: what everybody else is told. */
  private busy: (() => Bytes) | null = null
  /** Why requests are asked about, one bit for each reason: as of the last look, and what clients were held for since. */
  private reasons = 0
  /** Monotonic time from which on that has to be looked at anew: a process may sleep between two looks. */
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

  /** Until a monotonic time, ms. A shorter pause never replaces a longer one, nor writes a whole one. */
  pause(untilMs: number, what: 'all' | 'write'): void {
    this.pausedWhat = this.pausedUntilMs > 0 && this.pausedWhat === 'all' ? 'all' : what
    this.pausedUntilMs = Math.max(this.pausedUntilMs, untilMs)
    this.refresh()
  }

  unpause(): void {
    this.pausedUntilMs = 0
    this.refresh()
  }

  /** CLIENT PAUSE, of whatever. */
  get isPaused(): boolean {
    return this.pausedUntilMs > 0
  }

  /** DEBUG SET-ACTIVE-EXPIRE */
  setActiveExpire(active: boolean): void {
    this.activeExpire = active
    this.storage.expiry.active = active && !this.isExpiryHeld
  }

  /** A script is suspended, and everybody else is told this; or it is over: null. */
  suspended(busy: (() => Bytes) | null): void {
    this.busy = busy
    this.unwritten = null // if there is any, the script's writes are part of it now
    this.refresh()
  }

  /** Looks at everything again and lets held clients try soon. To be called after each turn, now and then with the monotonic time, and when something has changed. */
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
    // Held clients try again when a reason has gone, not every turn: each try begins a turn.
    if ((before & ~this.reasons) === 0 || this.isRetryDue) return
    this.isRetryDue = true
    this.later(() => this.retry())
  }

  /** To be called with the monotonic time before requests that have come are run: what was true at the last look may not be true any more. */
  begin(nowMs: number): void {
    if (nowMs > this.validUntilMs) this.refresh()
  }

  /** In a pause nothing is deleted because its time has come. One that begins in a transaction begins at its end. */
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

  /** The reasons that there are now, one bit each. */
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

  /** What stands in the way of a script, by what it says of itself, when it is about to run: alone it has passed `ask`, in a transaction its state
   *  may be another one by then. The order is Redis's. */
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

  /** A replica that must not serve what it has. */
  get isStale(): boolean {
    return this.replication?.isMasterDown === true
  }

  /** Why nothing can be written, in the system's words. */
  private get diskFault(): string | null {
    return this.storage.stalled ?? (this.storage.diskLow ? NO_SPACE : null)
  }

  private refusal(runtime: CommandRuntime, args: readonly Bytes[], client: Client): Bytes | null {
    const verdict = this.verdict(runtime, args, client)
    if (verdict !== null && verdict !== 'hold') return verdict
    if (runtime.isWrite) this.replication?.settle()
    return null
  }

  /** What has come up since the last look, so that its going is seen. */
  private noteReasons(): void {
    this.reasons |= this.present()
  }

  /** What stands in the way of one that is queued stands in the way of EXEC. */
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

  /** Refusals come before what holds, since who is to be refused need not wait for it. Their order is Redis's. */
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

  /** What a replica says as one is heard in a pause. */
  private isHeldByPause({ command }: CommandRuntime, mayWrite: boolean, client: Client): boolean {
    if (mayWrite) return true
    return this.pausedWhat === 'all' && (client.peer === 'client' || command.flags.includes('readonly'))
  }

  /** Whether a command may have to read from LevelDB: keys that are not in memory, or values of which only a part may be. Of any database: a
   *  command may name another one, and so may one before it in the same transaction. */
  private needsRecords({ command, isWrite }: CommandRuntime, args: readonly Bytes[]): boolean {
    if (runsScript(command)) return true
    if (!isWrite && !command.flags.includes('readonly')) return false
    const { databases } = this.storage.keyspace
    if (command.steps !== undefined) return true
    if (command.keys === undefined && !isWrite) return false // DBSIZE: memory knows the counts
    if (databases.some((db) => db.keyCount !== db.residentKeys)) return true
    if (command.keys === undefined) return false
    if (!namesItsKeys(command)) return true
    const isPartial = (key: Bytes) => databases.some((db) => mayBePartial(db.resident(key)))
    return keysOf(command, args).some((position) => isPartial(args[position] as Bytes))
  }

  /** Whether a read would show what may never have happened. */
  private showsUnwritten(runtime: CommandRuntime, args: readonly Bytes[], client: Client): boolean {
    const { command } = runtime
    const showsLibraries = SHOWS_LIBRARIES.has(command.name)
    if (!command.flags.includes('readonly') && !showsLibraries && !runsScript(command)) return false
    this.unwritten ??= this.collectUnwritten()
    if (showsLibraries) return this.unwritten.everything
    if (this.unwritten.everything || !namesItsKeys(command)) return true
    const { keys } = this.unwritten
    // In a transaction another database may be selected by then.
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

/** Whether a request is run while a script is suspended: there is nothing to save that is whole. */
function runsBesideScript({ name, flags }: Command, args: readonly Bytes[]): boolean {
  if (name === 'shutdown') return args.some((word) => isToken(word, 'nosave') || isToken(word, 'abort'))
  return flags.includes('allow_busy')
}

/** Whether the keys that a command reads stand in the request, all of them: those of scripts, and of SORT's patterns, need not. */
function namesItsKeys(command: Command): boolean {
  const { keys = [] } = command
  return keys.length > 0 && !keys.some(({ begin }) => 'unknown' in begin) && !runsScript(command)
}

/** Whether pages of an entry's value may be only on disk. */
function mayBePartial(entry: Entry | undefined): boolean {
  const value = entry?.value ?? null
  return value !== null && typeof value !== 'string' && hasStoredPages(value)
}

/**
 * The reasons that hold or refuse a request, as one table. Its order is Redis's: the first reason
 * that is present and has an answer decides. A reason appears twice where its answer to writes and
 * its answer to other requests stand at different places of that order.
 *
 * To add a reason, add a row, and its condition to `presentReasons`. The gates read all conditions
 * every turn, in one function without a call by row, which takes half the time. The
 * executor's field `gated`, the verdict on a request, the retry of held clients and INFO's
 * `gate_reasons` follow from the row. A row with `refuseScript` also has a place in SCRIPT_CHECKS,
 * since Redis judges a script in another order just before it runs.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { LOADING_TEXT, READ_ONLY_TEXT } from '../../commands/contract/errors.ts'
import type { ScriptFlags } from '../../commands/scripting/flags.ts'
import type { Storage } from '../../storage/storage.ts'
import { type GatedRequest, isHeldByPause, mayNeedRecords } from './gated-request.ts'
import type { UnwrittenChanges } from './unwritten-changes.ts'

/** The state of replication that decides about requests. */
export interface ReplicationGate {
  readonly isReplica: boolean
  /** True for a replica that must not serve its data, which may be stale. */
  readonly isMasterDown: boolean
  /** True while min-replicas-to-write is not met. */
  readonly isShortOfReplicas: boolean
  /** Monotonic time up to which min-replicas-to-write is known to be met, or infinity. */
  readonly writableUntilMs: number
  /** True while FAILOVER pauses writes. */
  readonly isPausingWrites: boolean
  /**
   * True for a master that may still be demoted, soon after its start or promotion. It deletes no
   * expired key until its first write, before which the gates call `settle`. PUBLISH does not count
   * as a write, since sentinels publish on every node.
   */
  readonly isUnsettled: boolean
  settle(): void
}

/** The lease of a node in a cluster, which decides about writes. */
export interface LeaseGate {
  /** True if writes are refused. */
  readonly isFenced: boolean
  /** The error for writes; null if they are allowed. */
  readonly refusal: Bytes | null
  /** Monotonic time until which writes stay allowed. REQUIRES: not fenced. */
  readonly writableUntilMs: number
  /** Notices that the lease has ended or has come back. */
  update(): void
  /** Called at the end of each turn: returns true if the replies to its writes must not be sent. */
  takeLapse(): boolean
}

/** The state of the node that decides about requests. */
export interface GateState {
  readonly isLoading: boolean
  /** True during a shutdown: no further request runs. */
  readonly isClosing: boolean
  /** Clients that CLIENT PAUSE holds; null while there is no pause. */
  readonly paused: 'all' | 'write' | null
  /** Error text for all other clients while a script is suspended, or null. */
  readonly busy: (() => Bytes) | null
  readonly storage: Storage
  readonly replication: ReplicationGate | null
  /** Null on a node without a lease. */
  readonly lease: LeaseGate | null
  readonly unwritten: UnwrittenChanges
}

/** A script that is about to run. */
interface ScriptRun {
  /** Null if the script declares none. */
  readonly flags: ScriptFlags | null
  /** `reading` for the `_ro` commands. */
  readonly how: 'reading' | 'writing'
}

/** An error text that refuses, 'hold', or null to pass on to the next reason. */
export type Verdict = Bytes | 'hold' | null

interface GateReason {
  /** As INFO shows it. */
  readonly name: string
  /** Requests that must be judged while the reason is present. */
  readonly concerns: 'writes' | 'all'
  /** The reason is present while this condition holds. */
  readonly condition: GateConditions
  readonly answer: (request: GatedRequest, state: GateState) => Verdict
  /** Returns the error that refuses a script, or null. REQUIRES: the condition holds. */
  readonly refuseScript?: (script: ScriptRun, state: GateState) => Bytes | null
}

const NO_REPLICAS = 'NOREPLICAS Not enough good replicas to write.'
const NO_SPACE = 'No space left on device'
const MASTER_DOWN = "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."
const SCRIPT_MASTER_DOWN =
  "MASTERDOWN Link with MASTER is down, replica-serve-stale-data is set to 'no' and 'allow-stale' flag is not set on the script."
const SCRIPT_READ_ONLY = 'READONLY Can not run script with write flag on readonly replica'
const SCRIPT_WRITES_READING = 'ERR Can not execute a script with write flag using *_ro command.'
const diskError = (why: string): Bytes => `MISCONF Errors writing to the AOF file: ${why}`
const scriptDiskError = (why: string): Bytes =>
  `MISCONF Redis is configured to persist data to AOF, but it's currently unable to persist to disk. Writable scripts are blocked. Use 'no-writes' flag for read only scripts. AOF error: ${why}`

const hold = (): Verdict => 'hold'
const pass = (): Verdict => null

/** A set of conditions, one bit each. */
export type GateConditions = number

const IS_CLOSING = 1
const IS_STALLED = 2
const IS_DISK_LOW = 4
const LACKS_REPLICAS = 8
const IS_REPLICA = 16
const IS_MASTER_DOWN = 32
const IS_LOADING = 64
const IS_PAUSED = 128
const IS_FAILING_OVER = 256
const IS_OVERLOADED = 512
const IS_REOPENING = 1024
const IS_UNREADABLE = 2048
const IS_BUSY = 4096
const IS_UNSETTLED = 8192
const IS_FENCED = 16_384
/** A condition that always holds; only checks of scripts have it. */
const ALWAYS = 32_768

/** Returns the conditions that hold. */
export function presentReasons(state: GateState): GateConditions {
  const { storage, replication, lease } = state
  let present = 0
  if (lease?.isFenced === true) present |= IS_FENCED
  if (state.isClosing) present |= IS_CLOSING
  if (state.isLoading) present |= IS_LOADING
  if (state.paused !== null) present |= IS_PAUSED
  if (state.busy !== null) present |= IS_BUSY
  if (storage.stalled !== null) present |= IS_STALLED
  if (storage.isDiskLow) present |= IS_DISK_LOW
  if (storage.isOverloaded) present |= IS_OVERLOADED
  // LevelDB is being reopened. Requests wait for the first attempt only.
  if (storage.isReady && storage.checkpointer.isReopening) present |= storage.recordsFailure === null ? IS_REOPENING : IS_UNREADABLE
  if (replication === null) return present
  if (replication.isShortOfReplicas) present |= LACKS_REPLICAS
  if (replication.isReplica) present |= IS_REPLICA
  if (replication.isMasterDown) present |= IS_MASTER_DOWN
  if (replication.isPausingWrites) present |= IS_FAILING_OVER
  if (replication.isUnsettled) present |= IS_UNSETTLED
  return present
}

/** The operating system's reason why the group cannot be appended. REQUIRES: IS_STALLED. */
const stallOf = ({ storage }: GateState) => must(storage.stalled)

const CLOSING: GateReason = { name: 'shutdown', concerns: 'all', condition: IS_CLOSING, answer: hold }

const STALLED: GateReason = {
  name: 'log-stalled',
  concerns: 'writes',
  condition: IS_STALLED,
  answer: ({ isWrite }, state) => (isWrite ? diskError(stallOf(state)) : null),
  refuseScript: (_, state) => scriptDiskError(stallOf(state)),
}

const DISK_FULL: GateReason = {
  name: 'disk-full',
  concerns: 'writes',
  condition: IS_DISK_LOW,
  answer: ({ isWrite }) => (isWrite ? diskError(NO_SPACE) : null),
  refuseScript: () => scriptDiskError(NO_SPACE),
}

const FEW_REPLICAS: GateReason = {
  name: 'few-replicas',
  concerns: 'writes',
  condition: LACKS_REPLICAS,
  answer: ({ isWrite }) => (isWrite ? NO_REPLICAS : null),
  refuseScript: () => NO_REPLICAS,
}

const READ_ONLY: GateReason = {
  name: 'read-only',
  concerns: 'writes',
  condition: IS_REPLICA,
  answer: ({ isWrite }) => (isWrite ? READ_ONLY_TEXT : null),
  refuseScript: () => SCRIPT_READ_ONLY,
}

/** Comes after READ_ONLY: clients of a replica are told that it is one. */
const FENCED: GateReason = {
  name: 'no-lease',
  concerns: 'writes',
  condition: IS_FENCED,
  answer: ({ isWrite }, { lease }) => (isWrite ? (lease?.refusal ?? null) : null),
  refuseScript: (_, { lease }) => lease?.refusal ?? null,
}

const MASTER_IS_DOWN: GateReason = {
  name: 'master-down',
  concerns: 'all',
  condition: IS_MASTER_DOWN,
  answer: ({ flags, command }) => ((flags?.mayRunStale ?? command.flags.includes('stale')) ? null : MASTER_DOWN),
  refuseScript: ({ flags }) => (flags === null ? MASTER_DOWN : flags.mayRunStale ? null : SCRIPT_MASTER_DOWN),
}

const LOADING: GateReason = {
  name: 'loading',
  concerns: 'all',
  condition: IS_LOADING,
  answer: ({ command }) => (command.flags.includes('loading') ? null : LOADING_TEXT),
}

/** Refuses scripts without flags that may write. STALLED has answered all other writes. */
const STALLED_FOR_SCRIPTS: GateReason = {
  name: 'log-stalled',
  concerns: 'writes',
  condition: IS_STALLED,
  answer: ({ isLikeWrite }, state) => (isLikeWrite ? diskError(stallOf(state)) : null),
}

const PAUSED: GateReason = {
  name: 'paused',
  concerns: 'all',
  condition: IS_PAUSED,
  answer: (request, { paused }) => (isHeldByPause(request, paused) ? 'hold' : null),
}

const FAILOVER: GateReason = {
  name: 'failover',
  concerns: 'all',
  condition: IS_FAILING_OVER,
  answer: ({ mayWrite }) => (mayWrite ? 'hold' : null),
}

const OVERLOADED: GateReason = {
  name: 'overloaded',
  concerns: 'writes',
  condition: IS_OVERLOADED,
  answer: ({ isLikeWrite }, { storage: { recordsFailure } }) => {
    if (!isLikeWrite) return null
    return recordsFailure === null ? 'hold' : diskError(recordsFailure)
  },
}

/** Holds reads that would show changes of the unwritten group, which a crash would undo. */
const STALLED_FOR_READS: GateReason = {
  name: 'log-stalled',
  concerns: 'all',
  condition: IS_STALLED,
  answer: (request, { unwritten }) => (!request.isLikeWrite && unwritten.isShownBy(request) ? 'hold' : null),
}

/** LevelDB is being reopened, and the first attempt may still succeed. */
const REOPENING: GateReason = {
  name: 'reopening',
  concerns: 'all',
  condition: IS_REOPENING,
  answer: (request, { storage }) => (mayNeedRecords(request, storage) ? 'hold' : null),
}

/** LevelDB cannot be reopened. Clients that REOPENING held are retried now, and refused. */
const UNREADABLE: GateReason = {
  name: 'unreadable',
  concerns: 'all',
  condition: IS_UNREADABLE,
  answer: (request, { storage }) =>
    mayNeedRecords(request, storage) ? `MISCONF The data on disk cannot be read: ${storage.recordsFailure}` : null,
}

/**
 * Makes the executor ask while a script is suspended. `Gates.ask` itself answers BUSY: every
 * refusal comes before it, those of queued requests included, and every hold after it.
 */
const BUSY_SCRIPT: GateReason = { name: 'busy-script', concerns: 'all', condition: IS_BUSY, answer: pass }

/** Refuses nothing: `Gates` settles the role before the first write. */
const UNSETTLED: GateReason = {
  name: 'unsettled',
  concerns: 'writes',
  condition: IS_UNSETTLED,
  answer: pass,
}

/** All reasons, in the order in which they answer. */
const REASONS: readonly GateReason[] = [
  CLOSING,
  STALLED,
  DISK_FULL,
  FEW_REPLICAS,
  READ_ONLY,
  FENCED,
  MASTER_IS_DOWN,
  LOADING,
  STALLED_FOR_SCRIPTS,
  PAUSED,
  FAILOVER,
  OVERLOADED,
  STALLED_FOR_READS,
  REOPENING,
  UNREADABLE,
  BUSY_SCRIPT,
  UNSETTLED,
]

/** The part of a reason that concerns a script which is about to run. */
type ScriptCheck = Pick<GateReason, 'concerns' | 'condition' | 'refuseScript'>

/**
 * Refuses a script that is flagged as a writer in EVAL_RO and its like. This check depends on the
 * command alone, so it is no row of REASONS.
 */
const READING_COMMAND: ScriptCheck = {
  concerns: 'writes',
  condition: ALWAYS,
  refuseScript: ({ how }) => (how === 'reading' ? SCRIPT_WRITES_READING : null),
}

/**
 * The reasons that refuse scripts, in Redis's order. Reasons that concern writes do not refuse
 * scripts without flags.
 */
const SCRIPT_CHECKS: readonly ScriptCheck[] = [MASTER_IS_DOWN, READ_ONLY, FENCED, STALLED, DISK_FULL, READING_COMMAND, FEW_REPLICAS]

/** The conditions of the reasons that concern all requests. */
const CONCERN_ALL = REASONS.reduce((bits, { concerns, condition }) => (concerns === 'all' ? bits | condition : bits), 0)

/** Returns the requests that must be judged while the reasons are present. */
export function gatedBy(present: GateConditions): 'none' | 'writes' | 'all' {
  return present === 0 ? 'none' : (present & CONCERN_ALL) === 0 ? 'writes' : 'all'
}

export const includesFewReplicas = (present: GateConditions) => (present & LACKS_REPLICAS) !== 0

/** Returns the names of reasons, each once, in the table's order. */
export function namesOf(present: GateConditions): string[] {
  return [...new Set(REASONS.filter(({ condition }) => (present & condition) !== 0).map(({ name }) => name))]
}

/** Judges one request by the reasons that are present now. */
export function verdictOn(request: GatedRequest, state: GateState): Verdict {
  const present = presentReasons(state)
  for (const reason of REASONS) {
    const verdict = (present & reason.condition) !== 0 ? reason.answer(request, state) : null
    if (verdict !== null) return verdict
  }
  return null
}

/**
 * Returns the error that refuses a script, judged by its flags just before it runs, or null. A
 * script on its own has passed `verdictOn`; in a transaction the state may have changed since.
 */
export function refusalOfScript(script: ScriptRun, state: GateState): Bytes | null {
  const { flags } = script
  const isWriter = flags !== null && !flags.mustNotWrite
  const present = presentReasons(state) | ALWAYS
  for (const check of SCRIPT_CHECKS) {
    if (check.concerns === 'writes' && !isWriter) continue
    const refusal = (present & check.condition) !== 0 ? check.refuseScript?.(script, state) : null
    if (refusal !== null && refusal !== undefined) return refusal
  }
  return null
}

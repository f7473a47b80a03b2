/**
 * Runs scripts and functions: one at a time, each as one unit, and in slices if it is slow.
 *
 *   run -> reply                            or, after busy-reply-threshold,
 *   run -> SUSPENDED, slice, slice ...      and then `continueUnit` with the reply
 *
 * While a script is suspended its unit is open. Other clients get BUSY, and the binlog holds none
 * of the script's effects.
 *
 * The clock stands still for a script from its start to its end.
 */

import { must, rethrowAssertion } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { errorText } from '../../base/error-text.ts'
import { slotOf } from '../../base/hash-slots.ts'
import type { FunctionReference, LuaMachine, RunState } from '../../lua/machine.ts'
import type { LuaStack } from '../../lua/stack.ts'
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import { scriptRefusal, slotOfRequest } from '../cluster/routing.ts'
import type { Context } from '../contract/context.ts'
import { clientError } from '../contract/errors.ts'
import type { ServerPort } from '../contract/ports.ts'
import { ErrorReply, type Reply, SUSPENDED } from '../contract/reply.ts'
import { Request } from '../contract/request.ts'
import { hasRightArity } from '../contract/runtimes.ts'
import type { Executor } from '../execution/executor.ts'
import type { ScriptFlags } from './flags.ts'
import type { ScriptHost, ScriptLogLevel } from './redis-table.ts'
import { REPLY_TOO_LARGE, ReplyTooLarge, ScriptResult } from './result.ts'
import { ScriptClient } from './script-client.ts'

export type ScriptKind = 'script' | 'function'

/** A script or a function to run, with its request. */
export interface ScriptCall {
  readonly machine: LuaMachine
  readonly reference: FunctionReference
  readonly kind: ScriptKind
  /** The name in error texts: the script's digest, or the function's name. */
  readonly name: Bytes
  /** Null for a script that declares no flags. */
  readonly flags: ScriptFlags | null
  /** True for the commands EVAL_RO, EVALSHA_RO and FCALL_RO. */
  readonly isReadOnly: boolean
  /** The words of the request: they hold the keys and arguments, and FUNCTION STATS shows them. */
  readonly request: readonly Bytes[]
  /** The number of words from position 3 on that are keys. */
  readonly keyCount: number
  /** Pushes the function's arguments and returns their number. */
  readonly pushArguments: (call: ScriptCall) => number
}

/** The runner's dependencies. */
export interface RunnerOptions {
  readonly keyspace: Keyspace
  readonly executor: () => Executor
  readonly monotonicMs: () => number
  /** Runs a function in a later turn. */
  readonly later: (run: () => void) => void
  readonly log: (level: ScriptLogLevel, message: Bytes) => void
  /**
   * Returns why a script with these flags must not start now; null if it may start. `flags` is null
   * if the script declares none.
   */
  readonly refusalOf: (flags: ScriptFlags | null, how: 'reading' | 'writing') => Bytes | null
  /** True on a replica that must not serve its data. */
  readonly isStale: () => boolean
}

const NO_WRITES = 'ERR Write commands are not allowed from read-only scripts.'
const NO_CLUSTER_SCRIPT = "ERR Can not run script on cluster, 'no-cluster' flag is set."
const CROSS_SLOT = 'ERR Script attempted to access keys that do not hash to the same slot'
/** The position of the first key in a request that runs a script. */
const FIRST_KEY = 3
const STALE = 'ERR Can not execute the command on a stale replica'
/** Functions get this text too, as in Redis. */
const KILLED = 'Script killed by user with SCRIPT KILL...'

/** Runs one script or function at a time, in slices if it is slow. */
export class ScriptRunner implements ScriptHost {
  /** busy-reply-threshold, ms. With 0 or less, nothing is ever suspended. */
  thresholdMs = 5000
  /** The running or suspended script. */
  running: ScriptCall | null = null
  /** Start of the script: monotonic, ms. */
  private startedMs = 0
  /** The script's clock, which stands still while it runs. */
  private clockMs = 0
  private changesBefore = 0
  private mayWrite = true
  /**
   * The gates have let the script write. They are not asked again, so that it is not cut off
   * half-way.
   */
  private hasBegunWriting = false
  /** The slot of the keys so far, on a node of a cluster; null before the first key. */
  private slot: number | null = null
  private readonly client = new ScriptClient()
  private server: ServerPort | null = null
  /** Scripts may call commands with the flag `noscript` (DEBUG SET-DISABLE-DENY-SCRIPTS). */
  mayRunNoscript = false
  private isKilled = false
  /** The conversion of the return value, if that was suspended; null while the script runs. */
  private result: ScriptResult | null = null
  /** The script returned the error of a command, which has been counted. */
  private isResultCounted = false
  private readonly options: RunnerOptions

  constructor(options: RunnerOptions) {
    this.options = options
  }

  /** Runs a script for the context's session. Returns SUSPENDED if it continues in later turns. */
  run(context: Context, call: ScriptCall): Reply {
    if (call.flags?.isForNoCluster === true && context.server.cluster.node !== null) throw clientError(NO_CLUSTER_SCRIPT)
    const refusal = this.options.refusalOf(call.flags, call.isReadOnly ? 'reading' : 'writing')
    if (refusal !== null) throw clientError(refusal)
    const { keyspace } = this.options
    this.running = call
    this.server = context.server
    this.client.become(context.session)
    this.mayWrite = !call.isReadOnly && call.flags?.mustNotWrite !== true
    this.hasBegunWriting = false
    this.slot = null
    if (call.keyCount > 0 && context.server.cluster.node !== null) this.slot = slotOf(must(call.request[FIRST_KEY]))
    this.clockMs = keyspace.nowMs
    this.startedMs = this.options.executor().clock.startMs
    this.changesBefore = keyspace.changes
    this.isKilled = false
    return context.units.runTogether(this.beginUnit)
  }

  private readonly beginUnit = (): Reply => {
    const { machine } = must(this.running)
    machine.firstSliceMs = this.thresholdMs > 0 ? this.thresholdMs : Number.POSITIVE_INFINITY
    return this.runSlice(this.startFunction)
  }

  private readonly startFunction = (): RunState => {
    const call = must(this.running)
    return call.machine.start(call.reference, this.pushArguments)
  }

  private readonly pushArguments = (): number => {
    const call = must(this.running)
    return call.pushArguments(call)
  }

  private readonly continueOrStop = (): RunState => {
    const { machine } = must(this.running)
    return this.isKilled ? machine.stop(KILLED) : machine.resume()
  }

  /** The protocol of the replies that the script gets, as set by redis.setresp. */
  get resp(): 2 | 3 {
    return this.client.resp
  }

  set resp(version: 2 | 3) {
    this.client.resp = version
  }

  call(args: Bytes[]): Reply {
    const { client, mayWrite } = this
    const server = must(this.server)
    const executor = this.options.executor()
    const runtime = executor.runtimes.resolve(args)
    if (runtime === undefined || (runtime.command.subcommands !== undefined && args.length > 1)) {
      return this.countedError('ERR Unknown Redis command called from script')
    }
    if (!hasRightArity(runtime, args.length)) return this.countedError('ERR Wrong number of args calling Redis command from script')
    if (runtime.isForbiddenInScripts && !this.mayRunNoscript) return this.countedError('ERR This Redis command is not allowed from script')
    if (executor.gating.gated !== 'none' && !runtime.command.flags.includes('stale') && this.options.isStale())
      return this.countedError(STALE)
    if (!client.user.isUnrestricted) {
      const denial = server.acl.refusal(must(client.caller), runtime.command, args, 'lua', this.options.keyspace.nowMs)
      if (denial !== null) return this.countedError(`ERR ACL failure in script: ${denial.text}`)
    }
    if (!mayWrite && runtime.mayWrite) return this.countedError(NO_WRITES)
    const request = new Request(client, args, runtime)
    if (runtime.isWrite && !this.hasBegunWriting) {
      const refusal = executor.gating.refusal(request)
      if (refusal !== null) return this.countedError(refusal)
      this.hasBegunWriting = true
    }
    if (server.cluster.mustJudge) {
      const refusal = this.clusterRefusal(server, request)
      if (refusal !== null) return this.countedError(refusal)
    }
    const reply = executor.runPart(request)
    this.running?.machine.noteTime(executor.clock.partStartMs)
    return reply
  }

  /** Returns why this node does not run a command of the script for its slot; null if it does. */
  private clusterRefusal({ cluster }: ServerPort, request: Request): Bytes | null {
    const refusal = scriptRefusal(cluster, this.options.keyspace, must(this.client.caller), request)
    const { flags } = must(this.running)
    if (refusal !== null || cluster.node === null || flags === null || flags.mayCrossSlots) return refusal
    const slot = slotOfRequest(request)
    if (slot === null) return null
    this.slot ??= slot
    return this.slot === slot ? null : CROSS_SLOT
  }

  log(level: ScriptLogLevel, message: Bytes): void {
    this.options.log(level, message)
  }

  mayRun(args: readonly Bytes[]): boolean | null {
    const { client } = this
    const runtime = this.options.executor().runtimes.resolve(args)
    if (runtime === undefined || (runtime.command.subcommands !== undefined && args.length > 1)) return null
    return client.user.denialOf(runtime.command, args) === null
  }

  /** SCRIPT KILL, FUNCTION KILL. Throws Redis's errors. */
  kill(kind: ScriptKind): void {
    const { running } = this
    if (running === null) throw clientError('NOTBUSY No scripts in execution right now.')
    if (this.options.keyspace.changes !== this.changesBefore) {
      throw clientError(
        'UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.',
      )
    }
    if (running.kind !== kind) throw clientError(this.busyText)
    this.isKilled = true
  }

  /** The run time of the current script, whole ms. */
  get runningMs(): number {
    return this.running === null ? 0 : Math.floor(this.options.monotonicMs() - this.startedMs)
  }

  /** The error for other clients while a script is suspended. */
  get busyText(): Bytes {
    return `BUSY Redis is busy running a script. You can only call ${this.running?.kind === 'function' ? 'FUNCTION' : 'SCRIPT'} KILL or SHUTDOWN NOSAVE.`
  }

  /** Schedules the next slice in a turn of its own. */
  private scheduleSlice(): void {
    this.options.later(() => this.runNextSlice())
  }

  private runNextSlice(): void {
    if (this.running === null) return
    const { keyspace } = this.options
    const { nowMs } = keyspace
    keyspace.setClock(this.clockMs)
    const reply = this.result === null ? this.runSlice(this.continueOrStop) : this.continueConversion(this.result)
    keyspace.setClock(nowMs)
    if (reply !== SUSPENDED) this.options.executor().continueUnit(reply)
  }

  /** Runs a slice and handles its result. */
  private runSlice(run: () => RunState): Reply {
    const running = must(this.running)
    try {
      const state = run()
      if (state === 'suspended') return this.suspend()
      return state === 'done' ? this.convert(this.beginResult(running)) : this.endRun(state, this.failure(running))
    } catch (error) {
      rethrowAssertion(error)
      return this.abandonMachine(error)
    }
  }

  /** Leaves the unit suspended until the next slice. */
  private suspend(): Reply {
    this.scheduleSlice()
    return SUSPENDED
  }

  /** Ends the run; `state` tells the machine whether the function failed. */
  private endRun(state: RunState, reply: Reply): Reply {
    this.running?.machine.finish(state)
    this.running = null
    this.result = null
    return reply
  }

  /** Marks the machine as broken and returns the error for the client. */
  private abandonMachine(error: unknown): Reply {
    const { machine } = must(this.running)
    machine.isBroken = true
    this.running = null
    this.result = null
    return this.countedError(`ERR the script has broken its Lua machine: ${errorText(error)}`)
  }

  private beginResult({ machine: { stack } }: ScriptCall): ScriptResult {
    if (stack.top === 0) stack.push(null)
    stack.top = 1
    this.isResultCounted = stack.isTable(1) && isCountedError(stack)
    return new ScriptResult(stack, this.resp)
  }

  /** Converts the return value, until it is complete or the slice is over. */
  private convert(result: ScriptResult): Reply {
    const { machine } = must(this.running)
    try {
      while (!result.convertMore()) {
        if (!machine.isSliceOver) continue
        this.result = result
        return this.suspend()
      }
    } catch (error) {
      if (error instanceof ReplyTooLarge) return this.endRun('done', this.countedError(REPLY_TOO_LARGE))
      throw error
    }
    const { reply } = result
    if (reply instanceof ErrorReply && !this.isResultCounted) this.count(reply.text)
    return this.endRun('done', reply)
  }

  private continueConversion(result: ScriptResult): Reply {
    const { machine, name } = must(this.running)
    if (this.isKilled) return this.endRun('done', this.countedError(`ERR ${KILLED} script: ${name}`))
    machine.beginSlice()
    try {
      return this.convert(result)
    } catch (error) {
      rethrowAssertion(error)
      return this.abandonMachine(error)
    }
  }

  /** Returns the error on top of the stack as a reply. */
  private failure({ machine, name }: ScriptCall): ErrorReply {
    const { stack } = machine
    let text: Bytes | null
    let isCounted = false
    if (stack.isTable(-1)) {
      stack.rawGetField(-1, 'err')
      text = stack.string(-1) // a number becomes text, as Lua prints it
      stack.pop()
      isCounted = isCountedError(stack)
    } else text = `ERR ${textOf(stack)}`
    const place = machine.errorPlace()
    const where = place === null ? '' : `, on ${place.source}:${place.line}.`
    const whole = `${text ?? 'ERR unknown error'} script: ${name}${where}`
    return isCounted ? new ErrorReply(whole) : this.countedError(whole)
  }

  /** Counts an error and returns it as a reply. */
  private countedError(text: Bytes): ErrorReply {
    this.count(text)
    return new ErrorReply(text)
  }

  private readonly count = (text: Bytes): void => this.server?.statistics.error(text)
}

/** Returns a value as Lua's tostring prints it. REQUIRES: it is not a table. */
function textOf(stack: LuaStack): Bytes {
  const type = stack.typeOf(-1)
  return type === 'boolean' ? String(stack.boolean(-1)) : (stack.string(-1) ?? type)
}

/** True if the table on top of the stack is an error that has been counted. */
function isCountedError(stack: LuaStack): boolean {
  stack.rawGetField(-1, 'ignore_error_stats_update')
  const isCounted = stack.boolean(-1)
  stack.pop()
  return isCounted
}

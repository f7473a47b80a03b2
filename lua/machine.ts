/**
 * A Lua machine for scripts. It keeps compiled functions and runs one at a time, in slices and in a
 * sandbox (sandbox.ts).
 *
 *   start -> 'done' | 'failed' | 'suspended' -> resume -> ...
 *
 * Functions run in a Lua thread of their own, which is reused until one fails. While a function
 * runs, `stack` is on that thread. A hook looks at the clock every 1000 instructions and after much
 * work in C (hook.ts). When a slice is over, the hook suspends the function by a yield.
 *
 * Lua cannot yield in a metamethod, in an iterator, or in a function that gsub calls. A function
 * continues there, and fails once it has overrun its slice by `firstSliceMs`.
 *
 * A machine with `isBroken` must be thrown away (see module.ts).
 */
import { rethrowAssertion } from '../base/assert.ts'
import type { Bytes } from '../base/bytes.ts'
import { LUA_OK, LUA_REGISTRY, LUA_YIELDED } from './api.ts'
import { type ErrorPlace, ErrorPlaces } from './error-places.ts'
import { Garbage } from './garbage.ts'
import { Hook } from './hook.ts'
import { replaceIntegers } from './integers.ts'
import { LuaModule } from './module.ts'
import { replaceRandom } from './random48.ts'
import { MAX_NESTED_CALLS, pushAnswer, Sandbox } from './sandbox.ts'
import { loadSource } from './source-text.ts'
import { LuaStack } from './stack.ts'
import { replaceSearch } from './string-search.ts'

export interface MachineOptions {
  /** Limit of Lua's memory. */
  readonly limitBytes: number
  /** A monotonic clock. */
  readonly monotonicMs: () => number
  /** Libraries in addition to Lua's own. Each pushes its table, which becomes read-only. */
  readonly libraries: readonly (readonly [name: Bytes, open: (stack: LuaStack) => void])[]
}

export type RunState = 'done' | 'failed' | 'suspended'

/** A function kept in the machine. */
export type FunctionReference = number

/** Offsets in lua_State: the nesting of C calls now, and when the thread was resumed. */
const C_CALLS_AT = 52
const BASE_C_CALLS_AT = 54
const TOO_LONG = 'the script has run for too long inside a metamethod, a comparator or a function called by gsub'

/** A sandboxed Lua machine that runs one function at a time, in slices. */
export class LuaMachine {
  readonly stack: LuaStack
  readonly sandbox: Sandbox
  /** The main thread. */
  readonly main: number
  /** The length of a function's first slice; `sliceMs` is the length of each later one. */
  firstSliceMs = Number.POSITIVE_INFINITY
  sliceMs = 10
  /** True once the machine can no longer run anything. */
  isBroken = false
  private readonly module: LuaModule
  private readonly options: MachineOptions
  private readonly hook: Hook
  private readonly places: ErrorPlaces
  private thread = 0
  private threadReference = 0
  private sliceEndMs = 0
  private stopReason: Bytes | null = null
  private readonly garbage: Garbage
  /** True while a yield of the hook is on its way to the host. */
  private isYielding = false

  constructor(options: MachineOptions) {
    this.options = options
    this.module = new LuaModule(options.limitBytes, options.monotonicMs)
    const { api } = this.module
    this.main = api.luaL_newstate()
    this.stack = new LuaStack(this.module, this.main)
    this.hook = new Hook(this.module, this.main, (state) => this.checkTime(state))
    this.places = new ErrorPlaces(this.module)
    for (const open of [api.luaopen_base, api.luaopen_table, api.luaopen_string, api.luaopen_math, api.luaopen_os]) {
      this.stack.pushFunction(this.module.addFunction('ii', open))
      api.lua_call(this.main, 0, 0)
    }
    replaceRandom(this.stack)
    replaceSearch(this.stack)
    replaceIntegers(this.stack, options.monotonicMs)
    this.sandbox = new Sandbox(this.stack, {
      pushResumer: (stack) => this.hook.pushResumer(stack),
      isSuspended: (state) => this.isSuspended(state),
      mayYield: (state) => this.mayYield(state),
      cancelYield: (state) => this.cancelYield(state),
    })
    for (const [name, open] of options.libraries) {
      const { top } = this.stack
      open(this.stack)
      if (this.stack.top !== top + 1) throw new Error(`the library ${name} did not push exactly one value`)
      this.sandbox.setShared(name)
    }
    this.garbage = new Garbage(api, this.main, options.limitBytes)
    this.thread = this.newThread()
    this.checkLayout()
  }

  /** Bytes of Lua's memory in use. */
  get usedBytes(): number {
    return this.isBroken ? 0 : this.garbage.usedBytes
  }

  /** Keeps a string in the machine for `pushKept`, which is cheaper than pushing the string. */
  keepText(text: Bytes): number {
    this.stack.pushString(text)
    return this.stack.api.luaL_ref(this.stack.state, LUA_REGISTRY)
  }

  pushKept(reference: number): void {
    this.stack.rawGetAt(LUA_REGISTRY, reference)
  }

  /**
   * Compiles source text. The chunk name is in Lua's form (`@name`). Returns a reference, or the
   * error's text.
   */
  compile(text: Bytes, chunkName: Bytes): FunctionReference | Bytes {
    const { stack } = this
    stack.on(this.main)
    if (loadSource(stack, text, chunkName) === LUA_OK) return stack.api.luaL_ref(this.main, LUA_REGISTRY)
    const message = stack.string(-1) ?? ''
    stack.top = 0
    return message
  }

  /** Forgets a compiled function. */
  release(reference: FunctionReference): void {
    if (!this.isBroken) this.module.api.luaL_unref(this.main, LUA_REGISTRY, reference)
  }

  /** Runs a function with the arguments that `pushArguments` pushes. It returns their number. */
  start(reference: FunctionReference, pushArguments: (stack: LuaStack) => number = () => 0): RunState {
    const { stack, options } = this
    this.sliceEndMs = options.monotonicMs() + this.firstSliceMs
    this.stopReason = null
    this.isYielding = false
    this.garbage.beginCycle()
    try {
      stack.on(this.thread)
      stack.rawGetAt(LUA_REGISTRY, reference)
      return this.stateAfter(this.hook.resume(this.thread, pushArguments(stack)))
    } catch (thrown) {
      this.isBroken = true
      throw thrown
    }
  }

  /** Resumes the suspended function. */
  resume(): RunState {
    const { stack, options } = this
    this.sliceEndMs = options.monotonicMs() + this.sliceMs
    this.isYielding = false
    try {
      stack.on(this.thread)
      return this.stateAfter(this.hook.resume(this.thread, 0))
    } catch (thrown) {
      this.isBroken = true
      throw thrown
    }
  }

  /**
   * Has the hook called soon if the slice is over at `monotonicMs`, which the host has just read.
   */
  noteTime(monotonicMs: number): void {
    if (monotonicMs >= this.sliceEndMs) this.hook.callSoon()
  }

  /** True once the slice that `start`, `resume` or `beginSlice` began is over. */
  get isSliceOver(): boolean {
    return this.options.monotonicMs() >= this.sliceEndMs
  }

  /** Begins a slice for work of the host on the stack of a finished function. */
  beginSlice(): void {
    this.sliceEndMs = this.options.monotonicMs() + this.sliceMs
    this.stack.on(this.thread)
  }

  /** Makes the suspended function fail with an error that none of its pcalls can catch. */
  stop(reason: Bytes): RunState {
    this.stopReason = reason
    return this.resume()
  }

  /**
   * Returns the place where the function failed, or null if it is unknown. REQUIRES: the state is
   * 'failed' and the error is on top of the stack.
   */
  errorPlace(): ErrorPlace | null {
    return this.places.find(this.thread, MAX_NESTED_CALLS)
  }

  /** Ends a run. Call it when the results or the error have been taken from the stack. */
  finish(state: RunState): void {
    const { api } = this.module
    try {
      api.lua_settop(this.thread, 0)
      this.garbage.collectIfCrowded('over')
      if (state !== 'done') this.renew()
    } catch (error) {
      rethrowAssertion(error)
      this.isBroken = true // no memory left, not even for a new thread
    }
  }

  private renew(): void {
    const { api } = this.module
    api.luaL_unref(this.main, LUA_REGISTRY, this.threadReference)
    this.thread = this.newThread()
    this.stack.on(this.main)
    this.sandbox.reset()
  }

  private stateAfter(status: number): RunState {
    this.stack.on(this.thread)
    if (status === LUA_YIELDED) {
      if (this.isYielding) return 'suspended'
      this.stack.push('attempt to yield across metamethod/C-call boundary')
      return 'failed'
    }
    if (this.stopReason !== null) {
      this.stack.push(this.stopReason)
      return 'failed'
    }
    return status === LUA_OK ? 'done' : 'failed'
  }

  /** The hook's function: suspends the function if its slice is over, or makes it fail. */
  private checkTime(state: number): void {
    if (this.stopReason !== null) this.raiseOn(state, this.stopReason)
    this.garbage.collectIfCrowded('running')
    const monotonicMs = this.options.monotonicMs()
    // While the prelude passes a yield on, its own code must not be suspended.
    if (monotonicMs < this.sliceEndMs || this.isYielding) return
    if (this.mayYield(state)) {
      this.isYielding = true
      this.module.api.lua_yield(state, 0)
    } else this.failIfOverdue(state, monotonicMs)
  }

  /** Makes a function fail if it has overrun its slice by `firstSliceMs`. */
  private failIfOverdue(state: number, monotonicMs: number): void {
    if (monotonicMs - this.sliceEndMs < this.firstSliceMs) return
    this.stopReason = TOO_LONG // otherwise the script could catch the error and continue forever
    this.raiseOn(state, TOO_LONG)
  }

  private raiseOn(state: number, message: Bytes): never {
    this.stack.on(state).pushString(message)
    this.stack.on(this.thread)
    this.module.api.lua_error(state)
    throw new Error('lua_error has returned')
  }

  private mayYield(state: number): boolean {
    const { bytes } = this.module
    return bytes.readUInt16LE(state + C_CALLS_AT) === bytes.readUInt16LE(state + BASE_C_CALLS_AT)
  }

  private newThread(): number {
    const { api } = this.module
    const thread = api.lua_newthread(this.main)
    this.threadReference = api.luaL_ref(this.main, LUA_REGISTRY)
    return thread
  }

  /**
   * True while a yield of the hook is on its way to the host. If the script is being stopped,
   * raises the error again, so that no protected call catches it. The prelude asks after each one.
   */
  private isSuspended(state: number): boolean {
    if (this.stopReason !== null) this.raiseOn(state, this.stopReason)
    return this.isYielding
  }

  /** Gives up a yield that a function of C keeps from the host. */
  private cancelYield(state: number): void {
    this.isYielding = false
    this.failIfOverdue(state, this.options.monotonicMs())
  }

  /**
   * Checks C_CALLS_AT and BASE_C_CALLS_AT: `mayYield` must be false inside gsub and true outside.
   */
  private checkLayout(): void {
    const reference = this.compile(
      "local here, there = probe(), nil ('x'):gsub('x', function() there = probe() end) return here, there",
      '@probe',
    )
    if (typeof reference === 'string') throw new Error(reference)
    this.stack.pushFunction(this.stack.hostFunction((stack) => pushAnswer(stack, this.mayYield(stack.state))))
    this.sandbox.setGlobal('probe')
    const state = this.start(reference)
    const isRight = state === 'done' && this.stack.boolean(1) && !this.stack.boolean(2)
    this.finish(state)
    this.stack.on(this.main).push(null)
    this.sandbox.setGlobal('probe')
    this.release(reference)
    if (!isRight) throw new Error('C_CALLS_AT or BASE_C_CALLS_AT does not fit this build of Lua')
  }
}

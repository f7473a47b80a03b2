/**
 * The Lua machine of the function libraries. All libraries share it, as in Redis, and EVAL has
 * another. Libraries share no globals, because none can create a global.
 *
 * While a library loads, its globals differ from those that its functions see. They hold only
 * `redis` with register_function, log and the version constants. Functions keep the globals table
 * they were compiled with, so loading exchanges its hidden table (`__index`).
 */

import { rethrowAssertion } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { errorText } from '../../base/error-text.ts'
import { LUA_GLOBALS, LUA_REGISTRY } from '../../lua/api.ts'
import type { LuaMachine } from '../../lua/machine.ts'
import { clientError } from '../contract/errors.ts'
import type { FunctionEngine, RegisteredFunction } from './libraries.ts'
import { registerFunction } from './registering.ts'

/** The fields of `redis` while a library loads, besides register_function. */
const AT_LOAD: readonly Bytes[] = ['log', 'LOG_DEBUG', 'LOG_VERBOSE', 'LOG_NOTICE', 'LOG_WARNING', 'REDIS_VERSION', 'REDIS_VERSION_NUM']
const CHUNK_NAME = '@user_function'

/** Compiles function libraries in a Lua machine of their own. */
export class LuaFunctions implements FunctionEngine {
  private lost = 0
  private readonly make: () => LuaMachine
  private current: LuaMachine | null = null
  /** References to the globals of loading and of calling. */
  private loadingGlobals = 0
  private callingGlobals = 0
  /** The functions registered by the library that is loading; null if none is. */
  private registered: RegisteredFunction[] | null = null

  constructor(make: () => LuaMachine) {
    this.make = make
  }

  /** The machine: created when first needed, and again after it has broken. */
  get machine(): LuaMachine {
    this.noteLoss()
    this.current ??= this.prepare(this.make())
    return this.current
  }

  get losses(): number {
    this.noteLoss()
    return this.lost
  }

  get usedBytes(): number {
    return this.current?.usedBytes ?? 0
  }

  compile(body: Bytes, limitMs: number): readonly RegisteredFunction[] {
    const { machine } = this
    const chunk = runOrBreak(machine, () => machine.compile(body, CHUNK_NAME))
    if (typeof chunk === 'string') throw clientError(`ERR Error compiling function: ${chunk}`)
    const registered: RegisteredFunction[] = []
    this.registered = registered
    const failure = runOrBreak(machine, () => this.load(machine, chunk, limitMs))
    this.registered = null
    if (failure === null) return registered
    this.release(registered)
    throw clientError(`ERR Error registering functions: ${failure}`)
  }

  release(functions: readonly RegisteredFunction[]): void {
    if (this.current === null || this.current.isBroken) return
    for (const { reference } of functions) this.current.release(reference)
  }

  reset(): void {
    this.current = null
    this.lost++
  }

  private noteLoss(): void {
    if (this.current?.isBroken === true) this.reset()
  }

  /** Runs a library's chunk; returns the error text, or null. */
  private load(machine: LuaMachine, chunk: number, limitMs: number): Bytes | null {
    machine.firstSliceMs = limitMs
    this.exchangeGlobals(machine, this.loadingGlobals)
    let state = machine.start(chunk)
    if (state === 'suspended') state = machine.stop('FUNCTION LOAD timeout')
    const failure = state === 'done' ? null : luaErrorText(machine)
    machine.finish(state)
    this.exchangeGlobals(machine, this.callingGlobals)
    machine.release(chunk)
    return failure
  }

  private prepare(machine: LuaMachine): LuaMachine {
    const { stack } = machine
    const { api } = stack
    const register = machine.stack.hostFunction((calling) => registerFunction(calling, this.registered))
    stack.on(machine.main)
    stack.top = 0
    this.pushHiddenGlobals(machine) // 1: the hidden table of the globals
    stack.rawGetField(1, 'redis')
    api.lua_getmetatable(stack.state, 2)
    stack.rawGetField(3, '__index') // 4: the hidden table of redis
    stack.pushTable() // 5: that table while loading
    for (const name of AT_LOAD) {
      stack.rawGetField(4, name)
      stack.rawSetField(5, name)
    }
    stack.pushFunction(register)
    stack.rawSetField(5, 'register_function')
    stack.pushTable() // 6: the globals while loading
    api.lua_getmetatable(stack.state, 1) // raises an error for unknown names
    stack.pushCopy(-1)
    api.lua_setmetatable(stack.state, 5)
    api.lua_setmetatable(stack.state, 6)
    stack.pushCopy(5)
    machine.sandbox.hide()
    stack.rawSetField(6, 'redis')
    stack.top = 6
    this.loadingGlobals = api.luaL_ref(stack.state, LUA_REGISTRY)
    stack.top = 1
    this.callingGlobals = api.luaL_ref(stack.state, LUA_REGISTRY)
    return machine
  }

  private pushHiddenGlobals({ stack }: LuaMachine): void {
    stack.pushCopy(LUA_GLOBALS)
    stack.api.lua_getmetatable(stack.state, -1)
    stack.rawGetField(-1, '__index')
    stack.api.lua_replace(stack.state, -3)
    stack.pop()
  }

  private exchangeGlobals(machine: LuaMachine, reference: number): void {
    const { stack } = machine
    stack.on(machine.main)
    stack.pushCopy(LUA_GLOBALS)
    stack.api.lua_getmetatable(stack.state, -1)
    stack.rawGetAt(LUA_REGISTRY, reference)
    stack.rawSetField(-2, '__index')
    stack.pop(2)
  }
}

/**
 * Marks the machine broken and returns an error text if `run` throws; the machine is created anew
 * later.
 */
function runOrBreak<T>(machine: LuaMachine, run: () => T): T | Bytes {
  try {
    return run()
  } catch (thrown) {
    rethrowAssertion(thrown)
    machine.isBroken = true
    return `ERR ${errorText(thrown)}`
  }
}

/**
 * Returns the error on top of the stack in Redis's words: a table's `err`, or the text after a code
 * word.
 */
function luaErrorText({ stack }: LuaMachine): Bytes {
  if (stack.isTable(-1)) {
    stack.rawGetField(-1, 'err')
    return stack.string(-1) ?? 'ERR unknown error'
  }
  return `ERR ${stack.string(-1) ?? 'unknown error'}`
}

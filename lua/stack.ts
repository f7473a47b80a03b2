/**
 * A Lua thread's stack, seen from JavaScript. Indexes are Lua's: 1 is the first argument of a host
 * function, -1 is the top. Strings are Bytes both ways. One object serves one thread at a time;
 * `on` moves it to another thread of the same machine.
 *
 * A host function is a TypeScript function that finds its arguments on the stack, pushes its
 * results and returns their number. `raise` raises an error of the script and does not return.
 * Lua's errors pass through a host function, so it must hold no resource that needs clean-up across
 * a call that may raise.
 */

import { rethrowAssertion } from '../base/assert.ts'
import type { Bytes } from '../base/bytes.ts'
import { errorText } from '../base/error-text.ts'
import {
  GC_COLLECT,
  GC_COUNT,
  LUA_BOOLEAN,
  LUA_FUNCTION,
  LUA_GLOBALS,
  LUA_LIGHT_USERDATA,
  LUA_NIL,
  LUA_NUMBER,
  LUA_STRING,
  LUA_TABLE,
  LUA_THREAD,
  type LuaApi,
} from './api.ts'
import { isLuaError, type LuaModule } from './module.ts'

export type LuaType = 'nil' | 'boolean' | 'lightuserdata' | 'number' | 'string' | 'table' | 'function' | 'userdata' | 'thread'

/**
 * A function that Lua calls. Its arguments are on the stack from 1 on; it returns the number of
 * results that it has pushed.
 */
export type HostFunction = (stack: LuaStack) => number

const SCRATCH_BYTES = 64 * 1024
/** Copies of strings count as work from this length on. */
const LONG_BYTES = 512
const TYPE_NAMES: Readonly<Record<number, LuaType>> = {
  [LUA_NIL]: 'nil',
  [LUA_BOOLEAN]: 'boolean',
  [LUA_LIGHT_USERDATA]: 'lightuserdata',
  [LUA_NUMBER]: 'number',
  [LUA_STRING]: 'string',
  [LUA_TABLE]: 'table',
  [LUA_FUNCTION]: 'function',
  [LUA_THREAD]: 'thread',
}

/** The stack of a Lua thread. Host functions get their arguments and push their results here. */
export class LuaStack {
  /** The thread: a pointer to its lua_State. */
  state: number
  readonly module: LuaModule
  readonly api: LuaApi
  /** Lua's memory for short strings before Lua copies them, and for lengths that Lua returns. */
  private readonly scratch: number
  private readonly lengthOffset: number

  constructor(module: LuaModule, state: number) {
    this.module = module
    this.api = module.api
    this.state = state
    this.scratch = this.api.malloc(SCRATCH_BYTES + 8)
    this.lengthOffset = this.scratch + SCRATCH_BYTES
  }

  on(state: number): this {
    this.state = state
    return this
  }

  get top(): number {
    return this.api.lua_gettop(this.state)
  }

  set top(index: number) {
    this.api.lua_settop(this.state, index)
  }

  pop(count = 1): void {
    this.api.lua_settop(this.state, -count - 1)
  }

  /** Makes room for `count` more values. Raises Lua's error if there is none. */
  reserve(count: number): void {
    if (this.api.lua_checkstack(this.state, count) === 0) this.raise('stack overflow')
  }

  typeOf(index: number): LuaType | 'none' {
    const type = this.api.lua_type(this.state, index)
    return type < 0 ? 'none' : (TYPE_NAMES[type] ?? 'userdata')
  }

  isNil(index: number): boolean {
    return this.api.lua_type(this.state, index) <= LUA_NIL
  }

  isNumber(index: number): boolean {
    return this.api.lua_type(this.state, index) === LUA_NUMBER
  }

  isString(index: number): boolean {
    return this.api.lua_type(this.state, index) === LUA_STRING
  }

  isTable(index: number): boolean {
    return this.api.lua_type(this.state, index) === LUA_TABLE
  }

  isFunction(index: number): boolean {
    return this.api.lua_type(this.state, index) === LUA_FUNCTION
  }

  boolean(index: number): boolean {
    return this.api.lua_toboolean(this.state, index) !== 0
  }

  /** Returns a number, or the number that a string contains. Returns 0 for others. */
  toNumber(index: number): number {
    return this.api.lua_tonumber(this.state, index)
  }

  /**
   * Returns a string, or a number as Lua prints it, which replaces the number on the stack. Returns
   * null for others.
   */
  string(index: number): Bytes | null {
    const pointer = this.api.lua_tolstring(this.state, index, this.lengthOffset)
    if (pointer === 0) return null
    const { bytes } = this.module
    const length = bytes.readUInt32LE(this.lengthOffset)
    if (length >= LONG_BYTES) this.module.charge(length)
    return length === 0 ? '' : bytes.latin1Slice(pointer, pointer + length)
  }

  /**
   * Pushes `count` copies of the string at `index` as one string. Lua's own string.rep needs three
   * times the result's length and copies byte by byte.
   */
  pushRepeated(index: number, count: number): void {
    const pointer = this.api.lua_tolstring(this.state, index, this.lengthOffset)
    const length = this.module.bytes.readUInt32LE(this.lengthOffset)
    const whole = length * count
    this.pushLarge(whole, (bytes, at) => {
      bytes.copyWithin(at, pointer, pointer + length)
      for (let done = length; done < whole; done *= 2) bytes.copyWithin(at + done, at, at + Math.min(done, whole - done))
    })
  }

  /** Returns the length of a string or of a table's array part. */
  length(index: number): number {
    return this.api.lua_objlen(this.state, index)
  }

  push(value: Bytes | number | boolean | null): void {
    const { api, state } = this
    if (typeof value === 'string') this.pushString(value)
    else if (typeof value === 'number') api.lua_pushnumber(state, value)
    else if (value === null) api.lua_pushnil(state)
    else api.lua_pushboolean(state, value ? 1 : 0)
  }

  pushString(value: Bytes): void {
    const { api, state, module } = this
    const { length } = value
    if (length <= SCRATCH_BYTES) {
      module.bytes.latin1Write(value, this.scratch, length)
      api.lua_pushlstring(state, this.scratch, length)
      return
    }
    this.pushLarge(length, (bytes, at) => bytes.latin1Write(value, at, length))
  }

  /** Pushes the first `length` bytes of a buffer as a string. */
  pushBuffer(buffer: Buffer, length: number): void {
    const { api, state, module } = this
    if (length <= SCRATCH_BYTES) {
      buffer.copy(module.bytes, this.scratch, 0, length)
      api.lua_pushlstring(state, this.scratch, length)
      return
    }
    this.pushLarge(length, (bytes, at) => buffer.copy(bytes, at, 0, length))
  }

  /**
   * Pushes a string that `write` writes into Lua's memory at `at`. This needs twice the string's
   * length, and collects garbage if less is free.
   */
  private pushLarge(length: number, write: (bytes: Buffer, at: number) => void): void {
    const { api, state, module } = this
    if (api.lua_gc(state, GC_COUNT, 0) * 1024 + 2 * length > module.limitBytes) api.lua_gc(state, GC_COLLECT, 0)
    let pointer = api.malloc(length)
    if (pointer === 0) {
      api.lua_gc(state, GC_COLLECT, 0) // free memory may be in pieces
      pointer = api.malloc(length)
    }
    if (pointer === 0) this.raise('not enough memory')
    write(module.bytes, pointer)
    try {
      api.lua_pushlstring(state, pointer, length)
    } finally {
      api.free(pointer) // also if Lua has no memory for its own copy
    }
  }

  /** Pushes a copy of a value that is on the stack. */
  pushCopy(index: number): void {
    this.api.lua_pushvalue(this.state, index)
  }

  /** Pushes the table of globals of the thread. */
  pushGlobals(): void {
    this.api.lua_pushvalue(this.state, LUA_GLOBALS)
  }

  pushLightUserdata(pointer: number): void {
    this.api.lua_pushlightuserdata(this.state, pointer)
  }

  pushTable(elements = 0, fields = 0): void {
    this.api.lua_createtable(this.state, elements, fields)
  }

  /** Pushes a host function for Lua to call. `hostFunction` returned the pointer. */
  pushFunction(pointer: number): void {
    this.api.lua_pushcclosure(this.state, pointer, 0)
  }

  /** Pops the value on top into table[name], without metamethods. */
  rawSetField(table: number, name: Bytes): void {
    const absolute = this.absolute(table)
    this.pushString(name)
    this.api.lua_insert(this.state, -2)
    this.api.lua_rawset(this.state, absolute)
  }

  /** Pushes table[name], without metamethods. */
  rawGetField(table: number, name: Bytes): void {
    const absolute = this.absolute(table)
    this.pushString(name)
    this.api.lua_rawget(this.state, absolute)
  }

  /** Pops the value on top into table[position], without metamethods. */
  rawSetAt(table: number, position: number): void {
    this.api.lua_rawseti(this.state, table, position)
  }

  /** Pushes table[position], without metamethods. */
  rawGetAt(table: number, position: number): void {
    this.api.lua_rawgeti(this.state, table, position)
  }

  /**
   * Replaces the key on top (nil at first) by the next key and its value. At the end, pops the key
   * and returns false.
   */
  next(table: number): boolean {
    return this.api.lua_next(this.state, table) !== 0
  }

  setGlobal(name: Bytes): void {
    this.rawSetField(LUA_GLOBALS, name)
  }

  getGlobal(name: Bytes): void {
    this.rawGetField(LUA_GLOBALS, name)
  }

  /** Raises an error with a message, as Lua's `error(message, 0)`. */
  raise(message: Bytes): never {
    this.pushString(message)
    return this.raiseTop()
  }

  /** Raises the value on top as an error. */
  raiseTop(): never {
    this.api.lua_error(this.state)
    throw new Error('lua_error has returned')
  }

  /** Returns the index from the bottom that names the position of `index`. */
  absolute(index: number): number {
    return index > 0 || index <= -10_000 ? index : this.top + index + 1
  }

  /**
   * Makes a host function callable by Lua and returns its pointer. An exception that is not Lua's
   * own becomes an error of the script.
   */
  hostFunction(run: HostFunction): number {
    return this.module.addFunction('ii', (state) => {
      const before = this.state
      this.state = state
      try {
        return run(this)
      } catch (thrown) {
        if (isLuaError(thrown)) throw thrown
        rethrowAssertion(thrown)
        this.state = state
        return this.raise(errorText(thrown))
      } finally {
        this.state = before
      }
    })
  }
}

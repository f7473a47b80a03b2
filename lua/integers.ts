/**
 * Functions of Lua's libraries that convert numbers to C's integers. `long` and `ptrdiff_t` have 32
 * bits here, and 64 where Redis runs. Each function is wrapped: the wrapper first converts the
 * numbers that do not fit in 32 bits.
 *
 *   'int'      luaL_checkint: the low 32 bits of the 64-bit integer
 *   'position' luaL_checkinteger, a position in a string: any beyond 32 bits is beyond the string
 *
 * A wrapper calls the native function in its own call frame. So errors name that function and the
 * line of the script. integer-formats.ts has string.format.
 */
import { must } from '../base/assert.ts'
import type { Bytes } from '../base/bytes.ts'
import { GC_SET_STEP_MULTIPLIER, LUA_STRING, type LuaApi, ONE_STEP } from './api.ts'
import { withWideIntegers } from './integer-formats.ts'
import { isNumeric, raiseOutOfMemory, readUnsigned, toInt, toSignedInteger } from './libraries/arguments.ts'
import { ELEMENT_BYTES, WORK_PER_CALL_BYTES } from './module.ts'
import type { LuaStack } from './stack.ts'

/** Results of string.rep that are longer are built by the host. */
const MAX_NATIVE_REP_BYTES = 65_536
const BARE_HEX = /^[ \t-\r]*[+-]?0[xX][ \t-\r]*$/

type NativeFunction = (state: number) => number

/** Lua's default of setstepmul, which scripts see. */
const DEFAULT_STEP_MULTIPLIER = 200
const INT_LIMIT = 2 ** 31

const toPosition = (value: number): number => Math.min(INT_LIMIT - 1, Math.max(-INT_LIMIT, toSignedInteger(value)))

/** A row is library (null for the globals), name, conversion, first and last converted argument. */
const CONVERTED: readonly (readonly [Bytes | null, Bytes, (value: number) => number, number, number])[] = [
  [null, 'select', toInt, 1, 1],
  [null, 'unpack', toInt, 2, 3],
  [null, 'error', toInt, 2, 2],
  [null, 'collectgarbage', toInt, 2, 2],
  ['string', 'sub', toPosition, 2, 3],
  ['string', 'byte', toPosition, 2, 3],
  ['string', 'find', toPosition, 3, 3],
  ['string', 'match', toPosition, 3, 3],
  ['string', 'gsub', toInt, 4, 4],
  ['string', 'char', toInt, 1, Number.POSITIVE_INFINITY],
  ['table', 'concat', toInt, 3, 4],
  ['table', 'remove', toInt, 2, 2],
  ['math', 'ldexp', toInt, 2, 2],
]

/** Elements further below a table's first one are not shifted one by one. */
const MAX_SHIFTED_BELOW = 1_000_000

/** Replaces functions by ones that answer as on 64 bits. */
export function replaceIntegers(stack: LuaStack, monotonicMs: () => number): void {
  const { api, module } = stack
  for (const [library, name, convert, first, last] of CONVERTED) {
    replace(stack, library, name, (native) =>
      module.addFunction('ii', (state) => {
        const end = last === Number.POSITIVE_INFINITY ? api.lua_gettop(state) : last
        for (let position = first; position <= end; position++) convertArgument(api, state, position, convert)
        return native(state)
      }),
    )
  }
  replace(stack, null, 'collectgarbage', (native) =>
    module.addFunction('ii', (state) => {
      module.charge(WORK_PER_CALL_BYTES)
      // One call of collectgarbage('step') makes one small step.
      api.lua_gc(state, GC_SET_STEP_MULTIPLIER, DEFAULT_STEP_MULTIPLIER)
      try {
        return native(state)
      } finally {
        api.lua_gc(state, GC_SET_STEP_MULTIPLIER, ONE_STEP)
      }
    }),
  )
  replace(stack, 'string', 'rep', (native) => stack.hostFunction((args) => repeat(args, native)))
  replace(stack, 'string', 'format', (native) =>
    stack.hostFunction((args) => {
      withWideIntegers(args)
      return native(args.state)
    }),
  )
  replace(stack, 'table', 'insert', (native) => stack.hostFunction((args) => insert(args, native)))
  replace(stack, null, 'tonumber', (native) => {
    const based = stack.hostFunction((args) => basedNumber(args, native))
    const slow = module.nativeFunction(based)
    return module.addFunction('ii', (state) => (api.lua_type(state, 2) <= 0 ? decimalNumber(stack, state, native) : slow(state)))
  })
  replace(stack, 'math', 'frexp', (native) => module.addFunction('ii', (state) => frexp(api, state, native)))
  replace(stack, 'os', 'clock', () =>
    stack.hostFunction((args) => {
      // C's clock_t has 32 bits here and would overflow after 36 minutes
      args.push(monotonicMs() / 1000)
      return 1
    }),
  )
}

/** Replaces a function by the one that `make` returns for it. */
function replace(stack: LuaStack, library: Bytes | null, name: Bytes, make: (native: NativeFunction) => number): void {
  const { api, module, top } = stack
  if (library === null) stack.pushGlobals()
  else stack.getGlobal(library)
  stack.rawGetField(-1, name)
  const native = module.nativeFunction(api.lua_tocfunction(stack.state, -1))
  stack.pop()
  stack.pushFunction(make(native))
  stack.rawSetField(-2, name)
  stack.top = top
}

/** Converts an argument that is a number, or a string that is one. Most fit as they are. */
function convertArgument(api: LuaApi, state: number, position: number, convert: (value: number) => number): void {
  const value = api.lua_tonumber(state, position) // 0 for anything that is no number
  if (value >= -INT_LIMIT && value < INT_LIMIT) return
  api.lua_pushnumber(state, convert(value))
  api.lua_replace(state, position)
}

/**
 * string.rep(text, count). Lua's own function would loop `count` times over an empty text. It would
 * also fill the memory before it notices that a result is too large.
 */
function repeat(args: LuaStack, native: NativeFunction): number {
  convertArgument(args.api, args.state, 2, toInt)
  if (args.api.lua_isstring(args.state, 1) !== 0 && isNumeric(args, 2)) {
    const length = args.length(1)
    if (length === 0) {
      args.pushString('')
      return 1
    }
    const count = Math.trunc(args.toNumber(2))
    if (length * count > args.module.limitBytes) raiseOutOfMemory(args)
    if (length * count > MAX_NATIVE_REP_BYTES) {
      args.pushRepeated(1, count)
      return 1
    }
  }
  return native(args.state)
}

/**
 * math.frexp(number). An infinity or NaN has no exponent: in Redis it is 0, and C's library here
 * leaves it unset.
 */
function frexp(api: LuaApi, state: number, native: NativeFunction): number {
  const value = api.lua_tonumber(state, 1)
  if (Number.isFinite(value)) return native(state)
  api.lua_pushnumber(state, value)
  api.lua_pushnumber(state, 0)
  return 2
}

/**
 * tonumber(text). `0x` without digits is 0 for C's library here, and no number where Redis runs.
 */
function decimalNumber(stack: LuaStack, state: number, native: NativeFunction): number {
  const { api } = stack
  const count = native(state)
  if (api.lua_tonumber(state, -1) !== 0 || api.lua_type(state, 1) !== LUA_STRING) return count
  const before = stack.state
  if (BARE_HEX.test(must(stack.on(state).string(1)))) stack.push(null)
  stack.on(before)
  return count
}

/** tonumber(text, base) */
function basedNumber(args: LuaStack, native: NativeFunction): number {
  const { api, state } = args
  convertArgument(api, state, 2, toInt)
  const base = Math.trunc(args.toNumber(2))
  if (base === 10 || base < 2 || base > 36 || !isNumeric(args, 2) || api.lua_isstring(state, 1) === 0) return native(state)
  args.push(readUnsigned(must(args.string(1)), base))
  return 1
}

/**
 * table.insert(table, position, value). Lua shifts every position up to the end, occupied or not.
 * If the position is far below the table's elements, only these are shifted here.
 */
function insert(args: LuaStack, native: NativeFunction): number {
  const { api, state } = args
  if (args.top !== 3 || !args.isTable(1) || !isNumeric(args, 2)) return native(state)
  convertArgument(api, state, 2, toInt)
  const position = Math.trunc(args.toNumber(2))
  if (position > -MAX_SHIFTED_BELOW) {
    args.module.charge(Math.max(0, args.length(1) - position) * ELEMENT_BYTES)
    return native(state)
  }
  const keys = integerKeys(args, position, args.length(1))
  for (const [index, key] of keys.entries()) {
    args.rawGetAt(1, key)
    args.rawSetAt(1, key + 1)
    if (keys[index + 1] === key - 1) continue
    args.push(null)
    args.rawSetAt(1, key)
  }
  args.rawSetAt(1, position)
  return 0
}

/**
 * Returns the integer keys from `least` to `greatest` of the table at index 1, the greatest first.
 */
function integerKeys(args: LuaStack, least: number, greatest: number): number[] {
  const keys: number[] = []
  args.push(null)
  while (args.next(1)) {
    args.pop()
    const key = args.isNumber(-1) ? args.toNumber(-1) : Number.NaN
    if (Number.isInteger(key) && key >= least && key <= greatest) keys.push(key)
  }
  return keys.sort((a, b) => b - a)
}

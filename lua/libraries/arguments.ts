/**
 * Checks the arguments of host functions as Lua's auxiliary library (lauxlib.c) checks those of C
 * functions, with its error texts. Integers have 64 bits, as where Redis runs: a double loses its
 * fraction, and one out of range becomes the least integer.
 */
import type { Bytes } from '../../base/bytes.ts'
import { LUA_GLOBALS } from '../api.ts'
import type { LuaStack } from '../stack.ts'

const OUT_OF_MEMORY = 'not enough memory'

/** The least 64-bit integer. C converts a double that is too large or NaN to it. */
export const MIN_INTEGER = -(2 ** 63)

/** The index of a function's first upvalue. */
export const FIRST_UPVALUE = LUA_GLOBALS - 1

/** Raises an error with its place in the script, `user_script:1: `, before the message. */
export function raiseAt(stack: LuaStack, message: Bytes): never {
  stack.api.luaL_where(stack.state, 1)
  stack.pushString(message)
  stack.api.lua_concat(stack.state, 2)
  return stack.raiseTop()
}

export function raiseOutOfMemory(stack: LuaStack): never {
  return stack.raise(OUT_OF_MEMORY)
}

/** Raises `bad argument #1 to 'pack' (message)`. */
export function argumentError(stack: LuaStack, position: number, message: Bytes): never {
  stack.pushString(message) // Lua ends it with a zero byte, and does not move it
  stack.api.luaL_argerror(stack.state, position, stack.api.lua_tolstring(stack.state, -1, 0))
  throw new Error('luaL_argerror has returned')
}

/** Raises `bad argument #1 to 'pack' (toNumber expected, got nil)`. */
export function typeError(stack: LuaStack, position: number, expected: Bytes): never {
  return argumentError(stack, position, `${expected} expected, got ${typeName(stack, position)}`)
}

/** Returns the type of a value as Lua names it in messages. */
export function typeName(stack: LuaStack, index: number): Bytes {
  const type = stack.typeOf(index)
  if (type === 'none') return 'no value'
  return type === 'lightuserdata' ? 'userdata' : type
}

/** Returns an argument that is a number, or the number that a string contains. */
export function numberArgument(stack: LuaStack, position: number): number {
  const value = stack.toNumber(position)
  if (value === 0 && !isNumeric(stack, position)) typeError(stack, position, 'number')
  return value
}

/** Returns an argument that is a string, or a number as Lua prints it. */
export function bytesArgument(stack: LuaStack, position: number): Bytes {
  return stack.string(position) ?? typeError(stack, position, 'string')
}

/**
 * Returns the address of a string, or of a number as Lua prints it. Strings do not move, but memory
 * does: see `LuaModule.bytes`.
 */
export function pointerArgument(stack: LuaStack, position: number): number {
  const pointer = stack.api.lua_tolstring(stack.state, position, 0)
  return pointer === 0 ? typeError(stack, position, 'string') : pointer
}

/** Returns a string up to its first zero byte, which is where it ends for C. */
export function textArgument(stack: LuaStack, position: number): Bytes {
  return upToZero(bytesArgument(stack, position))
}

/** Returns a 64-bit integer; beyond 2^53, one that a double can hold. */
export function integerArgument(stack: LuaStack, position: number): number {
  return toSignedInteger(numberArgument(stack, position))
}

export function optionalInteger(stack: LuaStack, position: number, otherwise: number): number {
  return stack.isNil(position) ? otherwise : integerArgument(stack, position)
}

export function isNumeric(stack: LuaStack, index: number): boolean {
  return stack.api.lua_isnumber(stack.state, index) !== 0
}

/** Converts a double to a signed 64-bit integer as the processor does. */
export function toSignedInteger(value: number): number {
  return Math.abs(value) < 2 ** 63 ? Math.trunc(value) + 0 : MIN_INTEGER
}

/** Converts a double to a 64-bit integer, and that to an `int`: its low 32 bits. */
export function toInt(value: number): number {
  return toSignedInteger(value) | 0
}

const UNSIGNED_LIMIT = 2n ** 64n
const BASED = /^[ \t\n\v\f\r]*([-+]?)([\da-z]+)[ \t\n\v\f\r]*$/i
/** A double holds any number of so few digits exactly, in any base up to 36. */
const EXACT_DIGITS = 10

/**
 * Reads an integer in a base as strtoul does with 64 bits. Returns null if the text is anything
 * else.
 */
export function readUnsigned(text: Bytes, base: number): number | null {
  const match = BASED.exec(upToZero(text))
  if (match === null) return null
  const [, sign, given] = match as unknown as [Bytes, Bytes, Bytes]
  const digits = base === 16 && /^0x./i.test(given) ? given.slice(2) : given
  let value = 0n
  if (digits.length <= EXACT_DIGITS) {
    const exact = digitsValue(digits, base)
    if (exact === null) return null
    value = BigInt(exact)
  } else {
    for (const digit of digits) {
      const one = digitsValue(digit, base)
      if (one === null) return null
      if (value < UNSIGNED_LIMIT) value = value * BigInt(base) + BigInt(one)
    }
  }
  if (value >= UNSIGNED_LIMIT) return Number(UNSIGNED_LIMIT - 1n)
  return Number(sign === '-' ? BigInt.asUintN(64, -value) : value)
}

/** Returns the number that the digits write, or null if one is no digit of the base. */
function digitsValue(digits: Bytes, base: number): number | null {
  let value = 0
  for (const digit of digits) {
    const one = Number.parseInt(digit, 36)
    if (one >= base) return null
    value = value * base + one
  }
  return value
}

/** Makes room for `count` more values on the stack. */
export function reserve(stack: LuaStack, count: number, message: Bytes): void {
  if (stack.api.lua_checkstack(stack.state, count) === 0) raiseAt(stack, `stack overflow (${message})`)
}

export function upToZero(bytes: Bytes): Bytes {
  const zero = bytes.indexOf('\0')
  return zero < 0 ? bytes : bytes.slice(0, zero)
}

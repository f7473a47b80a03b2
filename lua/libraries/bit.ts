/**
 * bit, as in BitOp 1.0.2: operations on 32 bits. An argument is rounded to the nearest integer and
 * wrapped. Results are signed.
 */
import type { HostFunction, LuaStack } from '../stack.ts'
import { isNumeric, typeError } from './arguments.ts'
import { pushLibrary } from './library.ts'

/**
 * 2^52 + 2^51. Added to a double, it moves the 32 low bits of the rounded and wrapped integer to
 * the end of the mantissa.
 */
const TO_BITS = 6_755_399_441_055_744
const asDouble = new Float64Array(1)
const asWords = new Uint32Array(asDouble.buffer)
const LOW_WORD = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1

const LOWER_CASE = '0123456789abcdef'
const UPPER_CASE = '0123456789ABCDEF'

function bits(stack: LuaStack, position: number): number {
  const value = stack.toNumber(position)
  if (value === (value | 0) && value !== 0) return value
  asDouble[0] = value + TO_BITS
  const word = (asWords[LOW_WORD] as number) | 0 // hot: each call
  if (word === 0 && !isNumeric(stack, position)) typeError(stack, position, 'number')
  return word
}

/** Returns the Lua function for an operation on one argument. */
function unary(operate: (value: number) => number): HostFunction {
  return (stack) => {
    stack.push(operate(bits(stack, 1)))
    return 1
  }
}

/**
 * Returns the Lua function that folds any number of arguments. After the first, it checks them from
 * the last on.
 */
function folded(operate: (value: number, other: number) => number): HostFunction {
  return (stack) => {
    let value = bits(stack, 1)
    for (let position = stack.top; position > 1; position--) value = operate(value, bits(stack, position))
    stack.push(value)
    return 1
  }
}

/** Returns the Lua function that shifts a value. Five bits of the distance count. */
function shift(operate: (value: number, by: number) => number): HostFunction {
  return (stack) => {
    const value = bits(stack, 1)
    stack.push(operate(value, bits(stack, 2) & 31) | 0)
    return 1
  }
}

/** bit.tohex(x [, n]): n digits, in upper case where n is negative. */
function tohex(stack: LuaStack): number {
  const value = bits(stack, 1)
  const wanted = stack.top < 2 ? 8 : bits(stack, 2)
  const digits = wanted < 0 ? UPPER_CASE : LOWER_CASE
  let text = ''
  for (let i = Math.min(Math.abs(wanted), 8) - 1; i >= 0; i--) text += digits[(value >>> (4 * i)) & 15]
  stack.pushString(text)
  return 1
}

/** Pushes the table of bit. */
export function pushBit(stack: LuaStack): void {
  pushLibrary(stack, {
    tobit: unary((value) => value),
    bnot: unary((value) => ~value),
    band: folded((value, other) => value & other),
    bor: folded((value, other) => value | other),
    bxor: folded((value, other) => value ^ other),
    lshift: shift((value, by) => value << by),
    rshift: shift((value, by) => value >>> by),
    arshift: shift((value, by) => value >> by),
    rol: shift((value, by) => (value << by) | (value >>> ((32 - by) & 31))),
    ror: shift((value, by) => (value << ((32 - by) & 31)) | (value >>> by)),
    bswap: unary((value) => (value >>> 24) | ((value >>> 8) & 0xff00) | ((value & 0xff00) << 8) | (value << 24)),
    tohex,
  })
}

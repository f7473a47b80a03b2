/**
 * The settings of one cjson: nine 32-bit integers in a userdata. Its functions have the userdata as
 * an upvalue, so the settings live as long as the table that `cjson.new()` returned.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { HostFunction, LuaStack } from '../stack.ts'
import { argumentError, FIRST_UPVALUE, integerArgument, textArgument, toInt } from './arguments.ts'

const MAX_INT = 2 ** 31 - 1

/** Each setting with its index in the userdata and its initial value. */
const SETTINGS = {
  /** 1 if a sparse array becomes an object; 0 if it is an error. */
  sparseConvert: { at: 0, initial: 0 },
  /**
   * An array is sparse if its greatest position exceeds the number of its elements times this
   * ratio. With 0, no array is sparse.
   */
  sparseRatio: { at: 1, initial: 2 },
  /** An array whose greatest position is at most this is never sparse. */
  sparseSafe: { at: 2, initial: 10 },
  encodeMaxDepth: { at: 3, initial: 1000 },
  /** The treatment of infinities and NaN: an error, C's text, or null. */
  encodeInvalidNumbers: { at: 4, initial: 0 },
  /** Significant digits of a number that is no integer. */
  numberPrecision: { at: 5, initial: 14 },
  /** Accepted without effect: there is no buffer to keep. */
  keepBuffer: { at: 6, initial: 1 },
  decodeInvalidNumbers: { at: 7, initial: 1 },
  decodeMaxDepth: { at: 8, initial: 1000 },
} as const

export type CjsonSetting = keyof typeof SETTINGS

const SETTINGS_BYTES = 4 * Object.keys(SETTINGS).length

/** Pushes new settings. */
export function pushSettings(stack: LuaStack): void {
  const pointer = stack.api.lua_newuserdata(stack.state, SETTINGS_BYTES)
  for (const { at, initial } of Object.values(SETTINGS)) stack.module.bytes.writeInt32LE(initial, pointer + 4 * at)
}

/** Returns a setting of the cjson whose function is running. */
export function setting(stack: LuaStack, name: CjsonSetting): number {
  return stack.module.bytes.readInt32LE(placeOf(stack, name))
}

function set(stack: LuaStack, name: CjsonSetting, value: number): void {
  stack.module.bytes.writeInt32LE(value, placeOf(stack, name))
}

function placeOf(stack: LuaStack, name: CjsonSetting): number {
  return stack.api.lua_touserdata(stack.state, FIRST_UPVALUE) + 4 * SETTINGS[name].at
}

/** Functions that set a setting, if they are given a value, and return the value in force. */
export const SETTING_FUNCTIONS: Readonly<Record<string, HostFunction>> = {
  encode_sparse_array(stack) {
    padArguments(stack, 3)
    choice(stack, 1, 'sparseConvert', OFF_ON)
    integer(stack, 2, 'sparseRatio', 0, MAX_INT)
    integer(stack, 3, 'sparseSafe', 0, MAX_INT)
    return 3
  },
  encode_max_depth: integerFunction('encodeMaxDepth', MAX_INT),
  decode_max_depth: integerFunction('decodeMaxDepth', MAX_INT),
  encode_number_precision: integerFunction('numberPrecision', 14),
  encode_keep_buffer: choiceFunction('keepBuffer', ['off', 'on']),
  encode_invalid_numbers: choiceFunction('encodeInvalidNumbers', ['off', 'on', 'null']),
  decode_invalid_numbers: choiceFunction('decodeInvalidNumbers', ['off', 'on']),
}

const OFF_ON: readonly Bytes[] = ['off', 'on']

function integerFunction(name: CjsonSetting, greatest: number): HostFunction {
  return (stack) => {
    padArguments(stack, 1)
    integer(stack, 1, name, 1, greatest)
    return 1
  }
}

function choiceFunction(name: CjsonSetting, words: readonly Bytes[]): HostFunction {
  return (stack) => {
    padArguments(stack, 1)
    choice(stack, 1, name, words)
    return 1
  }
}

/** Refuses more than `count` arguments, and adds nil for missing ones. */
function padArguments(stack: LuaStack, count: number): void {
  if (stack.top > count) argumentError(stack, count + 1, 'found too many arguments')
  stack.top = count
}

function integer(stack: LuaStack, position: number, name: CjsonSetting, least: number, greatest: number): void {
  if (!stack.isNil(position)) {
    const value = toInt(integerArgument(stack, position))
    // Redis's cjson names the first argument, whatever the argument's position.
    if (value < least || value > greatest) argumentError(stack, 1, `expected integer between ${least} and ${greatest}`)
    set(stack, name, value)
  }
  stack.push(setting(stack, name))
}

/** Sets one of some words. The first two may be given as false and true, and are returned so. */
function choice(stack: LuaStack, position: number, name: CjsonSetting, words: readonly Bytes[]): void {
  if (!stack.isNil(position)) set(stack, name, choiceAt(stack, position, words))
  const value = setting(stack, name)
  stack.push(value < 2 ? value === 1 : must(words[value]))
}

function choiceAt(stack: LuaStack, position: number, words: readonly Bytes[]): number {
  if (stack.typeOf(position) === 'boolean') return stack.boolean(position) ? 1 : 0
  const word = textArgument(stack, position)
  const index = words.indexOf(word)
  return index >= 0 ? index : argumentError(stack, position, `invalid option '${word}'`)
}

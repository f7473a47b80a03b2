/**
 * Converts replies of commands to Lua values, and Lua values to arguments of commands. The rules
 * are those of Redis's documentation, "Lua API reference". result.ts converts the return values of
 * scripts.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { LuaStack } from '../../lua/stack.ts'
import {
  Attributes,
  BigNumber,
  BulkChunks,
  Double,
  ErrorReply,
  MapReply,
  Message,
  NoReply,
  NullArray,
  Push,
  type Reply,
  Sequence,
  SetReply,
  SimpleString,
  Verbatim,
  WrittenDouble,
} from '../contract/reply.ts'
import { formatDouble } from '../parsing/format-double.ts'

const INT64_LIMIT = 2 ** 63

/** True if an integer fits in 64 bits. */
export const fitsInt64 = (whole: number): boolean => whole >= -INT64_LIMIT && whole < INT64_LIMIT

/**
 * Pushes a reply as a Lua value. RESP3 types keep their form only if the script has selected RESP3.
 */
export function pushReply(stack: LuaStack, reply: Reply, resp: 2 | 3): void {
  if (typeof reply === 'string') stack.pushString(reply)
  else if (typeof reply === 'number') stack.push(reply)
  else if (reply === null || reply instanceof NullArray) stack.push(resp === 3 ? null : false)
  else if (reply instanceof SimpleString) pushField(stack, 'ok', reply.text)
  else if (Array.isArray(reply)) pushList(stack, reply, resp)
  else pushRare(stack, reply as Exclude<Reply, Bytes | number | null | readonly Reply[]>, resp)
}

function pushRare(stack: LuaStack, reply: Exclude<Reply, Bytes | number | null | readonly Reply[]>, resp: 2 | 3): void {
  if (reply instanceof ErrorReply) pushError(stack, reply.text)
  else if (typeof reply === 'bigint') stack.push(Number(reply))
  else if (typeof reply === 'boolean') stack.push(resp === 3 ? reply : Number(reply))
  else if (reply instanceof Double) pushDouble(stack, reply.value, formatDouble(reply.value), resp)
  else if (reply instanceof WrittenDouble) pushDouble(stack, Number(reply.digits), reply.digits, resp)
  else if (reply instanceof MapReply) pushMap(stack, reply.flat, resp)
  else if (reply instanceof SetReply) pushSet(stack, reply.members, resp)
  else if (reply instanceof Push || reply instanceof Message) pushList(stack, reply.items, resp)
  else if (reply instanceof Sequence) pushSequence(stack, reply, resp)
  else if (reply instanceof Verbatim) pushVerbatim(stack, reply, resp)
  else if (reply instanceof BigNumber) resp === 3 ? pushField(stack, 'big_number', reply.digits) : stack.pushString(reply.digits)
  else if (reply instanceof BulkChunks) stack.pushString(Buffer.concat(reply.chunks, reply.length).latin1Slice())
  else if (Buffer.isBuffer(reply)) stack.pushString(reply.latin1Slice())
  else if (reply instanceof NoReply || reply instanceof Attributes) stack.push(false)
}

/** Pushes an error table, as from redis.error_reply or a failed command. */
export function pushError(stack: LuaStack, text: Bytes): void {
  stack.pushTable(0, 2)
  stack.pushString(text)
  stack.rawSetField(-2, 'err')
  stack.push(true)
  stack.rawSetField(-2, 'ignore_error_stats_update')
}

/** Pushes a table with one field. */
export function pushField(stack: LuaStack, name: Bytes, value: Bytes | number): void {
  stack.pushTable(0, 1)
  stack.push(value)
  stack.rawSetField(-2, name)
}

function pushList(stack: LuaStack, replies: readonly Reply[], resp: 2 | 3): void {
  stack.reserve(4)
  stack.pushTable(replies.length)
  for (let i = 0; i < replies.length; i++) {
    pushReply(stack, replies[i] as Reply, resp)
    stack.rawSetAt(-2, i + 1)
  }
}

/** Scripts see the parts that attributes describe, not the attributes. */
function pushSequence(stack: LuaStack, { parts }: Sequence, resp: 2 | 3): void {
  const shown = parts.filter((part) => !(part instanceof Attributes))
  if (shown.length === 1) pushReply(stack, shown[0] as Reply, resp)
  else pushList(stack, shown, resp)
}

function pushDouble(stack: LuaStack, value: number, digits: Bytes, resp: 2 | 3): void {
  if (resp === 3) pushField(stack, 'double', value)
  else stack.pushString(digits)
}

function pushMap(stack: LuaStack, flat: readonly Reply[], resp: 2 | 3): void {
  if (resp === 2) {
    pushList(stack, flat, resp)
    return
  }
  stack.reserve(6)
  stack.pushTable(0, 1)
  stack.pushTable(0, flat.length / 2)
  for (let i = 0; i < flat.length; i += 2) {
    pushReply(stack, flat[i] as Reply, resp)
    pushReply(stack, flat[i + 1] as Reply, resp)
    stack.api.lua_rawset(stack.state, -3)
  }
  stack.rawSetField(-2, 'map')
}

function pushSet(stack: LuaStack, members: readonly Reply[], resp: 2 | 3): void {
  if (resp === 2) {
    pushList(stack, members, resp)
    return
  }
  stack.reserve(6)
  stack.pushTable(0, 1)
  stack.pushTable(0, members.length)
  for (const member of members) {
    pushReply(stack, member, resp)
    stack.push(true)
    stack.api.lua_rawset(stack.state, -3)
  }
  stack.rawSetField(-2, 'set')
}

function pushVerbatim(stack: LuaStack, { format, text }: Verbatim, resp: 2 | 3): void {
  if (resp === 2) {
    stack.pushString(text)
    return
  }
  stack.pushTable(0, 1)
  stack.pushTable(0, 2)
  stack.pushString(text)
  stack.rawSetField(-2, 'string')
  stack.pushString(format)
  stack.rawSetField(-2, 'format')
  stack.rawSetField(-2, 'verbatim_string')
}

/** Pushes words as a list. */
export function pushWords(stack: LuaStack, words: readonly Bytes[], from: number, to: number): void {
  stack.pushTable(to - from)
  for (let i = from; i < to; i++) {
    stack.pushString(must(words[i]))
    stack.rawSetAt(-2, i - from + 1)
  }
}

/**
 * Returns an argument of redis.call: a string, or a number as Redis 7.2 prints it. Returns null for
 * other types.
 *
 * Integers that fit in 64 bits have all their digits, so that INCRBY and similar commands accept
 * them. Redis writes integers beyond 2^62 with an exponent if that is shorter.
 */
export function argumentAt(stack: LuaStack, index: number): Bytes | null {
  if (stack.isString(index)) return stack.string(index)
  if (!stack.isNumber(index)) return null
  const value = stack.toNumber(index)
  if (Number.isSafeInteger(value)) return String(value) // -0 becomes "0"
  if (Number.isNaN(value)) return nanText(stack, index)
  return Number.isInteger(value) && fitsInt64(value) ? BigInt(value).toString() : formatDouble(value)
}

/** Returns `nan` or `-nan`: Lua prints the sign, which JavaScript cannot see. */
function nanText(stack: LuaStack, index: number): Bytes | null {
  stack.pushCopy(index)
  const text = stack.string(-1)
  stack.pop()
  return text
}
